"""Correlations: scipy's values, coverage over runs, and failures that are told."""

import numpy as np
import pytest
from scipy import stats

from analysis.correlation import pearson, spearman


def _rows(seed, num_runs=9):
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(num_runs), 20)
    loss = rng.normal(size=len(runs))
    return runs, loss, -loss + 0.3 * rng.normal(size=num_runs)[runs] + 0.3 * rng.normal(size=len(runs))


# Of the population above: Pearson -1/sqrt(1.18); Spearman of a normal pair is 6/pi asin(r/2).
TRUE_PEARSON = -1 / np.sqrt(1.18)
TRUE_SPEARMAN = 6 / np.pi * np.arcsin(TRUE_PEARSON / 2)


def test_estimates_are_scipys():
    runs, loss, value = _rows(0)
    value = np.round(value, 1)
    assert spearman(runs, loss, value).estimate == pytest.approx(stats.spearmanr(loss, value)[0])
    assert pearson(runs, loss, value, method="bootstrap", num_replicates=50).estimate == pytest.approx(
        stats.pearsonr(loss, value)[0]
    )


@pytest.mark.parametrize("function, truth", [(spearman, TRUE_SPEARMAN), (pearson, TRUE_PEARSON)])
def test_coverage_over_runs(function, truth):
    results = [function(*_rows(seed)) for seed in range(60)]
    assert 0.87 <= np.mean([r.low <= truth <= r.high for r in results]) <= 0.99
    assert all(r.low <= r.estimate <= r.high for r in results)


def test_noise_interval_contains_zero():
    rng = np.random.default_rng(1)
    result = spearman(np.arange(200) // 20, rng.normal(size=200), rng.normal(size=200))
    assert result.low < 0 < result.high


def test_failures_and_few_runs_are_told():
    assert spearman([0, 1, 2], [1, 2, 3], [1, 1, 1]).status == "failed: loss_nats or value is constant"
    assert not spearman([0, 0, 1], [1, np.nan, 3], [1, 2, 3]).ok
    assert pearson([0] * 5, np.arange(5), np.arange(5) ** 2).status.startswith("failed: 1 run")
    assert spearman([0, 0, 1, 1, 2, 2], [6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 6, 5]).status == "ok: few runs (3)"
    with pytest.raises(ValueError, match="method"):
        spearman([0, 1, 2], [1, 2, 3], [1, 2, 3], method="magic")
