"""Paper L, Figure 5: all checkpoints of the small runs; whether runs share a threshold, what size adds to loss, and
which language's loss predicts."""

import pandas as pd

from analysis.intervals import failed
from analysis.onset.fit import onset_by_run, shared_threshold
from experiments.tables.curve_spread import intermediate_ratio, mixed_loss_ratio, size_statistics
from experiments.tables.names import THRESHOLD, TWELVE
from experiments.tables.run_statistics import by_mixture, onset_rows, shift_row
from experiments.tables.scores import checkpoint_rows, select, size_rows, statistic_row
from experiments.tables.stage import measure_main
from experiments.tables.task_statistics import left_chance, loss_range
from profiles.paths import Paths
from tasks import TASKS

STEM = "loss_fig5_intermediate"
MIN_CHECKPOINTS = (
    4  # runs that branch from another one late have fewer, all of them past the stretch where an onset could be seen
)


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """Every checkpoint of the small runs on twelve tasks (paper L, Figure 5), and the statistics that need all runs."""
    everything = select(scores, TWELVE)
    small = everything[everything.series == "small"]
    parts: list = [size_rows(scores), checkpoint_rows(small)]
    for task in TWELVE:
        one, all_runs = (
            small[small.task == task].reset_index(drop=True),
            everything[everything.task == task].reset_index(drop=True),
        )
        statistics = [
            left_chance(all_runs, task),
            *size_statistics(one, task),
            intermediate_ratio(one, task),
            mixed_loss_ratio(all_runs, task, TASKS[task].language),
        ]
        long = all_runs[all_runs.series == "long"]
        statistics.append(shift_row(long, task))
        if task in THRESHOLD:
            statistics += onset_statistics(all_runs, task) + by_mixture(onset_rows, all_runs, task=task)
        parts.append(statistics)
    return parts


def onset_statistics(rows: pd.DataFrame, task: str) -> list[dict]:
    """Statistic rows `onset_mean` (nats) and `onset_sd_share`: mean and standard deviation over all runs of the loss at
    which each leaves chance, the latter as a share of the long runs' loss range; runs that never do are taken along as
    censored. One row per factor says how far its group means spread.
    """
    onsets = onset_by_run(rows, TASKS[task].chance)
    onsets = onsets[onsets.num_checkpoints >= MIN_CHECKPOINTS]
    high, low = loss_range(rows[rows.series == "long"])
    if onsets.empty:
        return [
            statistic_row(rows, task, name, failed(f"no run has {MIN_CHECKPOINTS} checkpoints"))
            for name in ("onset_mean", "onset_sd_share")
        ]
    groups = {
        "size": onsets["size"].to_numpy(),
        "budget": onsets.tokens_seen.to_numpy(),
        "seed": onsets.seed.to_numpy(),
    }
    shared = shared_threshold(onsets.onset_loss_nats, onsets.low, onsets.high, high - low, groups)
    statistics = [
        statistic_row(rows, task, "onset_mean", shared.centre, len(onsets)),
        statistic_row(rows, task, "onset_sd_share", shared.ratio, len(onsets)),
    ]
    return statistics + [
        {
            "kind": "spread_by",
            "task": task,
            "metric": factor,
            "value": spread,
            "status": "SD of the group means of onset loss, nats",
        }
        for factor, spread in shared.spread_by.items()
    ]


if __name__ == "__main__":
    measure_main(STEM, measure)
