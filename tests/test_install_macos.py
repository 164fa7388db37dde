"""Without Linux's system calls, /proc and triton (tests/as_on_macos): all but the sandbox and the Triton path works,
and these say so in one line.

No Mac was at hand: Linux is made as poor as macOS, in the test's process and in all that it starts. What macOS does
otherwise than by absence (its own builds of the packages) is not seen here."""

import os
import re
import subprocess
import sys

import pytest

from profiles.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="on macOS the whole suite runs without Linux")


def as_on_macos(*command: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(ROOT / "tests/as_on_macos"), str(ROOT)])
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"} | {
        "PYTHONPATH": path
    }
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)


def steps(folder, *names: str) -> list[str]:
    """Lines of tests/as_on_macos/check.py that say what became of its steps."""
    done = as_on_macos("-m", "tests.as_on_macos.check", str(folder), *names)
    assert done.returncode == 0, done.stderr[-3000:]
    return [line for line in done.stdout.splitlines() if re.match("imported|same|refused|auto|absent|scores", line)]


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> list[str]:
    """One process for all that is quick: starting one costs more than the steps."""
    return steps(tmp_path_factory.mktemp("macos"), "absent", "import", "refuse", "draw")


def test_the_stand_in_takes_away_what_macos_has_not(said):
    """So that the tests below can fail."""
    assert said[:4] == [
        f"absent: {name}" for name in ("AttributeError", "AttributeError", "ModuleNotFoundError", "FileNotFoundError")
    ]


def test_every_module_imports(said):
    assert int(re.fullmatch(r"imported (\d+) modules", said[4])[1]) > 150


def test_what_needs_linux_says_so_in_one_line(said):
    assert re.match("refused: the sandbox needs seccomp of Linux on .*, this is darwin", said[5])
    assert re.match("refused: kernels: path 'triton' needs the package triton, which there is for Linux alone", said[6])
    assert said[7] == "auto: reference reference"


def test_a_figure_is_measured_and_drawn_with_the_same_bytes(said):
    assert said[8:] == ["same table True loss_tab2_correlations.png loss_tab2_correlations.md"]


def test_a_ladder_trains_and_is_scored(tmp_path):
    assert steps(tmp_path, "train")[-1] == "scores True"


@pytest.mark.slow
def test_verify_says_the_same(tmp_path):
    def lines(done: subprocess.CompletedProcess) -> list[str]:
        return [re.sub(r"\d+(\.\d+)? s\b", "", line) for line in (done.stdout + done.stderr).splitlines()]

    here = subprocess.run([sys.executable, "-m", "reproduction.verify"], cwd=ROOT, capture_output=True, text=True)
    there = as_on_macos("-m", "reproduction.verify")
    assert (there.returncode, lines(there)) == (here.returncode, lines(here))
