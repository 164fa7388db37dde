"""SwiGLU gate (Shazeer 2020): y = silu(gate) * up with silu(g) = g * sigmoid(g).

Backward, with s = sigmoid(gate):   d_up = dy * gate * s        d_gate = dy * up * s * (1 + gate * (1 - s))
Saved: gate and up; the sigmoid is computed again.

Shapes: N rows, F width. Rows may be strided, as are the halves of one fused projection; contiguous tensors are taken as
one long row.
"""

from __future__ import annotations

import torch

from kernels import launch
from kernels.launch import jit, tl

BLOCK = 2048  # 16 values a thread at 4 warps: two 16-byte loads per input in half precision


def swiglu_reference(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """Plain PyTorch; fp32 inside. Same contract as swiglu."""
    dtype = launch.accumulation_dtype(gate)
    return (torch.nn.functional.silu(gate.to(dtype)) * up.to(dtype)).to(gate.dtype)


@jit
def _swiglu_forward_kernel(gate_ptr, up_ptr, y_ptr, width, gate_stride, up_stride, BLOCK_F: tl.constexpr):
    num_blocks = tl.cdiv(width, BLOCK_F)
    row = (tl.program_id(0) // num_blocks).to(tl.int64)
    columns = (tl.program_id(0) % num_blocks).to(tl.int64) * BLOCK_F + tl.arange(0, BLOCK_F)
    mask = columns < width
    gate = tl.load(gate_ptr + row * gate_stride + columns, mask=mask, other=0.0).to(tl.float32)
    up = tl.load(up_ptr + row * up_stride + columns, mask=mask, other=0.0).to(tl.float32)
    y = gate * tl.sigmoid(gate) * up
    tl.store(y_ptr + row * width + columns, y.to(y_ptr.dtype.element_ty), mask=mask)


@jit
def _swiglu_backward_kernel(
    dy_ptr, gate_ptr, up_ptr, dgate_ptr, dup_ptr, width, gate_stride, up_stride, BLOCK_F: tl.constexpr
):  # fmt: skip
    num_blocks = tl.cdiv(width, BLOCK_F)
    row = (tl.program_id(0) // num_blocks).to(tl.int64)
    columns = (tl.program_id(0) % num_blocks).to(tl.int64) * BLOCK_F + tl.arange(0, BLOCK_F)
    mask = columns < width
    dy = tl.load(dy_ptr + row * width + columns, mask=mask, other=0.0).to(tl.float32)
    gate = tl.load(gate_ptr + row * gate_stride + columns, mask=mask, other=0.0).to(tl.float32)
    up = tl.load(up_ptr + row * up_stride + columns, mask=mask, other=0.0).to(tl.float32)
    s = tl.sigmoid(gate)
    dup = dy * gate * s
    dgate = dy * up * s * (1.0 + gate * (1.0 - s))
    tl.store(dgate_ptr + row * width + columns, dgate.to(dgate_ptr.dtype.element_ty), mask=mask)
    tl.store(dup_ptr + row * width + columns, dup.to(dup_ptr.dtype.element_ty), mask=mask)


def _rows(gate_NF: torch.Tensor, up_NF: torch.Tensor) -> tuple[int, int]:
    """(rows, width) to launch over: one long row when nothing is strided, so that narrow rows fill their blocks."""
    if gate_NF.is_contiguous() and up_NF.is_contiguous():
        return 1, gate_NF.numel()
    return gate_NF.shape[0], gate_NF.shape[1]


@torch.library.custom_op("replication::swiglu", mutates_args=())
def _forward(gate_NF: torch.Tensor, up_NF: torch.Tensor) -> torch.Tensor:
    y_NF = torch.empty(gate_NF.shape, dtype=gate_NF.dtype, device=gate_NF.device)
    num_rows, width = _rows(gate_NF, up_NF)
    with launch.on_device(gate_NF):
        _swiglu_forward_kernel[(num_rows * -(-width // BLOCK),)](
            gate_NF, up_NF, y_NF, width, gate_NF.stride(0), up_NF.stride(0), BLOCK
        )
    return y_NF


@torch.library.custom_op("replication::swiglu_backward", mutates_args=())
def _backward(dy_NF: torch.Tensor, gate_NF: torch.Tensor, up_NF: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    dy_NF = dy_NF.contiguous()
    dgate_NF = torch.empty(gate_NF.shape, dtype=gate_NF.dtype, device=gate_NF.device)
    dup_NF = torch.empty(up_NF.shape, dtype=up_NF.dtype, device=up_NF.device)
    num_rows, width = _rows(gate_NF, up_NF)
    with launch.on_device(gate_NF):
        _swiglu_backward_kernel[(num_rows * -(-width // BLOCK),)](
            dy_NF, gate_NF, up_NF, dgate_NF, dup_NF, width, gate_NF.stride(0), up_NF.stride(0), BLOCK
        )
    return dgate_NF, dup_NF


def _contiguous_like(x: torch.Tensor) -> torch.Tensor:
    return torch.empty(x.shape, dtype=x.dtype, device=x.device)


_forward.register_fake(lambda gate_NF, up_NF: _contiguous_like(gate_NF))
_backward.register_fake(lambda dy_NF, gate_NF, up_NF: (_contiguous_like(gate_NF), _contiguous_like(up_NF)))


def _save(ctx, inputs: tuple, output: torch.Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _gradients(ctx, dy_NF: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return _backward(dy_NF, *ctx.saved_tensors)


_forward.register_autograd(_gradients, setup_context=_save)


def swiglu(gate: torch.Tensor, up: torch.Tensor, path: str = "auto") -> torch.Tensor:
    """silu(gate) * up, elementwise; both of one shape and type. Raises ValueError where they differ."""
    if gate.shape != up.shape or gate.dtype != up.dtype:
        raise ValueError(
            f"swiglu: gate {tuple(gate.shape)} {gate.dtype} and up {tuple(up.shape)} {up.dtype} must be alike"
        )
    if launch.resolve("swiglu", gate.device, path) == "reference":
        return swiglu_reference(gate, up)
    launch.require_float("swiglu", gate, up)
    gate_NF, up_NF = (x.reshape(-1, x.shape[-1]) for x in (gate, up))
    gate_NF, up_NF = (x if x.stride(1) == 1 else x.contiguous() for x in (gate_NF, up_NF))
    return _forward(gate_NF, up_NF).view(gate.shape)
