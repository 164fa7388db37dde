"""A matrix product whose rows do not depend on the batch, for scoring.

y = x w^T. PyTorch's product picks its algorithm by the number of rows, so the last bits of a row depend on what it is
batched with; then the score of an item depends on its neighbours. Here tile shape and order of summation are fixed by
the type alone. `batch_invariant` puts this product in place of torch.nn.functional.linear while a whole model runs.
Inference only: inputs that require a gradient are refused.

Shapes: M rows, D width that is summed, N columns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch

from kernels import launch
from kernels.launch import jit, tl


def linear_reference(x_MD: torch.Tensor, weight_ND: torch.Tensor) -> torch.Tensor:
    """Plain PyTorch; same contract as linear, without the promise."""
    return torch.nn.functional.linear(x_MD, weight_ND)


@jit
def _linear_kernel(
    x_ptr, weight_ptr, y_ptr, num_rows, num_columns, width, x_stride, weight_stride,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.program_id(1).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    row_mask, column_mask = rows < num_rows, columns < num_columns
    y = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
    for start in range(0, width, BLOCK_D):
        inner = start + tl.arange(0, BLOCK_D)
        x = tl.load(
            x_ptr + rows[:, None] * x_stride + inner[None, :],
            mask=row_mask[:, None] & (inner < width)[None, :],
            other=0.0,
        )
        weight_ptrs = weight_ptr + columns[None, :] * weight_stride + inner[:, None]
        weight = tl.load(weight_ptrs, mask=column_mask[None, :] & (inner < width)[:, None], other=0.0)
        y = tl.dot(x, weight, acc=y, input_precision="ieee")
    y_ptrs = y_ptr + rows[:, None] * num_columns + columns[None, :]
    tl.store(y_ptrs, y.to(y_ptr.dtype.element_ty), mask=row_mask[:, None] & column_mask[None, :])


def matmul_fixed_order(x_MD: torch.Tensor, weight_ND: torch.Tensor) -> torch.Tensor:
    """x w^T with tiles and summation order fixed by the type; rows of both inputs contiguous."""
    (num_rows, width), num_columns = x_MD.shape, weight_ND.shape[0]
    y_MN = torch.empty(num_rows, num_columns, dtype=x_MD.dtype, device=x_MD.device)
    # fp32 products run on the ordinary units, where a larger tile spills; 64 x 128 x 64 keeps the tensor cores of half
    # precision busy.
    block_m, block_n, block_d = (32, 64, 32) if x_MD.dtype == torch.float32 else (64, 128, 64)
    with launch.on_device(x_MD):
        _linear_kernel[(-(-num_rows // block_m), -(-num_columns // block_n))](
            x_MD, weight_ND, y_MN, num_rows, num_columns, width, x_MD.stride(0), weight_ND.stride(0), block_m,
            block_n, block_d,
            num_warps=4, num_stages=3,
        )  # fmt: skip
    return y_MN


@torch.library.custom_op("replication::linear_fixed_order", mutates_args=())
def _forward(x_MD: torch.Tensor, weight_ND: torch.Tensor) -> torch.Tensor:
    return matmul_fixed_order(x_MD, weight_ND)


_forward.register_fake(
    lambda x_MD, weight_ND: torch.empty(x_MD.shape[0], weight_ND.shape[0], dtype=x_MD.dtype, device=x_MD.device)
)


def linear(x: torch.Tensor, weight_ND: torch.Tensor, path: str = "auto") -> torch.Tensor:
    """x w^T over the last axis of x, any leading shape; on path "triton" a row has the same bits whatever the other
    rows are.

    Raises ValueError where shapes or types do not fit, or where a gradient would be needed.
    """
    if x.shape[-1] != weight_ND.shape[-1] or weight_ND.dim() != 2:
        raise ValueError(f"linear: weight {tuple(weight_ND.shape)} does not fit x {tuple(x.shape)}")
    if torch.is_grad_enabled() and (x.requires_grad or weight_ND.requires_grad):
        raise ValueError("linear: the batch-invariant product has no gradient; run it under torch.no_grad()")
    x, weight_ND = launch.autocast(x, weight_ND)
    if launch.resolve("linear", x.device, path) == "reference":
        return linear_reference(x, weight_ND)
    launch.require_float("linear", x, weight_ND)
    y_MN = _forward(x.reshape(-1, x.shape[-1]).contiguous(), weight_ND.contiguous())
    return y_MN.view(*x.shape[:-1], weight_ND.shape[0])


class _LinearMode(torch.overrides.TorchFunctionMode):
    def __init__(self, path: str):
        super().__init__()
        self.path = path

    def __torch_function__(self, function: Callable, types: tuple, args: tuple = (), kwargs: dict | None = None):
        if function is not torch.nn.functional.linear:
            return function(*args, **(kwargs or {}))
        return self._linear(*args, **(kwargs or {}))

    def _linear(
        self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
    ) -> torch.Tensor:  # names of F.linear
        y = linear(input, weight, self.path)
        return y if bias is None else y + bias


@contextlib.contextmanager
def batch_invariant(path: str = "auto") -> Iterator[None]:
    """Within this context (and torch.no_grad) every torch.nn.functional.linear is the product above, nn.Linear
    included."""
    with torch.no_grad(), _LinearMode(path):
        yield
