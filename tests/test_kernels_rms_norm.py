"""RMSNorm: every output and gradient against fp64, odd shapes and layouts, and proof that the checks can fail."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import rms_norm as module
from kernels.rms_norm import rms_norm, rms_norm_reference
from tests.kernel_checks import DEVICE, DTYPES, FAULTS, check_op, faulty, poisoned_allocations, randn

ours = functools.partial(rms_norm, path="triton")


def with_residual(op):
    return lambda x, residual, weight: op(x, weight, residual_BTD=residual)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (2, 5, 64), (67, 33), (3, 2049)], ids=str)
def test_matches_oracle(shape, dtype):
    x, weight, residual = (
        randn(*shape, dtype=dtype),
        randn(shape[-1], dtype=dtype, seed=1),
        randn(*shape, dtype=dtype, seed=2),
    )
    check_op(ours, rms_norm_reference, (x, weight))
    check_op(with_residual(ours), with_residual(rms_norm_reference), (x, residual, weight))


@pytest.mark.parametrize("dtype", DTYPES)
def test_non_contiguous_inputs(dtype):
    x, residual, weight = randn(13, 6, dtype=dtype).t(), randn(6, 26, dtype=dtype)[:, ::2], randn(26, dtype=dtype)[::2]
    check_op(ours, rms_norm_reference, (x, weight))
    check_op(with_residual(ours), with_residual(rms_norm_reference), (x, residual, weight))


@given(num_rows=st.integers(1, 40), width=st.integers(1, 130))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_any_shape(num_rows, width):
    check_op(ours, rms_norm_reference, (randn(num_rows, width), randn(width, seed=1)))


@pytest.mark.parametrize("fault", FAULTS)
def test_check_sees_a_fault(fault):
    with pytest.raises(AssertionError):
        check_op(faulty(ours, fault), rms_norm_reference, (randn(5, 33), randn(33, seed=1)))


def test_poison_sees_an_unwritten_row():
    x, weight = randn(3, 2048), randn(2048)
    with poisoned_allocations():
        y = torch.empty_like(x)
    module._rms_norm_forward_kernel[(2,)](x, x, weight, y, y, 3, 2048, 1e-5, False, 1, 2048)
    assert not torch.isnan(y[:2]).any() and torch.isnan(y[2]).all()


def test_same_bits_whatever_the_batch():
    x, weight = randn(70, 48), randn(48)
    assert torch.equal(ours(x, weight)[3:4], ours(x[3:4], weight))


def test_gradcheck():
    # fp32 with a wide step: the kernels have no fp64, and errors of the difference quotient stay near 1e-3.
    inputs = tuple(x.requires_grad_() for x in (randn(3, 5), randn(5, seed=1), randn(3, 5, seed=2)))
    assert torch.autograd.gradcheck(
        lambda x, w, r: ours(x, w, residual_BTD=r), inputs, eps=1e-2, atol=2e-2, rtol=1e-2, nondet_tol=0.0
    )


def test_opcheck():
    x, weight = randn(3, 8).requires_grad_(), randn(8).requires_grad_()
    torch.library.opcheck(module._forward, (x, weight, 1e-5))
    torch.library.opcheck(module._add_forward, (x, randn(3, 8, seed=3).requires_grad_(), weight, 1e-5))
    torch.library.opcheck(module._backward, (x.detach(), None, x.detach(), weight.detach(), 1e-5))


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="weight"):
        ours(randn(2, 4), randn(5))
    with pytest.raises(ValueError, match="residual"):
        ours(randn(2, 4), randn(4), residual_BTD=randn(3, 4))
    with pytest.raises(ValueError, match="float64"):
        ours(torch.zeros(2, 4, dtype=torch.float64, device=DEVICE), randn(4))
