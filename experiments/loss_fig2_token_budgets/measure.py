"""Paper L, Figure 2: the final checkpoints of the small runs (sizes x token budgets), their distance from the long
runs' curve, and what size adds to loss."""

import pandas as pd

from experiments.tables.curve_spread import curve_distance, size_statistics
from experiments.tables.names import TWELVE
from experiments.tables.run_statistics import budget_shift_row, by_mixture
from experiments.tables.scores import checkpoint_rows, final_checkpoints, select, size_rows
from experiments.tables.stage import measure_main
from experiments.tables.task_statistics import left_chance_at_the_end
from profiles.paths import Paths
from tasks import TASKS

STEM = "loss_fig2_token_budgets"


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """Final checkpoints of the small runs against the curve of the long runs (paper L, Figure 2)."""
    small, long = final_checkpoints(select(scores, TWELVE, series="small")), select(scores, TWELVE, series="long")
    parts: list = [size_rows(scores), checkpoint_rows(small)]
    for task in TWELVE:
        finals = small[small.task == task]
        distance, curve = curve_distance(pd.concat([long[long.task == task], finals]), task, TASKS[task].chance)
        parts += [curve, [left_chance_at_the_end(finals, task), distance, *size_statistics(finals, task)]]
    parts.append(by_mixture(budget_shift_rows, select(scores, TWELVE)))
    return parts


def budget_shift_rows(rows: pd.DataFrame) -> list[dict]:
    """Statistic row `budget_shift_share` over the twelve tasks."""
    return [budget_shift_row({task: rows[rows.task == task] for task in TWELVE})]


if __name__ == "__main__":
    measure_main(STEM, measure)
