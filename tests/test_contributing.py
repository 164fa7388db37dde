"""CONTRIBUTING.md, followed word by word on a copy of the repository: what it says can be added can be added.

The text writes a file (Write `path`:), adds lines (In `path`, below `line`, add:), replaces one (In `path`, replace
`line` by:), each with the block that follows, and gives commands to check it (a bash block).
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.test_layout import ROOT, relative, tracked

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAX_LINES = 30  # of code in one addition, its test aside; blank lines and one-line docstrings do not count
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<kind>\w+)\n(?P<code>.*?)\n```", re.DOTALL)
WRITE, BELOW, REPLACE = (
    re.compile(pattern + "$")
    for pattern in (
        r"[Ww]rite `([^`]+)`:",
        r"[Ii]n `([^`]+)`, below `([^`]+)`, add:",
        r"[Ii]n `([^`]+)`, replace `([^`]+)` by:",
    )
)


@dataclass(frozen=True)
class Step:
    """One block of the text: what the sentence before it says, and its content."""

    before: str
    kind: str
    code: str


def sections(text: str) -> dict[str, list[Step]]:
    """Blocks of each section that adds something, by its heading."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    found = {}
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        found[heading] = [Step(match["before"], match["kind"], match["code"]) for match in BLOCK.finditer("\n" + body)]
    return {heading: steps for heading, steps in found.items() if heading.startswith("Add ")}


def follow(step: Step, root: Path) -> None:
    """Do what one block says. ValueError where the text names a line that is not there once, or says nothing."""
    if step.kind == "bash":
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", step.code], cwd=root, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{step.code}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    elif match := WRITE.search(step.before):
        path = root / match[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.code + "\n", encoding="utf-8")
    elif match := BELOW.search(step.before) or REPLACE.search(step.before):
        path = root / match[1]
        lines = path.read_text(encoding="utf-8").split("\n")
        places = [number for number, line in enumerate(lines) if line.strip() == match[2]]
        if len(places) != 1:
            raise ValueError(f"{match[1]} has {len(places)} lines {match[2]!r}")
        lines[places[0] + ("below" in step.before) : places[0] + 1] = step.code.split("\n")
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        raise ValueError(f"CONTRIBUTING.md says {step.before!r} before a block; see the top of this test")


@pytest.fixture
def copy(tmp_path):
    """The repository without results that no addition reads, as git holds it or is about to."""
    for path in tracked():
        target = tmp_path / relative(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return tmp_path


@pytest.mark.parametrize("heading", sections(TEXT))
def test_what_the_text_says_works(heading, copy):
    for step in sections(TEXT)[heading]:
        follow(step, copy)


@pytest.mark.parametrize("heading", sections(TEXT))
def test_an_addition_is_small(heading):
    added = [step for step in sections(TEXT)[heading] if step.kind != "bash" and "`tests/" not in step.before]
    lines = [
        line for step in added for line in step.code.split("\n") if line.strip() and not line.strip().startswith('"""')
    ]
    assert 0 < len(lines) <= MAX_LINES


def test_five_additions_are_described():
    things = {heading.split()[-1] for heading in sections(TEXT)}
    assert things == {"task", "size", "measurement", "folder", "operator"}
    assert all(steps[-1].kind == "bash" for steps in sections(TEXT).values()), (
        "each ends with the command that checks it"
    )


def test_a_text_that_is_wrong_would_be_found(tmp_path):
    (tmp_path / "a.py").write_text("one\ntwo\n")
    follow(Step("In `a.py`, below `one`, add:", "python", "half"), tmp_path)
    follow(Step("In `a.py`, replace `two` by:", "python", "2"), tmp_path)
    assert (tmp_path / "a.py").read_text() == "one\nhalf\n2\n"
    with pytest.raises(ValueError, match="0 lines"):
        follow(Step("In `a.py`, below `three`, add:", "python", "x"), tmp_path)
    with pytest.raises(ValueError, match="before a block"):
        follow(Step("Do something:", "python", "x"), tmp_path)
    with pytest.raises(AssertionError):
        follow(Step("", "bash", "false"), tmp_path)
