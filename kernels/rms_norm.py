"""Root-mean-square normalisation (Zhang and Sennrich 2019), optionally fused with the residual addition before it.

Forward, per row of width D, with s = x + residual (or s = x):
    r = 1 / sqrt(mean(s^2) + eps)        y = s * r * weight

Shapes: B batch, T time, D width; any leading shape is accepted.
"""

from __future__ import annotations

import torch

from kernels import launch


def rms_norm_reference(
    x_BTD: torch.Tensor, weight_D: torch.Tensor, eps: float = 1e-5, residual_BTD: torch.Tensor | None = None
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """Plain PyTorch; fp32 inside. Same contract as rms_norm."""
    dtype = launch.accumulation_dtype(x_BTD)
    sum_BTD = x_BTD if residual_BTD is None else x_BTD + residual_BTD
    s_BTD = sum_BTD.to(dtype)
    y_BTD = (s_BTD * torch.rsqrt(s_BTD.square().mean(-1, keepdim=True) + eps) * weight_D.to(dtype)).to(x_BTD.dtype)
    return y_BTD if residual_BTD is None else (y_BTD, sum_BTD)


def rms_norm(
    x_BTD: torch.Tensor, weight_D: torch.Tensor, eps: float = 1e-5, residual_BTD: torch.Tensor | None = None, path: str = "auto"
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """Normalise the last axis by its root mean square and scale it by weight.

    Returns y like x; with a residual (same shape and type as x) returns (y, x + residual).
    """
    launch.resolve("rms_norm", x_BTD.device, path, ("reference",))
    return rms_norm_reference(x_BTD, weight_D, eps, residual_BTD)
