"""What `make verify` reads, and what it finds: files of a folder with DVC's hashes, each read once, and one line per
mismatch.

Hashes are DVC's own (dvc_data: md5 of a file's bytes, of a folder its tree object without what .dvcignore names). DVC's
database of earlier hashes is left out on purpose: it believes a file's time stamp, and a changed file can keep that.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

SHOWN_DIGITS = 8
SHOWN_CHARACTERS = 100


@dataclass
class Findings:
    """Mismatches, one line each, notes that are no mismatch, and the number of comparisons made."""

    mismatches: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_compared: int = 0

    def compare(self, what: str, expected: object, found: object, remedy: str, record: str = "the record") -> None:
        """Note a mismatch where the two differ. `what` names file, row or field; `record` says where `expected`
        stands."""
        self.num_compared += 1
        if expected != found:
            self.mismatch(f"{what}: {short(found)} here, {short(expected)} in {record}; {remedy}")

    def mismatch(self, line: str) -> None:
        """Note a mismatch, on one line whatever it quotes, and once."""
        line = " ".join(line.split())
        if line not in self.mismatches:
            self.mismatches.append(line)

    @contextmanager
    def guard(self, what: str, remedy: str) -> Iterator[None]:
        """A check that fails is a mismatch like any other: nothing that a file holds may end the checks after it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a damaged file provokes is told in one line
            told = str(error).strip() or type(error).__name__
            kind = "" if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: "
            self.mismatch(f"{what}: cannot be checked ({kind}{told[:300]}); {remedy}")


def short(value: object) -> str:
    """A value on at most one line; of a hash its first digits."""
    if value is None:
        return "nothing"
    text = str(value)
    if len(text) in (32, 36, 64) and " " not in text:
        return text[:SHOWN_DIGITS]
    return text if len(text) < SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


class StrictLoader(yaml.CSafeLoader):
    """YAML as DVC reads it: a key that stands twice is an error, where PyYAML takes the last one in silence."""

    def construct_mapping(self, node, deep=False):  # noqa: D102 - see the class
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        if twice := [key for place, key in enumerate(keys) if key in keys[:place]]:
            raise yaml.constructor.ConstructorError(None, None, f"key {twice[0]} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


StrictLoader.add_constructor("tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node, deep=True))


@dataclass
class Disk:
    """The files below `root`, named by posix paths relative to it. What was read once is kept; `forget` drops it."""

    root: Path
    _hashes: dict[str, str] = field(default_factory=dict)
    _yaml: dict[str, dict] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self.root / name

    def name(self, path: Path) -> str:
        """The name of a path."""
        return path.relative_to(self.root).as_posix()

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder of this name."""
        return self.path(name).exists()

    @cached_property
    def _ignored(self):
        from dvc.ignore import DvcIgnoreFilter
        from dvc_objects.fs import localfs

        return DvcIgnoreFilter(localfs, os.fspath(self.root))

    def files(self, name: str) -> list[str]:
        """Files below a folder as DVC sees them, relative to that folder, in alphabetical order."""
        from dvc_objects.fs import localfs

        folder = os.fspath(self.path(name))
        return sorted(Path(found).relative_to(folder).as_posix() for found in self._ignored.find(localfs, folder))

    def entry(self, name: str) -> dict | None:
        """md5 and size of a file or folder, and of a folder the number of files, as dvc.lock writes them; None where
        there is nothing."""
        from dvc_data.hashfile.hash_info import HashInfo
        from dvc_data.hashfile.tree import Tree

        path = self.path(name)
        if not path.exists():
            return None
        if not path.is_dir():
            return {"md5": self._file_hash(name), "size": path.stat().st_size}
        tree, size, names = Tree(), 0, self.files(name)
        for found in names:
            tree.add(tuple(found.split("/")), None, HashInfo("md5", self._file_hash(f"{name}/{found}")))
            size += (path / found).stat().st_size
        tree.digest()
        return {"md5": tree.hash_info.value, "size": size, "nfiles": len(names)}

    def _file_hash(self, name: str) -> str:
        from dvc_data.hashfile.hash import hash_file
        from dvc_objects.fs import localfs

        if name not in self._hashes:
            _, info = hash_file(os.fspath(self.path(name)), localfs, "md5")
            self._hashes[name] = info.value
        return self._hashes[name]

    def yaml(self, name: str) -> dict:
        """A YAML file with a mapping at its top. ValueError in one line where it is absent, damaged, empty or something
        else."""
        if name not in self._yaml:
            self._yaml[name] = self._read_yaml(name)
        return self._yaml[name]

    def _read_yaml(self, name: str) -> dict:
        try:
            content = yaml.load(self.path(name).read_text(encoding="utf-8"), StrictLoader)
        except FileNotFoundError:
            raise ValueError("there is no such file") from None
        except UnicodeDecodeError:
            raise ValueError("damaged: not UTF-8 text") from None
        except (yaml.YAMLError, RecursionError) as error:
            raise ValueError(f"damaged, not YAML: {' '.join(str(error).split())}") from None
        if not isinstance(content, dict):
            raise ValueError("empty: it holds no fields" if content is None else "damaged: no mapping at its top")
        return content

    def json(self, name: str) -> object:
        """A JSON file. ValueError in one line where it is absent or damaged."""
        try:
            return json.loads(self.path(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError("there is no such file") from None
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"damaged, not JSON: {error}") from None

    def forget(self, name: str) -> None:
        """Drop what was read of a file."""
        self._hashes.pop(name, None)
        self._yaml.pop(name, None)
