"""Rotary position embedding (Su et al. 2021) in the layout of Hugging Face's `rotate_half`.

With x = [a, b] split in halves along the head axis:   y = [a cos - b sin, b cos + a sin].
The backward pass is the same rotation by the opposite angle: one kernel serves both, and only the two tables are saved.

Shapes: B batch, T time, H heads, K head size, K2 = K / 2, N = B * T * H rows.
"""

from __future__ import annotations

import torch

from kernels import launch
from kernels.launch import jit, tl


def rotary_reference(x_BTHK: torch.Tensor, cos_TK2: torch.Tensor, sin_TK2: torch.Tensor) -> torch.Tensor:
    """Plain PyTorch; fp32 inside. Same contract as rotary."""
    dtype = launch.accumulation_dtype(x_BTHK)
    a, b = x_BTHK.to(dtype).chunk(2, dim=-1)
    cos, sin = cos_TK2.unsqueeze(-2).to(dtype), sin_TK2.unsqueeze(-2).to(dtype)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x_BTHK.dtype)


@jit
def _rotary_kernel(
    x_ptr, cos_ptr, sin_ptr, y_ptr, num_rows, num_times, num_heads, half,
    batch_stride, time_stride, head_stride, table_batch_stride,
    IS_INVERSE: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K2: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    columns = tl.arange(0, BLOCK_K2)
    mask = (rows < num_rows)[:, None] & (columns < half)[None, :]
    head = rows % num_heads
    time = (rows // num_heads) % num_times
    batch = rows // num_heads // num_times
    table = (batch * table_batch_stride + time * half)[:, None] + columns[None, :]
    cos = tl.load(cos_ptr + table, mask=mask, other=0.0).to(tl.float32)
    sin = tl.load(sin_ptr + table, mask=mask, other=0.0).to(tl.float32)
    if IS_INVERSE:
        sin = -sin
    x_ptrs = x_ptr + (batch * batch_stride + time * time_stride + head * head_stride)[:, None] + columns[None, :]
    a = tl.load(x_ptrs, mask=mask, other=0.0).to(tl.float32)
    b = tl.load(x_ptrs + half, mask=mask, other=0.0).to(tl.float32)
    y_ptrs = y_ptr + (rows * 2 * half)[:, None] + columns[None, :]
    tl.store(y_ptrs, (a * cos - b * sin).to(y_ptr.dtype.element_ty), mask=mask)
    tl.store(y_ptrs + half, (b * cos + a * sin).to(y_ptr.dtype.element_ty), mask=mask)


@torch.library.custom_op("replication::rotary", mutates_args=())
def _rotate(x_BTHK: torch.Tensor, cos_TK2: torch.Tensor, sin_TK2: torch.Tensor, is_inverse: bool) -> torch.Tensor:
    batch, num_times, num_heads, size = x_BTHK.shape
    if x_BTHK.stride(-1) != 1:
        x_BTHK = x_BTHK.contiguous()
    y_BTHK = torch.empty(x_BTHK.shape, dtype=x_BTHK.dtype, device=x_BTHK.device)
    block_k2 = launch.next_power_of_2(size // 2)
    block_n = max(1, 1024 // block_k2)  # 8 values of each half a thread at 4 warps: 16-byte loads in half precision
    num_rows = batch * num_times * num_heads
    with launch.on_device(x_BTHK):
        _rotary_kernel[(-(-num_rows // block_n),)](
            x_BTHK, cos_TK2, sin_TK2, y_BTHK, num_rows, num_times, num_heads, size // 2,
            *x_BTHK.stride()[:3], 0 if cos_TK2.dim() == 2 else cos_TK2.stride(0), is_inverse, block_n, block_k2,
        )  # fmt: skip
    return y_BTHK


@_rotate.register_fake
def _(x_BTHK: torch.Tensor, cos_TK2: torch.Tensor, sin_TK2: torch.Tensor, is_inverse: bool) -> torch.Tensor:
    return torch.empty(x_BTHK.shape, dtype=x_BTHK.dtype, device=x_BTHK.device)


def _save(ctx, inputs: tuple, output: torch.Tensor) -> None:
    _, cos_TK2, sin_TK2, ctx.is_inverse = inputs
    ctx.save_for_backward(cos_TK2, sin_TK2)


def _gradients(ctx, dy_BTHK: torch.Tensor) -> tuple:
    return _rotate(dy_BTHK, *ctx.saved_tensors, not ctx.is_inverse), None, None, None


_rotate.register_autograd(_gradients, setup_context=_save)


def rotary(x_BTHK: torch.Tensor, cos_TK2: torch.Tensor, sin_TK2: torch.Tensor, path: str = "auto") -> torch.Tensor:
    """Rotate queries or keys by their positions; returns the shape and type of x.

    cos, sin: [T, K/2], or [B, T, K/2] where rows of the batch stand at different positions. They carry no gradient.
    Raises ValueError where shapes do not fit or a table requires a gradient.
    """
    batch, num_times, _, size = x_BTHK.shape
    if (
        cos_TK2.shape != sin_TK2.shape
        or tuple(cos_TK2.shape) not in ((num_times, size // 2), (batch, num_times, size // 2))
        or size % 2
    ):
        raise ValueError(
            f"rotary: tables {tuple(cos_TK2.shape)} and {tuple(sin_TK2.shape)} do not fit x {tuple(x_BTHK.shape)}"
        )
    if cos_TK2.requires_grad or sin_TK2.requires_grad:
        raise ValueError("rotary: cos and sin must not require a gradient; detach them")
    if launch.resolve("rotary", x_BTHK.device, path) == "reference":
        return rotary_reference(x_BTHK, cos_TK2, sin_TK2)
    launch.require_float("rotary", x_BTHK, cos_TK2, sin_TK2)
    return _rotate(x_BTHK, cos_TK2.contiguous(), sin_TK2.contiguous(), False)
