"""models/cpu/passes.py: SwiGLU in whole vectors against fp64 PyTorch, at widths with and without a rest."""

import pytest
import torch

from models.cpu import passes
from models.cpu.storage import EMULATED_BF16, FP32, Buffer

EPSILON = {FP32: 1e-6, EMULATED_BF16: 2.0**-8}


def held(values: torch.Tensor, storage) -> Buffer:
    """Values in the storage type."""
    buffer = Buffer(tuple(values.shape), storage)
    buffer.t.copy_(values.bfloat16() if storage == EMULATED_BF16 else values)
    return buffer


@pytest.mark.parametrize("storage", [FP32, EMULATED_BF16], ids=["fp32", "emulated"])
@pytest.mark.parametrize("F", [1, 16, 41, 64])
def test_swiglu_and_its_gradient(F, storage):
    torch.manual_seed(F)
    gate_up = held(torch.cat([torch.linspace(-200, 200, 3 * F).view(3, F), torch.randn(3, F)], dim=1), storage)
    dy, y = held(torch.randn(3, F), storage), Buffer((3, F), storage)
    exact = gate_up.t.double().requires_grad_()
    expected = torch.nn.functional.silu(exact[:, :F]) * exact[:, F:]
    expected.backward(dy.t.double())
    passes.swiglu(gate_up.n, y.n)
    assert torch.allclose(y.t.double(), expected.detach(), rtol=4 * EPSILON[storage], atol=1e-6)
    passes.swiglu_backward(gate_up.n, dy.n)
    assert torch.allclose(gate_up.t.double(), exact.grad, rtol=4 * EPSILON[storage], atol=1e-5)
    assert storage == FP32 or all(torch.equal(x.t, x.t.bfloat16().float()) for x in (y, gate_up))


def test_a_number_that_is_not_one_shows():
    gate_up, y = held(torch.ones(1, 64), FP32), Buffer((1, 32), FP32)
    gate_up.t[0, 3] = torch.nan
    passes.swiglu(gate_up.n, y.n)
    assert y.t[0].isnan().nonzero().flatten().tolist() == [3]
