"""Causal softmax attention with grouped queries and packed documents.

With S = scale * q k^T, masked where the key lies after the query or in another document:
    lse = logsumexp(S)        out = exp(S - lse) v
The kernels and their formulas stand in attention_triton.py, the fused attention of other packages in
attention_peers.py.

Shapes: B batch, T time (queries; keys may be longer, both end at the same position), H query heads, G key heads (H a
multiple of G; query head h reads key head h // (H / G)), K head size.
"""

from __future__ import annotations

import math

import torch

from kernels import attention_peers, launch
from kernels import attention_triton as triton_kernels

DocumentRange = tuple[torch.Tensor, torch.Tensor] | None


def document_range(document_ids_BT: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First and last position (int32 [B, T] each) of the document in which each token stands; a document is a run of
    equal numbers."""
    num_times = document_ids_BT.shape[1]
    positions_T = torch.arange(num_times, device=document_ids_BT.device)
    is_border_BT = document_ids_BT[:, 1:] != document_ids_BT[:, :-1]
    is_first_BT = torch.nn.functional.pad(is_border_BT, (1, 0), value=True)
    is_last_BT = torch.nn.functional.pad(is_border_BT, (0, 1), value=True)
    starts_BT = torch.where(is_first_BT, positions_T, 0).cummax(1).values
    ends_BT = torch.where(is_last_BT, positions_T, num_times).flip(1).cummin(1).values.flip(1)
    return starts_BT.int(), ends_BT.int()


def causal_mask(num_queries: int, num_keys: int, starts_BT: torch.Tensor | None, device: torch.device) -> torch.Tensor:
    """Boolean mask, True where a query may see a key: [Tq, Tk], or [B, 1, T, T] when documents start at starts_BT."""
    mask = torch.ones(num_queries, num_keys, dtype=torch.bool, device=device).tril(num_keys - num_queries)
    if starts_BT is None:
        return mask
    return mask & (torch.arange(num_keys, device=device) >= starts_BT[:, None, :, None])


def attention_reference(
    q_BTHK: torch.Tensor,
    k_BTGK: torch.Tensor,
    v_BTGK: torch.Tensor,
    document_ids_BT: torch.Tensor | None = None,
    scale: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Plain PyTorch with the whole score matrix; fp32 inside. Same contract as attention."""
    dtype = launch.accumulation_dtype(q_BTHK)
    group_size = q_BTHK.shape[2] // k_BTGK.shape[2]
    # From here on the scale is known: the peers and the kernels take it as a number.
    scale = q_BTHK.shape[-1] ** -0.5 if scale is None else scale
    q_BHTK, k_BHTK, v_BHTK = (x.to(dtype).transpose(1, 2) for x in (q_BTHK, k_BTGK, v_BTGK))
    if group_size > 1:
        k_BHTK, v_BHTK = (x.repeat_interleave(group_size, dim=1) for x in (k_BHTK, v_BHTK))
    scores_BHTT = (q_BHTK * scale) @ k_BHTK.transpose(-1, -2)
    starts_BT = None if document_ids_BT is None else document_range(document_ids_BT)[0]
    mask = causal_mask(scores_BHTT.shape[-2], scores_BHTT.shape[-1], starts_BT, q_BTHK.device)
    scores_BHTT = scores_BHTT.masked_fill(~mask, float("-inf"))
    lse_BHT = scores_BHTT.logsumexp(-1)
    out_BHTK = torch.exp(scores_BHTT - lse_BHT.unsqueeze(-1)) @ v_BHTK
    return out_BHTK.transpose(1, 2).to(q_BTHK.dtype), lse_BHT


def _kernel_arguments(
    pass_name: str, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, has_documents: bool
) -> tuple[tuple, tuple, dict]:
    """(counts, strides and compile-time constants, launch options) that every kernel but delta shares."""
    size = q.shape[-1]
    block_m, block_n, num_warps, num_stages = triton_kernels.tiles(pass_name, size, q.dtype)
    block_k = max(16, launch.next_power_of_2(size))  # tl.dot sums over at least 16
    counts = (q.shape[1], k.shape[1], q.shape[2], q.shape[2] // k.shape[2], size)
    strides = (*q.stride()[:3], *k.stride()[:3], *v.stride()[:3])
    constants = (has_documents, size != block_k, block_m, block_n, block_k)
    return counts, (*strides, *constants), {"num_warps": num_warps, "num_stages": num_stages}


@torch.library.custom_op("replication::attention", mutates_args=())
def _forward(
    q_BTHK: torch.Tensor, k_BTGK: torch.Tensor, v_BTGK: torch.Tensor, starts_BT: torch.Tensor | None,
    ends_BT: torch.Tensor | None,
    scale: float,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    batch, num_queries, num_heads, _ = q_BTHK.shape
    out_BTHK = torch.empty(q_BTHK.shape, dtype=q_BTHK.dtype, device=q_BTHK.device)
    lse_BHT = torch.empty(batch, num_heads, num_queries, dtype=torch.float32, device=q_BTHK.device)
    counts, constants, options = _kernel_arguments("forward", q_BTHK, k_BTGK, v_BTGK, starts_BT is not None)
    num_tiles = -(-num_queries // triton_kernels.tiles("forward", q_BTHK.shape[-1], q_BTHK.dtype)[0])
    with launch.on_device(q_BTHK):
        triton_kernels.attention_forward_kernel[(batch * num_heads * num_tiles,)](
            q_BTHK,
            k_BTGK,
            v_BTGK,
            starts_BT,
            out_BTHK,
            lse_BHT,
            *counts,
            scale * math.log2(math.e),
            *constants,
            **options,
        )
    return out_BTHK, lse_BHT


@torch.library.custom_op("replication::attention_backward", mutates_args=())
def _backward(
    dout_BTHK: torch.Tensor, dlse_BHT: torch.Tensor, q_BTHK: torch.Tensor, k_BTGK: torch.Tensor, v_BTGK: torch.Tensor,
    out_BTHK: torch.Tensor, lse_BHT: torch.Tensor, starts_BT: torch.Tensor | None, ends_BT: torch.Tensor | None,
    scale: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
    batch, num_queries, num_heads, size = q_BTHK.shape
    num_keys, num_key_heads = k_BTGK.shape[1:3]
    # The kernels read dout and dlse without strides of their own.
    dout_BTHK, dlse_BHT = dout_BTHK.contiguous(), dlse_BHT.contiguous()
    dq, dk, dv = (torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (q_BTHK, k_BTGK, v_BTGK))
    delta_BHT = torch.empty(batch, num_heads, num_queries, dtype=torch.float32, device=q_BTHK.device)
    scale_log2 = scale * math.log2(math.e)
    block_k = max(16, launch.next_power_of_2(size))
    with launch.on_device(q_BTHK):
        # delta = sum(dout * out) - dlse is all that the score gradients need of a row besides its own tile.
        triton_kernels.attention_delta_kernel[(batch * num_heads * -(-num_queries // 32),)](
            dout_BTHK, out_BTHK, dlse_BHT, delta_BHT, num_queries, num_heads, size, 32, block_k
        )
        # Keys and queries are walked in two kernels, so that no gradient is added by two programs: no atomics, same
        # bytes.
        counts, constants, options = _kernel_arguments("dkdv", q_BTHK, k_BTGK, v_BTGK, starts_BT is not None)
        num_tiles = -(-num_keys // triton_kernels.tiles("dkdv", size, q_BTHK.dtype)[1])
        triton_kernels.attention_dkdv_kernel[(batch * num_key_heads * num_tiles,)](
            q_BTHK, k_BTGK, v_BTGK, dout_BTHK, lse_BHT, delta_BHT, starts_BT, ends_BT, dk, dv, *counts, scale,
            scale_log2, *constants,
            **options,
        )  # fmt: skip
        counts, constants, options = _kernel_arguments("dq", q_BTHK, k_BTGK, v_BTGK, starts_BT is not None)
        num_tiles = -(-num_queries // triton_kernels.tiles("dq", size, q_BTHK.dtype)[0])
        triton_kernels.attention_dq_kernel[(batch * num_heads * num_tiles,)](
            q_BTHK,
            k_BTGK,
            v_BTGK,
            dout_BTHK,
            lse_BHT,
            delta_BHT,
            starts_BT,
            dq,
            *counts,
            scale,
            scale_log2,
            *constants,
            **options,
        )
    return dq, dk, dv


@_forward.register_fake
def _(q_BTHK, k_BTGK, v_BTGK, starts_BT, ends_BT, scale):
    batch, num_queries, num_heads, _ = q_BTHK.shape
    lse_BHT = torch.empty(batch, num_heads, num_queries, dtype=torch.float32, device=q_BTHK.device)
    return torch.empty(q_BTHK.shape, dtype=q_BTHK.dtype, device=q_BTHK.device), lse_BHT


@_backward.register_fake
def _(dout_BTHK, dlse_BHT, q_BTHK, k_BTGK, v_BTGK, out_BTHK, lse_BHT, starts_BT, ends_BT, scale):
    return tuple(torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (q_BTHK, k_BTGK, v_BTGK))


def _save(ctx, inputs: tuple, output: tuple[torch.Tensor, torch.Tensor]) -> None:
    q_BTHK, k_BTGK, v_BTGK, starts_BT, ends_BT, ctx.scale = inputs
    ctx.save_for_backward(q_BTHK, k_BTGK, v_BTGK, *output, starts_BT, ends_BT)


def _gradients(ctx, dout_BTHK: torch.Tensor, dlse_BHT: torch.Tensor) -> tuple:
    return *_backward(dout_BTHK, dlse_BHT, *ctx.saved_tensors, ctx.scale), None, None, None


_forward.register_autograd(_gradients, setup_context=_save)


def attention(
    q_BTHK: torch.Tensor,
    k_BTGK: torch.Tensor,
    v_BTGK: torch.Tensor,
    document_ids_BT: torch.Tensor | None = None,
    scale: float | None = None,
    path: str = "auto",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Causal attention; returns (out_BTHK like q, lse_BHT fp32: log of the softmax's denominator in nats).

    document_ids_BT: integers; a document is a run of equal numbers, and a query sees only keys of its own run (then
    queries and keys must be equally long). scale: factor on the scores, 1 / sqrt(K) by default. Keys may outnumber
    queries (a cache): the last query sees all keys. On paths "sdpa" and "flash" lse carries no gradient. Raises
    ValueError where shapes do not fit or the path cannot be taken.
    """
    _check_shapes(q_BTHK, k_BTGK, v_BTGK, document_ids_BT)
    q_BTHK, k_BTGK, v_BTGK = launch.autocast(q_BTHK, k_BTGK, v_BTGK)
    path = launch.resolve("attention", q_BTHK.device, path, launch.ATTENTION_PATHS)
    if path == "reference":
        return attention_reference(q_BTHK, k_BTGK, v_BTGK, document_ids_BT, scale)
    scale = q_BTHK.shape[-1] ** -0.5 if scale is None else scale
    starts_BT, ends_BT = (None, None) if document_ids_BT is None else document_range(document_ids_BT)
    if path == "sdpa":
        num_queries, num_keys = q_BTHK.shape[1], k_BTGK.shape[1]
        # Without a mask torch may take its fastest path; is_causal aligns at the upper left, which fits equal lengths
        # only.
        is_plain = document_ids_BT is None and num_queries == num_keys
        mask = None if is_plain else causal_mask(num_queries, num_keys, starts_BT, q_BTHK.device)
        return attention_peers.sdpa(q_BTHK, k_BTGK, v_BTGK, mask, scale)
    if path == "flash":
        launch.note_path("attention", f"flash-attn {attention_peers.flash_package().release}")
        return attention_peers.flash(q_BTHK, k_BTGK, v_BTGK, starts_BT, scale)
    launch.require_float("attention", q_BTHK, k_BTGK, v_BTGK)
    if q_BTHK.shape[-1] > triton_kernels.MAX_HEAD_SIZE:
        raise ValueError(
            f"attention: path 'triton' takes heads of at most {triton_kernels.MAX_HEAD_SIZE}; choose path='reference'"
        )
    # Time and head may have any stride (views of one qkv tensor come in uncopied); the head itself must lie in one
    # piece.
    q_BTHK, k_BTGK, v_BTGK = (x if x.stride(-1) == 1 else x.contiguous() for x in (q_BTHK, k_BTGK, v_BTGK))
    return _forward(q_BTHK, k_BTGK, v_BTGK, starts_BT, ends_BT, scale)


def _check_shapes(
    q_BTHK: torch.Tensor, k_BTGK: torch.Tensor, v_BTGK: torch.Tensor, document_ids_BT: torch.Tensor | None
) -> None:
    if k_BTGK.shape != v_BTGK.shape or q_BTHK.shape[0] != k_BTGK.shape[0] or q_BTHK.shape[-1] != k_BTGK.shape[-1]:
        raise ValueError(
            f"attention: q {tuple(q_BTHK.shape)}, k {tuple(k_BTGK.shape)}, v {tuple(v_BTGK.shape)} do not fit together"
        )
    if q_BTHK.dtype != k_BTGK.dtype or q_BTHK.dtype != v_BTGK.dtype:
        raise ValueError(f"attention: q {q_BTHK.dtype}, k {k_BTGK.dtype} and v {v_BTGK.dtype} must have one type")
    if q_BTHK.shape[2] % k_BTGK.shape[2]:
        raise ValueError(f"attention: {q_BTHK.shape[2]} query heads are no multiple of {k_BTGK.shape[2]} key heads")
    if q_BTHK.shape[1] > k_BTGK.shape[1]:
        raise ValueError(
            f"attention: {q_BTHK.shape[1]} queries outnumber {k_BTGK.shape[1]} keys; the first would see none"
        )
    if document_ids_BT is not None and document_ids_BT.shape != (q_BTHK.shape[0], k_BTGK.shape[1]):
        raise ValueError(f"attention: document_ids {tuple(document_ids_BT.shape)} must be [batch, keys]")
    if document_ids_BT is not None and q_BTHK.shape[1] != k_BTGK.shape[1]:
        raise ValueError("attention: with document_ids queries and keys must be equally long")
