"""Gemstones (McLeish et al. 2025, 2502.06857): 22 shapes of 48M to 2.0B, width 256 to 3,072, depth 3 to 80, one corpus,
35 checkpoints each, constant learning rate, one seed a shape; zero-shot cloze scores, MMLU among them."""

import numpy as np

from public_tables.table import PublicTable, check_range, check_unique, read_pinned

SHAPE_TASKS = {
    "arc_challenge": "acc_arcc",
    "arc_easy": "acc_arce",
    "csqa": "acc_csqa",
    "hellaswag": "acc_hellaswag",
    "mmlu": "acc_mmlu",
    "openbookqa": "acc_openbook",
    "piqa": "acc_piqa",
    "socialiqa": "acc_siqa",
    "winogrande": "acc_winogrande",
}
BANDS = {"0.05B": (4e7, 8e7), "0.1B": (9e7, 1.2e8), "0.5B": (4e8, 6e8), "1 to 2B": (9e8, 2.1e9)}
DEEP, WIDE = 36, 16  # layers: at 0.1B shapes have 3 to 16 or 36 to 80


def read_gemstones(folder=None) -> PublicTable:
    """Wide table: run (shape), series, size and group (band), params, tokens, depth, width, losses, acc_<task>."""
    keys = ("model", "width", "depth", "params", "step", "tokens", "loss_dclm", "loss_fineweb_edu")
    return clean_gemstones(read_pinned("gemstones", (*keys, *SHAPE_TASKS.values()), folder))


def clean_gemstones(table: PublicTable) -> PublicTable:
    """Checks; names of shapes and bands."""
    check_unique(table, ["model", "step"])
    check_range(table, list(SHAPE_TASKS.values()), 0, 1)
    check_range(table, ["loss_dclm", "loss_fineweb_edu"], 1, 6)
    rows = table.rows
    band = np.full(len(rows), "", object)
    for name, (low, high) in BANDS.items():
        band[(rows.params >= low) & (rows.params <= high)] = name
    kept = rows[["width", "depth", "params", "tokens", "loss_dclm", "loss_fineweb_edu", *SHAPE_TASKS.values()]]
    shape = rows.model.str.removeprefix("Gemstone-")
    table.rows = kept.assign(run=shape, series="one corpus", size=band, group=band)
    table.drop(table.rows.group == "", "a size outside the four bands")
    return table


def shape_groups(rows):
    """The 0.1B shapes as "deep" or "wide", others left out; a copy with the column group."""
    small = rows[rows.group == "0.1B"]
    named = np.where(small.depth >= DEEP, "deep", np.where(small.depth <= WIDE, "wide", ""))
    return small.assign(group=named)[named != ""].reset_index(drop=True)
