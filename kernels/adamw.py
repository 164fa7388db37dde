"""One AdamW update (Loshchilov and Hutter 2019) of many runs at once, in place, without asking the GPU anything.

With g = clip * grad, after `step` updates:
    m = beta1 m + (1 - beta1) g        v = beta2 v + (1 - beta2) g^2
    w = (1 - lr * decay) w - lr * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)
The first num_decayed weights of a run decay, the others do not. clip, lr and step are per run and live on the device,
so a schedule needs no new launch parameters and the update can stand in a CUDA graph. A run whose clip is not finite is
left as it was.

Shapes: R runs, P weights of a run.
"""

from __future__ import annotations

import torch

from kernels import launch
from kernels.launch import jit, tl

BLOCK = 1024  # 8 values of four fp32 streams a thread at 4 warps


def adamw_reference(
    weight_RP: torch.Tensor, grad_RP: torch.Tensor, exp_avg_RP: torch.Tensor, exp_avg_sq_RP: torch.Tensor,
    clip_R: torch.Tensor, lr_R: torch.Tensor, step_R: torch.Tensor, num_decayed: int, weight_decay: float,
    beta1: float, beta2: float,
    eps: float = 1e-8,
) -> None:  # fmt: skip
    """Plain PyTorch; same contract as adamw."""
    is_live_R1 = torch.isfinite(clip_R)[:, None]
    step_size_R, root_R = _factors(lr_R, step_R, beta1, beta2, weight_RP.dtype)
    g_RP = grad_RP * clip_R[:, None]
    m_RP = beta1 * exp_avg_RP + (1 - beta1) * g_RP
    v_RP = beta2 * exp_avg_sq_RP + (1 - beta2) * g_RP * g_RP
    decay_P = torch.where(torch.arange(weight_RP.shape[1], device=weight_RP.device) < num_decayed, weight_decay, 0.0)
    kept_RP = weight_RP * (1 - lr_R[:, None] * decay_P)
    updated_RP = kept_RP - step_size_R[:, None] * m_RP / (v_RP.sqrt() * root_R[:, None] + eps)
    for old, new in ((weight_RP, updated_RP), (exp_avg_RP, m_RP), (exp_avg_sq_RP, v_RP)):
        old.copy_(torch.where(is_live_R1, new, old))


def _factors(
    lr_R: torch.Tensor, step_R: torch.Tensor, beta1: float, beta2: float, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """lr / (1 - beta1^step) and 1 / sqrt(1 - beta2^step) per run; the powers in fp64, since 1 - beta2 is small."""
    step_R = step_R.double()
    return (lr_R / (1 - beta1**step_R)).to(dtype), (1 - beta2**step_R).rsqrt().to(dtype)


@jit
def _adamw_kernel(
    weight_ptr, grad_ptr, exp_avg_ptr, exp_avg_sq_ptr, clip_ptr, lr_ptr, step_size_ptr, root_ptr,
    num_weights, num_decayed, weight_decay, beta1, beta2, eps, BLOCK_P: tl.constexpr,
):  # fmt: skip
    num_blocks = tl.cdiv(num_weights, BLOCK_P)
    run = (tl.program_id(0) // num_blocks).to(tl.int64)
    columns = tl.program_id(0) % num_blocks * BLOCK_P + tl.arange(0, BLOCK_P)
    clip = tl.load(clip_ptr + run)
    # A run that is left out has no weights to update: x - x is 0 for every number, NaN for NaN and the infinities.
    mask = columns < tl.where(clip - clip == 0.0, num_weights, 0)
    offsets = run * num_weights + columns
    weight = tl.load(weight_ptr + offsets, mask=mask, other=0.0)
    g = tl.load(grad_ptr + offsets, mask=mask, other=0.0) * clip
    m = beta1 * tl.load(exp_avg_ptr + offsets, mask=mask, other=0.0) + (1.0 - beta1) * g
    v = beta2 * tl.load(exp_avg_sq_ptr + offsets, mask=mask, other=0.0) + (1.0 - beta2) * g * g
    decay = tl.where(columns < num_decayed, weight_decay, 0.0)
    weight = weight * (1.0 - tl.load(lr_ptr + run) * decay)
    weight -= tl.load(step_size_ptr + run) * m / (tl.sqrt(v) * tl.load(root_ptr + run) + eps)
    tl.store(weight_ptr + offsets, weight, mask=mask)
    tl.store(exp_avg_ptr + offsets, m, mask=mask)
    tl.store(exp_avg_sq_ptr + offsets, v, mask=mask)


@torch.library.custom_op("replication::adamw", mutates_args=("weight_RP", "exp_avg_RP", "exp_avg_sq_RP"))
def _update(
    weight_RP: torch.Tensor, grad_RP: torch.Tensor, exp_avg_RP: torch.Tensor, exp_avg_sq_RP: torch.Tensor,
    clip_R: torch.Tensor, lr_R: torch.Tensor, step_R: torch.Tensor, num_decayed: int, weight_decay: float,
    beta1: float, beta2: float,
    eps: float,
) -> None:  # fmt: skip
    num_runs, num_weights = weight_RP.shape
    factors = _factors(lr_R, step_R, beta1, beta2, torch.float32)
    with launch.on_device(weight_RP):
        _adamw_kernel[(num_runs * -(-num_weights // BLOCK),)](
            weight_RP, grad_RP, exp_avg_RP, exp_avg_sq_RP, clip_R, lr_R, *factors, num_weights, num_decayed,
            weight_decay, beta1, beta2, eps,
            BLOCK,
        )  # fmt: skip


@_update.register_fake
def _(
    weight_RP, grad_RP, exp_avg_RP, exp_avg_sq_RP, clip_R, lr_R, step_R, num_decayed, weight_decay, beta1, beta2, eps
):
    return None


def adamw(
    weight_RP: torch.Tensor, grad_RP: torch.Tensor, exp_avg_RP: torch.Tensor, exp_avg_sq_RP: torch.Tensor,
    clip_R: torch.Tensor, lr_R: torch.Tensor, step_R: torch.Tensor, num_decayed: int, weight_decay: float,
    beta1: float, beta2: float,
    eps: float = 1e-8, path: str = "auto",
) -> None:  # fmt: skip
    """Update weights and moments (fp32 [R, P], contiguous) in place; step_R counts this update (1 at the first).

    clip_R, lr_R: fp32; grad is left as it is. Raises ValueError where shapes, types or layouts do not fit.
    """
    states = (weight_RP, grad_RP, exp_avg_RP, exp_avg_sq_RP)
    if (
        any(x.shape != weight_RP.shape or x.dtype != torch.float32 or not x.is_contiguous() for x in states)
        or weight_RP.dim() != 2
    ):
        raise ValueError("adamw: weight, grad, exp_avg and exp_avg_sq must be contiguous float32 of one shape [R, P]")
    if any(x.shape != weight_RP.shape[:1] for x in (clip_R, lr_R, step_R)):
        raise ValueError(f"adamw: clip, lr and step must be [R] = [{weight_RP.shape[0]}]")
    update = adamw_reference if launch.resolve("adamw", weight_RP.device, path) == "reference" else _update
    with torch.no_grad():
        update(*states, clip_R, lr_R, step_R, num_decayed, weight_decay, beta1, beta2, eps)
