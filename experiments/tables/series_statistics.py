"""How the statistics of paper P's claims, version 2, are put together: one number per seed, a t interval of their mean,
and series joined by their mean, so that more seeds and more series make an interval narrower.

A "seed" is what the paper calls a series: one run per size, trained from one seed. A statistic that is fitted is fitted
to each seed alone; then it needs no assumption on how its parts err together.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed, wilson
from analysis.run_curves.mean import joined_mean, run_mean
from experiments.tables.passes import exact_rates, has_method, pooled_rates, select_passes
from experiments.tables.scores import statistic_row

NO_PREMISE = "premise not met"  # a status that is a verdict: what the claim presupposes was not there
TWO_ONE_SIDED = 0.90  # level of the interval behind a criterion `within`: two one-sided tests at 5 %


def no_premise(reason: str) -> Estimate:
    """What a claim presupposes was not there to be judged."""
    return Estimate(np.nan, np.nan, np.nan, f"{NO_PREMISE}: {reason}")


def mean_over_series(rows: pd.DataFrame, task: str, metric: str, by_series: Mapping[str, Estimate]) -> list[dict]:
    """The statistic row that a claim is judged by, mean over the series that are determined, and one row of kind
    `series_statistic` per series; `rows` have the columns series and seed."""
    if by_series and all(one.status.startswith(NO_PREMISE) for one in by_series.values()):
        joined = next(iter(by_series.values()))
    else:
        joined = joined_mean(dict(by_series))
    single = [
        statistic_row(rows[rows.series == series], task, metric, estimate)
        | {"kind": "series_statistic", "series": series}
        for series, estimate in by_series.items()
    ]
    return [statistic_row(rows, task, metric, joined), *single]


def mean_over_seeds(
    of_seed: Callable[[pd.DataFrame], float], rows: pd.DataFrame, level: float = 0.95, needs: str = "a number"
) -> Estimate:
    """Mean over seeds of of_seed(rows of the seed) with its t interval; seeds without a number (nan) are left out and
    counted. "failed: ..." below two seeds with one."""
    if rows.empty:
        return failed(f"no seed has {needs}, a mean over seeds needs 2")
    found = np.array([of_seed(part) for _, part in rows.groupby("seed", sort=True)], float)
    seen = found[np.isfinite(found)]
    if len(seen) < 2:
        return failed(f"{len(seen)} of {len(found)} seeds have {needs}, a mean over seeds needs 2")
    mean = run_mean(seen, level)
    return mean if len(seen) == len(found) else mean.noted(f"{len(seen)} of {len(found)} seeds have {needs}")


def share_over_seeds(shares: np.ndarray, num_units: int, level: float = 0.95) -> Estimate:
    """Mean of shares [seeds] of the same num_units items: Wilson interval as if each item counted once, joined with the
    t interval over seeds (roots of squares), so that seeds that are all alike are no certainty about items."""
    shares = np.asarray(shares, float)
    if not len(shares) or not np.isfinite(shares).all():
        return failed(f"shares {shares.tolist()} of {len(shares)} seeds")
    mean = float(shares.mean())
    low, high = (float(end) for end in wilson(mean * num_units, num_units, level))
    joined = items_and_seeds(Estimate(mean, low, high), shares, level)
    return Estimate(mean, max(joined.low, 0.0), min(joined.high, 1.0))


def items_and_seeds(over_items: Estimate, of_seeds: np.ndarray, level: float = 0.95) -> Estimate:
    """An estimate with its interval over items, widened by the t interval of its values in the seeds (roots of squares;
    nothing is added where all seeds are alike)."""
    seeds = run_mean(of_seeds, level)
    half = (seeds.high - seeds.low) / 2 if seeds.ok else 0.0
    middle = over_items.estimate
    below, above = np.hypot(middle - over_items.low, half), np.hypot(over_items.high - middle, half)
    return Estimate(middle, float(middle - below), float(middle + above), over_items.status)


def run_rates(passes: pd.DataFrame, task: str, series: str | None = None) -> pd.DataFrame:
    """Mean pass rate of a task in each run, as `pooled_rates` gives it, `value` being the exact one where the task's
    answers can be listed (no sampling noise, and no run without a pass)."""
    pooled = pooled_rates(select_passes(passes, task, series))
    if not has_method(passes, task, "exact"):
        return pooled
    exact = select_passes(passes, task, series, "exact")
    rate = exact.assign(rate=exact_rates(exact)).groupby("run").rate.mean()
    return pooled.assign(value=rate.loc[pooled.run].to_numpy())


def with_f(rates: pd.DataFrame) -> pd.DataFrame:
    """The runs whose pass rate lies inside 0 and 1, with f = log(-log rate)."""
    inside = rates[(rates.value > 0) & (rates.value < 1)]
    return inside.assign(f=np.log(-np.log(inside.value)))
