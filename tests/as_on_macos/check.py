"""What must work without Linux: every module imports, a ladder trains and is scored by the pool, a figure is measured
and drawn.

Run as `python -m tests.as_on_macos.check FOLDER STEP ...` with tests/as_on_macos on PYTHONPATH; prints what was done.
"""

import importlib
import os
import shutil
import sys
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "analysis",
    "benchmarks",
    "corpus",
    "evaluation",
    "experiments",
    "install",
    "kernels",
    "models",
    "paper",
    "tasks",
)
NOT_MODULES = {"__main__.py", "evaluation_peer.py"}  # entry points, and what runs in an environment of its own
STEM = "loss_tab2_correlations"


def import_all(_: Path) -> None:
    """Every module of every room."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if path.name not in NOT_MODULES
    ]
    for name in names:
        importlib.import_module(name)
    print(f"imported {len(names)} modules")


def train_and_score(folder: Path) -> None:
    """A tiny ladder through the real pool, `python -m ladder`, from nothing to scores."""
    from ladder import __main__ as command
    from ladder import work
    from ladder.cost import Machine
    from tests import tiny_ladder

    paths = tiny_ladder.paths(folder)
    patches = {"load_profile": lambda name: tiny_ladder.profile(), "Paths": lambda name: paths}
    with (
        mock.patch.multiple(command, **patches),
        mock.patch.object(work, "probe_machine", lambda *_: Machine(1.0, 500.0)),
    ):
        for words in (("train", "loss"), ("measure", "scores")):
            assert command.main(command.parser().parse_args([*words, "--profile", "cpu"])) == 0
    print("scores", paths.scores.stat().st_size > 0)


def measure_and_draw(folder: Path) -> None:
    """One table and figure of the default profile, again from the committed scores, in a folder of its own: the same
    bytes."""
    from experiments.style.stage import plot_stage
    from experiments.tables.stage import measure_stage
    from profiles.paths import Paths
    from profiles.profile import default_profile

    committed, fresh = Paths(default_profile()), Paths(default_profile(), folder)
    shutil.copytree(
        committed.results, fresh.results, ignore=shutil.ignore_patterns("runs", "items.parquet", "data", f"{STEM}.csv")
    )
    fresh.figure(STEM).parent.mkdir(parents=True, exist_ok=True)
    measure, plot = (importlib.import_module(f"experiments.{STEM}.{part}") for part in ("measure", "plot"))
    measure_stage(fresh, STEM, measure.measure)
    drawn = plot_stage(fresh, STEM, plot.draw, plot.table)
    print(
        "same table",
        fresh.results_csv(STEM).read_bytes() == committed.results_csv(STEM).read_bytes(),
        *(path.name for path in drawn),
    )


def refuse(_: Path) -> None:
    """What needs Linux says so in one line, when it is used."""
    from kernels.launch import choose_path
    from sandbox.parent import Sandbox

    for use in (Sandbox, lambda: choose_path("cpu", "triton")):
        try:
            use()
        except ValueError as error:
            print("refused:", error)
    print("auto:", choose_path("cpu"), choose_path("mps"))


def absent(_: Path) -> None:
    """What the stand-in takes away from our own code: were it all there, nothing above would be shown."""
    import ctypes

    uses = (
        lambda: os.sched_getaffinity(0),
        lambda: ctypes.CDLL(None).prctl,
        lambda: importlib.import_module("triton"),
        lambda: Path("/proc/cpuinfo").read_text(),
    )
    for use in uses:
        try:
            use()
        except (AttributeError, ImportError, OSError) as error:
            print("absent:", type(error).__name__)


if __name__ == "__main__":
    assert sys.platform == "darwin" and not hasattr(os, "sched_getaffinity"), "tests/as_on_macos is not on PYTHONPATH"
    steps = {
        "import": import_all,
        "train": train_and_score,
        "draw": measure_and_draw,
        "refuse": refuse,
        "absent": absent,
    }
    for name in sys.argv[2:]:
        steps[name](Path(sys.argv[1]))
