"""Paper P, Figure 8, Theorems 2 and 3: do two circuits, or two independent steps, describe how the unnatural in-context
learning subtasks grow?

A curve that contains the plain law always fits at least as well, so the fit decides nothing. Every curve is fitted
without the held-out sizes and scored on them by its predictive log density, beside smooth curves with as many
parameters and no circuits in them.
"""

from functools import partial

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed
from analysis.passes.count_likelihood import row_log_likelihood
from analysis.task_law.circuits import compare_growth
from experiments.tables.names import UICL_TASKS, series_names
from experiments.tables.pass_statistics import held_out_sizes, joined_statistic, too_high, too_low
from experiments.tables.passes import has_passed, point_rows, pooled_rates, select_passes, series_pass_rates
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.series_statistics import mean_over_seeds, mean_over_series
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig8_circuits"
SMOOTH = ("law", "quadratic", "cubic", "richards")
UNDECIDED = 2.0  # log densities closer than this do not tell curves apart
MIN_SIZES = 4  # sizes with a pass among the fitted ones; four parameters need no fewer
NUM_CURVE_POINTS = 60
MOST_GAIN = 5.0  # of the log density of one run: odds of 150 to 1


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Circuits, steps and smooth curves on the eight subtasks (paper P, Figure 8), scored on the held-out sizes."""
    parts: list = [size_rows(passes)]
    scored: dict[str, list[pd.DataFrame]] = {series: [] for series in series_names(passes)}
    for task in UICL_TASKS:
        advantages, steps, pooled_all = {}, {}, []
        for series in series_names(passes):
            pooled = pooled_rates(select_passes(passes, task, series))
            pooled_all.append(pooled)
            table = compared(pooled)
            advantages[series], steps[series] = circuits_advantage(table), steps_advantage(table)
            scored[series].append(gains_of_runs(table, pooled))
            parts += [circuit_curve_rows(table, task, series), drawn_curves(table, pooled, task, series)]
        points = pd.concat(pooled_all)
        parts += [
            point_rows(points),
            [statistic_row(points, task, "left_chance", has_passed(points, task))],
            joined_statistic(points, task, "circuits_advantage", advantages, too_low),
            joined_statistic(points, task, "steps_advantage", steps, too_high),
        ]
    return [*parts, *gain_statistics(passes, scored)]


def gain_statistics(passes: pd.DataFrame, scored: dict[str, list[pd.DataFrame]]) -> list:
    """Gain in log density per held-out run of two circuits on the smooth curve that fits best, and of two steps on the
    plain law: mean over subtasks, seeds and series (`gains_of_runs` by series)."""
    parts = []
    for metric in ("circuits_gain", "steps_gain"):
        by_series = {
            series: mean_over_seeds(partial(mean_of_column, metric), pd.concat(tables), needs="held-out runs")
            for series, tables in scored.items()
            if any(len(table) for table in tables)
        }
        nothing = {"all": failed(f"no subtask has {MIN_SIZES} fitted sizes with a pass")}
        parts.append(mean_over_series(passes, "all", metric, by_series or nothing))
    return parts


def mean_of_column(name: str, table: pd.DataFrame) -> float:
    """Mean of one column."""
    return float(table[name].mean())


def gains_of_runs(table: pd.DataFrame, pooled: pd.DataFrame) -> pd.DataFrame:
    """One row per held-out run: seed, circuits_gain, steps_gain, the differences of its log density, each cut off at
    MOST_GAIN so that one run far from all curves does not decide. The rival of the circuits is the smooth curve with
    the lowest AICc on the fitted sizes, not the best one on the held-out sizes: that would be chosen by what it is
    scored on."""
    usable = table[table.status == "ok"] if len(table) else table
    if usable.empty:
        return pd.DataFrame()
    fits = {row.curve: row.fit for row in usable.itertuples()}
    smooth = usable[usable.curve.isin(SMOOTH)]
    if smooth.empty:
        return pd.DataFrame()
    rival = smooth.sort_values("aicc", kind="stable").curve.iloc[0]
    runs = pooled[pooled.is_held_out.astype(bool)]
    size, passes, attempts = (
        runs[name].to_numpy(float) for name in ("num_nonembedding_parameters", "passes", "attempts")
    )
    noise = float(usable.scoring_noise.iloc[0])
    density = {name: row_log_likelihood(fit.predict_f(size), passes, attempts, noise) for name, fit in fits.items()}
    found = {"seed": runs.seed.to_numpy()}
    for metric, one, other in (("circuits_gain", "circuits", rival), ("steps_gain", "steps", "law")):
        gain = density[one] - density[other] if one in fits and other in fits else np.full(len(runs), np.nan)
        found[metric] = np.clip(gain, -MOST_GAIN, MOST_GAIN)
    return pd.DataFrame(found)


def compared(pooled: pd.DataFrame) -> pd.DataFrame:
    """compare_growth of one series; an empty table where too few sizes have a pass."""
    held = held_out_sizes(pooled)
    fitted = pooled[~pooled.is_held_out.astype(bool) & (pooled.passes > 0)]
    if fitted["size"].nunique() < MIN_SIZES or not held:
        return pd.DataFrame()
    return compare_growth(pooled.num_nonembedding_parameters, pooled.passes, pooled.attempts, num_held_out=len(held))


def _density(table: pd.DataFrame, names: tuple[str, ...]) -> float:
    usable = table[table.curve.isin(names) & (table.status == "ok")]
    return float(usable.held_out_log_density.max()) if len(usable) else np.nan


def circuits_advantage(table: pd.DataFrame) -> Estimate:
    """Held-out log density of two circuits minus that of the best smooth curve, +- UNDECIDED."""
    if table.empty:
        return failed(f"fewer than {MIN_SIZES} fitted sizes with a pass")
    advantage = _density(table, ("circuits",)) - _density(table, SMOOTH)
    if not np.isfinite(advantage):
        return failed("the fit of two circuits did not converge")
    best = table[table.curve.isin(SMOOTH) & (table.status == "ok")].curve.iloc[0]
    return Estimate(advantage, advantage - UNDECIDED, advantage + UNDECIDED, f"ok: best smooth curve {best}")


def steps_advantage(table: pd.DataFrame) -> Estimate:
    """Held-out log density of two independent steps minus that of the plain law."""
    if table.empty:
        return failed(f"fewer than {MIN_SIZES} fitted sizes with a pass")
    advantage = _density(table, ("steps",)) - _density(table, ("law",))
    return (
        Estimate(advantage, np.nan, np.nan)
        if np.isfinite(advantage)
        else failed("the fit of two steps did not converge")
    )


def circuit_curve_rows(table: pd.DataFrame, task: str, series: str) -> pd.DataFrame:
    """One row of kind `curve` per curve: value is its held-out log density minus the plain law's, with fit and error
    beside it."""
    if table.empty:
        return table
    chosen = table[
        ["curve", "difference", "num_params", "deviance", "aicc", "held_out_log_density", "held_out_error_f", "status"]
    ]
    return chosen.rename(columns={"curve": "metric", "difference": "value"}).assign(
        kind="curve", task=task, series=series
    )


def drawn_curves(table: pd.DataFrame, pooled: pd.DataFrame, task: str, series: str) -> pd.DataFrame:
    """The fitted curves as `fit` rows over all sizes, held-out ones included; none where no fit converged."""
    usable = table[table.status == "ok"] if len(table) else table
    if usable.empty:
        return pd.DataFrame()
    size = pooled.num_nonembedding_parameters
    grid = np.geomspace(size.min(), size.max(), NUM_CURVE_POINTS)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "kind": "fit",
                    "task": task,
                    "metric": name,
                    "series": series,
                    "num_parameters": grid,
                    "value": np.exp(-np.exp(np.clip(fit.predict_f(grid), -30, 6))),
                }
            )
            for name, fit in zip(usable.curve, usable.fit)
        ]
    )


if __name__ == "__main__":
    measure_main(STEM, measure, series_pass_rates)
