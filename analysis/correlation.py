"""Rank and linear correlation of loss and performance with intervals over runs (paper L, Table 2).

The paper pools the checkpoints of three runs and gives no interval; checkpoints of one run are not independent. Both
correlations are computed on the pooled rows, as the paper does; the interval treats the run as the unit. Default
"jackknife": leave out one run at a time on Fisher's z scale, t with G - 1 degrees of freedom; with 5 to 18 runs it
covers 90-95 %, where a BCa bootstrap over runs ("bootstrap") covers 75-95 %.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats

from analysis.intervals import FEW_RUNS, Estimate, bootstrap_runs, failed
from analysis.rows import check_level, check_replicates, float_columns, run_labels


def spearman(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    method: str = "jackknife",
    num_replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Spearman's rank correlation (average ranks for ties) of [n] rows with an interval over runs; method as in the
    module's docstring."""
    return _correlation(_rank_correlation, runs, loss_nats, value, method, num_replicates, seed, level)


def pearson(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    method: str = "jackknife",
    num_replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Pearson's correlation of [n] rows with an interval over runs; method as in the module's docstring."""
    return _correlation(_linear_correlation, runs, loss_nats, value, method, num_replicates, seed, level)


def _correlation(
    statistic: Callable,
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    method: str,
    num_replicates: int,
    seed: int,
    level: float,
) -> Estimate:
    check_level(level)
    check_replicates(num_replicates)
    (loss_nats, value), problem = float_columns(3, loss_nats=loss_nats, value=value)
    runs, unlabelled = run_labels(runs, len(value))
    if method not in ("jackknife", "bootstrap"):
        raise ValueError(f"method: unknown value {method!r}; use 'jackknife' or 'bootstrap'")
    if problem or unlabelled:
        return failed(problem or unlabelled)
    if np.ptp(loss_nats) == 0 or np.ptp(value) == 0:
        return failed("loss_nats or value is constant")
    if method == "bootstrap":
        return bootstrap_runs(
            statistic, runs, loss_nats, value, num_replicates=num_replicates, seed=seed, level=level, method="bca"
        )
    return _jackknife(statistic, runs, loss_nats, value, level)


def _jackknife(
    statistic: Callable, runs: np.ndarray, loss_nats: np.ndarray, value: np.ndarray, level: float
) -> Estimate:
    labels = np.unique(runs)
    estimate = statistic(loss_nats, value)
    if len(labels) < 2:
        return Estimate(estimate, np.nan, np.nan, f"failed: {len(labels)} run(s), an interval over runs needs 2")
    left_out = np.array([statistic(loss_nats[runs != label], value[runs != label]) for label in labels])
    # Exactly +-1 (a handful of rows in perfect order) has no z; the nearest finite one stands in.
    z, left_out = (np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)) for r in (estimate, left_out))
    if not np.isfinite(left_out).all():
        return Estimate(estimate, np.nan, np.nan, "failed: undefined without one of the runs")
    num = len(labels)
    spread = np.sqrt((num - 1) / num * np.sum((left_out - left_out.mean()) ** 2))
    if spread == 0:
        return Estimate(float(estimate), np.nan, np.nan, "failed: the same without any one run, which is no interval")
    centre = num * z - (num - 1) * left_out.mean()
    half = stats.t.ppf(0.5 + level / 2, num - 1) * spread
    low, high = np.tanh([min(centre - half, z), max(centre + half, z)])
    return Estimate(float(estimate), float(low), float(high), "ok" if num >= FEW_RUNS else f"ok: few runs ({num})")


def _linear_correlation(first: np.ndarray, second: np.ndarray) -> float:
    # In units of the largest number, so that squares of 1e200 or 1e-200 neither overflow nor vanish.
    first, second = (_centred(array) for array in (first, second))
    scale = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(np.sum(first * second) / scale) if scale > 0 else np.nan


def _centred(array: np.ndarray) -> np.ndarray:
    centred = array - array.mean() if np.max(np.abs(array)) < 1e150 else array / 1e150 - (array / 1e150).mean()
    largest = np.max(np.abs(centred))
    return centred / largest if largest > 1e100 or 0 < largest < 1e-100 else centred


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    return _linear_correlation(stats.rankdata(first), stats.rankdata(second))
