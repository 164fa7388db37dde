"""Rotary embedding: output and gradient against fp64, agreement with transformers, odd shapes, and proof that the
checks can fail."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import rotary as module
from kernels.rotary import rotary, rotary_reference
from tests.kernel_checks import DEVICE, DTYPES, FAULTS, check_op, faulty, poisoned_allocations, randn

ours = functools.partial(rotary, path="triton")


def tables(num_times: int, half: int) -> tuple[torch.Tensor, torch.Tensor]:
    angles = torch.arange(num_times)[:, None] * 10000.0 ** (-torch.arange(half) / half)[None, :]
    return angles.cos().to(DEVICE), angles.sin().to(DEVICE)


def check(x, cos, sin, op=ours):
    check_op(lambda x: op(x, cos, sin), lambda x: rotary_reference(x, cos, sin), (x,))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1, 2), (2, 7, 3, 6), (1, 5, 2, 64), (2, 33, 3, 32)], ids=str)
def test_matches_oracle(shape, dtype):
    check(randn(*shape, dtype=dtype), *tables(shape[1], shape[3] // 2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_slices_of_one_projection(dtype):
    qkv = randn(2, 5, 9, 8, dtype=dtype)
    for x in qkv.split([3, 4, 2], dim=2):
        check(x, *tables(5, 4))
    check(qkv.transpose(1, 2), *tables(9, 4))
    check(randn(2, 8, 3, 5, dtype=dtype).transpose(1, 3), *tables(5, 4))


def test_positions_of_their_own_for_each_row():
    cos, sin = tables(20, 4)
    starts = torch.tensor([3, 11]).to(DEVICE)
    positions = starts[:, None] + torch.arange(5).to(DEVICE)
    x = randn(2, 5, 3, 8)
    check(x, cos[positions], sin[positions])
    assert torch.equal(ours(x, cos[positions], sin[positions])[1:], ours(x[1:], cos[11:16], sin[11:16]))


@given(shape=st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 5), st.integers(1, 20)))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_any_shape(shape):
    check(randn(*shape[:3], 2 * shape[3]), *tables(shape[1], shape[3]))


def test_agrees_with_transformers():
    pytest.importorskip("transformers")  # a GPU machine may lack it
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    q, k = randn(2, 5, 3, 8), randn(2, 5, 1, 8, seed=1)
    cos, sin = tables(5, 4)
    whole_cos, whole_sin = torch.cat([cos, cos], -1)[None], torch.cat([sin, sin], -1)[None]
    their_q, their_k = apply_rotary_pos_emb(q.transpose(1, 2), k.transpose(1, 2), whole_cos, whole_sin)
    torch.testing.assert_close(ours(q, cos, sin), their_q.transpose(1, 2))
    torch.testing.assert_close(ours(k, cos, sin), their_k.transpose(1, 2))


@pytest.mark.parametrize("fault", FAULTS)
def test_check_sees_a_fault(fault):
    cos, sin = tables(5, 4)
    with pytest.raises(AssertionError):
        check_op(
            faulty(lambda x: ours(x, cos, sin), fault), lambda x: rotary_reference(x, cos, sin), (randn(2, 5, 3, 8),)
        )


def test_poison_sees_an_unwritten_row():
    x, (cos, sin) = randn(1, 3, 1, 8), tables(3, 4)
    with poisoned_allocations():
        y = torch.empty_like(x)
    module._rotary_kernel[(1,)](x, cos, sin, y, 2, 3, 1, 4, 24, 8, 8, 0, False, 4, 4)
    assert not torch.isnan(y[0, :2]).any() and torch.isnan(y[0, 2]).all()


def test_gradcheck():
    cos, sin = tables(3, 2)
    x = randn(1, 3, 2, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ours(x, cos, sin), (x,), eps=1e-2, atol=2e-2, rtol=1e-2, nondet_tol=0.0)


def test_opcheck():
    torch.library.opcheck(module._rotate, (randn(2, 5, 3, 8).requires_grad_(), *tables(5, 4), False))


def test_wrong_tables_are_refused():
    with pytest.raises(ValueError, match="tables"):
        ours(randn(1, 3, 1, 8), *tables(4, 4))
    cos, sin = tables(3, 4)
    with pytest.raises(ValueError, match="gradient"):
        ours(randn(1, 3, 1, 8), cos.requires_grad_(), sin)
