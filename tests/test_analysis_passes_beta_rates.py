"""Mean pass rates from unequal attempts: planted means are covered where the plain mean is biased."""

import numpy as np
import pytest

from analysis.passes.beta_rates import fit_beta_rates

A, B = 0.3, 30.0


def sampled(seed: int, num_items: int = 120):
    """Items of a beta(A, B), tried 200 times, and 20 times longer where nothing passed: a sequential design."""
    rng = np.random.default_rng(seed)
    rate = rng.beta(A, B, num_items)
    attempts = np.full(num_items, 200.0)
    passes = rng.binomial(200, rate).astype(float)
    more = passes == 0
    attempts[more] += 4000
    passes[more] += rng.binomial(4000, rate[more])
    return passes, attempts


def test_the_planted_mean_is_covered_and_pooling_is_not_it():
    inside, pooled = 0, []
    for seed in range(20):
        passes, attempts = sampled(seed)
        found = fit_beta_rates(passes, attempts, num_replicates=60, seed=seed)
        inside += found.mean.low <= A / (A + B) <= found.mean.high
        pooled.append(passes.sum() / attempts.sum())
    assert inside >= 16
    assert np.mean(pooled) < 0.5 * A / (A + B), "a pooled rate weighs the items that were tried most"


def test_shape_is_recovered_and_seeds_repeat():
    passes, attempts = sampled(1, 2000)
    first, second = (fit_beta_rates(passes, attempts, num_replicates=20, seed=5) for _ in range(2))
    assert first.shape == pytest.approx((A, B), rel=0.25) and first.mean == second.mean


def test_what_cannot_be_judged_is_named():
    assert "1 items with a pass" in fit_beta_rates([1, 0, 0, 0, 0], [9] * 5).status
    assert "rows" in fit_beta_rates([1, 1], [2, 2]).status
    assert fit_beta_rates([3, 1, 1, 1, 1], [2] * 5).status.startswith("failed")
