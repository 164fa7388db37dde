"""Paper L, Figure 3, on the OLMo ladder: rank correlation, size effect at equal loss, spread on compute."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from experiments.public.judged import judged_tasks, judged_together
from experiments.public.stage import measure_public
from experiments.public.statistics import band_claims, loss_claims
from public_tables.digitised import digitised_rows
from public_tables.olmo import OLMO_TASKS, olmo_rows
from public_tables.rows import last_checkpoints, public_size_rows, stored, thinned
from public_tables.table import PublicTable

STEM, SOURCES = "loss_fig3_open_models", ("olmo",)
DRAWN = 12  # checkpoints a run
JUDGED = ("monotone_share", "steepest_share", "size_shift_share")
LONGEST = "-10xC"  # ten times Chinchilla's tokens


def measure(tables: Mapping[str, PublicTable]) -> list:
    """Ten cloze tasks over 33 runs against the loss on C4."""
    rows = tables["olmo"].rows
    parts: list = [public_size_rows(rows), digitised_rows()]
    for task in OLMO_TASKS:
        one = olmo_rows(rows, task, "cloze")
        parts.append(stored(thinned(one, DRAWN)))
        parts.append([*loss_claims(task, one), *band_claims(task, one)])
        last = last_checkpoints(one)
        parts += [loss_claims(task, last, "_final"), loss_claims(task, last[last.series == "small"], "_final_ladder")]
    by_task = open_rows(rows)
    parts += [judged_tasks(by_task, JUDGED), judged_together(by_task, ["spread_ratio"])]
    parts.append(judged_together(budget_rows(by_task), ["budget_shift_share"]))
    return parts


def open_rows(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Cloze rows of each task that claims are judged on: without warm-up, where the loss range of a claim begins."""
    trained = rows[~rows.is_warmup].reset_index(drop=True)
    return {task: olmo_rows(trained, task, "cloze") for task in OLMO_TASKS}


def budget_rows(by_task: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The ladder's runs alone, "long" those of ten times Chinchilla's tokens, the others "small"."""
    kept = {task: one[one.series == "small"].reset_index(drop=True) for task, one in by_task.items()}
    return {
        task: one.assign(series=np.where(one.run.str.endswith(LONGEST), "long", "small")) for task, one in kept.items()
    }


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
