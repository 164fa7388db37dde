"""Rows that claims on public tables are judged by: the same numbers as the statistics give, one per task, per table."""

import numpy as np
import pandas as pd

from analysis.run_curves.mean import joined_mean
from analysis.table_statistics.checkpoints import checkpoint_statistic
from analysis.table_statistics.passes import pass_statistic, pass_table
from experiments.public.judged import (
    judged_by_corpus,
    judged_losses,
    judged_passes,
    judged_tasks,
    judged_together,
    judged_together_by_corpus,
)
from public_tables.benchmarks import BENCHMARKS
from tests.test_analysis_table_statistics_checkpoints import planted, smooth
from tests.test_analysis_table_statistics_losses import planted as planted_losses
from tests.test_analysis_table_statistics_passes import planted as planted_passes

BY_TASK = {task: planted(smooth, seed=place) for place, task in enumerate(("mmlu", "hellaswag"))}


def test_one_row_per_task_and_statistic_with_the_chance_of_the_benchmark():
    rows = judged_tasks(BY_TASK, ["flat_share", "size_shift_share"], "_cloze")
    assert [(row["task"], row["metric"]) for row in rows][:2] == [
        ("mmlu", "flat_share_cloze"),
        ("mmlu", "size_shift_share_cloze"),
    ]
    expected = checkpoint_statistic("flat_share", BY_TASK["hellaswag"], BENCHMARKS["hellaswag"].chance)
    found = next(row for row in rows if row["task"] == "hellaswag")
    assert (found["value"], found["low"], found["high"]) == (expected.estimate, expected.low, expected.high)


def test_corpora_are_joined_by_their_mean():
    both = {
        task: pd.concat([rows.assign(series="a"), planted(smooth, seed=7).assign(series="b")], ignore_index=True)
        for task, rows in BY_TASK.items()
    }
    (row,) = judged_by_corpus({"mmlu": both["mmlu"]}, ["spearman"])
    single = {
        name: checkpoint_statistic("spearman", one.reset_index(drop=True), 0.25)
        for name, one in both["mmlu"].groupby("series")
    }
    assert row["value"] == joined_mean(single).estimate
    (ratio,) = judged_together_by_corpus(both, ["spread_ratio"])
    assert ratio["task"] == "all" and ratio["low"] > 1
    assert judged_together(BY_TASK, ["spread_ratio"])[0]["value"] > 1


def test_passes_and_losses():
    table = pass_table(planted_passes(), 1)
    (row,) = judged_passes("math", table, ["item_law_r2"])
    assert row["value"] == pass_statistic("item_law_r2", table).estimate and row["num_items"] == 60
    losses = pd.concat([planted_losses().assign(series=name) for name in "ab"])
    (row,) = judged_losses(losses, ["unexplained_share"])
    assert row["task"] == "all" and np.isfinite(row["value"])
