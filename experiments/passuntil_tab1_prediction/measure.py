"""Paper P, Table 1: pass rates of the held-out sizes, measured and predicted from the smaller ones: data-set level,
with answer length, and item by item."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed, from_replicates
from analysis.passes.stopping import unbiased_estimate, unbiased_variance
from analysis.task_law.counts import CountFits, effective_counts, fit_counts
from analysis.task_law.instance_law import InstanceLawFit, fit_instance_law
from experiments.tables.names import ALL_TASKS, LAW_TASKS, MATHS_TASKS, series_names
from experiments.tables.pass_statistics import (
    DatasetLaw,
    LengthLaw,
    difference,
    held_out_sizes,
    joined_statistic,
    parameters_of,
    rate_at,
    to_log,
    too_far,
    too_low,
)
from experiments.tables.passes import has_passed, point_rows, pooled_rates, select_passes, series_pass_rates, target_of
from experiments.tables.published import load_published
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.series_statistics import TWO_ONE_SIDED, mean_over_seeds, mean_over_series
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_tab1_prediction"
NUM_BOOTSTRAPS = 100  # over items, each refits both levels
NUM_POSTERIOR_DRAWS = 200
LEVELS = ("dataset", "length", "instance")
COMPARED = (*LAW_TASKS, *MATHS_TASKS)  # tasks on which the two levels are bootstrapped against each other


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Measured and predicted pass rates of the held-out sizes on three levels, ours and the paper's (paper P, Table
    1)."""
    parts: list = [size_rows(passes), paper_rows()]
    of_seeds: dict[str, list[pd.DataFrame]] = {series: [] for series in series_names(passes)}
    for task in ALL_TASKS:
        rows = select_passes(passes, task)
        pooled = pooled_rates(rows)
        parts += [
            point_rows(pooled[pooled.is_held_out.astype(bool)]),
            [statistic_row(rows, task, "left_chance", has_passed(pooled, task))],
        ]
        deviations, advantages = {level: {} for level in LEVELS}, {}
        for series in series_names(passes):
            one, counts = rows[rows.series == series], pooled[pooled.series == series]
            found = level_predictions(one, counts)
            parts.append([row for size, levels in found.items() for row in prediction_rows(counts, size, levels)])
            for level in LEVELS:
                deviations[level][series] = last_deviation(counts, found, level)
            if task in LAW_TASKS:
                of_seeds[series].append(errors_of_seeds(one))
            if task in COMPARED:
                advantages[series] = instance_advantage(one, counts, found)
        parts += [
            joined_statistic(rows, task, f"{level}_deviation_percent", deviations[level], too_far) for level in LEVELS
        ]
        if task in COMPARED:
            parts.append(joined_statistic(rows, task, "instance_advantage", advantages, too_low))
    errors = {series: pd.concat(tables) for series, tables in of_seeds.items() if tables}
    return [*parts, *seed_statistics(passes, errors)] if errors else parts


def seed_statistics(passes: pd.DataFrame, errors: Mapping[str, pd.DataFrame]) -> list:
    """Judged statistics of laws fitted to each seed's own runs (`errors_of_seeds` by series), mean over seeds and
    series: error of the item laws at the largest size, and what they gain on the law of the data set."""
    parts = []
    for task in dict.fromkeys(task for table in errors.values() for task in table.task):
        largest = {series: table[(table.task == task) & table.is_largest] for series, table in errors.items()}
        shares = {
            series: mean_over_seeds(lambda seed: float(seed.error_share.mean()), table, TWO_ONE_SIDED, "item laws")
            for series, table in largest.items()
        }
        parts.append(mean_over_series(passes, task, "instance_error_of_change", shares))
    gains = {
        series: mean_over_seeds(lambda seed: float(seed.gain.mean()), table, needs="both laws")
        for series, table in errors.items()
    }
    return [*parts, mean_over_series(passes, "all", "instance_gain", gains)]


def errors_of_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Both levels fitted to each seed's own runs, as the paper has one run per size. One row per seed and held-out
    size: error_share, measured minus predicted F of the item laws over the change of F by the seed's data-set law;
    gain, what the data-set level errs more in log pass rate than the item level; nan where a law is missing or nothing
    passes."""
    found = []
    for seed, part in rows.groupby("seed", sort=True):
        table = ItemTable(part)
        everything = np.arange(len(table.passes))[None]
        with np.errstate(divide="ignore", invalid="ignore"):
            measured, dataset, instance = (
                np.log(-np.log(rates[0]))
                for rates in (
                    table.measured(everything),
                    table.dataset_predictions(everything),
                    table.instance_predictions(everything),
                )
            )
        ends = np.log(table.size[table.is_fitted])
        change = abs(table.dataset_slope(everything)[0]) * (ends.max() - ends.min())
        gain = np.abs(np.exp(dataset) - np.exp(measured)) - np.abs(np.exp(instance) - np.exp(measured))
        found.append(
            pd.DataFrame({"error_share": (measured - instance) / change, "gain": gain}).assign(
                seed=seed, task=part.task.iloc[0], is_largest=table.held_out == table.held_out.max()
            )
        )
    return pd.concat(found).replace([np.inf, -np.inf], np.nan)


def paper_rows() -> pd.DataFrame:
    """The paper's own values as `published` rows; `status` names their source."""
    table = load_published("passuntil_table1")
    return pd.DataFrame(
        {
            "kind": "published",
            "task": table.task,
            "metric": table.statistic,
            "value": table.value,
            "status": "paper P, " + table.source,
        }
    )


class ItemTable:
    """Counts of one task and series as arrays over items [M] and runs [n], smallest size first. ValueError where a run
    lacks an item."""

    def __init__(self, rows: pd.DataFrame):
        columns = ["is_held_out", "num_nonembedding_parameters", "run"]
        rows = rows.assign(is_held_out=rows.is_held_out.astype(bool))
        tables = {name: rows.pivot(index="item_id", columns=columns, values=name) for name in ("passes", "attempts")}
        if tables["passes"].isna().any(axis=None):
            raise ValueError(
                f"pass_rates: task {rows.task.iloc[0]}: a run lacks an item that another one has; measure all runs on"
                " the same items"
            )
        self.passes, self.attempts = (tables[name].to_numpy(float) for name in ("passes", "attempts"))
        self.size = tables["passes"].columns.get_level_values(1).to_numpy(float)
        self.is_fitted = ~tables["passes"].columns.get_level_values(0).to_numpy(bool)
        self.held_out = np.unique(self.size[~self.is_fitted])
        target = target_of(rows)
        self.rates, self.variances = (
            function(self.passes, self.attempts, target) for function in (unbiased_estimate, unbiased_variance)
        )

    def instance_law(self, drawn: np.ndarray) -> InstanceLawFit:
        """The item-level law on the fitted runs for the drawn items."""
        return fit_instance_law(
            self.size[self.is_fitted],
            *(counts[np.ix_(drawn, self.is_fitted)] for counts in (self.passes, self.attempts)),
        )

    def measured(self, drawn: np.ndarray) -> np.ndarray:
        """Pass rate of each held-out size [R, H] for sets of drawn items [R, M]."""
        means = self.rates[drawn].mean(axis=1)
        return np.column_stack([means[:, self.size == size].mean(axis=1) for size in self.held_out])

    def _dataset_law(self, drawn: np.ndarray) -> CountFits:
        """The data-set law refitted to sets of drawn items [R, M]; its slope is in minus the centred log size."""
        means = [values[:, self.is_fitted][drawn] for values in (self.rates, self.variances, self.attempts)]
        counts = effective_counts(
            means[0].mean(axis=1), means[1].sum(axis=1) / drawn.shape[1] ** 2, means[2].sum(axis=1)
        )
        log_size = np.log(self.size[self.is_fitted])
        return fit_counts(
            np.column_stack([np.ones(len(log_size)), log_size.mean() - log_size]), np.zeros(len(log_size)), *counts
        )

    def dataset_slope(self, drawn: np.ndarray) -> np.ndarray:
        """Exponent alpha of the data-set law for sets of drawn items, [R]."""
        return self._dataset_law(drawn).theta[:, 1]

    def dataset_predictions(self, drawn: np.ndarray) -> np.ndarray:
        """Pass rate of the data-set law for sets of drawn items [R, M] at each held-out size, [R, H]; nan where it does
        not converge."""
        fit, log_size = self._dataset_law(drawn), np.log(self.size[self.is_fitted])
        f = fit.theta @ np.vstack([np.ones(len(self.held_out)), log_size.mean() - np.log(self.held_out)])
        return np.where(fit.converged[:, None], np.exp(-np.exp(f)), np.nan)

    def instance_predictions(self, drawn: np.ndarray) -> np.ndarray:
        """The same for the item-level law."""
        rates = np.full((len(drawn), len(self.held_out)), np.nan)
        for place, items in enumerate(drawn):
            law = self.instance_law(items)
            if law.status.startswith("ok"):
                rates[place] = [law.predict_items(size, NUM_POSTERIOR_DRAWS).mean() for size in self.held_out]
        return rates


def level_predictions(rows: pd.DataFrame, pooled: pd.DataFrame) -> dict[str, dict[str, Estimate]]:
    """Predicted pass rate of each held-out size by level. Items share one run effect, whose spread is that of the
    data-set law."""
    dataset, length = DatasetLaw(pooled), LengthLaw(rows, 1.0)
    table = ItemTable(rows)
    instance = table.instance_law(np.arange(len(table.passes)))
    run_noise = dataset.fit.noise.estimate if dataset.fit.noise.ok else 0.0
    found = {}
    for size in held_out_sizes(pooled):
        num_parameters = parameters_of(pooled, size)
        found[size] = {
            "dataset": dataset.predict(num_parameters),
            "length": length.predict(num_parameters),
            "instance": _without_double_failure(instance.predict(num_parameters, run_noise)),
        }
    return found


def _without_double_failure(estimate: Estimate) -> Estimate:
    return estimate if estimate.ok else failed(estimate.status.removeprefix("failed: ").removeprefix("failed: "))


def prediction_rows(pooled: pd.DataFrame, size: str, levels: Mapping[str, Estimate]) -> list[dict]:
    """`prediction` rows of one held-out size: metric is the level; `deviation` with its interval in percent, `measured`
    the size's pass rate."""
    measured, made = rate_at(pooled, size), []
    for level, at in levels.items():
        off = deviation(at, measured)
        made.append(
            {
                "kind": "prediction",
                "task": pooled.task.iloc[0],
                "metric": level,
                "series": pooled.series.iloc[0],
                "size": size,
                "value": at.estimate,
                "low": at.low,
                "high": at.high,
                "status": at.status,
                "measured": measured.estimate,
                "deviation_percent": off.estimate,
                "deviation_low": off.low,
                "deviation_high": off.high,
            }
        )
    return made


def deviation(predicted: Estimate, measured: Estimate) -> Estimate:
    """Predicted over measured rate minus 1, in percent."""
    ratio = difference(to_log(predicted), to_log(measured))
    if not ratio.ok:
        return ratio
    return Estimate(*(float(np.expm1(end)) * 100 for end in (ratio.estimate, ratio.low, ratio.high)), ratio.status)


def last_deviation(pooled: pd.DataFrame, found: Mapping[str, Mapping[str, Estimate]], level: str) -> Estimate:
    """Deviation at the largest held-out size."""
    if not found:
        return failed("no size is held out")
    size = list(found)[-1]
    return deviation(found[size][level], rate_at(pooled, size))


def instance_advantage(
    rows: pd.DataFrame, pooled: pd.DataFrame, found: Mapping[str, Mapping[str, Estimate]]
) -> Estimate:
    """Mean over the held-out sizes of |error in log rate| of the data-set level minus that of the instance level.
    Interval: both levels refitted to resampled items, and the held-out runs shifted by the run noise of F."""
    if not found:
        return failed("no size is held out")
    if lost := [
        levels[level] for levels in found.values() for level in ("dataset", "instance") if not levels[level].ok
    ]:
        return lost[0]
    table, noise, rng = ItemTable(rows), DatasetLaw(pooled).fit.noise.estimate, np.random.default_rng(0)
    num_items = len(table.passes)
    drawn = np.vstack([np.arange(num_items), rng.integers(num_items, size=(NUM_BOOTSTRAPS, num_items))])
    shift = noise * rng.normal(size=(len(drawn), len(table.held_out))) * (np.arange(len(drawn)) > 0)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = -np.exp(np.log(-np.log(table.measured(drawn))) + shift)
        errors = [
            np.abs(np.log(predicted) - measured).mean(axis=1)
            for predicted in (table.dataset_predictions(drawn), table.instance_predictions(drawn))
        ]
    gaps = errors[0] - errors[1]
    return from_replicates(float(gaps[0]), gaps[1:])


if __name__ == "__main__":
    measure_main(STEM, measure, series_pass_rates)
