"""Likelihood-ordered interval: against the law written out, coverage under the cap, agreement of interval and
p-value."""

import numpy as np
import pytest
from scipy import special, stats

from analysis.passes.likelihood_interval import likelihood_p_value, likelihood_stopped
from analysis.passes.stopping import mid_p_stopped, simulate_stopped


def _law(p, num_target, cap):
    """Every outcome of a capped design with its probability."""
    attempts = np.r_[np.arange(num_target, cap + 1), np.full(num_target, cap)]
    passes = np.r_[np.full(cap + 1 - num_target, num_target), np.arange(num_target)]
    probability = np.r_[
        stats.nbinom.pmf(np.arange(cap + 1 - num_target), num_target, p), stats.binom.pmf(np.arange(num_target), cap, p)
    ]
    return passes, attempts, probability


def _deviance(passes, attempts, p):
    share = passes / attempts
    return special.xlogy(passes, share / p) + special.xlogy(attempts - passes, (1 - share) / (1 - p))


@pytest.mark.parametrize("num_target, cap", [(1, 30), (5, 60), (10, 400)])
@pytest.mark.parametrize("p", [0.003, 0.04, 0.3, 0.61])
def test_p_value_is_the_sum_over_all_outcomes_as_unlikely(num_target, cap, p):
    passes, attempts, probability = _law(p, num_target, cap)
    deviance = _deviance(passes, attempts, p)
    summed = np.array([probability[deviance >= mine * (1 - 1e-9)].sum() for mine in deviance]) - probability / 2
    np.testing.assert_allclose(likelihood_p_value(passes, attempts, num_target, cap, p), summed, atol=1e-9)


def test_fixed_number_of_attempts():
    passes = np.arange(41)
    probability = stats.binom.pmf(passes, 40, 0.2)
    deviance = _deviance(passes, 40, 0.2)
    summed = np.array([probability[deviance >= mine * (1 - 1e-9)].sum() for mine in deviance]) - probability / 2
    np.testing.assert_allclose(likelihood_p_value(passes, 40, 41, 40, 0.2), summed, atol=1e-9)


def test_interval_and_p_value_agree_and_edges_are_closed():
    passes, attempts = simulate_stopped(1e-3, 5, 5000, 400, np.random.default_rng(0))
    low, high = likelihood_stopped(passes, attempts, 5, 5000)
    kept = likelihood_p_value(passes, attempts, 5, 5000, 1e-3) > 0.05
    assert np.mean(kept == ((low <= 1e-3) & (high >= 1e-3))) > 0.99
    assert np.all((low < passes / attempts) | (passes == 0)) and np.all(passes / attempts < high)
    low, high = likelihood_stopped([0, 3], [50, 3], 3, 50)
    assert low[0] == 0.0 and high[1] == 1.0 and high[0] == pytest.approx(1 - 0.05 ** (1 / 50), abs=0.02)


@pytest.mark.parametrize("p", [5e-5, 1e-4, 1e-3, 0.03, 0.2, 0.5])
def test_coverage_where_mid_p_dips(p):
    passes, attempts, probability = _law(p, 10, 100_000)
    kept = probability > 1e-12
    covered = probability[kept] @ (likelihood_p_value(passes[kept], attempts[kept], 10, 100_000, p) > 0.05)
    assert 0.94 <= covered <= 0.96
    if p == 5e-5:
        low, high = mid_p_stopped(passes[kept], attempts[kept], 10)
        assert probability[kept] @ ((low <= p) & (p <= high)) < 0.94


def test_counts_of_another_design_are_refused():
    with pytest.raises(ValueError, match="ends at neither"):
        likelihood_p_value(2, 40, 5, 50, 0.1)
