"""Cross-entropy fused with the output projection: the logits never exist as a whole.

Forward:   logits_mv = x_m . w_v       lse_m = logsumexp_v logits_mv       loss_m = lse_m - logits_m,target(m)
Backward:  dlogits_mv = dloss_m (exp(logits_mv - lse_m) - [v = target(m)])       dx = dlogits w       dw = dlogits^T x
Rows whose target is ignore_index have loss 0, no gradient, and do not count in the mean. Saved: x, w, targets and lse.

The forward pass walks over rows, since a row's lse needs its whole vocabulary. The backward pass knows lse and walks
over the vocabulary instead: each part of dw is then written once, and only dx, small beside dw, is added up (in fp32).
Logits are computed again there: four matrix products in all, against the three of keeping them, for a peak of
LOGITS_BYTES however long the batch and the vocabulary. A part of the logits is turned into its gradient in place; it is
this file's own buffer, never an input.

Shapes: M tokens, D width, V vocabulary, C rows or columns of one part.
"""

from __future__ import annotations

import torch

from kernels import launch
from kernels.launch import jit, tl
from kernels.linear import matmul_fixed_order

# Large enough that one part's matrix products fill a GPU (1024 rows of 128k half-precision logits), small beside a
# training step.
LOGITS_BYTES = 2**28


def linear_cross_entropy_reference(
    x_MD: torch.Tensor, weight_VD: torch.Tensor, targets_M: torch.Tensor, ignore_index: int = -100
) -> tuple[torch.Tensor, torch.Tensor]:
    """Plain PyTorch with whole logits; same contract as linear_cross_entropy."""
    logits_MV = torch.nn.functional.linear(x_MD, weight_VD)
    logits_MV = logits_MV.to(launch.accumulation_dtype(logits_MV))
    loss_M = torch.nn.functional.cross_entropy(logits_MV, targets_M, ignore_index=ignore_index, reduction="none")
    return _mean(loss_M, targets_M, ignore_index), loss_M


def _mean(loss_M: torch.Tensor, targets_M: torch.Tensor, ignore_index: int) -> torch.Tensor:
    return loss_M.sum() / (targets_M != ignore_index).sum().clamp(min=1)


@jit
def _loss_kernel(logits_ptr, targets_ptr, loss_ptr, lse_ptr, num_columns, ignore_index, BLOCK_V: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    logits_ptr += row * num_columns
    largest = float("-inf")
    total = 0.0
    for start in range(0, num_columns, BLOCK_V):
        columns = start + tl.arange(0, BLOCK_V)
        logits = tl.load(logits_ptr + columns, mask=columns < num_columns, other=float("-inf")).to(tl.float32)
        new_largest = tl.maximum(largest, tl.max(logits, axis=0))
        total = total * tl.exp(largest - new_largest) + tl.sum(tl.exp(logits - new_largest), axis=0)
        largest = new_largest
    lse = largest + tl.log(total)
    target = tl.load(targets_ptr + row)
    is_valid = (target >= 0) & (target < num_columns)
    # A target outside the vocabulary reads nothing and makes the loss NaN, which a trainer sees.
    picked = tl.load(logits_ptr + target, mask=is_valid, other=float("nan")).to(tl.float32)
    tl.store(loss_ptr + row, tl.where(target == ignore_index, 0.0, lse - picked))
    tl.store(lse_ptr + row, lse)


@jit
def _dlogits_kernel(
    logits_ptr, targets_ptr, lse_ptr, dloss_ptr, first_column, num_columns, ignore_index, BLOCK_V: tl.constexpr
):  # fmt: skip
    num_blocks = tl.cdiv(num_columns, BLOCK_V)
    row = (tl.program_id(0) // num_blocks).to(tl.int64)
    columns = (tl.program_id(0) % num_blocks) * BLOCK_V + tl.arange(0, BLOCK_V)
    mask = columns < num_columns
    target = tl.load(targets_ptr + row)
    dloss = tl.where(target == ignore_index, 0.0, tl.load(dloss_ptr + row).to(tl.float32))
    logits_ptrs = logits_ptr + row * num_columns + columns
    logits = tl.load(logits_ptrs, mask=mask, other=0.0).to(tl.float32)
    softmax = tl.exp(logits - tl.load(lse_ptr + row))
    dlogits = dloss * (softmax - tl.where(first_column + columns == target, 1.0, 0.0))
    tl.store(logits_ptrs, dlogits.to(logits_ptr.dtype.element_ty), mask=mask)


def _part(x: torch.Tensor, other_length: int) -> int:
    """How many rows (or columns) of logits fit in LOGITS_BYTES when the other axis is `other_length` long."""
    return max(1, LOGITS_BYTES // (x.element_size() * max(other_length, 1)))


@torch.library.custom_op("replication::linear_cross_entropy", mutates_args=())
def _forward(
    x_MD: torch.Tensor, weight_VD: torch.Tensor, targets_M: torch.Tensor, ignore_index: int, batch_invariant: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    num_tokens, vocab_size = x_MD.shape[0], weight_VD.shape[0]
    loss_M = torch.empty(num_tokens, dtype=torch.float32, device=x_MD.device)
    lse_M = torch.empty(num_tokens, dtype=torch.float32, device=x_MD.device)
    multiply = matmul_fixed_order if batch_invariant else torch.nn.functional.linear
    block_v = min(4096, launch.next_power_of_2(vocab_size))
    part = _part(x_MD, vocab_size)
    with launch.on_device(x_MD):
        for first in range(0, num_tokens, part):
            rows = slice(first, first + part)
            logits_CV = multiply(x_MD[rows], weight_VD)
            _loss_kernel[(logits_CV.shape[0],)](
                logits_CV, targets_M[rows], loss_M[rows], lse_M[rows], vocab_size, ignore_index, block_v, num_warps=8
            )
    return loss_M, lse_M


@torch.library.custom_op("replication::linear_cross_entropy_backward", mutates_args=())
def _backward(
    dloss_M: torch.Tensor,
    x_MD: torch.Tensor,
    weight_VD: torch.Tensor,
    targets_M: torch.Tensor,
    lse_M: torch.Tensor,
    ignore_index: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    dloss_M = dloss_M.contiguous()
    num_tokens, vocab_size = x_MD.shape[0], weight_VD.shape[0]
    dx_MD = torch.zeros(x_MD.shape, dtype=torch.float32, device=x_MD.device)
    dweight_VD = torch.empty(weight_VD.shape, dtype=weight_VD.dtype, device=weight_VD.device)
    part = min(_part(x_MD, num_tokens), vocab_size)
    block_v = min(2048, launch.next_power_of_2(part))
    with launch.on_device(x_MD):
        for first in range(0, vocab_size, part):
            weight_CD = weight_VD[first : first + part]
            logits_MC = torch.nn.functional.linear(x_MD, weight_CD)
            num_columns = weight_CD.shape[0]
            _dlogits_kernel[(num_tokens * -(-num_columns // block_v),)](
                logits_MC, targets_M, lse_M, dloss_M, first, num_columns, ignore_index, block_v, num_warps=4
            )
            torch.mm(logits_MC.t(), x_MD, out=dweight_VD[first : first + part])
            dx_MD += logits_MC @ weight_CD
    return dx_MD.to(x_MD.dtype), dweight_VD


@_forward.register_fake
def _(x_MD, weight_VD, targets_M, ignore_index, batch_invariant):
    return tuple(torch.empty(x_MD.shape[0], dtype=torch.float32, device=x_MD.device) for _ in range(2))


@_backward.register_fake
def _(dloss_M, x_MD, weight_VD, targets_M, lse_M, ignore_index):
    return tuple(torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (x_MD, weight_VD))


def _save(ctx, inputs: tuple, output: tuple[torch.Tensor, torch.Tensor]) -> None:
    x_MD, weight_VD, targets_M, ctx.ignore_index, _ = inputs
    ctx.save_for_backward(x_MD, weight_VD, targets_M, output[1])


def _gradients(ctx, dloss_M: torch.Tensor, dlse_M: torch.Tensor) -> tuple:
    # The public function hands out no lse, so dlse is always zero.
    return *_backward(dloss_M, *ctx.saved_tensors, ctx.ignore_index), None, None, None


_forward.register_autograd(_gradients, setup_context=_save)


def linear_cross_entropy(
    x_MD: torch.Tensor,
    weight_VD: torch.Tensor,
    targets_M: torch.Tensor,
    ignore_index: int = -100,
    path: str = "auto",
    batch_invariant: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean loss in nats (fp32 scalar) and loss per token (fp32 [M]) of predicting targets (int64) from x through
    weight.

    Ignored tokens have loss 0; when all are ignored the mean is 0. Both outputs carry gradients. A target that is
    neither ignored nor in the vocabulary makes its loss NaN on path "triton" (the reference raises). batch_invariant: a
    token's loss has the same bits whatever the other tokens are (path "triton" only; slower). Raises ValueError where
    shapes do not fit.
    """
    if x_MD.dim() != 2 or x_MD.shape[1:] != weight_VD.shape[1:] or targets_M.shape != x_MD.shape[:1]:
        shapes = f"x {tuple(x_MD.shape)}, weight {tuple(weight_VD.shape)}, targets {tuple(targets_M.shape)}"
        raise ValueError(f"cross_entropy: {shapes} must be [M, D], [V, D], [M]")
    x_MD, weight_VD = launch.autocast(x_MD, weight_VD)
    if launch.resolve("cross_entropy", x_MD.device, path) == "reference":
        if batch_invariant:
            raise ValueError(
                "cross_entropy: batch_invariant needs path='triton'; PyTorch's matrix product does not promise it"
            )
        return linear_cross_entropy_reference(x_MD, weight_VD, targets_M, ignore_index)
    launch.require_float("cross_entropy", x_MD, weight_VD)
    loss_M, _ = _forward(
        x_MD.contiguous(), weight_VD.contiguous(), targets_M.contiguous(), ignore_index, batch_invariant
    )
    return _mean(loss_M, targets_M, ignore_index), loss_M
