"""Intervals: known values, coverage, and failures that are told."""

import numpy as np
import pytest
from scipy import stats

from analysis import intervals


def test_proportion_intervals_match_scipy_and_contain_the_share():
    passes, items = np.array([0, 1, 5, 20, 40]), 40
    wilson, exact = (
        np.transpose([stats.binomtest(int(k), items).proportion_ci(0.95, method) for k in passes])
        for method in ("wilson", "exact")
    )
    np.testing.assert_allclose(intervals.wilson(passes, items), wilson, atol=1e-12)
    mid_low, mid_high = intervals.mid_p(passes, items)
    assert np.all(mid_low >= exact[0]) and np.all(mid_high <= exact[1])
    assert np.all(mid_low <= passes / items) and np.all(passes / items <= mid_high)
    # Its defining equation, at an inner point.
    assert stats.binom.sf(5, 40, mid_low[2]) + stats.binom.pmf(5, 40, mid_low[2]) / 2 == pytest.approx(0.025, abs=1e-9)


@pytest.mark.parametrize("p", [0.02, 0.25, 0.7])
def test_proportion_coverage_over_all_outcomes(p):
    num = 120
    outcome = np.arange(num + 1)
    weight = stats.binom.pmf(outcome, num, p)

    def coverage(interval):
        low, high = interval(outcome, num)
        return np.sum(weight[(low <= p) & (p <= high)])

    assert 0.93 <= coverage(intervals.mid_p) <= 0.985
    assert 0.91 <= coverage(intervals.wilson) <= 0.985


def test_counts_out_of_range_are_refused():
    with pytest.raises(ValueError, match="num_passes"):
        intervals.wilson(5, 4)


def _clustered(seed, num_runs):
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(num_runs), 10)
    return runs, rng.normal(size=num_runs)[runs] + 0.3 * rng.normal(size=len(runs))


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_run_bootstrap_covers_a_clustered_mean(method):
    hits = 0
    for seed in range(60):
        runs, value = _clustered(seed, 8)
        result = intervals.bootstrap_runs(np.mean, runs, value, num_replicates=150, seed=seed, method=method)
        hits += result.low <= 0 <= result.high
    assert 0.88 <= hits / 60 <= 1.0


def test_ignoring_clusters_would_not_cover():
    """The test above can fail: rows taken as independent cover far less."""
    hits = 0
    for seed in range(40):
        _, value = _clustered(seed, 8)
        result = intervals.bootstrap_items(np.mean, value, num_replicates=100, seed=seed)
        hits += result.low <= 0 <= result.high
    assert hits / 40 < 0.75


def test_bootstrap_is_deterministic_and_keeps_runs_whole():
    runs, value = _clustered(0, 6)
    first, second = (intervals.bootstrap_runs(np.median, runs, value, seed=3, num_replicates=100) for _ in range(2))
    assert first == second != intervals.bootstrap_runs(np.median, runs, value, seed=4, num_replicates=100)
    sizes = intervals.run_replicates(lambda r: len(np.unique(r)) * 1000 + len(r), runs, runs, num_replicates=50)
    assert set(sizes % 1000) == {60}


def test_strata_are_each_resampled_to_their_own_number():
    runs = np.arange(9)
    labels, counts = intervals.run_counts(runs, 200, 0, strata=np.repeat([1, 2, 3], 3))
    assert np.all(counts.reshape(200, 3, 3).sum(axis=2) == 3) and counts.max() > 1 and len(labels) == 9


def test_failures_are_told():
    assert intervals.bootstrap_runs(np.mean, ["a"] * 4, np.arange(4.0)).status.startswith("failed: 1 run")
    assert "few runs (3)" in intervals.bootstrap_runs(np.mean, [0, 1, 2], np.arange(3.0)).status
    mostly_nan = intervals.from_replicates(1.0, np.r_[np.full(20, np.nan), np.ones(80)])
    assert not mostly_nan.ok and np.isnan(mostly_nan.low)
    assert "2 of 100" in intervals.from_replicates(1.0, np.r_[np.full(2, np.nan), np.linspace(0, 2, 98)]).status
    with pytest.raises(ValueError, match="method"):
        intervals.from_replicates(1.0, np.ones(5), method="magic")
    with pytest.raises(ValueError, match="array 0"):
        intervals.bootstrap_runs(np.mean, [0, 1], np.arange(3.0))
