"""Decoding attention: against fp64 and against plain attention, lengths and parts, many rows on one prefix, proof that
checks can fail."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import decode_attention as module
from kernels.attention import attention_reference
from kernels.decode_attention import decode_attention, decode_attention_reference
from tests.kernel_checks import (
    DEVICE,
    DTYPES,
    FORWARD_FACTOR,
    HAS_CUDA,
    assert_error_within,
    in_own_precision,
    poisoned_allocations,
    randn,
)

ours = functools.partial(decode_attention, path="triton")


def case(num_prompts, num_rows, num_prefix, num_suffix, num_heads, num_key_heads, size, dtype=torch.float32):
    prefix, suffix = (
        (num_prompts, num_prefix, num_key_heads, size),
        (num_prompts, num_rows, num_suffix, num_key_heads, size),
    )
    shapes = [(num_prompts, num_rows, num_heads, size), prefix, prefix, suffix, suffix]
    return tuple(randn(*shape, dtype=dtype, seed=i) for i, shape in enumerate(shapes))


def check(inputs, *lengths, op=ours):
    with poisoned_allocations():
        ours_x = op(*inputs, *lengths)
        again = op(*inputs, *lengths)
    pytorch = in_own_precision(decode_attention_reference)(*inputs, *lengths)
    oracle = decode_attention_reference(*(x.double() for x in inputs), *lengths)
    for name, *triple in zip(("out", "lse"), ours_x, pytorch, oracle, strict=True):
        assert_error_within(name, *triple, FORWARD_FACTOR)
    assert all(torch.equal(x, y) for x, y in zip(ours_x, again, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1, 1, 16), (2, 5, 17, 3, 4, 2, 8), (1, 17, 5, 2, 2, 2, 24)], ids=str)
def test_matches_oracle(shape, dtype):
    check(case(*shape, dtype=dtype))


def test_lengths(monkeypatch):
    monkeypatch.setattr(module, "KEYS_PER_PART", 16)
    inputs = case(3, 2, 35, 5, 2, 1, 8)
    prefix_lengths = torch.tensor([35, 16, 0]).to(DEVICE)
    suffix_lengths = torch.tensor([[5, 1], [0, 3], [1, 2]]).to(DEVICE)
    check(inputs, prefix_lengths)
    check(inputs, None, suffix_lengths)
    check(inputs, prefix_lengths, suffix_lengths)
    for x in inputs[1:3]:  # what lies beyond a length is never read into the result
        x[1, 16:] = float("inf")
    assert torch.isfinite(ours(*inputs, prefix_lengths, suffix_lengths)[0]).all()


def test_a_row_without_keys_is_nan():
    inputs, none = case(1, 2, 3, 2, 1, 1, 8), torch.zeros(1, dtype=torch.int64, device=DEVICE)
    out, lse = ours(*inputs, none, torch.tensor([[0, 1]]).to(DEVICE))
    assert torch.isnan(out[0, 0]).all() and torch.isfinite(out[0, 1]).all() and not torch.isfinite(lse[0, 0]).any()


def test_without_a_suffix_or_a_prefix():
    check(case(1, 3, 5, 0, 2, 1, 8))
    check(case(1, 3, 0, 5, 2, 1, 8))


def test_is_the_last_row_of_plain_attention():
    q, prefix_k, prefix_v, suffix_k, suffix_v = case(1, 1, 6, 3, 4, 2, 8)
    k, v = torch.cat([prefix_k, suffix_k[0]], dim=1), torch.cat([prefix_v, suffix_v[0]], dim=1)
    expected, expected_lse = attention_reference(q, k, v)
    out, lse = ours(q, prefix_k, prefix_v, suffix_k, suffix_v)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(lse, expected_lse.transpose(1, 2))


@given(
    num_prompts=st.integers(1, 2),
    num_rows=st.integers(1, 9),
    num_prefix=st.integers(1, 20),
    num_suffix=st.integers(1, 4),
    group_size=st.integers(1, 3),
    size=st.integers(1, 20),
)
@settings(max_examples=4, deadline=None, derandomize=True)
def test_any_shape(num_prompts, num_rows, num_prefix, num_suffix, group_size, size):
    check(case(num_prompts, num_rows, num_prefix, num_suffix, group_size, 1, size))


def test_strided_caches():
    q, prefix_k, prefix_v, suffix_k, suffix_v = case(2, 3, 8, 6, 2, 1, 8)
    check(
        (
            q[..., ::2],
            prefix_k[:, ::2, :, :4],
            prefix_v[:, 4:, :, 4:],
            suffix_k[:, :, :2, :, ::2],
            suffix_v[:, :, 1:3, :, :4],
        )
    )


def test_same_bits_whatever_the_batch():
    # In the interpreter a row keeps its place within a tile of 16, whose product NumPy computes
    # (tests/test_kernels_linear.py).
    inputs = q, prefix_k, prefix_v, suffix_k, suffix_v = case(1, 33, 9, 3, 1, 1, 8)
    whole = ours(*inputs)[0]
    for row in (0, 16, 32) if not HAS_CUDA else (0, 7, 16, 32):
        alone = ours(q[:, row : row + 1], prefix_k, prefix_v, suffix_k[:, row : row + 1], suffix_v[:, row : row + 1])[0]
        assert torch.equal(whole[:, row : row + 1], alone)


def test_check_sees_faults():
    inputs = case(1, 3, 5, 2, 2, 1, 8)
    with pytest.raises(AssertionError):
        check(inputs, op=lambda *x: (ours(*x)[0] * 1.01, ours(*x)[1]))
    with pytest.raises(AssertionError):
        check(inputs, op=lambda *x: ours(*x, torch.tensor([4]).to(DEVICE)))
    with pytest.raises(AssertionError):
        check(inputs, op=lambda q, *x: ours(q.roll(1, dims=1), *x))


def test_opcheck():
    q, prefix_k, prefix_v, suffix_k, suffix_v = case(1, 2, 3, 2, 2, 1, 8)
    torch.library.opcheck(
        module._decode, (q, prefix_k, prefix_v, suffix_k.flatten(0, 1), suffix_v.flatten(0, 1), None, None, 0.3)
    )


def test_gradients_and_wrong_shapes_are_refused():
    q, prefix_k, prefix_v, suffix_k, suffix_v = case(1, 2, 3, 2, 2, 1, 8)
    with pytest.raises(ValueError, match="no gradient"):
        ours(q.requires_grad_(), prefix_k, prefix_v, suffix_k, suffix_v)
    q = q.detach()
    with pytest.raises(ValueError, match="suffix"):
        ours(q, prefix_k, prefix_v, suffix_k[:, :1], suffix_v[:, :1])
    with pytest.raises(ValueError, match="prefix"):
        ours(q, prefix_k[..., :4], prefix_v[..., :4], suffix_k, suffix_v)
    with pytest.raises(ValueError, match="prefix_lengths"):
        ours(q, prefix_k, prefix_v, suffix_k, suffix_v, torch.zeros(2))
