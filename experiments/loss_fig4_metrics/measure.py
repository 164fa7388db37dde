"""Paper L, Figure 4: the exam under a discontinuous and two continuous metrics, and the loss at which each leaves
chance; its cloze form as a control."""

import pandas as pd

from analysis.intervals import Estimate
from experiments.tables.run_statistics import by_mixture, flat_row, metric_shift_row, slope_underneath_row
from experiments.tables.scores import checkpoint_rows, select, size_rows, statistic_row
from experiments.tables.stage import measure_main
from experiments.tables.task_statistics import hinge, hinge_curve, left_chance, loss_range
from profiles.paths import Paths

STEM = "loss_fig4_metrics"
EXAMS = ("exam", "exam_zh", "exam_cloze", "exam_cloze_zh")
LETTER_EXAMS = EXAMS[:2]
METRICS = ("accuracy", "correct_choice_prob", "brier_score")


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """The exam in letters and in cloze form under three metrics along the long runs (paper L, Figure 4)."""
    parts: list = [size_rows(scores)]
    for metric in METRICS:
        rows = select(scores, EXAMS, metric, series="long")
        parts.append(checkpoint_rows(rows))
        for task in EXAMS:
            one = rows[rows.task == task]
            fit, statistics = hinge(one, task, metric)
            parts += [
                hinge_curve(fit, one, task, metric),
                [row | {"metric": f"{row['metric']}_{metric}"} for row in statistics],
            ]
            if metric == "accuracy":
                high, low = loss_range(one)
                parts.append(
                    [
                        left_chance(one, task),
                        statistic_row(one, task, "loss_range_nats", Estimate(high - low, low, high)),
                    ]
                )
    for task in EXAMS:
        accuracy, probability, brier = (select(scores, (task,), metric, series="long") for metric in METRICS)
        parts.append(by_mixture(flat_row, accuracy, task=task))
        if task in LETTER_EXAMS:
            for metric, other in (("correct_choice_prob", probability), ("brier_score", brier)):
                parts.append(by_mixture(metric_shift_row, accuracy, other, task=task, metric=metric))
            every = select(scores, (task,), "accuracy")
            parts.append(by_mixture(slope_underneath_row, every, probability, task=task))
    return parts


if __name__ == "__main__":
    measure_main(STEM, measure)
