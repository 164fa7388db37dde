"""Causal attention by other people's fused kernels, under the contract of attention.py: PyTorch's own ("sdpa") and
flash-attn ("flash").

Both serve as alternatives and as the peers that benchmarks compare with. Their log-sum-exp carries no gradient.
PyTorch's public scaled_dot_product_attention does not return the log-sum-exp, so the operators behind it are called.

Shapes: B batch, T time, H query heads, G key heads, K head size.
"""

from __future__ import annotations

import importlib

import torch

from kernels import launch

# Module, version and the argument that asks for the log-sum-exp, the fastest on Hopper first.
_FLASH_MODULES = (
    ("flash_attn_interface", 3, "return_attn_probs"),
    ("flash_attn.cute", 4, "return_lse"),
    ("flash_attn", 2, "return_attn_probs"),
)


def sdpa(
    q_BTHK: torch.Tensor, k_BTGK: torch.Tensor, v_BTGK: torch.Tensor, mask: torch.Tensor | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """PyTorch's fused attention: causal where mask is None, else the boolean mask ([Tq, Tk] or [B, 1, Tq, Tk], True =
    seen) alone.

    On CUDA half precision without a mask takes the flash operator, everything else the memory-efficient one.
    """
    group_size = q_BTHK.shape[2] // k_BTGK.shape[2]
    q, k, v = (x.transpose(1, 2) for x in (q_BTHK, k_BTGK, v_BTGK))
    if group_size > 1:
        k, v = (x.repeat_interleave(group_size, dim=1) for x in (k, v))
    bias = None
    if mask is not None:
        bias = torch.zeros(mask.shape, dtype=q.dtype, device=q.device).masked_fill(~mask, float("-inf"))
    if q.device.type == "cpu":
        out, lse_BHT = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            q, k, v, 0.0, mask is None, attn_mask=bias, scale=scale
        )
    elif q.dtype != torch.float32 and bias is None and q.shape[-1] % 8 == 0:
        out, lse_BHT = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, True, False, scale=scale)[:2]
    else:
        if bias is not None:
            bias = _aligned(bias).expand(q.shape[0], q.shape[1], -1, -1)
        out, lse_BHT = torch.ops.aten._scaled_dot_product_efficient_attention(
            q, k, v, bias, True, 0.0, mask is None, scale=scale
        )[:2]
    return out.transpose(1, 2), lse_BHT[..., : q.shape[2]].detach()


def _aligned(bias: torch.Tensor) -> torch.Tensor:
    """The same bias with rows that start at multiples of 16 bytes, which the memory-efficient operator asks for."""
    num_keys = bias.shape[-1]
    return torch.nn.functional.pad(bias, (0, -num_keys % 8))[..., :num_keys]


def flash_version() -> int:
    """Version (2, 3 or 4) of flash-attn that path "flash" takes; raises ValueError when none is installed."""
    return _flash_module()[1]


def _flash_module() -> tuple:
    for name, version, lse_argument in _FLASH_MODULES:
        if launch.has_package(name):
            return importlib.import_module(name), version, lse_argument
    raise ValueError(
        "attention: path 'flash' needs the package flash-attn; install it or choose path='triton' or 'sdpa'"
    )


def flash(
    q_BTHK: torch.Tensor, k_BTGK: torch.Tensor, v_BTGK: torch.Tensor, starts_BT: torch.Tensor | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """flash-attn 3, 4 or 2, whichever is installed; documents go through its variable-length entry (which waits for the
    GPU once)."""
    module, _, lse_argument = _flash_module()
    options = {"softmax_scale": scale, "causal": True, lse_argument: True}
    if starts_BT is None:
        out, lse_BHT = module.flash_attn_func(q_BTHK, k_BTGK, v_BTGK, **options)[:2]
        return out, lse_BHT.detach()
    batch, num_times, num_heads, _ = q_BTHK.shape
    is_first_BT = starts_BT == torch.arange(num_times, device=starts_BT.device)
    borders = torch.nonzero(is_first_BT.flatten()).flatten().int()
    borders = torch.nn.functional.pad(borders, (0, 1), value=batch * num_times)
    lengths = {"cu_seqlens_q": borders, "cu_seqlens_k": borders, "max_seqlen_q": num_times, "max_seqlen_k": num_times}
    packed = (x.flatten(0, 1) for x in (q_BTHK, k_BTGK, v_BTGK))
    out, lse_HN = module.flash_attn_varlen_func(*packed, **lengths, **options)[:2]
    return out.view(q_BTHK.shape), lse_HN.detach().view(num_heads, batch, num_times).transpose(0, 1)
