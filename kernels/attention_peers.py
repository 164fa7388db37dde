"""Causal attention by other people's fused kernels, under the contract of attention.py: PyTorch's own ("sdpa") and
flash-attn ("flash").

Both serve as alternatives and as the peers that benchmarks compare with. Their log-sum-exp carries no gradient.
PyTorch's public scaled_dot_product_attention does not return the log-sum-exp, so the operators behind it are called.

Shapes: B batch, T time, H query heads, G key heads, K head size.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
from dataclasses import dataclass
from types import ModuleType

import torch

from kernels import launch

# Module, version, and the distributions that bring it, the fastest on Hopper first. Version 2.8.3 ships a preview of
# version 4 as flash_attn.cute, so that a module alone says nothing of what is installed.
_FLASH_MODULES = (
    ("flash_attn_interface", 3, ("flash-attn-3", "flashattn-hopper")),
    ("flash_attn.cute", 4, ("flash-attn-4", "fa4", "flash-attn-cute")),
    ("flash_attn", 2, ("flash-attn",)),
)
_LSE_ARGUMENTS = ("return_lse", "return_softmax_lse", "return_attn_probs")  # how versions ask for the log-sum-exp


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


@dataclass(frozen=True)
class FlashPackage:
    """flash-attn as installed: its module, version (2, 3 or 4), the release of its distribution, how it is asked for
    the log-sum-exp, and what its entry for documents takes."""

    module: ModuleType
    version: int
    release: str
    lse_argument: str
    varlen_arguments: frozenset[str]


def flash_version() -> int:
    """Version (2, 3 or 4) of flash-attn that path "flash" takes; raises ValueError when none serves."""
    return flash_package().version


@functools.cache
def flash_package() -> FlashPackage:
    """The first flash-attn that is installed by its own distribution, can be imported and returns the log-sum-exp.

    Raises ValueError, with the reason for each that was found and does not serve, when none does.
    """
    reasons = []
    for name, version, distributions in _FLASH_MODULES:
        found = _examine(name, version, distributions)
        if isinstance(found, FlashPackage):
            return found
        reasons += [found] if found else []
    detail = f" ({'; '.join(reasons)})" if reasons else ""
    raise ValueError(
        f"attention: path 'flash' needs the package flash-attn{detail}; install it or choose path='triton' or 'sdpa'"
    )


def _examine(name: str, version: int, distributions: tuple[str, ...]) -> FlashPackage | str:
    """The package, or why it does not serve; empty where it is not installed."""
    release = next((found for one in distributions if (found := _release(one)) is not None), None)
    if release is None:
        return f"{name} is there without {distributions[0]}, as a preview" if launch.has_package(name) else ""
    try:
        module = importlib.import_module(name)
        plain, varlen = (
            inspect.signature(function).parameters
            for function in (module.flash_attn_func, module.flash_attn_varlen_func)
        )
    # The import of another's package, built for another CUDA, torch or compiler, can raise anything.
    except Exception as error:  # noqa: BLE001
        return f"{name} {release} cannot be imported: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    lse_argument = next((one for one in _LSE_ARGUMENTS if one in plain and one in varlen), None)
    if lse_argument is None:
        return f"{name} {release} returns no log-sum-exp"
    return FlashPackage(module, version, release, lse_argument, frozenset(varlen))


def _release(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def flash(
    q_BTHK: torch.Tensor, k_BTGK: torch.Tensor, v_BTGK: torch.Tensor, starts_BT: torch.Tensor | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """flash-attn 3, 4 or 2, whichever is installed; documents go through its variable-length entry (which waits for the
    GPU once)."""
    package = flash_package()
    options = {"softmax_scale": scale, "causal": True, package.lse_argument: True}
    if starts_BT is None:
        out, lse_BHT = package.module.flash_attn_func(q_BTHK, k_BTGK, v_BTGK, **options)[:2]
        return out, lse_BHT.detach()
    batch, num_times, num_heads, _ = q_BTHK.shape
    is_first_BT = starts_BT == torch.arange(num_times, device=starts_BT.device)
    borders = torch.nonzero(is_first_BT.flatten()).flatten().int()
    borders = torch.nn.functional.pad(borders, (0, 1), value=batch * num_times)
    lengths = {"cu_seqlens_q": borders, "cu_seqlens_k": borders, "max_seqlen_q": num_times, "max_seqlen_k": num_times}
    # Some releases of version 4 find the greatest lengths themselves.
    lengths = {key: value for key, value in lengths.items() if key in package.varlen_arguments}
    packed = (x.flatten(0, 1) for x in (q_BTHK, k_BTGK, v_BTGK))
    out, lse_HN = package.module.flash_attn_varlen_func(*packed, **lengths, **options)[:2]
    return out.view(q_BTHK.shape), lse_HN.detach().view(num_heads, batch, num_times).transpose(0, 1)
