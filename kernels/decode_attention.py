"""Attention of one new token per row, where many rows continue the same prompt.

Sampling 1e5 continuations of one prompt reads the prompt's cache 1e5 times if every row is on its own. Here the rows of
a prompt share its
keys: their queries are stacked into tiles, so the prefix is read once per tile and multiplied by tensor cores; each
row's own continuation (the suffix) is read by that row alone. Both are one kernel, "N rows share a set of keys": for
the prefix a set is a prompt with its N rows, for the suffix a set is one row. Keys are split into parts of
KEYS_PER_PART which run side by side; partial results are merged by their log-sum-exp:   lse = log sum_i exp(lse_i)
out = sum_i exp(lse_i - lse) out_i Parts and tiles do not depend on the number of rows, so a row has the same bits
whatever it is batched with.

Inference only: inputs that require a gradient are refused.

Shapes: P prompts, N rows of each, R = P * N, S prefix length, T suffix capacity, H query heads, G key heads, K head
size, I parts.
"""

from __future__ import annotations

import math

import torch

from kernels import launch
from kernels.attention_triton import MAX_HEAD_SIZE, _forward_walk
from kernels.launch import jit, tl

# Enough work in a part to pay for writing its result, enough parts to fill a GPU when few rows have long prompts. Not
# timed yet.
KEYS_PER_PART = 512


def decode_attention_reference(
    q_PNHK: torch.Tensor,
    prefix_k_PSGK: torch.Tensor,
    prefix_v_PSGK: torch.Tensor,
    suffix_k_PNTGK: torch.Tensor,
    suffix_v_PNTGK: torch.Tensor,
    prefix_lengths_P: torch.Tensor | None = None,
    suffix_lengths_PN: torch.Tensor | None = None,
    scale: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Plain PyTorch with prefix and suffix laid side by side; fp32 inside. Same contract as decode_attention."""
    dtype, device = launch.accumulation_dtype(q_PNHK), q_PNHK.device
    num_prefix, num_suffix, num_key_heads = prefix_k_PSGK.shape[1], suffix_k_PNTGK.shape[2], prefix_k_PSGK.shape[2]
    q = q_PNHK.to(dtype).unflatten(2, (num_key_heads, -1)) * (q_PNHK.shape[-1] ** -0.5 if scale is None else scale)
    prefix_k, prefix_v, suffix_k, suffix_v = (
        x.to(dtype) for x in (prefix_k_PSGK, prefix_v_PSGK, suffix_k_PNTGK, suffix_v_PNTGK)
    )
    scores = torch.cat(
        [torch.einsum("pngmk,psgk->pngms", q, prefix_k), torch.einsum("pngmk,pntgk->pngmt", q, suffix_k)], dim=-1
    )
    is_seen = torch.ones(*q_PNHK.shape[:2], num_prefix + num_suffix, dtype=torch.bool, device=device)
    if prefix_lengths_P is not None:
        is_seen[..., :num_prefix] = torch.arange(num_prefix, device=device) < prefix_lengths_P[:, None, None]
    if suffix_lengths_PN is not None:
        is_seen[..., num_prefix:] = torch.arange(num_suffix, device=device) < suffix_lengths_PN[..., None]
    scores = scores.masked_fill(~is_seen[:, :, None, None], float("-inf"))
    lse = scores.logsumexp(-1)
    p_prefix, p_suffix = torch.exp(scores - lse[..., None]).split([num_prefix, num_suffix], dim=-1)
    out = torch.einsum("pngms,psgk->pngmk", p_prefix, prefix_v) + torch.einsum("pngmt,pntgk->pngmk", p_suffix, suffix_v)
    return out.flatten(2, 3).to(q_PNHK.dtype), lse.flatten(2, 3)


@jit
def _shared_keys_kernel(
    q_ptr, k_ptr, v_ptr, lengths_ptr, out_ptr, lse_ptr, num_rows, num_keys, num_key_heads, group_size, size,
    first_part, num_parts,
    total_rows, scale_log2, k_set, k_time, k_head, v_set, v_time, v_head,
    HAS_LENGTHS: tl.constexpr, MASK_SIZE: tl.constexpr, KEYS_PER_PART: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    num_tiles = tl.cdiv(num_rows * group_size, BLOCK_M)
    part = tl.program_id(0) // num_tiles % num_parts
    key_head = (tl.program_id(0) // num_tiles // num_parts % num_key_heads).to(tl.int64)
    key_set = (tl.program_id(0) // num_tiles // num_parts // num_key_heads).to(tl.int64)
    # A tile holds (row, member of the group) pairs: all queries that read this key head of this set.
    pairs = tl.program_id(0) % num_tiles * BLOCK_M + tl.arange(0, BLOCK_M)
    pair_mask = pairs < num_rows * group_size
    row_heads = (
        (key_set * num_rows + pairs // group_size) * num_key_heads * group_size
        + key_head * group_size
        + pairs % group_size
    )
    columns = tl.arange(0, BLOCK_K)
    mask = pair_mask[:, None] & (columns < size)[None, :]
    q = tl.load(q_ptr + row_heads[:, None] * size + columns[None, :], mask=mask, other=0.0)
    first = part * KEYS_PER_PART
    last = tl.minimum(first + KEYS_PER_PART, num_keys)
    if HAS_LENGTHS:
        last = tl.minimum(last, tl.load(lengths_ptr + key_set))
    out = tl.zeros([BLOCK_M, BLOCK_K], tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    nothing = tl.zeros([BLOCK_M], tl.int32)
    out, total, largest = _forward_walk(
        out, total, largest, q, k_ptr + key_set * k_set + key_head * k_head,
        v_ptr + key_set * v_set + key_head * v_head,
        nothing + last - 1, nothing, first, last, k_time, v_time, num_keys, size, scale_log2, True, MASK_SIZE,
        BLOCK_N, BLOCK_K,
    )  # fmt: skip
    is_empty = total == 0.0
    out = out / tl.where(is_empty, 1.0, total)[:, None]
    lse = tl.where(is_empty, float("-inf"), (largest + tl.log2(total)) * 0.6931471805599453)
    partial = (first_part + part).to(tl.int64) * total_rows + row_heads
    tl.store(out_ptr + partial[:, None] * size + columns[None, :], out, mask=mask)
    tl.store(lse_ptr + partial, lse, mask=pair_mask)


@jit
def _merge_kernel(
    partial_ptr, partial_lse_ptr, out_ptr, lse_ptr, num_parts, total_rows, size, BLOCK_M: tl.constexpr,
    BLOCK_K: tl.constexpr
):  # fmt: skip
    rows = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.arange(0, BLOCK_K)
    row_mask = rows < total_rows
    mask = row_mask[:, None] & (columns < size)[None, :]
    out = tl.zeros([BLOCK_M, BLOCK_K], tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    partial = rows
    for _ in range(num_parts):
        lse = tl.load(partial_lse_ptr + partial, mask=row_mask, other=float("-inf"))
        values = tl.load(partial_ptr + partial[:, None] * size + columns[None, :], mask=mask, other=0.0)
        new_largest = tl.maximum(largest, lse)
        origin = tl.where(new_largest == float("-inf"), 0.0, new_largest)
        decay, weight = tl.exp(largest - origin), tl.exp(lse - origin)
        out = out * decay[:, None] + values * weight[:, None]
        total = total * decay + weight
        largest = new_largest
        partial += total_rows
    # A row without any key gets a NaN output, as in the reference, rather than a number that looks right.
    out = out / total[:, None]
    tl.store(out_ptr + rows[:, None] * size + columns[None, :], out.to(out_ptr.dtype.element_ty), mask=mask)
    tl.store(lse_ptr + rows, largest + tl.log(total), mask=row_mask)


@torch.library.custom_op("replication::decode_attention", mutates_args=())
def _decode(
    q_PNHK: torch.Tensor, prefix_k_PSGK: torch.Tensor, prefix_v_PSGK: torch.Tensor, suffix_k_RTGK: torch.Tensor,
    suffix_v_RTGK: torch.Tensor, prefix_lengths_P: torch.Tensor | None, suffix_lengths_R: torch.Tensor | None,
    scale: float,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    num_prompts, num_rows, num_heads, size = q_PNHK.shape
    q_PNHK, total_rows = q_PNHK.contiguous(), num_prompts * num_rows * num_heads
    block_k = max(16, launch.next_power_of_2(size))
    # Half precision fills a wgmma tile of 64 rows; fp32 runs on the ordinary units, where large tiles spill.
    row_tile, key_tile = (16, 16) if q_PNHK.dtype == torch.float32 else (64, 64)
    calls = (
        (prefix_k_PSGK, prefix_v_PSGK, prefix_lengths_P, num_rows, row_tile),
        (suffix_k_RTGK, suffix_v_RTGK, suffix_lengths_R, 1, 16),
    )
    parts = [-(-k.shape[1] // KEYS_PER_PART) for k, *_ in calls]
    partial = torch.empty(sum(parts), total_rows, size, dtype=torch.float32, device=q_PNHK.device)
    partial_lse = torch.empty(sum(parts), total_rows, dtype=torch.float32, device=q_PNHK.device)
    out_PNHK = torch.empty(q_PNHK.shape, dtype=q_PNHK.dtype, device=q_PNHK.device)
    lse_PNH = torch.empty(q_PNHK.shape[:3], dtype=torch.float32, device=q_PNHK.device)
    with launch.on_device(q_PNHK):
        for (k, v, lengths, rows_of_a_set, block_m), first_part, num_parts in zip(
            calls, (0, parts[0]), parts, strict=True
        ):
            num_sets, num_keys, num_key_heads, _ = k.shape
            group_size = num_heads // num_key_heads
            num_tiles = -(-rows_of_a_set * group_size // block_m)
            _shared_keys_kernel[(num_sets * num_key_heads * num_parts * num_tiles,)](
                q_PNHK, k, v, lengths, partial, partial_lse, rows_of_a_set, num_keys, num_key_heads, group_size, size,
                first_part, num_parts,
                total_rows, scale * math.log2(math.e), *k.stride()[:3], *v.stride()[:3],
                lengths is not None, size != block_k, KEYS_PER_PART, block_m, key_tile, block_k,
                num_warps=4, num_stages=3,
            )  # fmt: skip
        _merge_kernel[(-(-total_rows // 16),)](
            partial, partial_lse, out_PNHK, lse_PNH, sum(parts), total_rows, size, 16, block_k
        )
    return out_PNHK, lse_PNH


@_decode.register_fake
def _(q_PNHK, prefix_k_PSGK, prefix_v_PSGK, suffix_k_RTGK, suffix_v_RTGK, prefix_lengths_P, suffix_lengths_R, scale):
    lse_PNH = torch.empty(q_PNHK.shape[:3], dtype=torch.float32, device=q_PNHK.device)
    return torch.empty(q_PNHK.shape, dtype=q_PNHK.dtype, device=q_PNHK.device), lse_PNH


def decode_attention(
    q_PNHK: torch.Tensor,
    prefix_k_PSGK: torch.Tensor,
    prefix_v_PSGK: torch.Tensor,
    suffix_k_PNTGK: torch.Tensor,
    suffix_v_PNTGK: torch.Tensor,
    prefix_lengths_P: torch.Tensor | None = None,
    suffix_lengths_PN: torch.Tensor | None = None,
    scale: float | None = None,
    path: str = "auto",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention of the newest token of each row; returns (out_PNHK like q, lse_PNH fp32 in nats).

    Row n of prompt p sees the first prefix_lengths_P[p] keys of its prompt and the first suffix_lengths_PN[p, n] of its
    own (all of them by default); its newest token's own key must already stand in the suffix. A row that sees no key
    gets NaN. scale: 1 / sqrt(K) by default. Raises ValueError where shapes do not fit or a gradient would be needed.
    """
    tensors = (q_PNHK, prefix_k_PSGK, prefix_v_PSGK, suffix_k_PNTGK, suffix_v_PNTGK)
    _check(*tensors, prefix_lengths_P, suffix_lengths_PN)
    tensors = launch.autocast(*tensors)
    if launch.resolve("decode_attention", q_PNHK.device, path) == "reference":
        return decode_attention_reference(*tensors, prefix_lengths_P, suffix_lengths_PN, scale)
    launch.require_float("decode_attention", *tensors)
    if q_PNHK.shape[-1] > MAX_HEAD_SIZE:
        raise ValueError(
            f"decode_attention: path 'triton' takes heads of at most {MAX_HEAD_SIZE}; choose path='reference'"
        )
    q, *caches = tensors
    caches = [x if x.stride(-1) == 1 else x.contiguous() for x in caches]
    caches[2:] = (x.flatten(0, 1) for x in caches[2:])
    prefix_lengths_P = None if prefix_lengths_P is None else prefix_lengths_P.contiguous()
    suffix_lengths_R = None if suffix_lengths_PN is None else suffix_lengths_PN.flatten().contiguous()
    return _decode(q, *caches, prefix_lengths_P, suffix_lengths_R, q.shape[-1] ** -0.5 if scale is None else scale)


def _check(q, prefix_k, prefix_v, suffix_k, suffix_v, prefix_lengths, suffix_lengths) -> None:
    (num_prompts, num_rows, num_heads, size), num_key_heads = q.shape, prefix_k.shape[2]
    if prefix_k.shape != prefix_v.shape or suffix_k.shape != suffix_v.shape or num_heads % num_key_heads:
        raise ValueError(
            f"decode_attention: keys and values differ, or {num_heads} heads are no multiple of {num_key_heads} key"
            " heads"
        )
    if (prefix_k.shape[0], prefix_k.shape[3]) != (num_prompts, size):
        raise ValueError(
            f"decode_attention: prefix {tuple(prefix_k.shape)} does not fit q {tuple(q.shape)}; it must be [P, S, G, K]"
        )
    if (*suffix_k.shape[:2], *suffix_k.shape[3:]) != (num_prompts, num_rows, num_key_heads, size):
        raise ValueError(
            f"decode_attention: suffix {tuple(suffix_k.shape)} does not fit q {tuple(q.shape)}; it must be [P, N, T,"
            " G, K]"
        )
    if prefix_lengths is not None and prefix_lengths.shape != (num_prompts,):
        raise ValueError(
            f"decode_attention: prefix_lengths {tuple(prefix_lengths.shape)} must be [P] = [{num_prompts}]"
        )
    if suffix_lengths is not None and suffix_lengths.shape != (num_prompts, num_rows):
        raise ValueError(
            f"decode_attention: suffix_lengths {tuple(suffix_lengths.shape)} must be [P, N] = [{num_prompts},"
            f" {num_rows}]"
        )
    if torch.is_grad_enabled() and any(x.requires_grad for x in (q, prefix_k, prefix_v, suffix_k, suffix_v)):
        raise ValueError("decode_attention: it has no gradient; run it under torch.no_grad()")
