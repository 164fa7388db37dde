"""Without Linux's system calls, /proc and triton (tests/as_on_macos): all but the sandbox and the Triton path works, and these say so in one line.

No Mac was at hand: Linux is made as poor as macOS, in the test's process and in all that it starts. What macOS does otherwise than by absence
(its own builds of the packages) is not seen here."""

import os
import re
import subprocess
import sys

import pytest

from experiments.profiles import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="on macOS the whole suite runs without Linux")


def as_on_macos(*command: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(ROOT / "tests/as_on_macos"), str(ROOT)])
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"} | {"PYTHONPATH": path}
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)


def step(name: str, folder) -> list[str]:
    done = as_on_macos("-m", "tests.as_on_macos.check", name, str(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_every_module_imports(tmp_path):
    said = re.fullmatch(r"imported (\d+) modules", step("import", tmp_path)[-1])
    assert int(said[1]) > 150


def test_a_ladder_trains_and_is_scored(tmp_path):
    assert step("train", tmp_path)[-1] == "scores True"


def test_a_figure_is_measured_and_drawn_with_the_same_bytes(tmp_path):
    assert step("draw", tmp_path)[-1] == "same table True loss_tab2_correlations.png loss_tab2_correlations.md"


def test_what_needs_linux_says_so_in_one_line(tmp_path):
    sandbox, triton, auto = step("refuse", tmp_path)
    assert re.match("refused: the sandbox needs seccomp of Linux on .*, this is darwin", sandbox)
    assert re.match("refused: kernels: path 'triton' needs the package triton, which there is for Linux alone", triton)
    assert auto == "auto: reference reference"


@pytest.mark.parametrize("code", [
    "import os; os.sched_getaffinity(0)",
    "import ctypes; ctypes.CDLL(None).prctl",
    "import triton",
    "from tests.as_on_macos.check import ROOT; exec(compile(\"open('/proc/cpuinfo')\", str(ROOT / 'x.py'), 'exec'))",
])  # fmt: skip
def test_the_stand_in_takes_away_what_macos_has_not(code):
    """So that the tests above can fail."""
    compiled = f"from pathlib import Path; exec(compile({code!r}, str(Path.cwd() / 'x.py'), 'exec'))"
    done = as_on_macos("-c", compiled)
    assert done.returncode == 1 and re.search("AttributeError|ModuleNotFoundError|FileNotFoundError", done.stderr), done.stderr


@pytest.mark.slow
def test_verify_says_the_same(tmp_path):
    def lines(done: subprocess.CompletedProcess) -> list[str]:
        return [re.sub(r"\d+(\.\d+)? s\b", "", line) for line in (done.stdout + done.stderr).splitlines()]

    here = subprocess.run([sys.executable, "-m", "experiments.verify"], cwd=ROOT, capture_output=True, text=True)
    there = as_on_macos("-m", "experiments.verify")
    assert (there.returncode, lines(there)) == (here.returncode, lines(here))
