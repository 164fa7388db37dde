"""`pip install .` says in one line that there is nothing to install, and installs nothing."""

import shutil
import subprocess
import sys
import tomllib

import pytest

from install.refuse_build import REFUSAL
from profiles.paths import ROOT


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """What pip reads of the project, in a folder of its own: should the refusal fail, nothing is built here."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("pyproject.toml", "LICENSE", "install/refuse_build.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def pip(project, *arguments):
    pytest.importorskip("pip", reason="an environment without pip, as uv makes them, installs nothing by pip")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("wheel", "--no-deps", "--no-index", "--wheel-dir", "wheels", "."),
        ("install", "--no-deps", "--no-index", "--target", "packages", "."),
        ("install", "--no-deps", "--no-index", "--dry-run", "--editable", "."),
        ("install", "--no-index", "--target", "packages", ".[dev]"),
    ],
    ids=("wheel", "install", "editable", "extras"),
)
def test_no_wheel_is_built(project, arguments):
    done = pip(project, *arguments)
    assert done.returncode
    said = [
        line.strip()
        for line in (done.stdout + done.stderr).splitlines()
        if "emergent-abilities-replication is not installed" in line
    ]
    assert said == [REFUSAL] and "\n" not in REFUSAL
    assert not list(project.glob("wheels/*")) + list(project.glob("packages/*"))


def test_the_backend_needs_nothing_from_the_registry():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert build == {"requires": [], "build-backend": "refuse_build", "backend-path": ["install"]}
