"""The commands of the tiny profile as processes of their own, for the tests that kill them, and what such a test looks
at.

    python -m tests.tiny_command ROOT COMMAND ...    as `python -m ladder COMMAND ...`

With the variable TINY_HOLD set to `N MARK` the first worker that comes to its N-th report leaves its pid in the file
MARK and waits there to be killed or stopped. MARK is written once, so a later start runs through."""

import argparse
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 900.0  # for events that come within seconds on a machine with nothing else to do
CLOCKS = ("train_seconds", "tokens_per_second", "seconds")


def hold(report):
    """The report of a worker, held at its N-th call where TINY_HOLD says so."""
    wanted, mark = os.environ.get("TINY_HOLD", "0 -").split(" ", 1)
    calls = 0

    def report_or_hold(fraction):
        nonlocal calls
        report(fraction)
        calls += 1
        if calls != int(wanted):
            return
        waiting, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken)
        try:
            with open(mark, "x") as file:
                file.write(f"{os.getpid()}\n")
        except FileExistsError:
            return
        os.read(waiting, 1)  # until a signal comes that is heard; those that kill need no help

    return report_or_hold


def train_run(payload, report, slot):
    """Train a run that reports every step."""
    from ladder import training

    training.REPORT_SECONDS = 0.0
    return training.train_run(payload, hold(report), slot)


def score_run(payload, report, slot):
    """Score a run."""
    from ladder.measurements import scores

    return scores.score_run(payload, hold(report), slot)


def measure_job(payload, report, slot):
    """Measure a run on a task, and keep its state after every block."""
    from ladder.measurements import journal, pass_rates

    journal.SAVE_SECONDS = 0.0
    return pass_rates.measure_job(payload, hold(report), slot)


def main(root: Path, words: Sequence[str]) -> int:
    """One command of the tiny profile whose results lie below `root`; the data are there already."""
    from ladder import __main__ as command
    from ladder import work
    from ladder.cost import Machine
    from ladder.measurements import pass_rates, scores
    from profiles.paths import Paths
    from tasks import PASS_TASKS
    from tests import tiny_command, tiny_ladder

    pass_rates.PASS_TASKS = {name: PASS_TASKS[name] for name in tiny_ladder.TASKS}
    command.Paths = lambda name: Paths("tiny", root)
    command.load_profile = lambda name: tiny_ladder.profile()
    work.probe_machine = lambda *_: Machine(1.0, 500.0)
    work.num_workers = lambda workers_per_gpu: 2
    # Jobs name their functions; a worker that imports them by these names gets the ones that can be held.
    work.train_run, pass_rates.measure_job = tiny_command.train_run, tiny_command.measure_job
    scores.score_run = tiny_command.score_run
    return command.main(command.parser().parse_args([*words, "--profile", "cpu"]))


class Started:
    """A command that runs in a process group of its own."""

    def __init__(self, root: Path, words: Sequence[str], hold_at: int = 0, prefix: Sequence[str] = ()):
        self.mark = root / "mark"
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.tiny_command", str(root), *words],
            cwd=ROOT,
            env=os.environ | {"TINY_HOLD": f"{hold_at} {self.mark}", "TINY_ROOT": str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def worker(self) -> int:
        """Pid of the worker that is held, as soon as it is."""
        wait_for(
            lambda: self.process.poll() is not None or (self.mark.exists() and self.mark.read_text().endswith("\n"))
        )
        assert self.process.poll() is None, self.process.communicate()
        return int(self.mark.read_text())

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        out, err = self.process.communicate(timeout=LIMIT_SECONDS)
        return self.process.returncode, out, err


def run(root: Path, words: Sequence[str], prefix: Sequence[str] = ()) -> tuple[int, str, str]:
    """A command from start to end."""
    return Started(root, words, prefix=prefix).end()


def wait_for(condition) -> None:
    """Until the condition holds; AssertionError after many minutes."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def processes(root: Path) -> list[int]:
    """Pids of all live processes that commands of `root` have started, however deep, from what the kernel says."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            is_ours = entry.name.isdigit() and (
                f"TINY_ROOT={root}".encode() in (entry / "environ").read_bytes().split(b"\0")
            )
            if is_ours and (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX":
                found.append(int(entry.name))
        except OSError:
            continue  # ended while we looked
    return found


def _without_clock(path: Path) -> bytes:
    if path.name == "run.json":
        return json.dumps(
            {name: value for name, value in json.loads(path.read_text()).items() if name not in CLOCKS}
        ).encode()
    if path.suffix == ".csv":
        return pd.read_csv(path).drop(columns=[*CLOCKS], errors="ignore").to_csv().encode()
    if path.suffix == ".parquet":
        table, buffer = pd.read_parquet(path), io.StringIO()
        if "seconds" in table:
            table.drop(columns="seconds").to_csv(buffer, float_format="%r")
            return buffer.getvalue().encode()
    return path.read_bytes()


def snapshot(root: Path) -> dict[str, str]:
    """Hash of every file of the results, clock readings left out; names that only killed writers leave would show here
    too."""
    files = [
        path
        for path in (root / "results" / "tiny").rglob("*")
        if path.is_file() and "data" not in path.relative_to(root / "results" / "tiny").parts
    ]
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(_without_clock(path)).hexdigest() for path in sorted(files)
    }


if __name__ == "__main__":
    from profiles.profile import run_command

    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    run_command(lambda arguments: main(arguments.root, arguments.words), parser)
