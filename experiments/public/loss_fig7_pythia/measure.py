"""Paper L, Figure 7, on Pythia: the same statistics on two proxies of the loss."""

from collections.abc import Mapping

import pandas as pd

from experiments.public.judged import judged_tasks, judged_together
from experiments.public.stage import measure_public
from experiments.public.statistics import group_claims, loss_claims
from public_tables.pythia import METRICS
from public_tables.rows import benchmark_rows, public_size_rows, stored
from public_tables.table import PublicTable

STEM, SOURCES = "loss_fig7_pythia", ("pythia",)
PAPER_TASKS = ("sciq", "lambada", "winogrande", "arc_easy", "arc_challenge", "piqa")
# Points at equal loss in place of the shift of the loss at half gain: the largest models start below it.
JUDGED = ("monotone_share", "steepest_share", "size_effect_points")


def measure(tables: Mapping[str, PublicTable]) -> list:
    """Eight tasks against WikiText bits per byte (suite v0) and LAMBADA's ln perplexity (suite v1)."""
    rows = tables["pythia"].rows
    bits, words = (rows[rows.series == suite].reset_index(drop=True) for suite in ("v0", "v1"))
    parts: list = [public_size_rows(bits)]
    for task in METRICS:
        one = benchmark_rows(bits, task, task, "proxy")
        parts += [stored(one), loss_claims(task, one)]
        twins = one.assign(group=bits.group.to_numpy())
        parts.append(group_claims(task, twins, "the Pile"))
        parts.append(loss_claims(task, benchmark_rows(words, task, task, "proxy"), "_on_lambada"))
    by_task = pythia_rows(rows)
    parts += [judged_tasks(by_task, JUDGED), judged_together(by_task, ["spread_ratio"])]
    return parts


def pythia_rows(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows of the paper's six tasks against WikiText bits per byte, which claims are judged on."""
    bits = rows[rows.series == "v0"].reset_index(drop=True)
    return {task: benchmark_rows(bits, task, task, "proxy") for task in PAPER_TASKS}


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
