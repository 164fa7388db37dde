"""A measurement: what is measured of which runs, in one file per run that git keeps, and the join of all files.

A row of work is a run and a part of the measurement (a task, or all scores). The file of a run says of each part which
recipe made the weights, which request the rows answer, and which code measured them. Rows are reused where all three
are today's; where only the code differs and the checkpoints lie elsewhere they are kept, and one line says so. So a
measurement goes on after any stop, on any machine, and a task that is added later is measured alone.
"""

import hashlib
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from files.atomic import atomic_write
from ladder.ladder import Ladder
from ladder.workers.pool import Job

Stamp = dict[str, str]  # recipe, request, code
HASH_LENGTH = 16  # hexadecimal digits
RESTORE = "restore it from git or delete it"


@dataclass(frozen=True)
class RunFile:
    """What the file of a run says: the stamp of each part in it, and the rows of its checkpoints where it has some."""

    stamps: dict[str, Stamp] = field(default_factory=dict)
    losses: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class Measurement(ABC):
    """What is measured of a ladder; subclasses say which parts, by which request, and how.

    code: hash of the measuring code when the work started, so that an edit meanwhile cannot part a worker from the
    others.
    """

    ladder: Ladder
    code: str
    stem: ClassVar[str]  # its name in results/<profile>/<paper>/
    what: ClassVar[str]  # its name in messages

    @property
    def names(self) -> tuple[str, ...]:
        """The runs that are measured, in the order of the plan."""
        return tuple(self.ladder.runs)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are stamped and resumed each by itself; by default there is one."""
        return (self.stem,)

    @abstractmethod
    def request(self, name: str, part: str) -> dict:
        """All that fixes the rows of a run in a part, but its weights and the code; in a form that json can hold."""

    @abstractmethod
    def jobs(self, left: dict[str, list[str]], factor: float, after_training: Collection[str] = ()) -> list[Job]:
        """Jobs that measure these parts of these runs; costs times `factor`; those of runs in `after_training` wait."""

    def merge(self, name: str) -> None:  # noqa: B027
        """Take what workers have finished of a run into its file; by default a worker writes that file itself."""

    def prepare(self, say: Callable[[str], None]) -> None:
        """Take in what earlier starts left unfinished; `say` gets a line for each row that is lost."""
        for name in self.names:
            self.merge(name)

    def path(self, name: str) -> Path:
        """The file of a run."""
        return self.ladder.paths.run_tables(self.stem) / f"{name}.parquet"

    @property
    def table(self) -> Path:
        """The rows of all runs."""
        return self.ladder.paths.table(self.stem)

    def request_hash(self, name: str, part: str) -> str:
        """Hash of a request."""
        content = json.dumps(self.request(name, part), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:HASH_LENGTH]

    def stamp(self, name: str, part: str) -> Stamp:
        """What makes the rows of a run in a part today."""
        recipe = self.ladder.recipe_hash(name)
        return {"recipe": recipe, "request": self.request_hash(name, part), "code": self.code}

    def current_parts(self, name: str, any_code: bool = False) -> list[str]:
        """Parts in which the file of a run holds rows of today's recipe and request (and code, unless any will do)."""
        stamps = read_run_file(self.path(name)).stamps
        fields = ("recipe", "request") if any_code else ("recipe", "request", "code")
        current = []
        for part in self.parts:
            today = self.stamp(name, part)
            if all(stamps.get(part, {}).get(field) == today[field] for field in fields):
                current.append(part)
        return current

    def parts_left(self, name: str, any_code: bool = False) -> list[str]:
        """Parts that a run is still to be measured in. any_code: rows that other code made count as measured.

        Where no checkpoint lies here, rows that other code made count in any case; rows that are due do not."""
        current = self.current_parts(name, any_code or not self.ladder.checkpoints(name))
        due = self._due(name)
        return [part for part in self.parts if part in due or part not in current]

    def is_measured(self, name: str) -> bool:
        """True where rows of all parts are at hand, whatever code made them, for the weights that are meant."""
        return not self.parts_left(name, any_code=True)

    def kept_by_age(self, names: Collection[str]) -> list[str]:
        """Runs whose rows older code made, and stay because their checkpoints are not here."""
        here = self.ladder.checkpoints
        return [name for name in names if not here(name) and len(self.current_parts(name)) < len(self.parts)]

    def _due(self, name: str) -> Collection[str]:
        """Parts to measure although their rows look current, because the run was trained here after they were made."""
        path = self.ladder.paths.due(self.stem) / name
        if not path.exists():
            return ()
        content = path.read_text(encoding="utf-8")
        return content.split() if content else self.parts

    def measured(self, name: str, parts: Collection[str]) -> None:
        """Note that these parts of a run are no longer due."""
        path = self.ladder.paths.due(self.stem) / name
        if left := [part for part in self._due(name) if part not in parts]:
            atomic_write(path, " ".join(left).encode())
        elif path.exists():
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()

    def write(self, name: str, rows: pd.DataFrame, file: RunFile) -> None:
        """Write the file of a run."""
        stamp = {"stamps": json.dumps(file.stamps, sort_keys=True)}
        write_table(self.path(name), rows, stamp | ({"losses": json.dumps(file.losses)} if file.losses else {}))

    def join(self) -> list[str]:
        """Write the table of all runs in the order of the plan; returns the runs that are not measured whole."""
        absent = [name for name in self.names if len(self.current_parts(name, any_code=True)) < len(self.parts)]
        tables = [read_rows(self.path(name)) for name in self.names if name not in absent]
        if tables:
            write_table(self.table, pd.concat(tables, ignore_index=True), self.about_table)
        return absent

    @cached_property
    def about_table(self) -> dict[str, str]:
        """Metadata of the joined table."""
        return {}

    def accept(self) -> list[str]:
        """Stamp rows that other code made with today's, after a change that tests prove neutral; names of the runs."""
        accepted = []
        for name in self.names:
            kept, file = self.current_parts(name, any_code=True), read_run_file(self.path(name))
            if len(kept) > len(self.current_parts(name)):
                stamps = file.stamps | {part: file.stamps[part] | {"code": self.code} for part in kept}
                self.write(name, read_rows(self.path(name)), RunFile(stamps, file.losses))
                accepted.append(name)
        return accepted


def read_run_file(path: Path) -> RunFile:
    """What the file of a run says; nothing where there is none. ValueError in one line for a damaged one."""
    if not path.exists():
        return RunFile()
    try:
        metadata = pq.read_schema(path).metadata or {}
        return RunFile(json.loads(metadata[b"stamps"]), json.loads(metadata.get(b"losses", b"[]")))
    except (pa.ArrowInvalid, OSError, KeyError, json.JSONDecodeError) as error:
        reason = " ".join(str(error).split())[:80]
        raise ValueError(f"{path}: truncated or not a table of this project ({reason}); {RESTORE}") from None


def read_rows(path: Path) -> pd.DataFrame:
    """Rows of a run's file. ValueError in one line for a damaged one."""
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ValueError(f"{path}: not readable ({' '.join(str(error).split())[:80]}); {RESTORE}") from None


def write_table(path: Path, table: pd.DataFrame, metadata: dict[str, str]) -> None:
    """Write a parquet table with its metadata, so that it is whole or absent."""
    content, buffer = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(metadata), io.BytesIO()
    pq.write_table(content, buffer, compression="zstd")
    atomic_write(path, buffer.getvalue())
