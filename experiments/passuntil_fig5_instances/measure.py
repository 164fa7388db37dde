"""Paper P, Figure 5 and section 5.4: pass rates of single items over model size, and against the test loss of their
reference answers.

A single item has a handful of passes per run, so F = log(-log PU) of one item carries sampling noise; it is undefined
where nothing passed (and where every attempt did), and the statistics say how many cells that leaves.
"""

import numpy as np
import pandas as pd
from scipy import stats

from analysis.intervals import Estimate, bootstrap_items, failed
from analysis.run_curves.jackknife import jackknife_runs
from analysis.task_law.instance_law import InstanceLawFit, fit_instance_law
from experiments.tables.item_counts import ItemCounts, item_counts
from experiments.tables.names import ITEM_TASKS, LAW_TASKS, MATHS_TASKS, series_names
from experiments.tables.pass_statistics import joined_statistic, too_low
from experiments.tables.passes import (
    exact_rates,
    has_method,
    has_passed,
    item_rates,
    point_rows,
    pooled_rates,
    select_passes,
    series_pass_rates,
)
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.series_statistics import mean_over_seeds, mean_over_series
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig5_instances"
# Where one answer is right and nothing else, the pass rate is exp(-loss) by definition and the loss tells nothing new.
TASKS_OF_MANY_ANSWERS = (LAW_TASKS[0], *MATHS_TASKS)
MIN_LAW_CELLS = 4  # cells of an item with F defined that a straight line can be held against
MIN_ITEMS = 10
LEAST_DEFINED = 0.8  # of the runs in which an item needs an F to enter its line
LEAST_RELIABLE = 0.3  # of the variance of F over items that is theirs; below it a run orders noise
NUM_REPLICATES = 500


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Pass rates of single items over size and against their test loss (paper P, Figure 5)."""
    parts: list = [size_rows(passes)]
    spreads: dict[str, list[pd.DataFrame]] = {series: [] for series in series_names(passes)}
    for task in ITEM_TASKS:
        measured: dict[str, dict[str, Estimate]] = {"item_law_r2": {}, "exponent_spread": {}, "loss_rank": {}}
        pooled_all, lines, ranks = [], {}, {}
        for series in series_names(passes):
            rows = select_passes(passes, task, series)
            counts = item_counts(rows)
            law = fit_instance_law(counts.sizes, counts.passes, counts.attempts)
            pooled_all.append(pooled_rates(rows))
            parts.append(item_rows(counts, task, series))
            measured["item_law_r2"][series] = item_law_r2(counts)
            measured["exponent_spread"][series] = exponent_spread(law)
            measured["loss_rank"][series] = loss_rank(counts)
            f = f_of_items(passes, task, series)
            if task in TASKS_OF_MANY_ANSWERS:
                ranks[series] = loss_rank_share(f)
            if task in LAW_TASKS:
                lines[series] = line_share(f)
                spreads[series].append(spreads_of_seeds(rows))
        points = pd.concat(pooled_all)
        parts += [point_rows(points), [statistic_row(points, task, "left_chance", has_passed(points, task))]]
        parts += [joined_statistic(points, task, metric, by_series, too_low) for metric, by_series in measured.items()]
        if task in LAW_TASKS:
            parts.append(mean_over_series(points, task, "item_line_share", lines))
        if task in TASKS_OF_MANY_ANSWERS:
            parts.append(mean_over_series(points, task, "loss_rank_share", ranks))
    of_tasks = {
        series: mean_over_seeds(lambda seed: float(seed.spread.mean()), pd.concat(found), needs="item laws")
        for series, found in spreads.items()
        if found
    }
    return [*parts, mean_over_series(passes, "all", "item_exponent_spread", of_tasks)] if of_tasks else parts


def f_of_items(passes: pd.DataFrame, task: str, series: str) -> pd.DataFrame:
    """F = log(-log PU) of every item in every run: columns seed, num_nonembedding_parameters, item_id, f, loss (of the
    reference answer), f_variance (of the sampling). Of exact rates where the answers can be listed, then without
    sampling noise; else of counts, nan where nothing or every attempt passed."""
    is_exact = has_method(passes, task, "exact")
    rows = select_passes(passes, task, series, "exact" if is_exact else "shared")
    rate = exact_rates(rows) if is_exact else item_rates(rows)
    inside = (rate > 0) & (rate < 1) & (is_exact | (rows.passes.to_numpy() > 0))
    rate = np.where(inside, rate, 0.5)
    # r passes leave a relative variance of about 1/r of the rate, hence 1/r / (log rate)^2 of F (delta method).
    relative = 0.0 if is_exact else (1 - rate) / np.maximum(rows.passes.to_numpy(float), 1)
    return rows[["seed", "num_nonembedding_parameters", "item_id"]].assign(
        f=np.where(inside, np.log(-np.log(rate)), np.nan),
        loss=-rows.answer_log_likelihood.to_numpy(float),
        f_variance=np.where(inside, relative / np.log(rate) ** 2, np.nan),
    )


def line_share(f: pd.DataFrame) -> Estimate:
    """Share of the variance of the items' F over sizes that straight lines in log N explain, seed noise removed from
    both; 1 where every item obeys a law of its own, whatever the seeds scatter. Jackknife over seeds.

    A line's R^2 over runs cannot reach 1 where seeds scatter; here its sum of squares is held against that of the
    sizes' means, each less what the scatter between seeds adds to it (analysis of variance, method of moments)."""
    cells = f.pivot_table(index="item_id", columns=["num_nonembedding_parameters", "seed"], values="f")
    cells = cells[cells.notna().mean(axis=1) >= LEAST_DEFINED]
    if len(cells) < MIN_ITEMS:
        return failed(f"F is defined in most runs of {len(cells)} items, needs {MIN_ITEMS}")
    seeds = cells.columns.get_level_values("seed")
    found = jackknife_runs(
        lambda kept: _line_share(cells.to_numpy()[:, kept], cells.columns.get_level_values(0).to_numpy(float)[kept]),
        seeds.to_numpy(),
    )
    return found.noted(f"{len(cells)} of {f.item_id.nunique()} items")


def _line_share(f: np.ndarray, size: np.ndarray) -> float:
    """line_share of cells [items, runs] with the runs' sizes [runs]; nan where the sizes' means do not differ by more
    than noise."""
    by_line, by_size = 0.0, 0.0
    for row in f:
        seen = np.isfinite(row)
        x, y = np.log(size[seen]), row[seen]
        levels, place = np.unique(x, return_inverse=True)
        freedom = len(y) - len(levels)
        if len(levels) < MIN_LAW_CELLS or freedom < 1:
            continue
        means = np.bincount(place, y) / np.bincount(place)
        noise = float(np.sum((y - means[place]) ** 2)) / freedom
        line = np.polyval(np.polyfit(x, y, 1), x)
        by_line += float(np.sum((line - y.mean()) ** 2)) - noise
        by_size += float(np.sum((means[place] - y.mean()) ** 2)) - (len(levels) - 1) * noise
    return by_line / by_size if by_size > 0 else np.nan


def spreads_of_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """`exponent_spread` of each seed's own runs: columns seed, spread; nan where a seed has no item laws."""
    found = []
    for seed, part in rows.groupby("seed", sort=True):
        counts = item_counts(part)
        law = fit_instance_law(counts.sizes, counts.passes, counts.attempts)
        is_ok = law.status.startswith("ok")
        found.append({"seed": seed, "spread": _spread(law.theta[:, 1], law.covariance[:, 1, 1]) if is_ok else np.nan})
    return pd.DataFrame(found)


def loss_rank_share(f: pd.DataFrame) -> Estimate:
    """Rank correlation over items of the answer's loss and F, mean over sizes, as a share of what the sampling noise of
    F allows (its reliability's root, Spearman 1904); mean over seeds."""

    def of_seed(seed: pd.DataFrame) -> float:
        found = []
        for _, run in seed.groupby("num_nonembedding_parameters"):
            run = run[run.f.notna()]
            spread = float(run.f.var()) if len(run) >= MIN_ITEMS else 0.0
            reliability = 1 - float(run.f_variance.mean()) / spread if spread > 0 else 0.0
            if reliability > LEAST_RELIABLE:
                found.append(min(float(stats.spearmanr(run.f, run.loss)[0]) / np.sqrt(reliability), 1.0))
        return float(np.mean(found)) if found else np.nan

    return mean_over_seeds(of_seed, f, needs="sizes whose items differ by more than sampling noise")


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

    estimate = bootstrap_items(_spread, law.theta[:, 1], law.covariance[:, 1, 1], num_replicates=NUM_REPLICATES)
    return estimate.noted(f"{len(law.theta)} items, {law.num_without_pass} without a pass")


def _spread(alpha: np.ndarray, variance: np.ndarray) -> float:
    return float(np.sqrt(np.mean((alpha - alpha.mean()) ** 2 + variance)) / alpha.mean())


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
