"""The Triton kernels of attention.py: online softmax forward (Dao 2023), recomputation backward.

Forward, per tile of queries: keys are walked over in tiles with a running maximum and sum; out and lse leave, the
scores never do.
Backward, with p = exp(S - lse), dp = dout v^T, delta = rowsum(dout * out) - dlse:
    dS = p * (dp - delta)       dq = scale dS k       dk = scale dS^T q       dv = p^T dout
Saved: q, k, v, out, lse. One kernel makes delta, one dk and dv (a program owns a tile of keys and adds up the query
heads that read it), one dq (a program owns a tile of queries). No atomics: the same bits in every run.

The mask is a range: query i sees key j when starts_i <= j <= i + (Tk - Tq), with starts_i the first position of its
document. `ends`, the last position of each document, only bounds the walk over queries. Exponentials are powers of two
with log2(e) folded into the scale.

Shapes: B batch, T time, H query heads, G key heads, K head size; M a tile of queries, N a tile of keys.
"""

from __future__ import annotations

import torch

from kernels.launch import jit, tl

MAX_HEAD_SIZE = 128


def tiles(pass_name: str, head_size: int, dtype: torch.dtype) -> tuple[int, int, int, int]:
    """(queries a tile, keys a tile, warps, pipeline stages) of pass "forward", "dkdv" or "dq".

    They depend on head size and type alone, so that no result depends on batch or length.

    Half precision: large tiles that compile for sm_90 within its 227 KiB of shared memory and without register spills
    (dk, dv at 128 spill about 100 bytes a thread). fp32 products run on the ordinary units and need small tiles. Not
    timed on a GPU yet: `python -m benchmarks.kernels --tune` tries others.
    """
    if dtype == torch.float32:
        return (32, 32, 4, 2) if head_size <= 64 else (16, 16, 4, 2)
    if pass_name == "forward":
        return (128, 64, 4, 3) if head_size <= 64 else (128, 64, 8, 3)
    if pass_name == "dkdv":
        return (32, 128, 8, 2) if head_size <= 64 else (32, 128, 8, 3)
    return (128, 64, 8, 2) if head_size <= 64 else (128, 32, 8, 2)


@jit
def _load_tile(ptr, rows, columns, stride, num_rows, num_columns, MASK_ROWS: tl.constexpr, MASK_COLUMNS: tl.constexpr):
    ptrs = ptr + rows.to(tl.int64)[:, None] * stride + columns[None, :]
    if MASK_ROWS and MASK_COLUMNS:
        tile = tl.load(ptrs, mask=(rows < num_rows)[:, None] & (columns < num_columns)[None, :], other=0.0)
    elif MASK_ROWS:
        tile = tl.load(ptrs, mask=(rows < num_rows)[:, None], other=0.0)
    elif MASK_COLUMNS:
        tile = tl.load(ptrs, mask=(columns < num_columns)[None, :], other=0.0)
    else:
        tile = tl.load(ptrs)
    return tile


@jit
def _forward_walk(
    out, total, largest, q, k_ptr, v_ptr, positions, starts, first, last, k_stride, v_stride, num_keys, size,
    scale_log2,
    MASKED: tl.constexpr, MASK_SIZE: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    columns = tl.arange(0, BLOCK_K)
    for start in range(first, last, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = _load_tile(k_ptr, keys, columns, k_stride, num_keys, size, MASKED, MASK_SIZE)
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale_log2
        if MASKED:
            is_seen = (keys[None, :] <= positions[:, None]) & (keys[None, :] >= starts[:, None])
            scores = tl.where(is_seen, scores, float("-inf"))
        new_largest = tl.maximum(largest, tl.max(scores, axis=1))
        # A row may see nothing in the tiles before its document; -inf minus -inf would be NaN there.
        origin = tl.where(new_largest == float("-inf"), 0.0, new_largest) if MASKED else new_largest
        p = tl.exp2(scores - origin[:, None])
        # What was summed under the old maximum is rescaled to the new one (online softmax).
        decay = tl.exp2(largest - origin)
        total = total * decay + tl.sum(p, axis=1)
        v = _load_tile(v_ptr, keys, columns, v_stride, num_keys, size, MASKED, MASK_SIZE)
        out = tl.dot(p.to(v.dtype), v, acc=out * decay[:, None], input_precision="ieee")
        largest = new_largest
    return out, total, largest


@jit
def attention_forward_kernel(
    q_ptr, k_ptr, v_ptr, starts_ptr, out_ptr, lse_ptr, num_queries, num_keys, num_heads, group_size, size, scale_log2,
    q_batch, q_time, q_head, k_batch, k_time, k_head, v_batch, v_time, v_head,
    HAS_DOCUMENTS: tl.constexpr, MASK_SIZE: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):  # fmt: skip
    num_tiles = tl.cdiv(num_queries, BLOCK_M)
    tile = num_tiles - 1 - tl.program_id(0) % num_tiles  # the longest walks first, so that none is left over at the end
    batch = (tl.program_id(0) // num_tiles // num_heads).to(tl.int64)
    head = (tl.program_id(0) // num_tiles % num_heads).to(tl.int64)
    # Grouped queries: several query heads read one key head.
    k_ptr += batch * k_batch + head // group_size * k_head
    v_ptr += batch * v_batch + head // group_size * v_head
    offset = num_keys - num_queries
    rows = tile * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.arange(0, BLOCK_K)
    q = _load_tile(q_ptr + batch * q_batch + head * q_head, rows, columns, q_time, num_queries, size, True, MASK_SIZE)
    # With a cache the first query stands behind num_keys - num_queries keys.
    positions = rows + offset
    end = tl.minimum((tile + 1) * BLOCK_M + offset, num_keys)
    out = tl.zeros([BLOCK_M, BLOCK_K], tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    # Where documents are packed every tile is masked: a document may begin anywhere in it.
    if HAS_DOCUMENTS:
        starts = tl.load(starts_ptr + batch * num_keys + rows, mask=rows < num_queries, other=num_keys)
        first = tl.min(starts, axis=0) // BLOCK_N * BLOCK_N
    else:
        starts = tl.zeros([BLOCK_M], tl.int32)
        first = (tile * BLOCK_M + offset + 1) // BLOCK_N * BLOCK_N  # keys before it are seen by every query of the tile
        out, total, largest = _forward_walk(
            out, total, largest, q, k_ptr, v_ptr, positions, starts, 0, first, k_time, v_time, num_keys, size,
            scale_log2,
            False, MASK_SIZE, BLOCK_N, BLOCK_K,
        )  # fmt: skip
    out, total, largest = _forward_walk(
        out, total, largest, q, k_ptr, v_ptr, positions, starts, first, end, k_time, v_time, num_keys, size, scale_log2,
        True, MASK_SIZE, BLOCK_N, BLOCK_K,
    )  # fmt: skip
    row_mask = rows < num_queries
    out_ptrs = out_ptr + (((batch * num_queries + rows) * num_heads + head) * size)[:, None] + columns[None, :]
    tl.store(
        out_ptrs,
        (out / total[:, None]).to(out_ptr.dtype.element_ty),
        mask=row_mask[:, None] & (columns < size)[None, :],
    )
    # Back from base 2, in which the kernel counts, to nats.
    lse_ptrs = lse_ptr + (batch * num_heads + head) * num_queries + rows
    tl.store(lse_ptrs, (largest + tl.log2(total)) * 0.6931471805599453, mask=row_mask)


@jit
def attention_delta_kernel(
    dout_ptr, out_ptr, dlse_ptr, delta_ptr, num_queries, num_heads, size, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr
):  # fmt: skip
    num_tiles = tl.cdiv(num_queries, BLOCK_M)
    batch_head = (tl.program_id(0) // num_tiles).to(tl.int64)
    rows = tl.program_id(0) % num_tiles * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.arange(0, BLOCK_K)
    row_mask = rows < num_queries
    offsets = ((batch_head // num_heads * num_queries + rows) * num_heads + batch_head % num_heads) * size
    mask = row_mask[:, None] & (columns < size)[None, :]
    out = tl.load(out_ptr + offsets[:, None] + columns[None, :], mask=mask, other=0.0).to(tl.float32)
    dout = tl.load(dout_ptr + offsets[:, None] + columns[None, :], mask=mask, other=0.0).to(tl.float32)
    dlse = tl.load(dlse_ptr + batch_head * num_queries + rows, mask=row_mask, other=0.0)
    tl.store(delta_ptr + batch_head * num_queries + rows, tl.sum(out * dout, axis=1) - dlse, mask=row_mask)


@jit
def _score_gradients(left, right, dleft, dright, lse, delta, is_seen, scale_log2, MASKED: tl.constexpr):
    """p and dS of one tile; queries stand left (with dout) and keys right (with v), or the other way round."""
    scores = tl.dot(left, tl.trans(right), input_precision="ieee") * scale_log2
    p = tl.exp2(scores - lse * 1.4426950408889634)
    if MASKED:
        p = tl.where(is_seen, p, 0.0)
    dp = tl.dot(dleft, tl.trans(dright), input_precision="ieee")
    return p, p * (dp - delta)


@jit
def _dkdv_walk(
    dk, dv, k, v, keys, q_ptr, dout_ptr, lse_ptr, delta_ptr, starts_ptr, first, last, q_stride, dout_stride,
    num_queries, size, offset,
    scale_log2, HAS_DOCUMENTS: tl.constexpr, MASKED: tl.constexpr, MASK_SIZE: tl.constexpr, BLOCK_M: tl.constexpr,
    BLOCK_K: tl.constexpr,
):  # fmt: skip
    columns = tl.arange(0, BLOCK_K)
    for start in range(first, last, BLOCK_M):
        rows = start + tl.arange(0, BLOCK_M)
        # Rows past the end read as zeros: then dout = 0 and q = 0, and they add nothing.
        q = _load_tile(q_ptr, rows, columns, q_stride, num_queries, size, True, MASK_SIZE)
        dout = _load_tile(dout_ptr, rows, columns, dout_stride, num_queries, size, True, MASK_SIZE)
        lse = tl.load(lse_ptr + rows, mask=rows < num_queries, other=0.0)
        delta = tl.load(delta_ptr + rows, mask=rows < num_queries, other=0.0)
        is_seen = keys[:, None] <= (rows + offset)[None, :]
        if HAS_DOCUMENTS:
            starts = tl.load(starts_ptr + rows, mask=rows < num_queries, other=0)
            is_seen = is_seen & (keys[:, None] >= starts[None, :])
        p, dscores = _score_gradients(k, q, v, dout, lse[None, :], delta[None, :], is_seen, scale_log2, MASKED)
        dv = tl.dot(p.to(dout.dtype), dout, acc=dv, input_precision="ieee")
        dk = tl.dot(dscores.to(q.dtype), q, acc=dk, input_precision="ieee")
    return dk, dv


@jit
def attention_dkdv_kernel(
    q_ptr, k_ptr, v_ptr, dout_ptr, lse_ptr, delta_ptr, starts_ptr, ends_ptr, dk_ptr, dv_ptr,
    num_queries, num_keys, num_heads, group_size, size, scale, scale_log2,
    q_batch, q_time, q_head, k_batch, k_time, k_head, v_batch, v_time, v_head,
    HAS_DOCUMENTS: tl.constexpr, MASK_SIZE: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):  # fmt: skip
    num_key_heads = num_heads // group_size
    num_tiles = tl.cdiv(num_keys, BLOCK_N)
    batch = (tl.program_id(0) // num_tiles // num_key_heads).to(tl.int64)
    key_head = (tl.program_id(0) // num_tiles % num_key_heads).to(tl.int64)
    offset = num_keys - num_queries
    first_key = tl.program_id(0) % num_tiles * BLOCK_N
    keys = first_key + tl.arange(0, BLOCK_N)
    columns = tl.arange(0, BLOCK_K)
    k = _load_tile(k_ptr + batch * k_batch + key_head * k_head, keys, columns, k_time, num_keys, size, True, MASK_SIZE)
    v = _load_tile(v_ptr + batch * v_batch + key_head * v_head, keys, columns, v_time, num_keys, size, True, MASK_SIZE)
    dk = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
    dv = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
    # Queries before the tile's first key see none of it.
    first = tl.maximum(first_key - offset, 0) // BLOCK_M * BLOCK_M
    if HAS_DOCUMENTS:
        starts_ptr += batch * num_keys
        ends = tl.load(ends_ptr + batch * num_keys + keys, mask=keys < num_keys, other=0)
        masked_last = tl.max(ends, axis=0) + 1
    else:
        # From here on every query sees every key of the tile.
        masked_last = tl.minimum(
            tl.cdiv(tl.maximum(first_key + BLOCK_N - 1 - offset, 0), BLOCK_M) * BLOCK_M, num_queries
        )
    dout_time = num_heads * size
    # All query heads of the group go through this program, so that dk and dv are summed in registers.
    for member in range(group_size):
        head = key_head * group_size + member
        head_q_ptr = q_ptr + batch * q_batch + head * q_head
        head_dout_ptr = dout_ptr + (batch * num_queries * num_heads + head) * size
        statistics = (batch * num_heads + head) * num_queries
        dk, dv = _dkdv_walk(
            dk, dv, k, v, keys, head_q_ptr, head_dout_ptr, lse_ptr + statistics, delta_ptr + statistics, starts_ptr,
            first, masked_last, q_time, dout_time, num_queries, size, offset, scale_log2,
            HAS_DOCUMENTS, True, MASK_SIZE, BLOCK_M, BLOCK_K,
        )  # fmt: skip
        if not HAS_DOCUMENTS:
            dk, dv = _dkdv_walk(
                dk, dv, k, v, keys, head_q_ptr, head_dout_ptr, lse_ptr + statistics, delta_ptr + statistics, starts_ptr,
                masked_last, num_queries, q_time, dout_time, num_queries, size, offset, scale_log2,
                False, False, MASK_SIZE, BLOCK_M, BLOCK_K,
            )  # fmt: skip
    ptrs = (((batch * num_keys + keys) * num_key_heads + key_head) * size)[:, None] + columns[None, :]
    mask = (keys < num_keys)[:, None] & (columns < size)[None, :]
    tl.store(dk_ptr + ptrs, (dk * scale).to(dk_ptr.dtype.element_ty), mask=mask)
    tl.store(dv_ptr + ptrs, dv.to(dv_ptr.dtype.element_ty), mask=mask)


@jit
def _dq_walk(
    dq, q, dout, lse, delta, k_ptr, v_ptr, positions, starts, first, last, k_stride, v_stride, num_keys, size,
    scale_log2,
    MASKED: tl.constexpr, MASK_SIZE: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    columns = tl.arange(0, BLOCK_K)
    for start in range(first, last, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = _load_tile(k_ptr, keys, columns, k_stride, num_keys, size, MASKED, MASK_SIZE)
        v = _load_tile(v_ptr, keys, columns, v_stride, num_keys, size, MASKED, MASK_SIZE)
        is_seen = (keys[None, :] <= positions[:, None]) & (keys[None, :] >= starts[:, None])
        _, dscores = _score_gradients(q, k, dout, v, lse[:, None], delta[:, None], is_seen, scale_log2, MASKED)
        dq = tl.dot(dscores.to(k.dtype), k, acc=dq, input_precision="ieee")
    return dq


@jit
def attention_dq_kernel(
    q_ptr, k_ptr, v_ptr, dout_ptr, lse_ptr, delta_ptr, starts_ptr, dq_ptr,
    num_queries, num_keys, num_heads, group_size, size, scale, scale_log2,
    q_batch, q_time, q_head, k_batch, k_time, k_head, v_batch, v_time, v_head,
    HAS_DOCUMENTS: tl.constexpr, MASK_SIZE: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):  # fmt: skip
    num_tiles = tl.cdiv(num_queries, BLOCK_M)
    tile = num_tiles - 1 - tl.program_id(0) % num_tiles
    batch = (tl.program_id(0) // num_tiles // num_heads).to(tl.int64)
    head = (tl.program_id(0) // num_tiles % num_heads).to(tl.int64)
    k_ptr += batch * k_batch + head // group_size * k_head
    v_ptr += batch * v_batch + head // group_size * v_head
    offset = num_keys - num_queries
    rows = tile * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.arange(0, BLOCK_K)
    row_mask = rows < num_queries
    q = _load_tile(q_ptr + batch * q_batch + head * q_head, rows, columns, q_time, num_queries, size, True, MASK_SIZE)
    output_ptrs = (((batch * num_queries + rows) * num_heads + head) * size)[:, None] + columns[None, :]
    output_mask = row_mask[:, None] & (columns < size)[None, :]
    dout = tl.load(dout_ptr + output_ptrs, mask=output_mask, other=0.0)
    statistics = (batch * num_heads + head) * num_queries
    lse = tl.load(lse_ptr + statistics + rows, mask=row_mask, other=0.0)
    delta = tl.load(delta_ptr + statistics + rows, mask=row_mask, other=0.0)
    positions = rows + offset
    end = tl.minimum((tile + 1) * BLOCK_M + offset, num_keys)
    dq = tl.zeros([BLOCK_M, BLOCK_K], tl.float32)
    if HAS_DOCUMENTS:
        starts = tl.load(starts_ptr + batch * num_keys + rows, mask=row_mask, other=num_keys)
        first = tl.min(starts, axis=0) // BLOCK_N * BLOCK_N
    else:
        starts = tl.zeros([BLOCK_M], tl.int32)
        first = (tile * BLOCK_M + offset + 1) // BLOCK_N * BLOCK_N
        dq = _dq_walk(
            dq, q, dout, lse, delta, k_ptr, v_ptr, positions, starts, 0, first, k_time, v_time, num_keys, size,
            scale_log2,
            False, MASK_SIZE, BLOCK_N, BLOCK_K,
        )  # fmt: skip
    dq = _dq_walk(
        dq, q, dout, lse, delta, k_ptr, v_ptr, positions, starts, first, end, k_time, v_time, num_keys, size,
        scale_log2,
        True, MASK_SIZE, BLOCK_N, BLOCK_K,
    )  # fmt: skip
    tl.store(dq_ptr + output_ptrs, (dq * scale).to(dq_ptr.dtype.element_ty), mask=output_mask)
