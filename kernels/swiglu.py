"""SwiGLU gate (Shazeer 2020): y = silu(gate) * up with silu(g) = g * sigmoid(g).

Backward, with s = sigmoid(gate):   d_up = dy * gate * s        d_gate = dy * up * s * (1 + gate * (1 - s))
"""

from __future__ import annotations

import torch

from kernels import launch


def swiglu_reference(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """Plain PyTorch; fp32 inside. Same contract as swiglu."""
    dtype = launch.accumulation_dtype(gate)
    return (torch.nn.functional.silu(gate.to(dtype)) * up.to(dtype)).to(gate.dtype)


def swiglu(gate: torch.Tensor, up: torch.Tensor, path: str = "auto") -> torch.Tensor:
    """silu(gate) * up, elementwise; both of one shape and type."""
    launch.resolve("swiglu", gate.device, path, ("reference",))
    return swiglu_reference(gate, up)
