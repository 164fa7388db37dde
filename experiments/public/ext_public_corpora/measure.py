"""Corpus effect at equal loss, on three validation sets; size effect within a corpus beside it."""

from collections.abc import Mapping

import pandas as pd

from experiments.public.judged import judged_by_corpus, judged_together_by_corpus
from experiments.public.stage import measure_public
from experiments.public.statistics import group_claims, loss_claims
from public_tables.gadre import CORPORA, GADRE_LOSSES, SCORES
from public_tables.rows import benchmark_rows, stored
from public_tables.table import PublicTable

STEM, SOURCES = "ext_public_corpora", ("gadre",)
REFERENCE = "C4"
JUDGED = ("monotone_share", "size_effect_points")


def measure(tables: Mapping[str, PublicTable]) -> list:
    """Twelve tasks: each corpus against C4 at equal loss, and size within each corpus."""
    rows = tables["gadre"].rows
    parts: list = [[{"kind": "size", "size": name, "value": place} for place, name in enumerate(CORPORA.values(), 1)]]
    for task, column in SCORES.items():
        for loss in GADRE_LOSSES:
            one = benchmark_rows(rows, task, column, loss).assign(group=rows.group.to_numpy())
            suffix = "" if loss == "loss_c4_val" else f"_on_{loss.removeprefix('loss_paloma_')}"
            parts.append(group_claims(task, one, REFERENCE, f"corpus_effect{suffix}"))
        one = benchmark_rows(rows, task, column, "loss_c4_val")
        parts.append(stored(one.assign(size=one.series)))
        for corpus, within in one.groupby("series"):
            parts.append(loss_claims(task, within.reset_index(drop=True), f"_within_{corpus}"))
    by_task = corpus_rows(rows)
    parts += [judged_by_corpus(by_task, JUDGED), judged_together_by_corpus(by_task, ["spread_ratio"])]
    return parts


def corpus_rows(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of each task against the loss on C4, series the training corpus, which claims are judged on."""
    return {task: benchmark_rows(rows, task, column, "loss_c4_val") for task, column in SCORES.items()}


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
