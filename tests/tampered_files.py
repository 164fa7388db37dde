"""Single tamperings of committed files, and a repository to make them in: each is undone by putting back the bytes it
touched."""

import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from reproduction.verify.disk import Disk


class Overlay:
    """Files of a copy of the repository that can be changed and put back."""

    def __init__(self, root: Path):
        self.root, self.disk, self._kept = root, Disk(root), {}

    @property
    def profiles(self) -> list[str]:
        """The profiles that the changes made so far touch; code and README are asked about with the default one."""
        of_full = [name for name in self._kept if name.startswith(("results/full/", "profiles/full"))]
        return ["cpu"] * (len(of_full) < len(self._kept) or not of_full) + ["full"] * bool(of_full)

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def write(self, name: str, content: bytes | str) -> None:
        path = self.root / name
        self._kept.setdefault(name, path.read_bytes() if path.exists() else None)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.disk.forget(name)

    def delete(self, name: str) -> None:
        """A file, or all files of a folder."""
        path = self.root / name
        for found in [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file()):
            self._kept.setdefault(found.relative_to(self.root).as_posix(), found.read_bytes())
            self.disk.forget(found.relative_to(self.root).as_posix())
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def restore(self) -> None:
        for name, content in self._kept.items():
            path = self.root / name
            if content is None:
                path.unlink(missing_ok=True)
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            self.disk.forget(name)
        self._kept = {}


Change = Callable[[Overlay], None]


def copy_repository(source: Path, target: Path) -> Path:
    """The committed files of a repository, as a clone has them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=source, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, target / name)
    return target


@contextmanager
def tampered(overlay: Overlay, change: Change) -> Iterator[Overlay]:
    """The overlay with a change made, and put back afterwards."""
    try:
        change(overlay)
        yield overlay
    finally:
        overlay.restore()


def append(name: str, text: str = "\n# one more line\n") -> Change:
    return lambda overlay: overlay.write(name, overlay.read(name) + text.encode())


def replace(name: str, old: str, new: str) -> Change:
    def change(overlay: Overlay) -> None:
        text = overlay.read(name).decode()
        assert old in text, f"{name} has no {old!r} to tamper with"
        overlay.write(name, text.replace(old, new, 1))

    return change


def delete(name: str) -> Change:
    return lambda overlay: overlay.delete(name)


def write(name: str, content: bytes | str) -> Change:
    return lambda overlay: overlay.write(name, content)


def cut(name: str) -> Change:
    """The first half of a file."""
    return lambda overlay: overlay.write(name, overlay.read(name)[: len(overlay.read(name)) // 2])


def conflict(name: str) -> Change:
    """What git leaves in a file that it could not merge."""

    def change(overlay: Overlay) -> None:
        lines = overlay.read(name).decode().split("\n")
        overlay.write(
            name,
            "\n".join([*lines[:5], "<<<<<<< HEAD", lines[5], "=======", lines[5] + " ", ">>>>>>> other", *lines[6:]]),
        )

    return change


def flip_byte(name: str) -> Change:
    """One bit in the middle of a file."""

    def change(overlay: Overlay) -> None:
        content = bytearray(overlay.read(name))
        content[len(content) // 2] ^= 1
        overlay.write(name, bytes(content))

    return change


def next_digit(text: str) -> str:
    """A text with its last digit changed."""
    place = max(place for place, letter in enumerate(text) if letter.isdigit())
    return text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]


def csv_cell(name: str, row: int, column: str, value: str | None = None) -> Change:
    """A cell of a csv file set to `value`, or with its last digit changed. Row 1 is the first after the head."""

    def change(overlay: Overlay) -> None:
        import csv

        rows = list(csv.reader(io.StringIO(overlay.read(name).decode())))
        place = rows[0].index(column)
        rows[row][place] = next_digit(rows[row][place]) if value is None else value
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(rows)
        overlay.write(name, buffer.getvalue())

    return change


def csv_lines(name: str, edit: Callable[[list[bytes]], list[bytes]]) -> Change:
    return lambda overlay: overlay.write(name, b"".join(edit(overlay.read(name).splitlines(keepends=True))))


def parquet(name: str, edit: Callable[[pa.Table], pa.Table]) -> Change:
    """A parquet table with its rows edited, its stamps kept."""

    def change(overlay: Overlay) -> None:
        table = pq.read_table(overlay.root / name)
        buffer = io.BytesIO()
        pq.write_table(edit(table).replace_schema_metadata(table.schema.metadata), buffer, compression="zstd")
        overlay.write(name, buffer.getvalue())

    return change


def add_to(column: str, amount: float, row: int = 7) -> Callable[[pa.Table], pa.Table]:
    """A number of one row changed."""

    def edit(table: pa.Table) -> pa.Table:
        values = table[column].to_pylist()
        values[row] += amount
        return table.set_column(table.column_names.index(column), column, pa.array(values, table[column].type))

    return edit


def set_all(column: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """A column set to one value."""
    return lambda table: table.set_column(
        table.column_names.index(column), column, pa.array([value] * len(table), table[column].type)
    )


def without_row(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table.slice(0, 5), table.slice(6)])


def reversed_rows(table: pa.Table) -> pa.Table:
    return table.take(pa.array(range(len(table) - 1, -1, -1)))


def doubled(column: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.column_names.index(column), column, pc.multiply(table[column], 2))


def restamped(name: str, key: bytes, old: bytes, new: bytes) -> Change:
    """The stamp of a parquet table with a text in it changed."""

    def change(overlay: Overlay) -> None:
        table = pq.read_table(overlay.root / name)
        stamps = dict(table.schema.metadata)
        assert old in stamps[key]
        stamps[key] = stamps[key].replace(old, new, 1)
        buffer = io.BytesIO()
        pq.write_table(table.replace_schema_metadata(stamps), buffer, compression="zstd")
        overlay.write(name, buffer.getvalue())

    return change


def lock_file(name: str) -> str:
    """The lock that holds the hash of a file."""
    return "profiles/full/dvc.lock" if name.startswith(("results/full/", "profiles/full")) else "dvc.lock"


def edit_lock(file: str, edit: Callable[[dict], object]) -> Change:
    """A lock with its content edited."""

    def change(overlay: Overlay) -> None:
        content = yaml.load(overlay.read(file), yaml.CSafeLoader)
        edit(content)
        overlay.write(file, yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))

    return change


def with_hash(name: str, change: Change) -> Change:
    """A change of a file together with its hash wherever the lock has it: what a forger does who knows DVC."""

    def both(overlay: Overlay) -> None:
        change(overlay)

        def edit(content: dict) -> None:
            for locked in content["stages"].values():
                for entry in (*locked.get("deps", []), *locked.get("outs", [])):
                    if entry["path"] == name or name.startswith(entry["path"] + "/"):
                        entry.update(overlay.disk.entry(entry["path"]))

        edit_lock(lock_file(name), edit)(overlay)

    return both


def json_entry(name: str, field: str, value: object, entry: int = 3) -> Change:
    """A field of one entry of verdicts.json."""

    def change(overlay: Overlay) -> None:
        rows = json.loads(overlay.read(name))
        assert rows[entry][field] != value
        rows[entry][field] = value
        overlay.write(name, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")

    return change


def together(*changes: Change) -> Change:
    def change(overlay: Overlay) -> None:
        for part in changes:
            part(overlay)

    return change
