"""Paper L, Figure 6: every checkpoint against training compute, and how much more the points scatter there than against
loss."""

import pandas as pd

from experiments.tables.curve_spread import compute_ratio
from experiments.tables.names import TWELVE
from experiments.tables.run_statistics import ratio_over_tasks
from experiments.tables.scores import checkpoint_rows, select, size_rows
from experiments.tables.stage import measure_main
from experiments.tables.task_statistics import left_chance
from profiles.paths import Paths

STEM = "loss_fig6_compute"


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """All checkpoints of all runs against training compute (paper L, Figure 6), with the ratio of residual spreads."""
    rows = select(scores, TWELVE)
    parts: list = [size_rows(scores), checkpoint_rows(rows)]
    ratios = []
    for task in TWELVE:
        one = rows[rows.task == task]
        ratios.append(compute_ratio(one, task))
        parts.append([left_chance(one, task), ratios[-1]])
    parts.append([ratio_over_tasks(rows, ratios, "spread_ratio")])
    return parts


if __name__ == "__main__":
    measure_main(STEM, measure)
