"""The stages of the pipeline as one table, from which every dvc.yaml is made (see experiments/pipeline.py).

DVC does not follow Python imports, so dependencies are read from them here: of a stage's own modules the files in
experiments/ they reach, and of every library room they reach the whole room. Edit a room, and exactly the stages that
use it are stale.
"""

import ast
from functools import lru_cache
from pathlib import Path

from experiments.profiles import ROOT, Paths

LIBRARY_ROOMS = ("kernels", "models", "corpus", "tasks", "evaluation", "analysis")
# Sections of a profile each stage reads; `sweep` and `cost` change no result and stand in none.
TRAIN_SECTIONS = ["corpus", "training", "sizes", "long_runs", "small_runs"]
EVALUATE_SECTIONS = [*TRAIN_SECTIONS, "evaluation"]


def experiment_stems() -> list[str]:
    """Folders of the figures and tables, in alphabetical order: every folder of experiments/ with a measure.py."""
    return sorted(path.parent.name for path in (ROOT / "experiments").glob("*/measure.py"))


@lru_cache(maxsize=None)
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


def code_dependencies(modules: list[str]) -> list[str]:
    """Files of experiments/ and paper/ that these modules reach through imports, and the library rooms they reach, as posix paths."""
    files: set[Path] = set()
    rooms: set[str] = set()
    queue = [module_file(name) for name in modules]
    while queue:
        path = queue.pop()
        if path in files:
            continue
        files.add(path)
        for name in imported_modules(path):
            room = name.split(".")[0]
            if room in LIBRARY_ROOMS and room not in rooms:
                rooms.add(room)
                queue += (ROOT / room).rglob("*.py")
            elif room in ("experiments", "paper") and (found := module_file(name)) and found.stat().st_size:
                queue.append(found)
    outside = (path.relative_to(ROOT) for path in files)
    return sorted({*rooms, *(path.as_posix() for path in outside if path.parts[0] not in LIBRARY_ROOMS and path.name != "__init__.py")})
