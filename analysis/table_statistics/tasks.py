"""The numbers that paper L's claims on all tasks together are judged by: tables of several tasks of the same runs.

by_task: task -> (rows as in checkpoints.py, chance). Where runs are of two kinds, the column series names them "long"
and "small".
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from scipy import optimize

from analysis.intervals import Estimate, failed
from analysis.run_curves.mean import run_mean
from analysis.run_curves.size_shift import MARGIN, half_gain_loss
from analysis.table_statistics.checkpoints import checkpoint_statistic, loss_span, onsets_of_runs

Tables = Mapping[str, tuple[pd.DataFrame, float]]


def _compute_over_loss(by_task: Tables) -> Estimate:
    """Geometric mean over tasks, interval over tasks."""
    ratios = [checkpoint_statistic("spread_ratio", *table) for table in by_task.values()]
    logs = np.log([ratio.estimate for ratio in ratios if ratio.ok and ratio.estimate > 0])
    mean = run_mean(logs)
    return Estimate(*np.exp([mean.estimate, mean.low, mean.high]), mean.status).noted(f"{len(logs)} tasks")


def _onsets_of_tasks(by_task: Tables) -> Estimate:
    """SD over tasks of their mean onset, as a share of the loss range; interval by the bootstrap over runs that all
    tasks share, less what the errors of the tasks' own means add to it."""
    found = {task: onsets_of_runs(*table) for task, table in by_task.items()}
    if lost := [task for task, one in found.items() if not one.location.ok]:
        return failed(f"no onset of {', '.join(lost)} ({found[lost[0]].location.status})")
    span = np.subtract(*loss_span(pd.concat([rows for rows, _ in by_task.values()])))
    value = float(np.std([one.location.estimate for one in found.values()], ddof=1)) / span
    draws = np.array([one.draws[:, 0] for one in found.values()])
    draws = draws[:, np.isfinite(draws).all(axis=0)]
    square = np.var(draws, axis=0, ddof=1) - float(np.mean(np.var(draws, axis=1, ddof=1)))
    low, high = np.quantile(np.sqrt(np.maximum(square, 0)) / span, [0.025, 0.975])
    return Estimate(value, float(min(low, value)), float(max(high, value)), f"ok: {', '.join(by_task)}")


def _budget_shift(by_task: Tables) -> Estimate:
    """How far the loss at half gain of the small runs lies from that of the long ones, as a share of the loss range;
    one number per small run, its mean over the tasks."""
    shifts: dict[str, list[float]] = {}
    for rows, chance in by_task.values():
        long = rows[rows.series == "long"]
        span = np.subtract(*loss_span(long))
        curves = {
            run: (part.loss_nats.to_numpy(), optimize.isotonic_regression(part.value).x)
            for run, part in rows.sort_values("tokens_seen").groupby("run", sort=True)
        }
        half = chance + (np.mean([curves[run][1][-1] for run in long.run.unique()]) - chance) / 2
        if half <= chance:
            continue
        places = {run: half_gain_loss(*curve, half, 2 * MARGIN * span) for run, curve in curves.items()}
        known = [places[run] for run in long.run.unique() if np.isfinite(places[run])]
        for run in rows.run[rows.series == "small"].unique():
            if known and np.isfinite(places[run]):
                shifts.setdefault(run, []).append((places[run] - np.mean(known)) / span)
    if len(shifts) < 2:
        return Estimate(np.nan, np.nan, np.nan, f"not reached: {len(shifts)} small runs cross half gain")
    return run_mean(np.array([np.mean(one) for one in shifts.values()])).noted(f"{len(shifts)} small runs")


TASKS_STATISTICS: Mapping[str, tuple[str, Callable[[Tables], Estimate]]] = {
    "spread_ratio": ("residual spread on compute over that on loss, geometric mean over tasks", _compute_over_loss),
    "task_onset_spread_share": ("SD over tasks of the onset loss, share of the loss range", _onsets_of_tasks),
    "budget_shift_share": ("shift of the loss at half gain from long to small runs, share of the range", _budget_shift),
}


def tasks_statistic(name: str, by_task: Tables) -> Estimate:
    """One statistic of TASKS_STATISTICS. ValueError for an unknown name, fewer than two tasks, and runs of one kind
    where two are compared."""
    if name not in TASKS_STATISTICS:
        raise ValueError(f"{name}: no statistic of several tasks; use {', '.join(TASKS_STATISTICS)}")
    if len(by_task) < 2:
        raise ValueError(f"{TASKS_STATISTICS[name][0]}: {len(by_task)} task, needs 2 or more")
    if name == "budget_shift_share" and any("series" not in rows for rows, _ in by_task.values()):
        raise ValueError("the shift between budgets needs the column series, with long and small runs")
    return TASKS_STATISTICS[name][1](by_task)
