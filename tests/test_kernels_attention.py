"""Causal attention: output, log-sum-exp and every gradient against fp64; documents, groups, caches; proof that checks
can fail.

Tiles are 32 x 32 in fp32, so 33 positions are one more than a block. Shapes are tiny because the interpreter is slow.
"""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import attention as module
from kernels.attention import attention, attention_reference, document_range
from tests.kernel_checks import DEVICE, DTYPES, FAULTS, check_op, faulty, in_own_precision, qkv, randn, some_documents

ours = functools.partial(attention, path="triton")


def check(inputs, document_ids=None, scale=None, op=ours):
    def reference(*x):
        return attention_reference(*x, document_ids, scale)

    check_op(lambda *x: op(*x, document_ids, scale), reference, inputs, own=in_own_precision(reference))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 16), (33, 33, 2, 1, 24), (5, 38, 1, 1, 64)], ids=str)
def test_matches_oracle(shape, dtype):
    check(qkv(*shape, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_documents_of_a_batch(dtype):
    check(qkv(37, 37, 2, 1, 8, batch=2, dtype=dtype), some_documents(2, 37))


def test_document_range():
    starts, ends = document_range(torch.tensor([[4, 4, 7, 4, 4], [1, 1, 1, 1, 1], [1, 2, 3, 4, 4]]).to(DEVICE))
    assert starts.tolist() == [[0, 0, 2, 3, 3], [0, 0, 0, 0, 0], [0, 1, 2, 3, 3]]
    assert ends.tolist() == [[1, 1, 2, 4, 4], [4, 4, 4, 4, 4], [0, 1, 2, 4, 4]]


@pytest.mark.parametrize("path", ["triton", "reference"])
def test_documents_equal_separate_calls(path):
    q, k, v = qkv(9, 9, 1, 1, 8)
    out, lse = attention(q, k, v, torch.tensor([[5] * 4 + [2] * 5]).to(DEVICE), path=path)
    for part in (slice(0, 4), slice(4, 9)):
        alone, alone_lse = attention(q[:, part], k[:, part], v[:, part], path=path)
        torch.testing.assert_close(out[:, part], alone)
        torch.testing.assert_close(lse[..., part], alone_lse)


@pytest.mark.parametrize("dtype", DTYPES)
def test_slices_of_one_projection_and_other_layouts(dtype):
    projection = randn(1, 5, 4, 8, dtype=dtype)
    check((projection[:, :, :2], projection[:, :, 2:3], projection[:, :, 3:]))
    check(tuple(randn(1, 2, 8, 5, dtype=dtype, seed=i).permute(0, 3, 1, 2) for i in range(3)), scale=0.3)


@given(
    num_queries=st.integers(1, 35),
    num_more_keys=st.integers(0, 9),
    group_size=st.integers(1, 2),
    size=st.integers(1, 20),
    packed=st.booleans(),
)
@settings(max_examples=4, deadline=None, derandomize=True)
def test_any_shape(num_queries, num_more_keys, group_size, size, packed):
    num_keys = num_queries if packed else num_queries + num_more_keys
    check(qkv(num_queries, num_keys, group_size, 1, size), some_documents(1, num_keys) if packed else None)


def test_large_scores_stay_finite():
    q, k, v = qkv(5, 5, 1, 1, 8)
    out, lse = ours(100 * q, 100 * k, v)
    expected, expected_lse = attention_reference(100 * q.double(), 100 * k.double(), v.double())
    torch.testing.assert_close(out.double(), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(lse.double(), expected_lse, rtol=1e-6, atol=0)


def test_same_bits_whatever_the_batch():
    q, k, v = qkv(7, 7, 2, 1, 8, batch=3)
    assert torch.equal(ours(q, k, v)[0][1:2], ours(q[1:2], k[1:2], v[1:2])[0])


@pytest.mark.parametrize("fault", FAULTS)
def test_check_sees_a_fault(fault):
    with pytest.raises(AssertionError):
        check_op(faulty(ours, fault), attention_reference, qkv(5, 5, 1, 1, 8))


def test_check_sees_masks_shifted_by_one():
    def one_key_too_many(q, k, v, document_ids, scale):
        return ours(q, *(torch.cat([x, torch.zeros_like(x[:, :1])], dim=1) for x in (k, v)), None, scale)

    with pytest.raises(AssertionError):
        check(qkv(5, 5, 1, 1, 8), op=one_key_too_many)
    with pytest.raises(AssertionError):
        check(
            qkv(5, 5, 1, 1, 8),
            torch.tensor([[0, 0, 1, 1, 1]]).to(DEVICE),
            op=lambda q, k, v, ids, scale: ours(q, k, v, ids.roll(1), scale),
        )


def test_gradcheck():
    inputs = tuple(x.requires_grad_() for x in qkv(2, 2, 1, 1, 2))
    assert torch.autograd.gradcheck(ours, inputs, eps=1e-2, atol=2e-2, rtol=1e-2, nondet_tol=0.0, fast_mode=True)


def test_opcheck():
    q, k, v = qkv(3, 3, 1, 1, 16)
    ranges = document_range(torch.tensor([[0, 0, 1]]).to(DEVICE))
    torch.library.opcheck(module._forward, (*(x.requires_grad_() for x in (q, k, v)), *ranges, 0.25))
    q, k, v = (x.detach() for x in (q, k, v))
    out, lse = module._forward(q, k, v, None, None, 0.25)
    tests = ("test_schema", "test_faketensor")
    torch.library.opcheck(
        module._backward, (out, torch.zeros_like(lse), q, k, v, out, lse, None, None, 0.25), test_utils=tests
    )


def test_wrong_shapes_are_refused():
    q, k, v = qkv(3, 3, 4, 3, 8)
    with pytest.raises(ValueError, match="multiple"):
        ours(q, k, v)
    q, k, v = qkv(5, 3, 1, 1, 8)
    with pytest.raises(ValueError, match="outnumber"):
        ours(q, k, v)
    q, k, v = qkv(3, 5, 1, 1, 8)
    with pytest.raises(ValueError, match="equally long"):
        ours(q, k, v, torch.zeros(1, 5))
    with pytest.raises(ValueError, match="one type"):
        ours(q, k.half(), v)
    with pytest.raises(ValueError, match="at most"):
        ours(*qkv(3, 3, 1, 1, 129))
