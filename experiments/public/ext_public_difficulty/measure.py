"""Score against compute, group by group of difficulty, below and above each task's threshold compute."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.correlation import spearman
from analysis.intervals import bootstrap_runs
from experiments.public.stage import measure_public
from experiments.public.statistics import plain_number, statistic
from public_tables.table import PublicTable

STEM, SOURCES = "ext_public_difficulty", ("difficulty",)
NUM_GROUPS = 10


def measure(tables: Mapping[str, PublicTable]) -> list:
    """Rank correlations of minus the Brier score with log compute; how many tasks show hard questions getting worse."""
    rows = tables["difficulty"].rows
    parts: list = []
    found = []
    for (task, difficulty), one in rows.groupby(["task", "difficulty"]):
        parts.append(_points(one))
        for side, inside in (
            ("below", one.log_flops < one.log_threshold),
            ("above", one.log_flops >= one.log_threshold),
        ):
            kept = one[inside]
            rank = spearman(kept.family.to_numpy(), kept.log_flops, -kept.brier)
            found.append(statistic(task, f"score_with_compute_{side}", rank, kept, size=str(difficulty)))
        kept = one[one.log_flops < one.log_threshold]
        bend = bootstrap_runs(_bend, kept.family.to_numpy(), kept.log_flops, -kept.brier, num_replicates=500)
        found.append(statistic(task, "score_bend_below", bend, kept, size=str(difficulty)))
    return [*parts, found, _counts(pd.DataFrame(found))]


def _bend(log_flops: np.ndarray, score: np.ndarray) -> float:
    """Coefficient of the squared standardised log compute in a parabola through the scores: above 0 a U, below 0 an
    inverted U."""
    if np.ptp(log_flops) == 0 or len(np.unique(log_flops)) < 3:
        return np.nan
    return float(np.polyfit((log_flops - log_flops.mean()) / log_flops.std(), score, 2)[0])


def _points(one: pd.DataFrame) -> list[dict]:
    """Mean Brier score per model; loss_nats holds log10 of the training compute, the axis here."""
    return [
        {
            "kind": "checkpoint",
            "task": row.task,
            "metric": "brier_score",
            "run": row.run,
            "series": row.family,
            "size": str(row.difficulty),
            "compute_flops": 10**row.log_flops,
            "loss_nats": row.log_flops,
            "value": row.brier,
        }
        for row in one.itertuples()
    ]


def _counts(found: pd.DataFrame) -> list[dict]:
    """Tasks whose hardest or easiest group moves one way beyond its interval."""
    asked = (
        ("tasks_hardest_worse_below", str(NUM_GROUPS), "score_with_compute_below", lambda rows: rows.high < 0),
        ("tasks_easiest_better_below", "1", "score_with_compute_below", lambda rows: rows.low > 0),
        ("tasks_hardest_better_above", str(NUM_GROUPS), "score_with_compute_above", lambda rows: rows.low > 0),
        ("tasks_hardest_u_below", str(NUM_GROUPS), "score_bend_below", lambda rows: rows.low > 0),
        ("tasks_easiest_inverted_u_below", "1", "score_bend_below", lambda rows: rows.high < 0),
    )
    counts = []
    for name, difficulty, side, holds in asked:
        rows = found[(found["size"] == difficulty) & (found.metric == side)]
        note = f"ok: of {len(rows)} tasks: {', '.join(rows.task[holds(rows)]) or 'none'}"
        counts.append(plain_number("all", name, float(np.sum(holds(rows))), rows, note))
    return counts


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
