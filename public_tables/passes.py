"""Sampled passes of real models: Pythia on MATH and GSM8K (Brown et al. 2024, 2407.21787; Schaeffer et al. 2025,
2502.17578), and the loss of reference solutions."""

import pandas as pd

from public_tables.table import PublicTable, check_range, check_unique, read_pinned

NONEMBED = {  # parameters without embeddings, for the table that names sizes alone (EleutherAI/pythia, README)
    "Pythia 70M": 18915328,
    "Pythia 160M": 85056000,
    "Pythia 410M": 302311424,
    "Pythia 1B": 805736448,
    "Pythia 2.8B": 2517652480,
    "Pythia 6.9B": 6444163072,
    "Pythia 12B": 11327027200,
}


def read_math_attempts(folder=None) -> PublicTable:
    """128 MATH items, 10,000 attempts each, seven sizes: model, params, params_nonembed, item, attempts, passes."""
    table = read_pinned("math_attempts", ("benchmark", "model", "params", "item", "attempts", "passes"), folder)
    table = clean_counts(table, ["model", "item"])
    table.rows["params_nonembed"] = table.rows.model.map(NONEMBED)
    return table


def read_pass_counts(folder=None) -> PublicTable:
    """128 items of GSM8K and MATH at nine sizes and nine checkpoints, attempts unequal: benchmark, model, params,
    params_nonembed, tokens, item, attempts, passes."""
    columns = ("benchmark", "model", "params", "params_nonembed", "tokens", "item", "attempts", "passes")
    table = read_pinned("pass_counts", columns, folder)
    keys = ["benchmark", "model", "item"]
    twice = table.rows.duplicated(keys, keep="first")
    table.drop(twice, "a second row of one item at one checkpoint")
    table = clean_counts(table, keys)
    items = table.rows.groupby(["benchmark", "model"]).item.transform("size")
    table.drop(items < 100, "checkpoints with fewer than 100 items")
    return table


def read_reference_nll(folder=None) -> PublicTable:
    """Loss in nats of a reference solution of each GSM8K item at nine Pythia checkpoints: model, params, tokens, item,
    nll_nats."""
    table = read_pinned("reference_nll", ("model", "params", "tokens", "item", "nll_nats"), folder)
    check_unique(table, ["model", "item"])
    check_range(table, ["nll_nats"], 0, 1e5)
    return table


def clean_counts(table: PublicTable, keys: list[str]) -> PublicTable:
    """Counts are counts, no more passes than attempts, one row per item."""
    check_unique(table, keys)
    check_range(table, ["attempts"], 1, 1e8)
    check_range(table, ["passes"], 0, 1e8)
    if (table.rows.passes > table.rows.attempts).any():
        row = table.rows[table.rows.passes > table.rows.attempts].iloc[0]
        raise ValueError(f"{table.source.file}: item {row['item']} of {row.model} has more passes than attempts")
    return table


def size_name(params: pd.Series) -> pd.Series:
    """Sizes as people write them."""
    return params.map(lambda count: f"{count / 1e9:g}B" if count >= 1e9 else f"{count / 1e6:g}M")
