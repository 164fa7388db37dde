"""The results of an experiment folder, results/<profile>/<stem>.csv: columns, digits, writing and reading.

A table of results is tidy; `kind` says what a row is:

    checkpoint  a measured point: one run, one checkpoint, one task, one metric; low and high are its 95 % interval over
                the items
    fit         a point of a fitted curve, for drawing: loss_nats, value, low, high
    statistic   a number that a claim is judged by: `metric` names it, low and high are its 95 % interval, `seed` lists
                its seeds, `status` how it went
    published   a number of the paper itself
    size        one row per model size: value is its number of non-embedding parameters (gives each size the same colour
                in every figure)
"""

from pathlib import Path

import numpy as np
import pandas as pd

from files.atomic import atomic_write
from files.tables import read_csv

RESULT_COLUMNS = (
    "kind",
    "task",
    "metric",
    "run",
    "series",
    "size",
    "seed",
    "tokens_seen",
    "compute_flops",
    "loss_nats",
    "value",
    "low",
    "high",
    "num_items",
    "status",
)
RESTORE = "restore it with git or `dvc repro`"
# Kinds whose every row is drawn or counted: a number that is missing there is damage, not a result ("statistic" and the
# like say why they have none).
MEASURED = ("checkpoint", "size", "item", "curve", "simulation", "cost", "task", "set", "run", "published")
NUMBERS = ("tokens_seen", "compute_flops", "loss_nats", "value", "low", "high", "num_items")
# Digits of the numbers in a results.csv, the one place where they are decided: those that hold on every CPU. A measured
# number is read off the raw tables; one that comes out of a fit or of resampling is the same to about ten digits, and
# nobody needs more than five of it.
MEASURED_DIGITS, FITTED_DIGITS = 6, 5
MEASURED_KINDS = ("checkpoint", "item", "size", "task", "run", "set", "published")


def write_results(path: Path, parts: list[pd.DataFrame | list[dict]]) -> pd.DataFrame:
    """Join the parts, put the columns in order, round their numbers and write them: equal results give equal bytes, on
    every CPU. Returns the table as it was written; figures and verdicts read that one too."""
    frames = [pd.DataFrame(part) for part in parts if len(part)]
    columns = list(RESULT_COLUMNS) + [
        column for frame in frames for column in frame.columns if column not in RESULT_COLUMNS
    ]
    columns = list(dict.fromkeys(columns))
    table = pd.concat([frame.reindex(columns=columns).astype(object) for frame in frames], ignore_index=True)
    for column in NUMBERS:
        table[column] = pd.to_numeric(table[column])
    check_measured(path, table)
    digits = np.where(table.kind.isin(MEASURED_KINDS), MEASURED_DIGITS, FITTED_DIGITS)
    for column in columns:
        if column in NUMBERS or _is_numeric(table[column]):
            table[column] = rounded(pd.to_numeric(table[column]), digits, keeps_counts=column not in NUMBERS)
    text = table.to_csv(index=False, float_format=f"%.{MEASURED_DIGITS}g", lineterminator="\n")
    atomic_write(path, text.encode())  # a good table survives whatever stops this
    return table


def check_measured(path: Path, table: pd.DataFrame) -> None:
    """ValueError naming the first rows of MEASURED without a finite value (or of checkpoints, without a loss): they
    would leave a figure empty."""
    lost = table.kind.isin(MEASURED) & ~np.isfinite(table.value) | (table.kind == "checkpoint") & ~np.isfinite(
        table.loss_nats
    )
    lost |= (table.kind == "fit") & ~np.isfinite(table.value) & ~np.isfinite(table.loss_nats)
    if lost.any():
        lines = ", ".join(str(line + 2) for line in np.flatnonzero(lost)[:3])
        row = table[lost].iloc[0]
        raise ValueError(
            f"{path}: {int(lost.sum())} rows hold no finite value or loss (line"
            f" {lines}{' ...' if lost.sum() > 3 else ''}; the first: kind {row.kind}, task {row.task}, run {row.run});"
            f" measure those runs again and run the measure step of {path.stem}"
        )


def _is_numeric(column: pd.Series) -> bool:
    """Whether a column of mixed rows holds numbers, and nothing else but gaps."""
    present = column.dropna()
    return (
        len(present) > 0
        and present.map(lambda cell: isinstance(cell, (int, float, np.number)) and not isinstance(cell, bool)).all()
    )


def rounded(column: pd.Series, digits: np.ndarray, keeps_counts: bool = True) -> pd.Series:
    """A numeric column with each float at its number of significant digits [n] and without negative zeros; whole
    numbers stay whole and complete where keeps_counts."""
    if pd.api.types.is_integer_dtype(column):
        return column
    values = column.to_numpy(float)
    known = values[~np.isnan(values)]
    if keeps_counts and np.isfinite(known).all() and (known == np.round(known)).all() and np.all(np.abs(known) < 2**53):
        return column.astype("Int64")
    return pd.Series(
        [float(f"{value:.{num}g}") + 0.0 for value, num in zip(values, digits, strict=True)], index=column.index
    )


def read_results(path: Path) -> pd.DataFrame:
    """A table of results back; texts are "" where empty. ValueError in one line if it is absent or lacks a column."""
    if not path.exists():
        raise ValueError(f"{path}: not found; run the measure step of {path.stem} first")
    remedy = f"run the measure step of {path.stem} again"
    table = read_csv(
        path, remedy, dtype=dict.fromkeys(("seed", "run", "size", "series", "task", "metric", "status", "kind"), str)
    )
    if absent := [column for column in RESULT_COLUMNS if column not in table.columns]:
        raise ValueError(f"{path}: column {absent[0]} is missing; {remedy}")
    for column in NUMBERS:
        wrong = pd.to_numeric(table[column], errors="coerce").isna() & table[column].notna()
        if wrong.any():
            raise ValueError(
                f"{path}, line {int(np.argmax(wrong)) + 2}: column {column} is {table[column][wrong].iloc[0]!r}, no"
                f" number; {remedy}"
            )
        table[column] = pd.to_numeric(table[column])
    check_measured(path, table)
    texts = [
        column
        for column in table.columns
        if table[column].dtype == object or str(table[column].dtype).startswith("str")
    ]
    return table.fillna(dict.fromkeys(texts, ""))
