"""Paper L, Figure 1: every checkpoint of the long runs on twelve tasks, with threshold, flat part, gain and largest
jump of each task."""

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed, from_replicates
from analysis.onset.threshold import HingeFit
from experiments.tables.names import THRESHOLD, TWELVE
from experiments.tables.run_statistics import by_mixture, flat_row, onset_of, steepest_row, tasks_onset_row
from experiments.tables.scores import checkpoint_rows, select, size_rows, statistic_row
from experiments.tables.stage import measure_main
from experiments.tables.task_statistics import (
    flat_part,
    gain_points,
    hinge,
    hinge_curve,
    largest_jump,
    left_chance,
    loss_range,
)
from profiles.paths import Paths
from tasks import TASKS

STEM = "loss_fig1_model_sizes"


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """Performance against loss along the long runs (paper L, Figure 1): points, fitted thresholds and the statistics of
    the claims."""
    rows = select(scores, TWELVE, series="long")
    parts: list = [size_rows(scores), checkpoint_rows(rows)]
    fits: dict[str, HingeFit] = {}
    for task in TWELVE:
        one, metric = rows[rows.task == task], TASKS[task].metric
        statistics = [left_chance(one, task), gain_points(one, task), largest_jump(one, task)]
        if task in THRESHOLD:
            fits[task], fitted = hinge(one, task, metric)
            parts.append(hinge_curve(fits[task], one, task, metric))
            statistics += [flat_part(one, task), *fitted, *by_mixture(flat_row, one, task=task)]
        else:
            statistics += by_mixture(steepest_row, one, task=task)
        parts.append(statistics)
    parts.append([common_threshold(rows, fits)])
    every = select(scores, THRESHOLD)
    parts.append(by_mixture(tasks_onset_rows, every))
    return parts


def tasks_onset_rows(rows: pd.DataFrame) -> list[dict]:
    """Statistic row `task_onset_spread_share` of all runs of the threshold tasks."""
    return [tasks_onset_row(rows, {task: onset_of(rows[rows.task == task], task) for task in THRESHOLD})]


def common_threshold(rows: pd.DataFrame, fits: dict[str, HingeFit]) -> dict:
    """Statistic row `task_onset_sd_share`: standard deviation over the threshold tasks of their onset loss, as a share
    of the loss range.

    The tasks' bootstrap draws use the same runs, so the standard deviation is taken draw by draw."""
    lost = [task for task, fit in fits.items() if not fit.eta.ok]
    if lost:
        return statistic_row(rows, "all", "task_onset_sd_share", failed(f"no threshold found for {', '.join(lost)}"))
    high, low = loss_range(rows)
    etas = np.array([fit.eta.estimate for fit in fits.values()])
    draws = np.array([fit.draws for fit in fits.values()])
    share = from_replicates(
        float(np.std(etas, ddof=1)) / (high - low),
        np.std(draws, axis=0, ddof=1) / (high - low),
        num_runs=rows.run.nunique(),
    )
    return statistic_row(
        rows, "all", "task_onset_sd_share", Estimate(share.estimate, share.low, share.high, share.status)
    )


if __name__ == "__main__":
    measure_main(STEM, measure)
