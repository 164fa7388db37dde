"""Causal softmax attention with grouped queries and packed documents.

With S = scale * q k^T, masked where the key lies after the query or in another document:
    lse = logsumexp(S)        out = exp(S - lse) v

Shapes: B batch, T time (queries; keys may be longer, both end at the same position), H query heads, G key heads (H a multiple of G;
query head h reads key head h // (H / G)), K head size.
"""

from __future__ import annotations

import torch

from kernels import launch


def causal_mask(num_queries: int, num_keys: int, document_ids_BT: torch.Tensor | None, device: torch.device) -> torch.Tensor:
    """Boolean mask, True where a query may see a key: [Tq, Tk], or [B, 1, T, T] with documents."""
    mask = torch.ones(num_queries, num_keys, dtype=torch.bool, device=device).tril(num_keys - num_queries)
    if document_ids_BT is None:
        return mask
    return mask & (document_ids_BT[:, None, :, None] == document_ids_BT[:, None, None, :])


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
    scale = q_BTHK.shape[-1] ** -0.5 if scale is None else scale
    q_BHTK, k_BHTK, v_BHTK = (x.to(dtype).transpose(1, 2) for x in (q_BTHK, k_BTGK, v_BTGK))
    if group_size > 1:
        k_BHTK, v_BHTK = (x.repeat_interleave(group_size, dim=1) for x in (k_BHTK, v_BHTK))
    scores_BHTT = (q_BHTK * scale) @ k_BHTK.transpose(-1, -2)
    mask = causal_mask(scores_BHTT.shape[-2], scores_BHTT.shape[-1], document_ids_BT, q_BTHK.device)
    scores_BHTT = scores_BHTT.masked_fill(~mask, float("-inf"))
    lse_BHT = scores_BHTT.logsumexp(-1)
    out_BHTK = torch.exp(scores_BHTT - lse_BHT.unsqueeze(-1)) @ v_BHTK
    return out_BHTK.transpose(1, 2).to(q_BTHK.dtype), lse_BHT


def attention(
    q_BTHK: torch.Tensor,
    k_BTGK: torch.Tensor,
    v_BTGK: torch.Tensor,
    document_ids_BT: torch.Tensor | None = None,
    scale: float | None = None,
    path: str = "auto",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Causal attention; returns (out_BTHK like q, lse_BHT fp32: log of the softmax's denominator in nats).

    document_ids_BT: integers; a query sees only keys with its own number (then queries and keys must be equally long).
    scale: factor on the scores, 1 / sqrt(K) by default. Keys may outnumber queries (a cache): the last query sees all keys.
    """
    launch.resolve("attention", q_BTHK.device, path, ("reference",))
    _check_shapes(q_BTHK, k_BTGK, v_BTGK, document_ids_BT)
    q_BTHK, k_BTGK, v_BTGK = launch.autocast(q_BTHK, k_BTGK, v_BTGK)
    return attention_reference(q_BTHK, k_BTGK, v_BTGK, document_ids_BT, scale)


def _check_shapes(q_BTHK: torch.Tensor, k_BTGK: torch.Tensor, v_BTGK: torch.Tensor, document_ids_BT: torch.Tensor | None) -> None:
    if k_BTGK.shape != v_BTGK.shape or q_BTHK.shape[0] != k_BTGK.shape[0] or q_BTHK.shape[-1] != k_BTGK.shape[-1]:
        raise ValueError(f"attention: q {tuple(q_BTHK.shape)}, k {tuple(k_BTGK.shape)}, v {tuple(v_BTGK.shape)} do not fit together")
    if q_BTHK.shape[2] % k_BTGK.shape[2]:
        raise ValueError(f"attention: {q_BTHK.shape[2]} query heads are no multiple of {k_BTGK.shape[2]} key heads")
    if q_BTHK.shape[1] > k_BTGK.shape[1]:
        raise ValueError(f"attention: {q_BTHK.shape[1]} queries outnumber {k_BTGK.shape[1]} keys; the first would see none")
    if document_ids_BT is not None and document_ids_BT.shape != (q_BTHK.shape[0], k_BTGK.shape[1]):
        raise ValueError(f"attention: document_ids {tuple(document_ids_BT.shape)} must be [batch, keys]")
    if document_ids_BT is not None and q_BTHK.shape[1] != k_BTGK.shape[1]:
        raise ValueError("attention: with document_ids queries and keys must be equally long")
