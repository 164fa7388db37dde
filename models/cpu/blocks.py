"""Causal attention of short sequences on a CPU, forward and backward, one head at a time in the nearest cache.

For heads of 16 and sequences of 128 a batched product is mostly overhead, and half of what it computes lies after the
query. Here a head's queries go through in blocks of sixteen, one query a lane, against the keys up to the block's end;
the softmax needs no sum across lanes. Nothing of size T x T is kept: the backward pass computes the weights anew from
their maximum and sum (FlashAttention, arXiv 2205.14135). Rotary positions and the change between rows of heads and
heads of rows happen on the way in and out. Where bf16 is emulated, numbers are rounded where bf16 storage would round
them: scores, weights, their gradients and all that is read or written. Shape suffixes as in gpt.py; sizes are padded to
whole vectors, P = padded K, S = padded T, with zeros that change nothing.
"""

from __future__ import annotations

import numpy as np

from models.cpu.storage import compiled, narrow, widen
from models.cpu.tiles import add_block_product, block_product, transpose_block
from models.cpu.vectors import (
    LANES,
    exp,
    keep_from,
    lane_numbers,
    load,
    load_rounded,
    maximum,
    multiply_add,
    splat,
    store,
    store_rounded,
    swap_halves,
)

_ONE, _ZERO, _LOWEST = np.float32(1.0), np.float32(0.0), np.float32(-1e30)


def padded(length: int) -> int:
    """A length in whole vectors."""
    return -(-length // LANES) * LANES


def rotary_rows(cos_TK2: np.ndarray, sin_TK2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tables of the rotation of whole heads, [T, P] and flat: cos twice, and sin with the sign of each half."""
    T, half = cos_TK2.shape
    rows = np.zeros((2, T, padded(2 * half)), np.float32)
    rows[0, :, : 2 * half] = np.concatenate([cos_TK2, cos_TK2], axis=1)
    rows[1, :, : 2 * half] = np.concatenate([-sin_TK2, sin_TK2], axis=1)
    return rows[0].reshape(-1), rows[1].reshape(-1)


@compiled
def _take_head(qkv, row_width, column, cos, sin, scale, rotated, T, K, P):
    """Rotates (sine_sign scale) one head of all rows of a sequence into rotated [S, P]; qkv is a flat part that begins
    at the sequence."""
    half = K // 2
    if K == LANES:
        for t in range(T):
            x = load_rounded(qkv, t * row_width + column)
            turned = multiply_add(swap_halves(x), load(sin, t * P), x * load(cos, t * P))
            store_rounded(turned * splat(scale), rotated, t * P)
        return
    for t in range(T):
        at, table, place = t * row_width + column, t * P, t * P
        for i in range(half):
            x1, x2 = widen(qkv[at + i]), widen(qkv[at + half + i])
            c, s = cos[table + i], sin[table + half + i]
            rotated[place + i] = narrow((x1 * c - x2 * s) * scale, rotated[place])
            rotated[place + half + i] = narrow((x2 * c + x1 * s) * scale, rotated[place])


@compiled
def _take_rows(x, row_width, column, rows, T, K, P):
    """Copies one head of all rows of a sequence into rows [S, P]."""
    if K == LANES:
        for t in range(T):
            store(load_rounded(x, t * row_width + column), rows, t * P)
        return
    for t in range(T):
        for i in range(K):
            rows[t * P + i] = narrow(widen(x[t * row_width + column + i]), rows[t * P])


@compiled
def _give_rows(rows, first, x, row_width, column, T, K, P):
    """Copies rows [T, P] into one head of rows from `first` on."""
    for t in range(T):
        if K == LANES:
            store_rounded(load(rows, t * P), x, (first + t) * row_width + column)
        else:
            for i in range(K):
                x[(first + t) * row_width + column + i] = narrow(widen(rows[t * P + i]), x[0])


@compiled
def _transpose(rows_SP, columns_PS, S, P):
    for i in range(0, P, LANES):
        for t in range(0, S, LANES):
            transpose_block(rows_SP, t * P + i, P, columns_PS, i * S + t, S)


@compiled
def _scores(keys, queries_PS, first, scores, S, P):
    """scores[j, lane] = key j . query first + lane, for all keys up to the block's end."""
    for j in range(0, first + LANES, LANES):
        block_product(keys, j * P, P, 1, queries_PS, first, S, scores, j * LANES, LANES, P)


@compiled
def _softmax(scores, first, highest, inverse):
    """In place; the largest score and one over the sum of each query are kept for the backward pass."""
    end = first + LANES
    top, total = splat(_LOWEST), splat(_ZERO)
    # Keys before the block are seen by all of its queries; the mask is needed in the block itself alone.
    for j in range(first):
        score = load_rounded(scores, j * LANES)
        top = maximum(top, score)
        store(score, scores, j * LANES)
    for j in range(first, end):
        # Lane l is query first + l: it sees key j from lane j - first on.
        score = keep_from(load_rounded(scores, j * LANES), lane_numbers(), splat(np.float32(j - first)))
        top = maximum(top, score)
        store(score, scores, j * LANES)
    for j in range(end):
        weight = exp(load(scores, j * LANES) - top)
        total = total + weight
        store(weight, scores, j * LANES)
    scale = splat(_ONE) / total
    # Two numbers a query: from them the backward pass makes the weights again.
    store(top, highest, first)
    store(scale, inverse, first)
    for j in range(end):
        store_rounded(load(scores, j * LANES) * scale, scores, j * LANES)


@compiled
def _softmax_backward(scores, dweights, first, highest, inverse):
    """In place: scores become the weights again, dweights the gradients of the scores p * (dp - sum(p * dp))."""
    # The softmax of the forward pass again, from its maximum and its sum, and with it sum(p * dp).
    end, top, scale, total = first + LANES, load(highest, first), load(inverse, first), splat(_ZERO)
    for j in range(first, end):
        score = keep_from(load_rounded(scores, j * LANES), lane_numbers(), splat(np.float32(j - first)))
        store(score, scores, j * LANES)
    for j in range(end):
        store_rounded(exp(load_rounded(scores, j * LANES) - top) * scale, scores, j * LANES)
        total = multiply_add(load(scores, j * LANES), load_rounded(dweights, j * LANES), total)
    for j in range(end):
        store_rounded(load(scores, j * LANES) * (load_rounded(dweights, j * LANES) - total), dweights, j * LANES)


@compiled
def attention_forward(qkv_MX, cos, sin, attended_MD, highest, inverse, shape_BTHGK, q_scale):
    """qkv [M, (H + 2 G) K], flat, to attended [M, H K], flat; highest and inverse [B * H, S] fp32 are what backward
    needs."""
    B, T, H, G, K = shape_BTHGK
    S, P, width = -(-T // LANES) * LANES, -(-K // LANES) * LANES, (H + 2 * G) * K
    # Zeros once for all heads: the padding beyond T and K is never written, so it stays zero and adds nothing.
    kept = np.zeros((4, S * P), qkv_MX.dtype)
    query, key, value, query_PS = kept[0], kept[1], kept[2], kept[3]
    scores, block = np.zeros(S * LANES, qkv_MX.dtype), np.zeros(LANES * P, qkv_MX.dtype)
    for b in range(B):
        rows, out = qkv_MX[b * T * width : (b + 1) * T * width], attended_MD[b * T * H * K : (b + 1) * T * H * K]
        for h in range(H):
            g, at = h // (H // G), (b * H + h) * S
            _take_head(rows, width, h * K, cos, sin, q_scale, query, T, K, P)
            _transpose(query, query_PS, S, P)
            if h % (H // G) == 0:
                _take_head(rows, width, (H + g) * K, cos, sin, _ONE, key, T, K, P)
                _take_rows(rows, width, (H + G + g) * K, value, T, K, P)
            for first in range(0, S, LANES):
                _scores(key, query_PS, first, scores, S, P)
                _softmax(scores, first, highest[at : at + S], inverse[at : at + S])
                for i in range(0, P, LANES):
                    block_product(scores, 0, 1, LANES, value, i, P, block, i, P, first + LANES)
                _give_rows(block, first, out, H * K, h * K, min(LANES, T - first), K, P)


@compiled
def _give_head(drotated, cos, sin, scale, dqkv, row_width, column, T, K, P):
    """Transpose of _take_head: rotates the gradient [S, P] back into its columns."""
    half = K // 2
    if K == LANES:
        for t in range(T):
            y = load_rounded(drotated, t * P)
            x = y * load(cos, t * P) - swap_halves(y) * load(sin, t * P)
            store_rounded(x * splat(scale), dqkv, t * row_width + column)
        return
    for t in range(T):
        at, table, place = t * row_width + column, t * P, t * P
        for i in range(half):
            y1, y2 = widen(drotated[place + i]), widen(drotated[place + half + i])
            c, s = cos[table + i], sin[table + half + i]
            dqkv[at + i] = narrow((y1 * c + y2 * s) * scale, dqkv[at])
            dqkv[at + half + i] = narrow((y2 * c - y1 * s) * scale, dqkv[at])


@compiled
def attention_backward(dattended_MD, qkv_MX, cos, sin, highest, inverse, dqkv_MX, shape_BTHGK, q_scale):
    """Gradient of qkv from that of attended; all flat. Key and value gradients are summed over the query heads of a
    group in fp32."""
    B, T, H, G, K = shape_BTHGK
    S, P, width = -(-T // LANES) * LANES, -(-K // LANES) * LANES, (H + 2 * G) * K
    kept = np.zeros((9, S * P), qkv_MX.dtype)
    query, key, value, query_PS, dout, dout_PS = kept[0], kept[1], kept[2], kept[3], kept[4], kept[5]
    dquery, dkey, dvalue = kept[6], kept[7], kept[8]
    scores, dweights = np.zeros(S * LANES, qkv_MX.dtype), np.zeros(S * LANES, qkv_MX.dtype)
    for b in range(B):
        rows, drows = qkv_MX[b * T * width : (b + 1) * T * width], dqkv_MX[b * T * width : (b + 1) * T * width]
        douts = dattended_MD[b * T * H * K : (b + 1) * T * H * K]
        for h in range(H):
            g, at = h // (H // G), (b * H + h) * S
            _take_head(rows, width, h * K, cos, sin, q_scale, query, T, K, P)
            _transpose(query, query_PS, S, P)
            _take_rows(douts, H * K, h * K, dout, T, K, P)
            _transpose(dout, dout_PS, S, P)
            if h % (H // G) == 0:
                _take_head(rows, width, (H + g) * K, cos, sin, _ONE, key, T, K, P)
                _take_rows(rows, width, (H + G + g) * K, value, T, K, P)
                dkey[:], dvalue[:] = 0, 0
            for first in range(0, S, LANES):
                _scores(key, query_PS, first, scores, S, P)
                _scores(value, dout_PS, first, dweights, S, P)
                _softmax_backward(scores, dweights, first, highest[at : at + S], inverse[at : at + S])
                for i in range(0, P, LANES):
                    block_product(dweights, 0, 1, LANES, key, i, P, dquery, first * P + i, P, first + LANES)
                    for j in range(0, first + LANES, LANES):
                        add_block_product(
                            scores, j * LANES, LANES, 1, dout, first * P + i, P, dvalue, j * P + i, P, LANES
                        )
                        add_block_product(
                            dweights, j * LANES, LANES, 1, query, first * P + i, P, dkey, j * P + i, P, LANES
                        )
            _give_head(dquery, cos, sin, q_scale, drows, width, h * K, T, K, P)
            if (h + 1) % (H // G) == 0:
                _give_head(dkey, cos, sin, _ONE, drows, width, (H + g) * K, T, K, P)
                _give_rows(dvalue, 0, drows, width, (H + G + g) * K, T, K, P)
