"""Rows of kind "statistic" that claims_public.yaml judges: the claims' own numbers on the rows of public tables.

Each function takes rows, so that paper/public_power.py can plant a truth on the same runs, losses and items.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from analysis.intervals import Estimate
from analysis.run_curves.mean import joined_mean
from analysis.table_statistics.checkpoints import checkpoint_statistic
from analysis.table_statistics.losses import loss_statistic
from analysis.table_statistics.passes import PassTable, pass_statistic
from analysis.table_statistics.tasks import tasks_statistic
from experiments.public.statistics import statistic
from public_tables.benchmarks import BENCHMARKS

ByTask = Mapping[str, pd.DataFrame]


def judged_tasks(by_task: ByTask, names: Iterable[str], suffix: str = "") -> list[dict]:
    """One row per task and statistic of checkpoints."""
    return [
        statistic(task, f"{name}{suffix}", checkpoint_statistic(name, rows, BENCHMARKS[task].chance), rows)
        for task, rows in by_task.items()
        for name in names
    ]


def judged_together(by_task: ByTask, names: Iterable[str], suffix: str = "") -> list[dict]:
    """One row per statistic over all tasks, task "all"."""
    tables = {task: (rows, BENCHMARKS[task].chance) for task, rows in by_task.items()}
    return [statistic("all", f"{name}{suffix}", tasks_statistic(name, tables), tables) for name in names]


def judged_by_corpus(by_task: ByTask, names: Iterable[str]) -> list[dict]:
    """One row per task and statistic, the mean over corpora (column series), each with its own runs."""
    found = []
    for task, rows in by_task.items():
        for name in names:
            of_corpus = {
                corpus: checkpoint_statistic(name, one.reset_index(drop=True), BENCHMARKS[task].chance)
                for corpus, one in rows.groupby("series")
            }
            found.append(statistic(task, name, joined_mean(of_corpus), rows))
    return found


def judged_together_by_corpus(by_task: ByTask, names: Iterable[str]) -> list[dict]:
    """The same over all tasks, the mean over corpora."""
    corpora = sorted({corpus for rows in by_task.values() for corpus in rows.series})
    found = []
    for name in names:
        of_corpus = {}
        for corpus in corpora:
            within = {task: rows[rows.series == corpus].reset_index(drop=True) for task, rows in by_task.items()}
            tables = {task: (rows, BENCHMARKS[task].chance) for task, rows in within.items()}
            of_corpus[corpus] = tasks_statistic(name, tables)
        found.append(statistic("all", name, joined_mean(of_corpus), by_task))
    return found


def judged_passes(task: str, table: PassTable, names: Iterable[str]) -> list[dict]:
    """One row per statistic of counts per item and size."""
    return [statistic(task, name, pass_statistic(name, table), table.passes) for name in names]


def judged_losses(rows: pd.DataFrame, names: Iterable[str]) -> list[dict]:
    """One row per statistic of final losses, the mean over corpora (column series), task "all"."""
    found = []
    for name in names:
        of_corpus: dict[str, Estimate] = {corpus: loss_statistic(name, one) for corpus, one in rows.groupby("series")}
        found.append(statistic("all", name, joined_mean(of_corpus), rows))
    return found
