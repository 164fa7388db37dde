"""Anybody's table of checkpoints, read and checked: which rows can be used, and what was done to the others.

One row is one checkpoint of one run: a loss, a score, a run. Percent are turned into shares, rows with nan and repeated
rows are left out; each is counted and named in the notes. Nothing is guessed in silence.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.rows import float_columns, positive_problem

MAX_SHARE = 1 + 1e-9
# Checkpoints that lie more than half of the others' loss range above the highest loss of 95 % of them count as
# untrained.
FEW_ABOVE, REACH = 0.95, 0.5


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns; items may be a number instead of a name. None: the table has no such column."""

    loss: str
    value: str
    run: str
    tokens: str | None = None
    size: str | None = None
    group: str | None = None
    items: str | float | None = None


@dataclass(frozen=True)
class Checkpoints:
    """A checked table with columns run, loss_nats, value and, where given, tokens_seen, num_parameters, group,
    num_items; chance as a share; notes on what was left out or changed."""

    rows: pd.DataFrame
    chance: float
    notes: tuple[str, ...]

    @property
    def num_runs(self) -> int:
        """How many runs have rows."""
        return int(self.rows["run"].nunique())


def read_table(path: Path) -> pd.DataFrame:
    """A csv (also compressed), tsv, parquet or jsonl file as a frame. ValueError names the file and what is wrong with
    it."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".xz").removesuffix(".zst")
    readers = {
        ".csv": pd.read_csv,
        ".tsv": lambda file: pd.read_csv(file, sep="\t"),
        ".parquet": pd.read_parquet,
        ".jsonl": lambda file: pd.read_json(file, lines=True),
    }
    reader = next((read for suffix, read in readers.items() if name.endswith(suffix)), None)
    if reader is None:
        raise ValueError(
            f"{path}: not a .csv, .tsv, .parquet or .jsonl file (.csv.gz and the like will do); convert it first"
        )
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        return reader(path)
    except (ValueError, OSError, EOFError, UnicodeError) as error:
        raise ValueError(
            f"{path}: cannot be read as a table ({str(error).splitlines()[0]}); is it damaged or cut short?"
        ) from None


def check_table(frame: pd.DataFrame, columns: Columns, chance: float, highest_loss: float | None = None) -> Checkpoints:
    """The rows that can be used, sorted by run and training order. ValueError for absent columns, text among numbers,
    or no row left.

    Training order is that of the tokens; without tokens that of the file. Checkpoints above highest_loss are left out;
    by default those far above the others (_without_untrained), for a handful of untrained ones would make any curve
    look flat over most of "the loss range".
    """
    wanted = {
        "run": columns.run,
        "loss_nats": columns.loss,
        "value": columns.value,
        "tokens_seen": columns.tokens,
        "num_parameters": columns.size,
        "group": columns.group,
    }
    if isinstance(columns.items, str):
        wanted["num_items"] = columns.items
    absent = [name for name in wanted.values() if name is not None and name not in frame]
    if absent:
        near = ", ".join(map(str, list(frame.columns)[:12]))
        raise ValueError(
            f"columns {', '.join(absent)}: not in the table, which has"
            f" {near}{', ...' if len(frame.columns) > 12 else ''}"
        )
    rows = pd.DataFrame({ours: frame[theirs].to_numpy() for ours, theirs in wanted.items() if theirs is not None})
    if columns.items is not None and not isinstance(columns.items, str):
        rows["num_items"] = float(columns.items)
    notes: list[str] = []
    rows = _without_missing(rows, notes)
    rows, chance = _as_shares(rows, chance, notes)
    rows = _without_repeats(rows, notes)
    rows = _without_untrained(rows, highest_loss, notes)
    problem = positive_problem(
        **{name: rows[name].to_numpy(float) for name in ("num_parameters", "num_items") if name in rows}
    )
    if problem:
        raise ValueError(problem)
    order = ["run"] + (["tokens_seen"] if "tokens_seen" in rows else [])
    rows = rows.sort_values(order, kind="stable", ignore_index=True)
    if "tokens_seen" not in rows:
        notes.append("no tokens: a run's checkpoints are taken in the order of the file")
    return Checkpoints(rows, chance, tuple(notes))


def _without_missing(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    numeric = [name for name in rows if name not in ("run", "group")]
    arrays, _ = float_columns(0, **{name: rows[name] for name in numeric})
    rows = rows.assign(**dict(zip(numeric, arrays)))
    sound = np.all([np.isfinite(rows[name]) for name in numeric], axis=0) & rows[
        [c for c in ("run", "group") if c in rows]
    ].notna().all(axis=1)
    if not sound.all():
        holes = [
            name for name in rows if rows[name].isna().any() or (name in numeric and not np.isfinite(rows[name]).all())
        ]
        notes.append(f"{int((~sound).sum())} of {len(rows)} rows left out: nan or inf in {', '.join(holes)}")
    if not sound.any():
        raise ValueError("no row has every number it needs; check the names of the columns")
    rows = rows[sound].reset_index(drop=True)
    # Labels of mixed types (1 and "1b") do not sort.
    return rows.assign(**{name: rows[name].astype(str) for name in ("run", "group") if name in rows})


def _as_shares(rows: pd.DataFrame, chance: float, notes: list[str]) -> tuple[pd.DataFrame, float]:
    if not np.isfinite(chance):
        raise ValueError(f"chance: got {chance}, needs a number such as 0.25")
    if 0 <= chance < 1 and rows["value"].max() > MAX_SHARE:
        if not rows["value"].between(0, 100 * MAX_SHARE).all():
            if "num_items" in rows:
                raise ValueError(
                    "value: neither shares from 0 to 1 nor percent; leave out the number of items for such a metric"
                )
            return rows, chance
        notes.append(f"values up to {rows['value'].max():.4g} taken as percent")
        return rows.assign(value=rows["value"] / 100), chance
    if chance >= 1 and rows["value"].between(0, 100 * MAX_SHARE).all():
        notes.append(f"chance {chance:g} and values taken as percent")
        return rows.assign(value=rows["value"] / 100), chance / 100
    return rows, chance


def _without_untrained(rows: pd.DataFrame, highest_loss: float | None, notes: list[str]) -> pd.DataFrame:
    if highest_loss is None:
        ordinary, lowest = float(rows["loss_nats"].quantile(FEW_ABOVE)), float(rows["loss_nats"].min())
        highest_loss = ordinary + REACH * (ordinary - lowest)
        how = f"far above the other {FEW_ABOVE:.0%}; name another highest loss to keep them"
    else:
        how = "as asked"
    kept = rows["loss_nats"] <= highest_loss
    if not kept.any():
        raise ValueError(
            f"highest loss {highest_loss:g}: every checkpoint lies above it (lowest {rows['loss_nats'].min():g})"
        )
    if not kept.all():
        notes.append(f"{int((~kept).sum())} checkpoints with a loss above {highest_loss:.3f} left out ({how})")
    return rows[kept].reset_index(drop=True)


def _without_repeats(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    repeated = rows.duplicated()
    if repeated.any():
        notes.append(f"{int(repeated.sum())} rows left out: they repeat another row")
        rows = rows[~repeated].reset_index(drop=True)
    if "tokens_seen" in rows:
        twice = rows.duplicated(["run", "tokens_seen"], keep=False)
        if twice.any():
            row = rows[twice].iloc[0]
            notes.append(
                f"{int(twice.sum())} rows are one checkpoint with several values (run {row['run']},"
                f" {row['tokens_seen']:g} tokens): their means are taken"
            )
            means = [name for name in rows if name not in ("run", "group")]
            keys = ["run", *(["group"] if "group" in rows else []), "tokens_seen"]
            rows = rows.groupby(keys, as_index=False)[[name for name in means if name != "tokens_seen"]].mean()
    return rows


def chosen_rows(frame, conditions: list[str]):
    """The rows of a table that meet every COLUMN=VALUE; ValueError for a condition that is none or that no row
    meets."""
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals or column not in frame:
            raise ValueError(f"--where {condition}: needs COLUMN=VALUE with a column of the table")
        frame = frame[frame[column].astype(str) == value]
        if frame.empty:
            raise ValueError(f"--where {condition}: no row has it")
    return frame


def items_of(given: str | None, frame) -> str | float | None:
    """The column of item counts, or the number that all rows share; ValueError for neither."""
    if given is None or given in frame:
        return given
    try:
        return float(given)
    except ValueError:
        raise ValueError(f"--items {given}: neither a column of the table nor a number") from None
