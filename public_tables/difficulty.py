"""Scores of question groups by difficulty (Wu and Lo 2024, 2410.01692): ten groups of eight tasks, 65 to 68 models."""

import numpy as np

from public_tables.table import PublicTable, check_range, read_pinned

KEYS = ["task", "file_kind", "choices", "column", "model", "first_item"]


def read_difficulty(folder=None) -> PublicTable:
    """task, run (model), family, log_flops, threshold_flops, difficulty (1 easiest to 10), brier: the paper's Brier
    score given one of the choices (lower is better)."""
    needed = (*KEYS, "threshold_1e21_flops", "family", "flops_1e21", "last_item", "value")
    return clean_difficulty(read_pinned("difficulty", needed, folder))


def clean_difficulty(table: PublicTable) -> PublicTable:
    """Brier scores alone; groups numbered by their mean Brier score over models, easiest first."""
    table.drop(table.rows.duplicated(KEYS), "a second score of one group by one model")
    rows = table.rows
    other = (rows.file_kind != "brier") | (rows.choices != "redist") | (rows.column != "brier")
    table.drop(other, "accuracies, sanity columns and scores not given one of the choices")
    table.drop(table.rows.task == "hellaswag", "HellaSwag: its outer groups stand at 0 or 1 throughout")
    check_range(table, ["value"], 0, 2)
    table.drop(table.rows.flops_1e21.isna() | (table.rows.flops_1e21 <= 0), "training compute is not known")
    rows = table.rows
    mean = rows.groupby(["task", "first_item"])["value"].mean().rename("mean").reset_index()
    mean["difficulty"] = mean.groupby("task")["mean"].rank(method="first").astype(int)
    rows = rows.merge(mean[["task", "first_item", "difficulty"]], on=["task", "first_item"])
    table.rows = rows.assign(
        run=rows.model,
        brier=rows["value"],
        log_flops=np.log10(rows.flops_1e21 * 1e21),
        log_threshold=np.log10(rows.threshold_1e21_flops * 1e21),
    )
    return table
