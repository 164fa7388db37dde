"""Paper P, Figure 8, Theorems 2 and 3: do two circuits, or two independent steps, describe how the unnatural in-context
learning subtasks grow?

A curve that contains the plain law always fits at least as well, so the fit decides nothing. Every curve is fitted
without the held-out sizes and scored on them by its predictive log density, beside smooth curves with as many
parameters and no circuits in them.
"""

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed
from analysis.task_law.circuits import compare_growth
from experiments.tables.names import UICL_TASKS, series_names
from experiments.tables.pass_statistics import held_out_sizes, joined_statistic, too_high, too_low
from experiments.tables.passes import has_passed, point_rows, pooled_rates, select_passes, series_pass_rates
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig8_circuits"
SMOOTH = ("law", "quadratic", "cubic", "richards")
UNDECIDED = 2.0  # log densities closer than this do not tell curves apart
MIN_SIZES = 4  # sizes with a pass among the fitted ones; four parameters need no fewer
NUM_CURVE_POINTS = 60


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Circuits, steps and smooth curves on the eight subtasks (paper P, Figure 8), scored on the held-out sizes."""
    parts: list = [size_rows(passes)]
    for task in UICL_TASKS:
        advantages, steps, pooled_all = {}, {}, []
        for series in series_names(passes):
            pooled = pooled_rates(select_passes(passes, task, series))
            pooled_all.append(pooled)
            table = compared(pooled)
            advantages[series], steps[series] = circuits_advantage(table), steps_advantage(table)
            parts += [circuit_curve_rows(table, task, series), drawn_curves(table, pooled, task, series)]
        points = pd.concat(pooled_all)
        parts += [
            point_rows(points),
            [statistic_row(points, task, "left_chance", has_passed(points, task))],
            joined_statistic(points, task, "circuits_advantage", advantages, too_low),
            joined_statistic(points, task, "steps_advantage", steps, too_high),
        ]
    return parts


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
