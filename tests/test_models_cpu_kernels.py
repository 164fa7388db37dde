"""models/cpu/kernels.py: single passes against fp64 PyTorch, in both storage types, at widths that are no multiple of a
vector.

Rotary, norm gradients and SwiGLU gradients are checked through the whole step in test_models_cpu_step.py.
"""

import numpy as np
import pytest
import torch

from models.cpu import kernels as ops

EPSILON = {torch.float32: 1e-6, torch.bfloat16: 2.0**-8}


def stored(values: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, np.ndarray]:
    """Values in the storage type, and the view that the passes take."""
    tensor = values.to(dtype).contiguous()
    return tensor, (tensor.view(torch.uint16) if dtype == torch.bfloat16 else tensor).numpy()


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def dtype(request):
    return request.param


@pytest.mark.parametrize("T", [1, 63, 64, 65, 130])
def test_causal_softmax(dtype, T):
    torch.manual_seed(T)
    scores, view = stored(torch.randn(2, T, T) * 20, dtype)
    scores[:, :, -1] = 200.0  # a masked key far above all others must not matter
    expected = scores.double().masked_fill(torch.ones(T, T).triu(1).bool(), -torch.inf).softmax(-1)
    ops.causal_softmax(view, np.full(T, np.nan, np.float32))
    assert torch.allclose(scores.double(), expected, rtol=EPSILON[dtype] * 4, atol=EPSILON[dtype] / 100)
    assert (scores.triu(1) == 0).all(), "keys after the query must get exactly nothing"


def test_causal_softmax_backward(dtype):
    weights, weights_view = stored(
        torch.randn(2, 70, 70).masked_fill(torch.ones(70, 70).triu(1).bool(), -torch.inf).softmax(-1), dtype
    )
    gradient, gradient_view = stored(torch.randn(2, 70, 70), dtype)
    p, dp = weights.double(), gradient.double()
    expected = p * (dp - (p * dp).sum(-1, keepdim=True))
    ops.causal_softmax_backward(weights_view, gradient_view)
    assert torch.allclose(gradient.double(), expected, rtol=EPSILON[dtype] * 2, atol=EPSILON[dtype] / 10)


@pytest.mark.parametrize("V", [1, 40, 61])
def test_cross_entropy(dtype, V):
    logits, view = stored(torch.randn(9, V) * 30, dtype)
    targets = torch.arange(9) % V
    reference = logits.double().requires_grad_()
    loss = torch.nn.functional.cross_entropy(reference, targets, reduction="sum")
    (loss * 0.25).backward()
    total = ops.cross_entropy(view, targets.numpy(), np.float32(0.25), np.zeros(V, np.float32))
    assert total == pytest.approx(float(loss.detach()), rel=1e-5, abs=1e-5)
    assert torch.allclose(logits.double(), reference.grad, rtol=EPSILON[dtype] * 2, atol=1e-6)


def test_cross_entropy_of_nan_is_not_finite(dtype):
    logits, view = stored(torch.zeros(2, 40), dtype)
    logits[1, 7] = torch.nan
    assert not np.isfinite(ops.cross_entropy(view, np.zeros(2, np.int64), np.float32(1), np.zeros(40, np.float32)))


def test_add_rms_norm(dtype):
    x, gain = torch.randn(5, 37), torch.randn(37)
    branch, branch_view = stored(torch.randn(5, 37), dtype)
    y, y_view = stored(torch.zeros(5, 37), dtype)
    added, rstd = np.zeros((5, 37), np.float32), np.zeros(5, np.float32)
    ops.add_rms_norm(x.numpy(), branch_view, added, gain.numpy(), y_view, rstd, np.float32(1e-5))
    total = x.double() + branch.double()
    assert np.allclose(added, total, atol=1e-6)
    expected = total * (total.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * gain.double()
    assert torch.allclose(y.double(), expected, rtol=EPSILON[dtype] * 2, atol=1e-6)


def test_swiglu_far_from_zero(dtype):
    gate_up, view = stored(torch.cat([torch.linspace(-200, 200, 33), torch.ones(33)])[None], dtype)
    y, y_view = stored(torch.zeros(1, 33), dtype)
    ops.swiglu(view, y_view)
    expected = torch.nn.functional.silu(gate_up[:, :33].double())
    assert torch.allclose(y.double(), expected, rtol=EPSILON[dtype] * 4, atol=1e-6)


def test_bf16_rounds_to_nearest_even():
    # With x = 0 and gain = rstd = 1 the backward pass of the norm stores dx + dy as it is.
    dx = torch.tensor([[1 + 2.0**-8, 1 + 3 * 2.0**-8, -(1 + 2.0**-9), 3e38, 1e-40]])
    zeros, one = np.zeros((1, 5), np.float32), np.ones(5, np.float32)
    y, view = stored(torch.zeros(1, 5), torch.bfloat16)
    ops.rms_norm_backward(stored(torch.zeros(1, 5), torch.bfloat16)[1], zeros, one[:1], one, dx.numpy(), view, zeros[0])
    assert torch.equal(y, dx.bfloat16())


def test_swap_axes_and_embed_backward(dtype):
    x, view = stored(torch.randn(2, 3, 5, 4), dtype)
    y, y_view = stored(torch.zeros(2, 5, 3, 4), dtype)
    ops.swap_axes(view, y_view)
    assert torch.equal(y, x.transpose(1, 2))
    gradient = np.ones((4, 2), np.float32)
    ops.embed_backward(np.array([1, 3, 1]), np.arange(6, dtype=np.float32).reshape(3, 2), gradient)
    assert gradient.tolist() == [[1, 1], [5, 7], [1, 1], [3, 4]]
