"""Rotary position embedding (Su et al. 2021) in the layout of Hugging Face's `rotate_half`.

With x = [a, b] split in halves along the head axis:   y = [a cos - b sin, b cos + a sin].
The backward pass is the same rotation by the opposite angle, so nothing but the two tables is saved.

Shapes: B batch, T time, H heads, K head size, K2 = K / 2.
"""

from __future__ import annotations

import torch

from kernels import launch


def rotary_reference(x_BTHK: torch.Tensor, cos_TK2: torch.Tensor, sin_TK2: torch.Tensor) -> torch.Tensor:
    """Plain PyTorch; fp32 inside. Same contract as rotary."""
    dtype = launch.accumulation_dtype(x_BTHK)
    a, b = x_BTHK.to(dtype).chunk(2, dim=-1)
    cos, sin = cos_TK2.unsqueeze(-2).to(dtype), sin_TK2.unsqueeze(-2).to(dtype)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x_BTHK.dtype)


def rotary(x_BTHK: torch.Tensor, cos_TK2: torch.Tensor, sin_TK2: torch.Tensor, path: str = "auto") -> torch.Tensor:
    """Rotate queries or keys by their positions; returns the shape and type of x.

    cos, sin: [T, K/2], or [B, T, K/2] where rows of the batch stand at different positions. They carry no gradient.
    """
    launch.resolve("rotary", x_BTHK.device, path, ("reference",))
    return rotary_reference(x_BTHK, cos_TK2, sin_TK2)
