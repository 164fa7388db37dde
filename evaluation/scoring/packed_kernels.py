"""The element-wise passes of packed scoring on a CPU (evaluation/scoring/packed_forward.py), compiled by Numba; the
matrix products stay with oneDNN.

Every row's result is a function of that row's own path: loops run over keys in the order of their places, in whole
vectors with the last one masked, so neither the rows beside it nor the way its prefix is shared change a bit of it.
Arrays are fp32, or bf16 seen as uint16; arithmetic is fp32. Arrays named *_flat are indexed by hand: a slice per head
would cost more than the work. Shape suffixes: M rows, S segments, X spans, D width, H heads, G key-value heads, K head
size, V vocabulary.
"""

from __future__ import annotations

import numpy as np

from evaluation.scoring.packed_vectors import VECTOR, exponentiate, score_keys, sum_values
from models.cpu.kernels import _exp, _max_f32, narrow, widen
from models.cpu.storage import compiled

_compiled = compiled(more_intrinsics=("evaluation.scoring.packed_vectors", "models.cpu.kernels"))
_ZERO, _ONE, _MASKED = np.float32(0.0), np.float32(1.0), np.float32(-1e30)


@_compiled
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


@_compiled
def _gather(
    kv_flat, keys_at, values_at, stride, K, spans_X2, first_span, last_span, keys_flat, width, values_flat, size
):
    """Keys of a path, transposed, into keys [size, width], its values into values [width, size]; zero values up to the
    next whole vector."""
    j = np.uint64(0)
    for x in range(first_span, last_span):
        for row in range(spans_X2[x, 0], spans_X2[x, 0] + spans_X2[x, 1]):
            key, value, target = np.uint64(row * stride + keys_at), np.uint64(row * stride + values_at), j * size
            for i in range(np.uint64(K)):
                keys_flat[i * width + j] = widen(kv_flat[key + i])
                values_flat[target + i] = widen(kv_flat[value + i])
            j += np.uint64(1)
    # Weights behind the last key are zero, but zero times what an earlier path left there may be NaN.
    while j % np.uint64(VECTOR) != np.uint64(0):
        for i in range(np.uint64(K)):
            values_flat[j * size + i] = _ZERO
        j += np.uint64(1)


@_compiled
def attend(qkv_flat, kv_flat, kv_layout, segments_S4, spans_X2, out_row_M, out_flat, shape_HGK, longest):
    """Causal attention of rows over their paths.

    Segment s: rows segments[s, 0] .. + segments[s, 1] of qkv [M, (H + 2 G) K] are consecutive places of one path, whose
    keys, own ones last, are the rows of kv in the spans segments[s, 2] .. segments[s, 3]; a span is (first row, number
    of rows). kv_layout: (numbers per row of kv, where its keys begin, where its values begin). Row m's result goes to
    row out_row[m] of out [_, H K]; -1: it is not asked for. `longest`: keys of the longest path.
    """
    H, G, K = shape_HGK
    size, width = (K + VECTOR - 1) // VECTOR * VECTOR, (longest + VECTOR - 1) // VECTOR * VECTOR
    keys, values = np.zeros(size * width, np.float32), np.zeros(width * size, np.float32)
    weights, query, attended = np.zeros(width, np.float32), np.zeros(size, np.float32), np.zeros(size, np.float32)
    stride, keys_at, values_at = kv_layout
    for s in range(len(segments_S4)):
        first, length, first_span, last_span = (
            segments_S4[s, 0],
            segments_S4[s, 1],
            segments_S4[s, 2],
            segments_S4[s, 3],
        )
        # Keys before the segment's own ones: all of its spans but its own rows.
        num_before, is_asked = -length, False
        for x in range(first_span, last_span):
            num_before += spans_X2[x, 1]
        for m in range(first, first + length):
            is_asked |= out_row_M[m] >= 0
        if not is_asked:
            continue
        # The keys of a group are brought together once, transposed, for all its heads and all rows of the segment.
        for g in range(G):
            _gather(
                kv_flat,
                keys_at + g * K,
                values_at + g * K,
                stride,
                K,
                spans_X2,
                first_span,
                last_span,
                keys,
                np.uint64(width),
                values,
                np.uint64(size),
            )
            for h in range(g * (H // G), (g + 1) * (H // G)):
                for t in range(length):
                    if out_row_M[first + t] < 0:
                        continue
                    source, target = (
                        np.uint64((first + t) * (H + 2 * G) * K + h * K),
                        np.uint64(out_row_M[first + t] * H * K + h * K),
                    )
                    for i in range(np.uint64(K)):
                        query[i] = widen(qkv_flat[source + i])
                    num_keys = num_before + t + 1
                    # Unnormalised weights, and one division at the end: a row's sum is taken in the order of its keys,
                    # whatever else is in the pass.
                    inverse = _ONE / exponentiate(weights, score_keys(query, keys, width, num_keys, weights), num_keys)
                    sum_values(weights, values, size, num_keys, attended)
                    for i in range(np.uint64(K)):
                        out_flat[target + i] = narrow(attended[i] * inverse, out_flat[target])


@_compiled
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
