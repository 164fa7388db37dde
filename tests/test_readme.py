"""Every command of the README is run: cheap ones as they stand, make targets as make would plan them, links and paths
looked up."""

import re
import shlex
import subprocess

import pytest

from profiles.paths import ROOT
from profiles.profile import profile_names
from reproduction.pipeline import all_stages

README, AGENTS = ROOT / "README.md", ROOT / "AGENTS.md"
PLANNED_BY_MAKE = {"setup", "reproduce", "compare", "figures", "verify", "test", "bench", "gpu"}
# Run as they stand elsewhere: `dvc repro` is what `make reproduce PROFILE=smoke` runs, and git clone is how the reader
# came here.
ONLY_CHECKED = ("dvc", "git", "cd", ".")
ACTIVATE = ". .venv/bin/activate"


def commands() -> list[str]:
    """Lines of the shell blocks of README.md, without prompts and comments, and the commands of AGENTS.md's table."""
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    blocks = re.findall(r"```(?:bash|sh|shell|console)\n(.*?)```", text, re.DOTALL)
    blocks.append("\n".join(re.findall(r"^\| `([^`]+)` \|", AGENTS.read_text(encoding="utf-8"), re.MULTILINE)))
    lines = (re.sub(r"\s+#.*", "", line).removeprefix("$ ").strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_readme_shows_the_commands_a_reader_needs():
    listed = commands()
    assert {"make reproduce", "make test", "python -m ladder plan"} <= set(listed) and len(listed) > 20
    assert len(README.read_text(encoding="utf-8").splitlines()) < 200


def test_python_and_dvc_are_ours_when_they_are_called():
    bare = [place for place, command in enumerate(commands()) if command.split()[0] in ("python", "dvc")]
    assert not bare or ACTIVATE in commands()[: bare[0]], (
        f"say `{ACTIVATE}` before `{commands()[bare[0]]}`: a fresh shell has neither"
    )


@pytest.mark.parametrize("command", commands())
def test_command_can_be_run(command):
    words = shlex.split(command)
    if words[0] == "make":
        assert all(word in PLANNED_BY_MAKE or re.fullmatch(r"PROFILE=\w+", word) for word in words[1:])
        assert all(word.removeprefix("PROFILE=") in profile_names() for word in words if word.startswith("PROFILE="))
        planned = subprocess.run(
            ["make", "--dry-run", "--always-make", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert "python -m" in planned or "install/make_environment.py" in planned
    elif words[0].endswith("python") or words[0] == "python":
        assert words[1] == "-m"
        module = words[2].replace(".", "/")
        assert (ROOT / f"{module}.py").exists() or (ROOT / module / "__main__.py").exists() or words[2] == "pytest"
    elif words[:2] == ["dvc", "repro"] and len(words) > 2:
        stages = all_stages("cpu")
        assert all(target in stages or (ROOT / target).exists() for target in words[2:] if not target.startswith("-"))
    else:
        assert words[0] in ONLY_CHECKED


def test_paths_in_the_readme_exist():
    text = README.read_text(encoding="utf-8") + AGENTS.read_text(encoding="utf-8")
    named = set(re.findall(r"\]\((?!https?:)([^)#]+)\)", text))
    assert not [path for path in named if not (ROOT / path).exists()]
