"""Counter-based random numbers, so that an attempt or a node of the tree draws the same whatever was drawn before it,
and exact splits of counts.

Numbers come from Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): key = who draws,
counter = what is drawn. A count is split over tokens down a binary tree of partial sums: at each fork a binomial draw
with the smaller side's probability, so that a token of 1e-20 beside one of 1 keeps all its digits (no 1 - p is ever
taken). Compiled by Numba; double precision throughout. Shape suffixes: n rows, C columns (tokens).
"""

from __future__ import annotations

import hashlib
import json
import math

import numpy as np
from numba import njit

_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_NUM_ROUNDS = 10
# Below this mean the inversion is the faster sampler; the rejection sampler needs at least 10 (Hoermann 1993).
_INVERSION_MEAN = 10.0
# So few attempts are sent down the tree one by one.
_FEW = 3
# Places of a stream: who (key), which node or attempt, which block or token place, and how many numbers were drawn.
_KEY, _ITEM, _GROUP, _NUM_DRAWN, _SPARE, _HAS_SPARE = range(6)


def stream_key(*parts: str | int) -> np.uint64:
    """64 bits that name a stream: a hash of its parts."""
    return np.uint64(int.from_bytes(hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).digest(), "little"))


def child_paths(paths_n: np.ndarray, tokens_n: np.ndarray) -> np.ndarray:
    """64 bits that name each child's path of tokens (uint64): the parent's, mixed with the token (finalizer of
    SplitMix64)."""
    mixed = paths_n + (tokens_n.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@njit(cache=True)
def philox(key: np.uint64, low: np.uint64, high: np.uint64) -> tuple[np.uint64, np.uint64]:
    """128 random bits of a 64-bit key and a 128-bit counter."""
    key0, key1 = key & _MASK, key >> _HALF
    c0, c1, c2, c3 = low & _MASK, low >> _HALF, high & _MASK, high >> _HALF
    for _ in range(_NUM_ROUNDS):
        first, second = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (second >> _HALF) ^ c1 ^ key0, second & _MASK, (first >> _HALF) ^ c3 ^ key1, first & _MASK
        key0, key1 = (key0 + _WEYL[0]) & _MASK, (key1 + _WEYL[1]) & _MASK
    return c0 | (c1 << _HALF), c2 | (c3 << _HALF)


@njit(cache=True)
def _to_unit(bits: np.uint64) -> float:
    """A number strictly between 0 and 1: the middle of one of 2^53 equal cells."""
    return (np.float64(bits >> np.uint64(11)) + 0.5) * 2.0**-53


@njit(cache=True)
def _uniform(stream: np.ndarray) -> float:
    if stream[_HAS_SPARE]:
        stream[_HAS_SPARE] = 0
        return _to_unit(stream[_SPARE])
    # A counter gives 128 bits; the second half waits for the next call.
    bits, stream[_SPARE] = philox(stream[_KEY], stream[_ITEM], (stream[_GROUP] << _HALF) | stream[_NUM_DRAWN])
    stream[_NUM_DRAWN] += np.uint64(1)
    stream[_HAS_SPARE] = 1
    return _to_unit(bits)


@njit(cache=True)
def attempt_uniforms(key: np.uint64, attempts_n: np.ndarray, place: int) -> np.ndarray:
    """One uniform number per attempt for the token at `place` [n]; it depends on nothing else."""
    out = np.empty(len(attempts_n))
    for i in range(len(attempts_n)):
        bits, _ = philox(key, np.uint64(attempts_n[i]), np.uint64(place))
        out[i] = _to_unit(bits)
    return out


@njit(cache=True)
def draw_tokens(weights_nC: np.ndarray, uniforms_n: np.ndarray) -> np.ndarray:
    """The column of each row at which the cumulative weight passes uniform * total [n]; a column of weight 0 never
    comes. One row serves all."""
    num_rows, num_columns = weights_nC.shape
    sums, out = np.empty(num_columns), np.empty(len(uniforms_n), np.int64)
    for i in range(len(uniforms_n)):
        if i < num_rows:
            total = 0.0
            for column in range(num_columns):
                total += weights_nC[i, column]
                sums[column] = total
        out[i] = np.searchsorted(sums, uniforms_n[i] * sums[-1], side="right")
    return out


@njit(cache=True)
def _inverted_binomial(stream: np.ndarray, num: int, p: float) -> int:
    """Number of successes of `num` trials by sequential search; for small means."""
    # P(0), and from there each probability from the one before.
    ratio, none = p / (1.0 - p), math.exp(num * math.log1p(-p))
    while True:
        rest, mass, successes = _uniform(stream), none, 0
        while rest > mass and successes < num:
            rest -= mass
            successes += 1
            mass *= (num - successes + 1) / successes * ratio
        if rest <= mass:  # otherwise rounding left the number behind the last value; draw again
            return successes


@njit(cache=True)
def _rejected_binomial(stream: np.ndarray, num: int, p: float) -> int:
    """Transformed rejection (BTRS of Hoermann 1993, J. Stat. Comput. Simul. 46); p at most 1/2, mean at least 10."""
    spread = math.sqrt(num * p * (1.0 - p))
    b = 1.15 + 2.53 * spread
    a, c, squeeze = -0.0873 + 0.0248 * b + 0.01 * p, num * p + 0.5, 0.92 - 4.2 / b
    alpha, mode = (2.83 + 5.1 / b) * spread, math.floor((num + 1) * p)
    log_odds = math.log(p / (1.0 - p))
    at_mode = math.lgamma(mode + 1.0) + math.lgamma(num - mode + 1.0)
    while True:
        u, v = _uniform(stream) - 0.5, _uniform(stream)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + c)
        # Nine of ten draws are taken here, without a logarithm.
        if us >= 0.07 and v <= squeeze:
            return int(k)
        if 0 <= k <= num:
            bound = at_mode - math.lgamma(k + 1.0) - math.lgamma(num - k + 1.0) + (k - mode) * log_odds
            if math.log(v * alpha / (a / (us * us) + b)) <= bound:
                return int(k)


@njit(cache=True)
def _left_count(stream: np.ndarray, num: int, left: float, right: float) -> int:
    """How many of `num` attempts go to the left, with weights `left` and `right`."""
    if left == 0.0 or right == 0.0:
        return num if right == 0.0 else 0
    # Both samplers want p at most 1/2: the rarer side is drawn.
    p = min(left, right) / (left + right)
    drawn = _inverted_binomial(stream, num, p) if num * p < _INVERSION_MEAN else _rejected_binomial(stream, num, p)
    return drawn if left <= right else num - drawn


@njit(cache=True)
def _leaf(stream: np.ndarray, sums: np.ndarray, node: int) -> int:
    """The leaf that one attempt reaches from `node`."""
    while 2 * node < len(sums):
        left, right = sums[2 * node], sums[2 * node + 1]
        node = 2 * node if right == 0.0 or _uniform(stream) * (left + right) < left else 2 * node + 1
    return node


@njit(cache=True)
def _split_row(stream: np.ndarray, num: int, sums: np.ndarray, counts: np.ndarray, touched: np.ndarray) -> int:
    """Adds the attempts to `counts` by leaf; returns how many leaves it wrote into `touched`."""
    num_touched, depth, first_leaf = 0, 1, len(sums) // 2
    # An explicit stack of subtrees and the attempts they hold: depth-first, so the order of draws is fixed.
    nodes, held = np.empty(64, np.int64), np.empty(64, np.int64)
    nodes[0], held[0] = 1, num
    while depth:
        depth -= 1
        node, num_here = nodes[depth], held[depth]
        if node < first_leaf and num_here > _FEW:
            num_left = _left_count(stream, num_here, sums[2 * node], sums[2 * node + 1])
            for child, num_child in ((2 * node + 1, num_here - num_left), (2 * node, num_left)):
                if num_child:
                    nodes[depth], held[depth] = child, num_child
                    depth += 1
            continue
        # At a leaf all go there at once; a few attempts are cheaper one by one than by binomials.
        for _ in range(1 if node >= first_leaf else num_here):
            leaf = _leaf(stream, sums, node) - first_leaf
            if counts[leaf] == 0:
                touched[num_touched] = leaf
                num_touched += 1
            counts[leaf] += num_here if node >= first_leaf else 1
    return num_touched


@njit(cache=True)
def split_counts(
    key: np.uint64, block: int, paths_n: np.ndarray, counts_n: np.ndarray, weights_nC: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multinomial draws: counts_n[i] attempts over the columns in proportion to weights_nC[i] (not necessarily
    normalised, at least one positive).

    Returns (row, column, count) of the counts above 0, by rows. A row's draw depends on (key, block, path, count,
    weights) alone.
    """
    num_columns = weights_nC.shape[1]
    # Weights as the leaves of a binary tree of sums: a count is split at each node between left and right, so a draw
    # costs a few binomials instead of one per column.
    first_leaf = 1
    while first_leaf < num_columns:
        first_leaf *= 2
    sums, stream = np.zeros(2 * first_leaf), np.zeros(6, np.uint64)
    counts, touched = np.zeros(first_leaf, np.int64), np.empty(first_leaf, np.int64)
    capacity = 0
    for num in counts_n:
        capacity += min(num, num_columns)
    rows, columns, drawn, size = (
        np.empty(capacity, np.int64),
        np.empty(capacity, np.int64),
        np.empty(capacity, np.int64),
        0,
    )
    for i in range(len(counts_n)):
        stream[_KEY], stream[_ITEM], stream[_GROUP] = key, paths_n[i], np.uint64(block)
        stream[_NUM_DRAWN], stream[_HAS_SPARE] = 0, 0
        sums[first_leaf : first_leaf + num_columns] = weights_nC[i]
        for node in range(first_leaf - 1, 0, -1):
            sums[node] = sums[2 * node] + sums[2 * node + 1]
        for j in range(_split_row(stream, counts_n[i], sums, counts, touched)):
            leaf = touched[j]
            rows[size], columns[size], drawn[size] = i, leaf, counts[leaf]
            counts[leaf] = 0
            size += 1
    return rows[:size], columns[:size], drawn[:size]
