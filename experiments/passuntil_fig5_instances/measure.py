"""Paper P, Figure 5 and section 5.4: pass rates of single items over model size, and against the test loss of their
reference answers.

A single item has a handful of passes per run, so F = log(-log PU) of one item carries sampling noise; it is undefined
where nothing passed (and where every attempt did), and the statistics say how many cells that leaves.
"""

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, bootstrap_items, failed
from analysis.task_law.instance_law import InstanceLawFit, fit_instance_law
from experiments.tables.item_counts import ItemCounts, item_counts
from experiments.tables.names import ITEM_TASKS, series_names
from experiments.tables.pass_statistics import joined_statistic, too_low
from experiments.tables.passes import has_passed, point_rows, pooled_rates, select_passes, series_pass_rates
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig5_instances"
MIN_LAW_CELLS = 4  # cells of an item with F defined that a straight line can be held against
MIN_ITEMS = 10
NUM_REPLICATES = 500


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Pass rates of single items over size and against their test loss (paper P, Figure 5)."""
    parts: list = [size_rows(passes)]
    for task in ITEM_TASKS:
        measured: dict[str, dict[str, Estimate]] = {"item_law_r2": {}, "exponent_spread": {}, "loss_rank": {}}
        pooled_all = []
        for series in series_names(passes):
            rows = select_passes(passes, task, series)
            counts = item_counts(rows)
            law = fit_instance_law(counts.sizes, counts.passes, counts.attempts)
            pooled_all.append(pooled_rates(rows))
            parts.append(item_rows(counts, task, series))
            measured["item_law_r2"][series] = item_law_r2(counts)
            measured["exponent_spread"][series] = exponent_spread(law)
            measured["loss_rank"][series] = loss_rank(counts)
        points = pd.concat(pooled_all)
        parts += [point_rows(points), [statistic_row(points, task, "left_chance", has_passed(points, task))]]
        parts += [joined_statistic(points, task, metric, by_series, too_low) for metric, by_series in measured.items()]
    return parts


def item_rows(counts: ItemCounts, task: str, series: str) -> pd.DataFrame:
    """Rows of kind `item`: pass rate of each item in each run of the first seed with its interval, loss of its answer,
    passes and attempts."""
    first = np.flatnonzero(counts.runs.seed == counts.runs.seed.min())
    low, high = (ends[:, first] for ends in counts.intervals)
    place = {name: np.broadcast_to(counts.runs[name].to_numpy()[first], low.shape).ravel() for name in ("run", "size")}
    return pd.DataFrame(
        place
        | {
            "kind": "item",
            "task": task,
            "metric": "pass_rate",
            "series": series,
            "seed": str(counts.runs.seed.min()),
            "num_parameters": np.broadcast_to(counts.sizes[first], low.shape).ravel(),
            "item_id": np.repeat(counts.item_ids, len(first)),
            "value": counts.rates[:, first].ravel(),
            "low": low.ravel(),
            "high": high.ravel(),
            "answer_loss_nats": counts.answer_loss[:, first].ravel(),
            "passes": counts.passes[:, first].ravel(),
            "num_items": 1,
            "status": "ok",
        }
    )


def item_law_r2(counts: ItemCounts) -> Estimate:
    """Median over items of the share of the variance of F over sizes that a straight line in log N explains; interval
    over items."""
    x, shares = np.log(counts.sizes), []
    for f in counts.f:
        seen = np.isfinite(f)
        if seen.sum() >= MIN_LAW_CELLS and len(np.unique(x[seen])) >= MIN_LAW_CELLS:
            shares.append(np.corrcoef(x[seen], f[seen])[0, 1] ** 2)
    if len(shares) < MIN_ITEMS:
        return failed(f"{len(shares)} items have F at {MIN_LAW_CELLS} sizes, needs {MIN_ITEMS}")
    median = bootstrap_items(np.median, np.array(shares), num_replicates=NUM_REPLICATES)
    return median.noted(f"{len(shares)} of {len(counts.f)} items, {_share_defined(counts)}")


def _share_defined(counts: ItemCounts) -> str:
    return f"F defined in {100 * np.isfinite(counts.f).mean():.0f} % of the cells"


def exponent_spread(law: InstanceLawFit) -> Estimate:
    """Standard deviation over items of alpha (the distribution behind the items, not the scatter of their estimates),
    over its mean; interval over items."""
    if not law.status.startswith("ok"):
        return failed(law.status.removeprefix("failed: "))

    def spread(alpha: np.ndarray, variance: np.ndarray) -> float:
        return float(np.sqrt(np.mean((alpha - alpha.mean()) ** 2 + variance)) / alpha.mean())

    estimate = bootstrap_items(spread, law.theta[:, 1], law.covariance[:, 1, 1], num_replicates=NUM_REPLICATES)
    return estimate.noted(f"{len(law.theta)} items, {law.num_without_pass} without a pass")


def loss_rank(counts: ItemCounts) -> Estimate:
    """Rank correlation over items of the answer's loss and F, mean over the runs with MIN_ITEMS items where F is
    defined and not all tied; interval over items."""
    f, loss = counts.f, counts.answer_loss
    used = np.flatnonzero(np.isfinite(f).sum(axis=0) >= MIN_ITEMS)
    if not len(used):
        return failed(f"no run has {MIN_ITEMS} items with F")

    def mean_rank(f_place: np.ndarray, loss_place: np.ndarray) -> float:
        found = []
        for one, other in zip(f_place.T, loss_place.T):
            seen = one >= 0
            if seen.sum() >= 3:
                ranks = np.stack([mid_ranks(one[seen]), mid_ranks(other[seen])])
                ranks -= ranks.mean(axis=1, keepdims=True)
                products = ranks @ ranks.T
                # A run whose items all tie in F or in loss has no order to compare: it is left out, not the mean over
                # the others.
                if products[0, 0] > 0 and products[1, 1] > 0:
                    found.append(products[0, 1] / np.sqrt(products[0, 0] * products[1, 1]))
        return float(np.mean(found)) if found else np.nan

    # Places among the distinct values, once: a bootstrap replicate then only counts them.
    places = [
        np.column_stack(
            [
                np.where(np.isfinite(column), np.unique(column, return_inverse=True)[1], -1)
                for column in values[:, used].T
            ]
        )
        for values in (f, loss)
    ]
    estimate = bootstrap_items(mean_rank, *places, num_replicates=NUM_REPLICATES)
    ordered = sum(
        np.ptp(one[one >= 0]) > 0 and np.ptp(other[one >= 0]) > 0 for one, other in zip(places[0].T, places[1].T)
    )
    return estimate.noted(f"{ordered} of {len(counts.runs)} runs, {_share_defined(counts)}")


def mid_ranks(places: np.ndarray) -> np.ndarray:
    """Ranks with ties shared of integers from 0, [n]; equal to scipy.stats.rankdata."""
    counts = np.bincount(places)
    return (np.cumsum(counts) - 0.5 * (counts - 1))[places]


if __name__ == "__main__":
    measure_main(STEM, measure, series_pass_rates)
