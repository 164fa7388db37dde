"""Rank and linear correlation of loss and performance with intervals over runs (paper L, Table 2).

The paper pools the checkpoints of three runs and gives no interval; checkpoints of one run are not independent, so the interval
here resamples runs. Both correlations are computed on the pooled rows, as the paper does.
"""

import numpy as np
from scipy import stats

from analysis.intervals import Estimate, bootstrap_runs, failed


def spearman(
    runs: np.ndarray, loss_nats: np.ndarray, value: np.ndarray, num_replicates: int = 1000, seed: int = 0, level: float = 0.95
) -> Estimate:
    """Spearman's rank correlation (average ranks for ties) of [n] rows, interval by BCa bootstrap over runs."""
    return _correlation(_rank_correlation, runs, loss_nats, value, num_replicates, seed, level)


def pearson(
    runs: np.ndarray, loss_nats: np.ndarray, value: np.ndarray, num_replicates: int = 1000, seed: int = 0, level: float = 0.95
) -> Estimate:
    """Pearson's correlation of [n] rows, interval by BCa bootstrap over runs."""
    return _correlation(_linear_correlation, runs, loss_nats, value, num_replicates, seed, level)


def _correlation(statistic, runs, loss_nats, value, num_replicates, seed, level) -> Estimate:
    loss_nats, value = np.asarray(loss_nats, float), np.asarray(value, float)
    if len(value) < 3:
        return failed(f"{len(value)} rows, a correlation needs 3")
    if not (np.isfinite(loss_nats).all() and np.isfinite(value).all()):
        return failed("loss_nats or value holds nan or inf")
    if np.ptp(loss_nats) == 0 or np.ptp(value) == 0:
        return failed("loss_nats or value is constant")
    return bootstrap_runs(
        statistic, runs, loss_nats, value, num_replicates=num_replicates, seed=seed, level=level, method="bca"
    )


def _linear_correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(np.sum(first * second) / scale) if scale > 0 else np.nan


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    return _linear_correlation(stats.rankdata(first), stats.rankdata(second))
