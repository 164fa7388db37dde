"""SwiGLU: output and both gradients against fp64, odd shapes and layouts, and proof that the checks can fail."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import swiglu as module
from kernels.swiglu import swiglu, swiglu_reference
from tests.kernel_checks import DTYPES, FAULTS, check_op, faulty, poisoned_allocations, randn

ours = functools.partial(swiglu, path="triton")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (7, 13), (2, 3, 64), (3, module.BLOCK + 1)], ids=str)
def test_matches_oracle(shape, dtype):
    check_op(ours, swiglu_reference, (randn(*shape, dtype=dtype, scale=3), randn(*shape, dtype=dtype, seed=1)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_halves_of_one_projection(dtype):
    gate, up = randn(5, 22, dtype=dtype).chunk(2, dim=-1)
    check_op(ours, swiglu_reference, (gate, up))
    check_op(ours, swiglu_reference, (gate, up.contiguous()))
    check_op(ours, swiglu_reference, (gate.t(), up.t()))


@given(num_rows=st.integers(1, 9), width=st.integers(1, 700))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_any_shape(num_rows, width):
    check_op(ours, swiglu_reference, (randn(num_rows, width), randn(num_rows, width, seed=1)))


def test_large_gates_do_not_overflow():
    gate = torch.tensor([[-200.0, -90.0, 90.0, 200.0]]).to(randn(1).device)
    check_op(ours, swiglu_reference, (gate, torch.ones_like(gate)))


@pytest.mark.parametrize("fault", FAULTS)
def test_check_sees_a_fault(fault):
    with pytest.raises(AssertionError):
        check_op(faulty(ours, fault), swiglu_reference, (randn(5, 33), randn(5, 33, seed=1)))


def test_poison_sees_a_short_mask():
    gate = randn(1, 10)
    with poisoned_allocations():
        y = torch.empty_like(gate)
    module._swiglu_forward_kernel[(1,)](gate, gate, y, 9, 10, 10, module.BLOCK)
    assert not torch.isnan(y[0, :9]).any() and torch.isnan(y[0, 9])


def test_gradcheck():
    inputs = tuple(x.requires_grad_() for x in (randn(3, 5), randn(3, 5, seed=1)))
    assert torch.autograd.gradcheck(ours, inputs, eps=1e-2, atol=2e-2, rtol=1e-2, nondet_tol=0.0)


def test_opcheck():
    gate, up = (x.requires_grad_() for x in (randn(3, 8), randn(3, 8, seed=1)))
    torch.library.opcheck(module._forward, (gate, up))
    torch.library.opcheck(module._backward, (gate.detach(), gate.detach(), up.detach()))


def test_unlike_inputs_are_refused():
    with pytest.raises(ValueError, match="alike"):
        ours(randn(2, 4), randn(2, 5))
