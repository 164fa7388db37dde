"""Stopped sampling: unbiased under the cap, coverage of 10,000 replicates over p from 1e-5 to 0.5, by-hand values."""

import numpy as np
import pytest
from scipy import stats

from analysis.passes.stopping import (
    exact_stopped,
    mid_p_stopped,
    pooled_pass_rate,
    ratio_estimate,
    simulate_stopped,
    unbiased_estimate,
    unbiased_variance,
    upper_tail,
)

REPLICATES = 10_000
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5)
# Three standard errors of a coverage near 0.95 measured on 10,000 replicates.
NOISE = 3 * np.sqrt(0.95 * 0.05 / REPLICATES)


def _law(p, num_target, cap):
    """Every outcome of a small capped design with its probability."""
    attempts = np.r_[np.arange(num_target, cap + 1), np.full(num_target, cap)]
    passes = np.r_[np.full(cap + 1 - num_target, num_target), np.arange(num_target)]
    probability = np.r_[
        stats.nbinom.pmf(np.arange(cap + 1 - num_target), num_target, p), stats.binom.pmf(np.arange(num_target), cap, p)
    ]
    return passes, attempts, probability


@pytest.mark.parametrize("num_target", [2, 3, 5])
@pytest.mark.parametrize("p", [0.03, 0.2, 0.6])
def test_estimator_and_variance_are_unbiased_under_the_cap(num_target, p):
    passes, attempts, probability = _law(p, num_target, 40)
    assert probability.sum() == pytest.approx(1)
    estimate = unbiased_estimate(passes, attempts, num_target)
    assert estimate @ probability == pytest.approx(p)
    assert ratio_estimate(passes, attempts) @ probability > p * 1.005
    if num_target >= 3:
        variance = (estimate**2) @ probability - p**2
        assert unbiased_variance(passes, attempts, num_target) @ probability == pytest.approx(variance, rel=0.05)


def test_bias_of_the_papers_estimator_at_one_pass():
    p = 1e-3
    _, attempts, probability = _law(p, 1, 40_000)
    assert (1 / attempts) @ probability / p == pytest.approx(-np.log(p) / (1 - p), rel=1e-3)
    assert np.all(np.isnan(unbiased_variance([2], [9], 2)))


@pytest.mark.parametrize("num_target, p", [(1, 0.2), (2, 0.05), (5, 0.3), (5, 0.02)])
def test_exact_interval_never_below_its_level(num_target, p):
    passes, attempts, probability = _law(p, num_target, 60)
    low, high = exact_stopped(passes, attempts, num_target)
    mid_low, mid_high = mid_p_stopped(passes, attempts, num_target)
    assert probability[(low <= p) & (p <= high)].sum() >= 0.95 - 1e-12
    assert np.all(low <= mid_low + 1e-9) and np.all(mid_high <= high + 1e-9)
    assert probability[(mid_low <= p) & (p <= mid_high)].sum() >= 0.90


def test_orders_of_evidence_and_edges():
    # Fewer attempts, then more passes at the cap: both ends fall along this order.
    passes, attempts = np.array([3, 3, 3, 2, 1, 0]), np.array([3, 10, 50, 50, 50, 50])
    for interval in (exact_stopped, mid_p_stopped):
        low, high = interval(passes, attempts, 3)
        assert np.all(np.diff(low) <= 0) and np.all(np.diff(high) <= 0)
        assert high[0] == 1.0 and low[-1] == 0.0
    # At the cap without r passes it is Clopper-Pearson.
    reference = stats.binomtest(2, 50).proportion_ci(0.95, "exact")
    np.testing.assert_allclose(np.stack(exact_stopped(2, 50, 3)), [reference.low, reference.high], atol=1e-10)
    with pytest.raises(ValueError, match="num_target = 3"):
        exact_stopped(4, 50, 3)


def test_interval_and_tail_agree():
    rng = np.random.default_rng(0)
    passes, attempts = simulate_stopped(1e-3, 5, 5000, 500, rng)
    low, high = mid_p_stopped(passes, attempts, 5)
    mid = upper_tail(passes, attempts, 5, 1e-3, is_mid=True)
    np.testing.assert_array_equal((low <= 1e-3) & (high >= 1e-3), (mid >= 0.025) & (mid <= 0.975))


@pytest.mark.parametrize("num_target", [5, 10])
def test_coverage_over_five_decades(num_target):
    rng = np.random.default_rng(num_target)
    cap = 100_000
    for p in RATES:
        passes, attempts = simulate_stopped(p, num_target, cap, REPLICATES, rng)
        low, high = exact_stopped(passes, attempts, num_target)
        assert np.mean((low <= p) & (p <= high)) >= 0.95 - NOISE, p
        if p * cap >= 5:
            low, high = mid_p_stopped(passes, attempts, num_target)
            assert 0.94 - NOISE <= np.mean((low <= p) & (p <= high)) <= 0.96 + NOISE, p
            assert np.mean(unbiased_estimate(passes, attempts, num_target)) == pytest.approx(p, rel=0.04)


def test_simulation_follows_the_law():
    rng = np.random.default_rng(0)
    passes, attempts = simulate_stopped(0.05, 3, 40, 20_000, rng)
    expected = _law(0.05, 3, 40)
    observed = np.array([np.sum((passes == x) & (attempts == k)) for x, k in zip(*expected[:2])])
    assert stats.chisquare(observed, expected[2] / expected[2].sum() * 20_000).pvalue > 0.001


def test_pooled_rate_covers_and_counts_censored_items():
    rng = np.random.default_rng(0)
    rates = 10 ** rng.uniform(-4.5, -1, size=40)
    hits = []
    for _ in range(150):
        drawn = [simulate_stopped(p, 4, 20_000, 1, rng) for p in rates]
        pooled = pooled_pass_rate(np.array([x[0][0] for x in drawn]), np.array([x[1][0] for x in drawn]), 4)
        hits.append(pooled.low <= rates.mean() <= pooled.high)
    assert np.mean(hits) >= 0.86 and "censored at the cap" in pooled.status
    none = pooled_pass_rate(np.zeros(10), np.full(10, 1000), 3)
    assert none.estimate == 0 and none.low == 0 and 2e-4 < none.high < 6e-4
    assert pooled_pass_rate([2], [10], 2).status.startswith("failed")
