"""The element-wise passes of packed scoring on a CPU (packed.py), compiled by Numba; the matrix products stay with oneDNN.

Every row's result is a function of that row's own path: loops run over keys in the order of their places, in whole blocks of BLOCK with the
last one masked, so neither the rows beside it nor the way its prefix is shared change a bit of it.
Arrays are fp32, or bf16 seen as uint16; arithmetic is fp32. Arrays named *_flat are indexed by hand: a slice per head would cost more than the work.
Shape suffixes: M rows, S segments, X spans, D width, H heads, G key-value heads, K head size, V vocabulary.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# The exponential and the maximum are the trainer's: two forms of one function would have to be tested twice.
from models.cpu_kernels import _exp, _max_f32, narrow, widen

_COMPILE = {"fastmath": {"reassoc", "contract", "arcp", "nsz", "nnan"}, "error_model": "numpy", "cache": True}
_ZERO, _ONE, _MASKED = np.float32(0.0), np.float32(1.0), np.float32(-1e30)
BLOCK = 16  # keys at a time: one AVX-512 register
UNROLL = 8  # head dimensions at a time; head sizes are filled up to a multiple with zeros


@njit(**_COMPILE)
def rotate_rows(qkv_flat, places_M, cos_flat, sin_flat, shape_HGK, q_scale):
    """In place: rotary positions on queries and keys of rows [M, (H + 2 G) K], queries scaled by q_scale."""
    H, G, K = shape_HGK
    half, width = np.uint64(K // 2), (H + 2 * G) * K
    for m in range(len(places_M)):
        table = np.uint64(places_M[m]) * half
        for h in range(H + G):
            at, scale = np.uint64(m * width + h * K), q_scale if h < H else _ONE
            for i in range(half):
                x1, x2 = widen(qkv_flat[at + i]), widen(qkv_flat[at + half + i])
                cos, sin = cos_flat[table + i] * scale, sin_flat[table + i] * scale
                qkv_flat[at + i] = narrow(x1 * cos - x2 * sin, qkv_flat[at + i])
                qkv_flat[at + half + i] = narrow(x2 * cos + x1 * sin, qkv_flat[at + i])


@njit(**_COMPILE)
def _gather(kv_flat, at, stride, K, spans_X2, first_span, last_span, columns_flat, width):
    """Transposes the keys (or values) of a path into columns_flat [K, width]; zero up to the next whole block."""
    j = np.uint64(0)
    for x in range(first_span, last_span):
        for row in range(spans_X2[x, 0], spans_X2[x, 0] + spans_X2[x, 1]):
            source = np.uint64(row * stride + at)
            for i in range(np.uint64(K)):
                columns_flat[i * width + j] = widen(kv_flat[source + i])
            j += np.uint64(1)
    while j % np.uint64(BLOCK) != np.uint64(0):
        for i in range(np.uint64(K)):
            columns_flat[i * width + j] = _ZERO
        j += np.uint64(1)


@njit(**_COMPILE)
def _attend_one(query_K, keys_flat, values_flat, width, num_keys, weights_N, out_K):
    """Softmax attention of one query over the first `num_keys` columns."""
    K, four = len(query_K), width + width + width + width
    end = np.uint64((num_keys + BLOCK - 1) // BLOCK * BLOCK)
    for i in range(0, K, 4):  # four: with more streams LLVM gives up proving that they do not overlap, and the loop stays scalar
        q0, q1, q2, q3 = query_K[i], query_K[i + 1], query_K[i + 2], query_K[i + 3]
        k0 = np.uint64(i) * width
        k1 = k0 + width
        k2, k3 = k1 + width, k1 + width + width
        if i == 0:
            for j in range(end):
                weights_N[j] = q0 * keys_flat[k0 + j] + q1 * keys_flat[k1 + j] + q2 * keys_flat[k2 + j] + q3 * keys_flat[k3 + j]
        else:
            for j in range(end):
                weights_N[j] += q0 * keys_flat[k0 + j] + q1 * keys_flat[k1 + j] + q2 * keys_flat[k2 + j] + q3 * keys_flat[k3 + j]
    for j in range(np.uint64(num_keys), end):
        weights_N[j] = _MASKED
    highest = _MASKED
    for j in range(end):
        highest = _max_f32(highest, weights_N[j])
    total = _ZERO
    for j in range(end):
        weight = _exp(weights_N[j] - highest)
        weights_N[j] = weight
        total += weight
    inverse = _ONE / total
    for i in range(0, K, UNROLL):
        v0 = np.uint64(i) * width
        v1 = v0 + width
        v2, v3 = v1 + width, v1 + width + width
        v4, v5, v6, v7 = v0 + four, v1 + four, v2 + four, v3 + four
        a0, a1, a2, a3, a4, a5, a6, a7 = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
        for j in range(end):
            weight = weights_N[j]
            a0 += weight * values_flat[v0 + j]
            a1 += weight * values_flat[v1 + j]
            a2 += weight * values_flat[v2 + j]
            a3 += weight * values_flat[v3 + j]
            a4 += weight * values_flat[v4 + j]
            a5 += weight * values_flat[v5 + j]
            a6 += weight * values_flat[v6 + j]
            a7 += weight * values_flat[v7 + j]
        out_K[i], out_K[i + 1], out_K[i + 2], out_K[i + 3] = a0 * inverse, a1 * inverse, a2 * inverse, a3 * inverse
        out_K[i + 4], out_K[i + 5], out_K[i + 6], out_K[i + 7] = a4 * inverse, a5 * inverse, a6 * inverse, a7 * inverse


@njit(**_COMPILE)
def attend(qkv_flat, kv_flat, kv_layout, segments_S4, spans_X2, out_row_M, out_flat, shape_HGK, longest):
    """Causal attention of rows over their paths.

    Segment s: rows segments[s, 0] .. + segments[s, 1] of qkv [M, (H + 2 G) K] are consecutive places of one path, whose keys, own ones last, are
    the rows of kv in the spans segments[s, 2] .. segments[s, 3]; a span is (first row, number of rows). kv_layout: (numbers per row of kv, where
    its keys begin, where its values begin). Row m's result goes to row out_row[m] of out [_, H K]; -1: it is not asked for.
    `longest`: keys of the longest path.
    """
    H, G, K = shape_HGK
    filled = (K + UNROLL - 1) // UNROLL * UNROLL
    width = np.uint64((longest + BLOCK - 1) // BLOCK * BLOCK)
    keys, values = np.zeros(filled * width, np.float32), np.zeros(filled * width, np.float32)
    weights, query, attended = np.zeros(width, np.float32), np.zeros(filled, np.float32), np.zeros(filled, np.float32)
    stride, keys_at, values_at = kv_layout
    for s in range(len(segments_S4)):
        first, length, first_span, last_span = segments_S4[s, 0], segments_S4[s, 1], segments_S4[s, 2], segments_S4[s, 3]
        num_before, is_asked = -length, False
        for x in range(first_span, last_span):
            num_before += spans_X2[x, 1]
        for m in range(first, first + length):
            is_asked |= out_row_M[m] >= 0
        if not is_asked:
            continue
        for g in range(G):
            _gather(kv_flat, keys_at + g * K, stride, K, spans_X2, first_span, last_span, keys, width)
            _gather(kv_flat, values_at + g * K, stride, K, spans_X2, first_span, last_span, values, width)
            for h in range(g * (H // G), (g + 1) * (H // G)):
                for t in range(length):
                    if out_row_M[first + t] < 0:
                        continue
                    source, target = np.uint64((first + t) * (H + 2 * G) * K + h * K), np.uint64(out_row_M[first + t] * H * K + h * K)
                    for i in range(np.uint64(K)):
                        query[i] = widen(qkv_flat[source + i])
                    _attend_one(query, keys, values, width, num_before + t + 1, weights, attended)
                    for i in range(np.uint64(K)):
                        out_flat[target + i] = narrow(attended[i], out_flat[target])


@njit(**_COMPILE)
def log_normalizers(logits_MV, out_M):
    """log sum exp of each row, in fp64."""
    M, V = logits_MV.shape
    for m in range(M):
        logits = logits_MV[m]
        highest = logits[0]
        for v in range(V):
            highest = _max_f32(highest, logits[v])
        total = _ZERO
        for v in range(V):
            total += _exp(logits[v] - highest)
        out_M[m] = np.float64(highest) + np.log(np.float64(total))
