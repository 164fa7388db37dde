"""Fifty training steps with every kernel on follow the reference path: errors that each stay small must not add up.

One decoder layer written on the operators alone, so that both paths run on any machine.
"""

import pytest
import torch

from kernels.adamw import adamw
from kernels.attention import attention
from kernels.cross_entropy import linear_cross_entropy
from kernels.rms_norm import rms_norm
from kernels.rotary import rotary
from kernels.swiglu import swiglu
from tests.kernel_checks import DEVICE, randn

NUM_STEPS, T, D, H, K, F, V = 50, 8, 16, 2, 8, 16, 11
MATRICES = {
    "embedding": (V, D),
    "qkv": (3 * D, D),
    "out": (D, D),
    "gate_up": (2 * F, D),
    "down": (D, F),
    "head": (V, D),
}
SHAPES = {**MATRICES, "first": (D,), "second": (D,), "last": (D,)}


def layer_loss(
    weights: dict[str, torch.Tensor], tokens: torch.Tensor, targets: torch.Tensor, path: str
) -> torch.Tensor:
    angles = torch.outer(torch.arange(T), 0.1 ** torch.arange(K // 2)).to(DEVICE)
    x = weights["embedding"][tokens][None]
    heads = (rms_norm(x, weights["first"], path=path) @ weights["qkv"].t()).view(1, T, 3 * H, K)
    q, k = (rotary(part, angles.cos(), angles.sin(), path=path) for part in heads.split(H, dim=2)[:2])
    attended = attention(q, k, heads[:, :, 2 * H :], path=path)[0].reshape(1, T, D) @ weights["out"].t()
    y, x = rms_norm(attended, weights["second"], residual_BTD=x, path=path)
    gate, up = (y @ weights["gate_up"].t()).chunk(2, dim=-1)
    x = rms_norm(x + swiglu(gate, up, path=path) @ weights["down"].t(), weights["last"], path=path)
    return linear_cross_entropy(x[0], weights["head"], targets, path=path)[0]


def training_losses(path: str, lr: float = 1e-2) -> torch.Tensor:
    """Loss before each step of AdamW, on one fixed sequence."""
    initial = [
        torch.ones(shape, device=DEVICE) if len(shape) == 1 else 0.3 * randn(*shape) for shape in SHAPES.values()
    ]
    flat = torch.cat([x.flatten() for x in initial])[None]
    moments, one = (torch.zeros_like(flat), torch.zeros_like(flat)), torch.ones(1, device=DEVICE)
    tokens = torch.randint(0, V, (T + 1,), generator=torch.Generator().manual_seed(0)).to(DEVICE)
    losses = []
    for step in range(1, NUM_STEPS + 1):
        leaf = flat.clone().requires_grad_()
        parts = leaf[0].split([x.numel() for x in initial])
        weights = {name: part.view(shape) for (name, shape), part in zip(SHAPES.items(), parts, strict=True)}
        loss = layer_loss(weights, tokens[:-1], tokens[1:], path)
        (grad,) = torch.autograd.grad(loss, leaf)
        adamw(
            flat,
            grad,
            *moments,
            one,
            lr * one,
            step * one,
            num_decayed=0,
            weight_decay=0.0,
            beta1=0.9,
            beta2=0.95,
            path=path,
        )
        losses.append(loss.detach())
    return torch.stack(losses).cpu()


def test_fifty_steps_track_the_reference():
    ours, reference = training_losses("triton"), training_losses("reference")
    assert reference[-1] < 0.5 * reference[0], "the layer must learn for the comparison to mean anything"
    torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-4)


def test_the_comparison_would_see_a_wrong_gradient():
    with pytest.raises(AssertionError):
        torch.testing.assert_close(
            training_losses("reference", lr=1.01e-2), training_losses("reference"), rtol=1e-3, atol=1e-4
        )
