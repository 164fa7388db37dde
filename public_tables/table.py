"""Reading the public tables: where they lie, whether they are the pinned ones, and what every reader checks.

They lie in public_data/ (`python -m experiments.public fetch` fills it) or in the folder that the environment variable
PUBLIC_DATA names.
"""

import gzip
import hashlib
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from profiles.paths import ROOT
from public_tables.sources import SOURCES, PublicSource

FOLDER = "public_data"
HOW = "`python -m experiments.public fetch`, or set PUBLIC_DATA to a folder that holds it"


@dataclass
class PublicTable:
    """rows of one source after its checks, and notes: what was dropped or corrected, with the number of rows and the
    reason."""

    source: PublicSource
    rows: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    def drop(self, wrong: pd.Series, reason: str) -> None:
        """Leave out the rows where `wrong` is true, and note it."""
        count = int(wrong.sum())
        if count:
            self.notes.append(f"dropped {count} of {len(wrong)} rows: {reason}")
            self.rows = self.rows[~wrong.to_numpy(bool)].reset_index(drop=True)

    def source_row(self) -> dict:
        """A row of kind "source" for a results.csv: file, revision and notes."""
        notes = "; ".join([f"{self.source.repository} at {self.source.revision[:12]}", *self.notes])
        return {"kind": "source", "metric": self.source.file, "value": len(self.rows), "status": f"ok: {notes}"}


def public_folder() -> Path:
    """The folder of the tables; ValueError where PUBLIC_DATA names none."""
    given = os.environ.get("PUBLIC_DATA")
    if given is None:
        return ROOT / FOLDER
    folder = ROOT / given
    if not folder.is_dir():
        raise ValueError(f"PUBLIC_DATA={given}: no such folder; name the one that holds the public tables, or unset it")
    return folder


def absent_tables(names: tuple[str, ...]) -> list[str]:
    """Files of the named sources that are not in the folder."""
    folder = public_folder()
    return [SOURCES[name].file for name in names if not (folder / SOURCES[name].file).is_file()]


def content(path: Path) -> bytes:
    """A file's content, uncompressed. ValueError where it is absent or a damaged gzip."""
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; {HOW}") from None
    except (OSError, EOFError) as error:
        raise ValueError(f"{path}: damaged ({error}); delete it and fetch it again: {HOW}") from None


def pinned_content(name: str, folder: Path | None = None) -> bytes:
    """The content of a source's table; ValueError where it is not the pinned one."""
    source = SOURCES[name]
    path = (folder or public_folder()) / source.file
    found = content(path)
    checksum = hashlib.sha256(found).hexdigest()
    if checksum not in (source.sha256, source.fetched_sha256):
        raise ValueError(
            f"{path}: content has sha256 {checksum[:12]}, public_tables/sources.py pins {source.sha256[:12]};"
            f" delete it and fetch it again: {HOW}"
        )
    return found


def read_pinned(name: str, needed: tuple[str, ...], folder: Path | None = None) -> PublicTable:
    """The pinned table of a source as it stands, with the columns that are needed."""
    return parsed_table(SOURCES[name], pinned_content(name, folder), needed)


def parsed_table(source: PublicSource, raw: bytes, needed: tuple[str, ...]) -> PublicTable:
    """A csv as a table; ValueError names a column that it lacks, or that it has no rows."""
    frame = pd.read_csv(io.BytesIO(raw), low_memory=False)
    if absent := [column for column in needed if column not in frame]:
        raise ValueError(f"{source.file}: column {absent[0]} is missing ({len(absent)} in all); {HOW}")
    if frame.empty:
        raise ValueError(f"{source.file}: holds no rows; {HOW}")
    return PublicTable(source, frame)


def check_range(table: PublicTable, columns: list[str], low: float, high: float) -> None:
    """ValueError naming the first number outside [low, high]; what is missing passes, its reader drops it."""
    for column in columns:
        numbers = pd.to_numeric(table.rows[column], errors="coerce")
        wrong = (numbers < low) | (numbers > high) | (numbers.isna() & table.rows[column].notna())
        if wrong.any():
            place = int(np.argmax(wrong))
            raise ValueError(
                f"{table.source.file}, line {place + 2}: {column} is {table.rows[column].iloc[place]!r}, outside"
                f" {low:g} to {high:g}"
            )


def check_unique(table: PublicTable, columns: list[str]) -> None:
    """ValueError naming the first two rows that agree in all the columns: one checkpoint must count once."""
    twice = table.rows.duplicated(columns, keep=False)
    if twice.any():
        row = table.rows[twice].iloc[0]
        named = ", ".join(f"{column} {row[column]}" for column in columns)
        raise ValueError(f"{table.source.file}: {int(twice.sum())} rows repeat one key, the first: {named}")
