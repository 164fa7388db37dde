"""Paper L, Table 2: Spearman and Pearson correlation of loss and performance over the pooled checkpoints of the long
runs, with intervals over runs."""

import pandas as pd

from analysis.correlation import pearson, spearman
from experiments.tables.names import SMOOTH, TWELVE
from experiments.tables.published import load_published
from experiments.tables.run_statistics import by_mixture, monotone_row
from experiments.tables.scores import checkpoint_rows, published_rows, select, statistic_row
from experiments.tables.stage import measure_main
from experiments.tables.task_statistics import left_chance
from profiles.paths import Paths

STEM = "loss_tab2_correlations"
NUM_REPLICATES = 1000


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """Correlation of loss and performance per task, ours with intervals and the paper's (Table 2)."""
    rows = select(scores, TWELVE, series="long")
    statistics = []
    for task in TWELVE:
        one = rows[rows.task == task]
        statistics.append(left_chance(one, task))
        for name, correlation in (("spearman", spearman), ("pearson", pearson)):
            estimate = correlation(one.lineage, one.loss_nats, one.value, num_replicates=NUM_REPLICATES)
            statistics.append(statistic_row(one, task, name, estimate, len(one)))
        if task in SMOOTH:
            statistics += by_mixture(monotone_row, one, task=task)
    table = load_published("table2_correlations")
    return [
        checkpoint_rows(rows),
        statistics,
        *(published_rows(table[table.statistic == name], name) for name in ("spearman", "pearson")),
    ]


if __name__ == "__main__":
    measure_main(STEM, measure)
