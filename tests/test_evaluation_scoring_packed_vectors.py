"""The three vector loops against numpy in fp64, at lengths around the vector's."""

import numpy as np
import pytest
from numba import njit

from evaluation.scoring.packed_vectors import VECTOR, exponentiate, score_keys, sum_values


@njit
def run(query, keys, width, num_keys, weights, values, size, out):
    """Largest score, scores, sum of weights; weights and out in place."""
    highest = score_keys(query, keys, width, num_keys, weights)
    scores = weights.copy()
    total = exponentiate(weights, highest, num_keys)
    sum_values(weights, values, size, num_keys, out)
    return highest, scores, total


@pytest.mark.parametrize("num_keys", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("size", [16, 48])
def test_attention_of_one_query(num_keys, size):
    generator, width = np.random.default_rng(num_keys), 64
    query, keys, values = (
        generator.standard_normal(shape).astype(np.float32) for shape in ((size,), (size, width), (width, size))
    )
    weights, out = (
        np.full(width, np.nan, np.float32),
        np.full(size, np.nan, np.float32),
    )  # what stood there before must not matter
    highest, scores, total = run(query, keys.reshape(-1), width, num_keys, weights, values.reshape(-1), size, out)
    end = -(-num_keys // VECTOR) * VECTOR
    expected = query.astype(np.float64) @ keys[:, :num_keys].astype(np.float64)
    assert scores[:num_keys] == pytest.approx(expected, abs=2e-6 * size)
    assert (scores[num_keys:end] == np.float32(-1e30)).all() and np.isnan(scores[end:]).all()
    assert highest == scores[:num_keys].max()
    exponentials = np.exp(scores[:num_keys].astype(np.float64) - highest)
    assert weights[:num_keys] == pytest.approx(exponentials, rel=1e-5, abs=1e-37)
    assert (weights[num_keys:end] == 0).all()
    assert total == pytest.approx(exponentials.sum(), rel=1e-6)
    assert out == pytest.approx(exponentials @ values[:num_keys].astype(np.float64), abs=1e-5)


def test_exponential_over_its_whole_range():
    scores = np.linspace(-100, 0, 4096).astype(np.float32)
    weights = scores.copy()

    @njit
    def exponentials(weights):
        return exponentiate(weights, np.float32(0), len(weights))

    exponentials(weights)
    assert weights[scores > -87] == pytest.approx(np.exp(scores[scores > -87].astype(np.float64)), rel=1e-5)
    assert (weights[scores < -88.1] == 0).all()
