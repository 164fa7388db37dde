"""The journal of one run on one task: a line for each finished row, and beside it the counts of the item under way.

A journal is read by key, so that a row that stands there twice is harmless; whoever wrote it a second time (an orphan,
a start on another machine) measured the same numbers. A last line that was cut is dropped without a word. A line that
is no row, and rows of one key that contradict each other, are named in one line and dropped, so that the row is
measured again: what comes of a journal depends on its model and items alone, never on which of two lines was first.
"""

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from files.atomic import atomic_write

SAVE_SECONDS = 5.0  # what an interruption may lose of the item under way
KEY = ("tokens_seen", "item_id", "method", "temperature")  # of a row among those of a run and a task
CLOCK = "seconds"  # the one field in which two measurements of a row may differ


@dataclass
class Content:
    """Rows of a journal by key; faults: one line for each row that was lost; is_tidy: every line is a row that is
    kept."""

    rows: dict[tuple, dict] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    is_tidy: bool = True


def row_key(row: dict) -> tuple:
    """Key of a row."""
    return tuple(row[name] for name in KEY)


def read_journal(path: Path, stamp: str) -> Content | None:
    """What a journal holds; None where there is none, or one with another stamp: of other items, settings or code."""
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    if not lines or lines[0].decode(errors="replace") != stamp:
        return None
    content, contradicted = Content(is_tidy=lines[-1] == b""), set()
    for number, line in enumerate(
        lines[1:-1], 2
    ):  # what follows the last line end was being written when the worker was killed
        try:
            row = json.loads(line)
            key = row_key(row)
            known = content.rows.setdefault(key, row)
        except (ValueError, KeyError, TypeError):
            content.faults.append(f"{path}, line {number}: not a row; it is dropped and measured again")
            continue
        content.is_tidy &= known is row
        if _without_clock(known) != _without_clock(row):
            contradicted.add(key)
    for key in sorted(contradicted, key=str):
        del content.rows[key]
        shown = ", ".join(f"{name} {value}" for name, value in zip(KEY, key, strict=True))
        content.faults.append(f"{path}: two rows of {shown} contradict each other; both are dropped and measured again")
    content.is_tidy &= not content.faults
    return content


def _without_clock(row: dict) -> str:
    return json.dumps(
        {name: value for name, value in row.items() if name != CLOCK}, sort_keys=True
    )  # as text: NaN is NaN


def tidy_journal(path: Path, stamp: str) -> Content | None:
    """Read a journal and leave in it each row once. For the only process that writes it; its faults are named by the
    first reader alone."""
    content = read_journal(path, stamp)
    if content is not None and not content.is_tidy:
        lines = [stamp, *(json.dumps(row) for row in content.rows.values())]
        atomic_write(path, "".join(line + "\n" for line in lines).encode())
    return content


class Journal:
    """A journal that is written: finished rows, and the counts of the item under way in a file beside it."""

    def __init__(self, path: Path, stamp: str):
        self._path, self._open_path = path, path.with_suffix(".open.json")
        self._saved = -math.inf
        content = tidy_journal(path, stamp)
        if content is None:
            self._open_path.unlink(missing_ok=True)
            atomic_write(path, stamp.encode() + b"\n")
        self.rows = content.rows if content else {}

    def add(self, row: dict) -> None:
        """Keep a finished row."""
        with open(self._path, "ab") as file:
            file.write(json.dumps(row).encode() + b"\n")
        self.rows[row_key(row)] = row
        self._open_path.unlink(missing_ok=True)

    def state(self, key: tuple) -> dict | None:
        """Counts of the item under way, if it is this one; a damaged file counts as none."""
        try:
            kept = json.loads(self._open_path.read_text(encoding="utf-8"))
            return kept["state"] if tuple(kept["key"]) == key else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def keep_state(self, key: tuple, state: dict) -> None:
        """Keep the counts of the item under way, at most every few seconds."""
        if time.monotonic() - self._saved >= SAVE_SECONDS:
            atomic_write(self._open_path, json.dumps({"key": key, "state": state}).encode())
            self._saved = time.monotonic()
