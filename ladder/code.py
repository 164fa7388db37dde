"""What a module imports, and a hash of code that edits of its comments, its layout and its place do not change."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from profiles.paths import ROOT

MEASURING_ROOMS = ("evaluation", "tasks", "models", "kernels")  # what stands between a checkpoint and its numbers
HASH_LENGTH = 16  # hexadecimal digits


@cache
def imported_modules(path: Path) -> frozenset[str]:
    """Dotted names a file imports, wherever in the file; `from a import b` gives a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def module_file(name: str) -> Path | None:
    """The file of a module of ours, None for anything else."""
    path = ROOT / Path(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def reached_files(modules: Iterable[str], rooms: Iterable[str] | None = None) -> set[Path]:
    """Files of these modules and of all that they import, however deep; with `rooms`, of those rooms alone.

    The packages around a module are files that its import runs, so they count."""
    rooms = None if rooms is None else frozenset(rooms)
    files: set[Path] = set()
    queue = list(modules)
    while queue:
        name = queue.pop()
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            file = module_file(".".join(parts[:depth]))
            if file is not None and file not in files and (rooms is None or parts[0] in rooms):
                files.add(file)
                queue += imported_modules(file)
    return files


def measuring_code(entries: Iterable[str], alone: Iterable[str]) -> str:
    """Hash of measuring code: the entries with all that they import from MEASURING_ROOMS, and the modules `alone`."""
    single = {file for name in alone if (file := module_file(name))}
    return hash_code(reached_files(entries, MEASURING_ROOMS) | single)


def hash_code(files: Iterable[Path]) -> str:
    """Hash of the syntax trees of files. Comments, layout, docstrings, names of files and the place that names are
    imported from do not count, so that a move measures nothing anew."""
    trees = sorted(_dump(file) for file in files)
    return hashlib.sha256("\n".join(trees).encode()).hexdigest()[:HASH_LENGTH]


def _dump(file: Path) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node, clean=False) is not None:
                node.body[0].value.value = ""
            node.body = [inner for inner in node.body if not isinstance(inner, (ast.Import, ast.ImportFrom))]
    return ast.dump(tree)
