"""Results as git holds them, whatever has been written over them since, and the reading of verdicts and run tables."""

import csv
import io
import json
import math
import subprocess
from collections import Counter
from pathlib import Path

from paper.verdict_report import VERDICT_FIELDS


class NothingCommitted(ValueError):
    """There is nothing to compare with; one line."""


def git(root: Path, *arguments: str) -> bytes:
    """Output of a git command at `root`. NothingCommitted, in one line, where git is missing or refuses."""
    try:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise NothingCommitted(
            "git is not installed; without it there are no committed results to compare with"
        ) from None
    except subprocess.CalledProcessError as error:
        said = next(iter(error.stderr.decode(errors="replace").splitlines()), "git failed")
        raise NothingCommitted(f"no committed results to compare with: {said.removeprefix('fatal: ')}") from None


def committed(root: Path, revision: str, path: Path) -> bytes | None:
    """A file as git holds it at a revision; None where it holds none. ValueError for an unknown revision,
    NothingCommitted outside a checkout."""
    git(root, "rev-parse", "--is-inside-work-tree")
    try:
        git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except NothingCommitted:
        raise ValueError(f"--against {revision}: git knows no such revision; give a commit, branch or tag") from None
    name = path.relative_to(root).as_posix()
    if not git(root, "ls-tree", "--name-only", revision, f"./{name}").strip():
        return None
    return git(root, "cat-file", "blob", f"{revision}:./{name}")


def parse_verdicts(data: bytes, shown: str, remedy: str) -> dict[str, dict]:
    """Rows of a verdicts.json by claim id. ValueError, one line, for a damaged one."""
    try:
        rows = json.loads(data)
        verdicts = {row["id"]: row for row in rows}
        absent = [(row["id"], name) for row in rows for name in VERDICT_FIELDS if name not in row]
        bad = [(row["id"], name) for row in rows for name in ("value", "low", "high") if not _is_number(row.get(name))]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(
            f"{shown}: damaged ({type(error).__name__}: {' '.join(str(error).split())}); {remedy}"
        ) from None
    if absent or bad:
        claim, name = (absent or bad)[0]
        raise ValueError(f"{shown}: field {name} of {claim} is {'missing' if absent else 'no number'}; {remedy}")
    if len(verdicts) < len(rows):
        twice = Counter(row["id"] for row in rows).most_common(1)[0][0]
        raise ValueError(f"{shown}: claim {twice} stands there twice; {remedy}")
    return verdicts


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value))


def read_runs(data: bytes, shown: str, remedy: str) -> dict[str, dict]:
    """Rows of a table of runs by run. ValueError, one line, for a damaged one."""
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"))))
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{shown}: damaged ({' '.join(str(error).split())}); {remedy}") from None
    for number, row in enumerate(rows, 2):
        if absent := [name for name in ("run", "recipe_hash", "weight_hash") if not row.get(name)]:
            raise ValueError(f"{shown}, line {number}: field {absent[0]} is missing; {remedy}")
    return {row["run"]: row for row in rows}
