"""Paper P, Figure 6 and section 5.4 ("IPU"): laws of single items, with and without their test loss, held against the
same items at the held-out sizes.

The paper fits each item alone and goes over to the mapped test loss where an item has too few points. Here items borrow
from each other (analysis/task_law/instance_law.py), and the mapped loss (analysis/task_law/loss_assist.py) enters with
the weight that its precision gives it. A predicted range holds the item's law, its noise and the sampling of the
measurement itself, so the measured estimate should fall inside it 95 times of 100.
"""

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, bootstrap_items, failed, wilson
from analysis.passes.stopping import unbiased_estimate
from analysis.task_law.instance_law import fit_instance_law
from analysis.task_law.loss_assist import assisted_f, fit_loss_assist, item_f
from experiments.tables.item_counts import ItemCounts, item_counts
from experiments.tables.names import ITEM_TASKS, LAW_TASKS, series_names
from experiments.tables.pass_statistics import joined_statistic, too_far, too_high, too_low
from experiments.tables.passes import has_passed, point_rows, pooled_rates, select_passes, series_pass_rates
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.series_statistics import mean_over_seeds, mean_over_series, share_over_seeds
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig6_instance_law"
NUM_DRAWS = 1000
SMALLEST_RATE = 1e-12  # no cap reaches below it
LEVEL = 0.95
MIN_ITEMS = 5
# Statistics, and which way a series falls short of a criterion on them.
SHORTFALLS = {
    "item_coverage": too_low,
    "item_coverage_assisted": too_low,
    "assisted_error_ratio": too_high,
    "mean_deviation_percent": too_far,
    "mean_deviation_percent_assisted": too_far,
}


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Item laws fitted without the held-out sizes, and what they predict for them (paper P, Figure 6)."""
    parts: list = [size_rows(passes)]
    of_seeds: dict[str, list[pd.DataFrame]] = {series: [] for series in series_names(passes)}
    for task in ITEM_TASKS:
        found: dict[str, dict[str, Estimate]] = {metric: {} for metric in SHORTFALLS}
        pooled_all = []
        for series in series_names(passes):
            rows = select_passes(passes, task, series)
            pooled_all.append(pooled_rates(rows))
            table, status = item_predictions(item_counts(rows))
            parts.append(table.assign(task=task, series=series))
            for metric, estimate in series_statistics(table, status).items():
                found[metric][series] = estimate
            if task in LAW_TASKS:
                of_seeds[series].append(predictions_of_seeds(rows))
        points = pd.concat(pooled_all)
        parts += [point_rows(points), [statistic_row(points, task, "left_chance", has_passed(points, task))]]
        parts += [
            joined_statistic(points, task, metric, by_series, SHORTFALLS[metric]) for metric, by_series in found.items()
        ]
    judged = {series: pd.concat(tables) for series, tables in of_seeds.items() if tables}
    if judged:
        held = {series: range_coverage(table) for series, table in judged.items()}
        helped = {series: mean_over_seeds(log_error_ratio, table) for series, table in judged.items()}
        parts.append(mean_over_series(passes, "all", "item_range_coverage", held))
        parts.append(mean_over_series(passes, "all", "assisted_log_error_ratio", helped))
    return parts


def predictions_of_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """`item_predictions` of each seed's own runs, as the paper has one run per size; columns seed and task beside."""
    found = []
    for _, part in rows.groupby("seed", sort=True):
        table, _ = item_predictions(item_counts(part))
        if len(table):
            found.append(table.assign(task=part.task.iloc[0]))
    return pd.concat(found) if found else pd.DataFrame()


def range_coverage(table: pd.DataFrame) -> Estimate:
    """Share of measured estimates inside their predicted range, mean over tasks and seeds; interval over seeds and, as
    if each item counted once, items."""
    if table.empty:
        return failed("no seed has item laws")
    own = table[table.metric == "item_law"]
    inside = ((own.measured >= own.low) & (own.measured <= own.high)).astype(float)
    by_task = inside.groupby([own.seed, own.task]).mean()
    return share_over_seeds(by_task.groupby(level=0).mean().to_numpy(), own.groupby("task").item_id.nunique().sum())


def log_error_ratio(table: pd.DataFrame) -> float:
    """Log of the root mean square error of F with the test loss over that without it, mean over tasks."""
    ratios = []
    for _, one in table.groupby("task"):
        own, assisted = (one[one.metric == method] for method in ("item_law", "assisted"))
        squares = [((part.predicted_f - part.measured_f) ** 2).to_numpy() for part in (own, assisted)]
        seen = np.isfinite(squares[0]) & np.isfinite(squares[1])
        if seen.sum() >= MIN_ITEMS:
            ratios.append(0.5 * np.log(squares[1][seen].mean() / squares[0][seen].mean()))
    return float(np.mean(ratios)) if ratios else np.nan


def item_predictions(counts: ItemCounts) -> tuple[pd.DataFrame, str]:
    """Rows of kind `prediction`, one per item, held-out run and method (item_law, assisted): value, low, high of the
    predicted pass rate (low and high with the sampling of the measurement); measured, measured_low, measured_high;
    few_passes: fitted runs with a pass < 3. And the status of the fits.
    """
    fitted = ~counts.is_held_out
    law = fit_instance_law(counts.sizes[fitted], counts.passes[:, fitted], counts.attempts[:, fitted])
    assist = fit_loss_assist(
        counts.sizes[fitted], counts.passes[:, fitted], counts.attempts[:, fitted], counts.answer_loss[:, fitted]
    )
    status = next((fit.status for fit in (law, assist) if not fit.status.startswith("ok")), "ok")
    if status != "ok" or fitted.all():
        return pd.DataFrame(), status if status != "ok" else "failed: no size is held out"
    few = (counts.passes[:, fitted] > 0).sum(axis=1) < 3
    parts = []
    all_low, all_high = counts.intervals
    for column in np.flatnonzero(counts.is_held_out):
        size, run = counts.sizes[column], counts.runs.iloc[column]
        cap = float(counts.attempts[:, column].max()) if (counts.passes[:, column] < counts.target).any() else np.inf
        about = {
            "kind": "prediction",
            "run": run.run,
            "size": run["size"],
            "seed": str(run.seed),
            "num_parameters": size,
            "item_id": counts.item_ids,
            "measured": counts.rates[:, column],
            "measured_low": all_low[:, column],
            "measured_high": all_high[:, column],
            "few_passes": few,
            "num_items": 1,
            "measured_f": counts.f[:, column],
            "status": "ok",
        }
        for method, (mean, spread) in (("item_law", item_f(law, size)), ("assisted", assisted_f(law, assist, size))):
            rate, low, high = predicted_ranges(mean, spread, counts.target, cap)
            parts.append(
                pd.DataFrame(about | {"metric": method, "value": rate, "low": low, "high": high, "predicted_f": mean})
            )
    return pd.concat(parts), status


def predicted_ranges(
    mean: np.ndarray, spread: np.ndarray, num_target: int, cap: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected pass rate [M] of items whose F is normal (mean, spread), and the range in which its measured estimate
    should fall: rates are drawn, then the outcomes of sampling until num_target passes or the cap."""
    rng = np.random.default_rng(seed)
    rates = np.exp(-np.exp(np.minimum(mean + spread * rng.normal(size=(NUM_DRAWS, len(mean))), 5.0)))
    drawn = np.maximum(rates, SMALLEST_RATE)
    attempts = num_target + rng.negative_binomial(num_target, drawn)
    # Passes up to the cap, where the target lies beyond it: Poisson for such small rates, below the target.
    censored = np.minimum(rng.poisson(drawn * min(cap, 1e9)), num_target - 1)
    reached = attempts <= cap
    estimate = unbiased_estimate(
        np.where(reached, num_target, censored), np.where(reached, attempts, max(min(cap, 1e9), num_target)), num_target
    )
    low, high = np.quantile(estimate, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2], axis=0)
    return rates.mean(axis=0), low, high


def series_statistics(table: pd.DataFrame, status: str) -> dict[str, Estimate]:
    """The statistics of one series: coverage of the ranges, error with the loss over error without it, deviation of the
    mean at the largest held-out size."""
    if table.empty:
        return dict.fromkeys(SHORTFALLS, failed(status.removeprefix("failed: ")))
    own, assisted = (table[table.metric == method] for method in ("item_law", "assisted"))
    largest = table.num_parameters.max()
    return {
        "item_coverage": coverage(own),
        "item_coverage_assisted": coverage(assisted),
        "assisted_error_ratio": error_ratio(own, assisted),
        "mean_deviation_percent": mean_deviation(own[own.num_parameters == largest]),
        "mean_deviation_percent_assisted": mean_deviation(assisted[assisted.num_parameters == largest]),
    }


def coverage(table: pd.DataFrame) -> Estimate:
    """Share of measured estimates inside their predicted range; Wilson interval as if each item counted once, since its
    runs are alike."""
    inside = (table.measured >= table.low) & (table.measured <= table.high)
    items = table.item_id.nunique()
    low, high = wilson(inside.mean() * items, items)
    return Estimate(
        float(inside.mean()), float(low), float(high), f"ok: {items} items, {table.run.nunique()} held-out runs"
    )


def error_ratio(own: pd.DataFrame, assisted: pd.DataFrame) -> Estimate:
    """Root mean square error of F over items and held-out runs, assisted over unassisted; interval over items (their
    runs stay together)."""
    squares = (
        pd.DataFrame(
            {
                "item_id": own.item_id,
                "own": (own.predicted_f - own.measured_f) ** 2,
                "assisted": (assisted.predicted_f - assisted.measured_f).to_numpy() ** 2,
            }
        )
        .dropna()
        .groupby("item_id")
        .sum()
    )
    if len(squares) < MIN_ITEMS:
        return failed(f"{len(squares)} items have F at the held-out sizes, needs {MIN_ITEMS}")
    estimate = bootstrap_items(
        lambda a, b: float(np.sqrt(a.sum() / b.sum())), squares.assisted.to_numpy(), squares.own.to_numpy()
    )
    return estimate.noted(f"{len(squares)} of {own.item_id.nunique()} items")


def mean_deviation(table: pd.DataFrame) -> Estimate:
    """Predicted over measured mean pass rate minus 1, in percent; interval over items (paired)."""
    if table.measured.sum() <= 0:
        return failed("nothing passed at the largest held-out size")
    estimate = bootstrap_items(
        lambda predicted, measured: 100 * (predicted.sum() / measured.sum() - 1) if measured.sum() > 0 else np.nan,
        table.value.to_numpy(),
        table.measured.to_numpy(),
    )
    return Estimate(estimate.estimate, estimate.low, estimate.high, estimate.status)


if __name__ == "__main__":
    measure_main(STEM, measure, series_pass_rates)
