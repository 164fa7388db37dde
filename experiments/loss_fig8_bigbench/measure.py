"""Paper L, Figure 8: the stand-ins for three BIG-bench tasks along the long runs, with threshold, flat part and
gain."""

import pandas as pd

from experiments.tables.names import BIGBENCH, asked
from experiments.tables.run_statistics import by_mixture, flat_row
from experiments.tables.scores import checkpoint_rows, select, size_rows
from experiments.tables.stage import measure_main
from experiments.tables.task_statistics import flat_part, gain_points, hinge, hinge_curve, left_chance
from profiles.paths import Paths

STEM = "loss_fig8_bigbench"


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """Word unscrambling, modified arithmetic and IPA transliteration along the long runs (paper L, Figure 8)."""
    rows = select(scores, BIGBENCH, series="long")
    parts: list = [size_rows(scores), checkpoint_rows(rows)]
    for task in BIGBENCH:
        one = rows[rows.task == task]
        fit, statistics = hinge(one, task, asked(one)[task].metric)
        parts += [
            hinge_curve(fit, one, task, asked(one)[task].metric),
            [left_chance(one, task), flat_part(one, task), gain_points(one, task), *statistics],
            by_mixture(flat_row, one, task=task),
        ]
    return parts


if __name__ == "__main__":
    measure_main(STEM, measure)
