"""What a module imports, and a hash of code that edits of its comments and layout do not change."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from profiles.paths import ROOT


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
    return next((found for found in (path.with_suffix(".py"), path / "__init__.py") if found.exists()), None)


def hash_code(paths: Iterable[Path], root: Path = ROOT) -> str:
    """Hash of the syntax trees of files, in the order given: comments, layout and docstrings do not count."""
    digest = hashlib.sha256()
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
                and ast.get_docstring(node, clean=False) is not None
            ):
                node.body[0].value.value = ""
        digest.update(path.relative_to(root).as_posix().encode() + ast.dump(tree).encode())
    return digest.hexdigest()[:16]
