"""Root-mean-square normalisation (Zhang and Sennrich 2019), optionally fused with the residual addition before it.

Forward, per row of width D, with s = x + residual (or s = x):
    r = 1 / sqrt(mean(s^2) + eps)        y = s * r * weight
Backward, with g = dy * weight:
    ds = r * (g - s * r^2 * mean(g * s))  (+ the gradient of s itself)        d_weight = sum over rows of dy * s * r
Saved: s and weight. r is computed again in the backward pass, where s is read anyway.

A row is reduced in one order that depends on D alone, so y has the same bits whatever the batch. d_weight is summed by
a fixed number of programs and then over programs, without atomics: the same bits in every run on one kind of device.

Shapes: B batch, T time, D width, N = B * T rows, P programs; any leading shape is accepted.
"""

from __future__ import annotations

import torch

from kernels import launch
from kernels.launch import jit, tl

MAX_WIDTH = 16384  # a row is held in registers: 16384 values are 64 a thread at 8 warps


def rms_norm_reference(
    x_BTD: torch.Tensor, weight_D: torch.Tensor, eps: float = 1e-5, residual_BTD: torch.Tensor | None = None
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """Plain PyTorch; fp32 inside. Same contract as rms_norm."""
    dtype = launch.accumulation_dtype(x_BTD)
    sum_BTD = x_BTD if residual_BTD is None else x_BTD + residual_BTD
    s_BTD = sum_BTD.to(dtype)
    y_BTD = (s_BTD * torch.rsqrt(s_BTD.square().mean(-1, keepdim=True) + eps) * weight_D.to(dtype)).to(x_BTD.dtype)
    return y_BTD if residual_BTD is None else (y_BTD, sum_BTD)


@jit
def _rms_norm_forward_kernel(
    x_ptr, residual_ptr, weight_ptr, y_ptr, sum_ptr, num_rows, width, eps,
    HAS_RESIDUAL: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    columns = tl.arange(0, BLOCK_D)
    offsets = rows[:, None] * width + columns[None, :]
    mask = (rows < num_rows)[:, None] & (columns < width)[None, :]
    s = tl.load(x_ptr + offsets, mask=mask, other=0.0).to(tl.float32)
    if HAS_RESIDUAL:
        residual = tl.load(residual_ptr + offsets, mask=mask, other=0.0).to(tl.float32)
        # Rounded to the stored type at once: the backward pass reads s from memory and must see the same number.
        s = (s + residual).to(sum_ptr.dtype.element_ty)
        tl.store(sum_ptr + offsets, s, mask=mask)
        s = s.to(tl.float32)
    weight = tl.load(weight_ptr + columns, mask=columns < width, other=0.0).to(tl.float32)
    r = 1.0 / tl.sqrt(tl.sum(s * s, axis=1) / width + eps)
    y = s * r[:, None] * weight[None, :]
    tl.store(y_ptr + offsets, y.to(y_ptr.dtype.element_ty), mask=mask)


@jit
def _rms_norm_backward_kernel(
    dy_ptr, dsum_ptr, s_ptr, weight_ptr, dx_ptr, dweight_ptr, num_rows, width, eps,
    HAS_DSUM: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    program, num_programs = tl.program_id(0), tl.num_programs(0)
    columns = tl.arange(0, BLOCK_D)
    weight = tl.load(weight_ptr + columns, mask=columns < width, other=0.0).to(tl.float32)
    dweight = tl.zeros([BLOCK_N, BLOCK_D], tl.float32)
    for block in range(program, tl.cdiv(num_rows, BLOCK_N), num_programs):
        rows = tl.arange(0, BLOCK_N).to(tl.int64) + block * BLOCK_N
        offsets = rows[:, None] * width + columns[None, :]
        mask = (rows < num_rows)[:, None] & (columns < width)[None, :]
        s = tl.load(s_ptr + offsets, mask=mask, other=0.0).to(tl.float32)
        dy = tl.load(dy_ptr + offsets, mask=mask, other=0.0).to(tl.float32)
        r = 1.0 / tl.sqrt(tl.sum(s * s, axis=1) / width + eps)
        normalised = s * r[:, None]
        g = dy * weight[None, :]
        dx = (g - normalised * (tl.sum(g * normalised, axis=1) / width)[:, None]) * r[:, None]
        if HAS_DSUM:
            dx += tl.load(dsum_ptr + offsets, mask=mask, other=0.0).to(tl.float32)
        tl.store(dx_ptr + offsets, dx.to(dx_ptr.dtype.element_ty), mask=mask)
        dweight += dy * normalised
    row = program.to(tl.int64) * width
    tl.store(dweight_ptr + row + columns, tl.sum(dweight, axis=0), mask=columns < width)


def _tiles(width: int) -> tuple[int, int, int]:
    """(rows a tile, columns a tile, warps) by width alone, so that a row's result does not depend on the batch.

    2048 values a tile and 4 warps keep 16 values a thread, four 16-byte loads in fp32: enough in flight to hide memory
    latency.
    """
    block_d = launch.next_power_of_2(width)
    return max(1, 2048 // block_d), block_d, 8 if block_d > 4096 else 4


@torch.library.custom_op("replication::rms_norm", mutates_args=())
def _forward(x_ND: torch.Tensor, weight_D: torch.Tensor, eps: float) -> torch.Tensor:
    y_ND = torch.empty_like(x_ND)
    num_rows, width = x_ND.shape
    block_n, block_d, num_warps = _tiles(width)
    with launch.on_device(x_ND):
        _rms_norm_forward_kernel[(-(-num_rows // block_n),)](
            x_ND, x_ND, weight_D, y_ND, y_ND, num_rows, width, eps, False, block_n, block_d, num_warps=num_warps
        )
    return y_ND


@torch.library.custom_op("replication::add_rms_norm", mutates_args=())
def _add_forward(
    x_ND: torch.Tensor, residual_ND: torch.Tensor, weight_D: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    y_ND, sum_ND = torch.empty_like(x_ND), torch.empty_like(x_ND)
    num_rows, width = x_ND.shape
    block_n, block_d, num_warps = _tiles(width)
    with launch.on_device(x_ND):
        _rms_norm_forward_kernel[(-(-num_rows // block_n),)](
            x_ND, residual_ND, weight_D, y_ND, sum_ND, num_rows, width, eps, True, block_n, block_d, num_warps=num_warps
        )
    return y_ND, sum_ND


@torch.library.custom_op("replication::rms_norm_backward", mutates_args=())
def _backward(
    dy_ND: torch.Tensor, dsum_ND: torch.Tensor | None, s_ND: torch.Tensor, weight_D: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor]:
    num_rows, width = s_ND.shape
    dy_ND = dy_ND.contiguous()
    dsum_ND = None if dsum_ND is None else dsum_ND.contiguous()
    block_n, block_d, num_warps = _tiles(width)
    # Four programs a multiprocessor: enough to hide latency, few enough that the partial sums stay small beside the
    # data.
    num_programs = max(1, min(4 * launch.num_multiprocessors(s_ND), -(-num_rows // block_n)))
    dx_ND = torch.empty_like(s_ND)
    dweight_PD = torch.empty(num_programs, width, dtype=torch.float32, device=s_ND.device)
    with launch.on_device(s_ND):
        _rms_norm_backward_kernel[(num_programs,)](
            dy_ND, dy_ND if dsum_ND is None else dsum_ND, s_ND, weight_D, dx_ND, dweight_PD, num_rows, width, eps,
            dsum_ND is not None, block_n, block_d, num_warps=num_warps,
        )  # fmt: skip
    return dx_ND, dweight_PD.sum(0).to(weight_D.dtype)


_forward.register_fake(lambda x_ND, weight_D, eps: torch.empty_like(x_ND))
_add_forward.register_fake(lambda x_ND, residual_ND, weight_D, eps: (torch.empty_like(x_ND), torch.empty_like(x_ND)))
_backward.register_fake(
    lambda dy_ND, dsum_ND, s_ND, weight_D, eps: (torch.empty_like(s_ND), torch.empty_like(weight_D))
)


def _save(ctx, inputs: tuple, output: torch.Tensor) -> None:
    x_ND, weight_D, ctx.eps = inputs
    ctx.save_for_backward(x_ND, weight_D)


def _gradients(ctx, dy_ND: torch.Tensor) -> tuple:
    dx_ND, dweight_D = _backward(dy_ND, None, *ctx.saved_tensors, ctx.eps)
    return dx_ND, dweight_D, None


def _save_add(ctx, inputs: tuple, output: tuple[torch.Tensor, torch.Tensor]) -> None:
    _, _, weight_D, ctx.eps = inputs
    ctx.save_for_backward(output[1], weight_D)


def _add_gradients(ctx, dy_ND: torch.Tensor, dsum_ND: torch.Tensor) -> tuple:
    dx_ND, dweight_D = _backward(dy_ND, dsum_ND, *ctx.saved_tensors, ctx.eps)
    return dx_ND, dx_ND, dweight_D, None


_forward.register_autograd(_gradients, setup_context=_save)
_add_forward.register_autograd(_add_gradients, setup_context=_save_add)


def rms_norm(
    x_BTD: torch.Tensor,
    weight_D: torch.Tensor,
    eps: float = 1e-5,
    residual_BTD: torch.Tensor | None = None,
    path: str = "auto",
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """Normalise the last axis by its root mean square and scale it by weight.

    Returns y like x; with a residual (same shape and type as x) returns (y, x + residual). Raises ValueError where
    shapes do not fit.
    """
    if weight_D.shape != x_BTD.shape[-1:]:
        raise ValueError(
            f"rms_norm: weight {tuple(weight_D.shape)} does not fit x {tuple(x_BTD.shape)}; it needs the last axis of x"
        )
    if residual_BTD is not None and (residual_BTD.shape != x_BTD.shape or residual_BTD.dtype != x_BTD.dtype):
        raise ValueError(
            f"rms_norm: residual {tuple(residual_BTD.shape)} must have shape and type of x {tuple(x_BTD.shape)}"
        )
    if launch.resolve("rms_norm", x_BTD.device, path) == "reference":
        return rms_norm_reference(x_BTD, weight_D, eps, residual_BTD)
    launch.require_float("rms_norm", x_BTD, weight_D)
    width = x_BTD.shape[-1]
    if width > MAX_WIDTH:
        raise ValueError(
            f"rms_norm: path 'triton' takes rows of at most {MAX_WIDTH}, not {width}; choose path='reference'"
        )
    x_ND = x_BTD.reshape(-1, width).contiguous()
    if residual_BTD is None:
        return _forward(x_ND, weight_D.contiguous(), eps).view(x_BTD.shape)
    y_ND, sum_ND = _add_forward(x_ND, residual_BTD.reshape(-1, width).contiguous(), weight_D.contiguous(), eps)
    return y_ND.view(x_BTD.shape), sum_ND.view(x_BTD.shape)
