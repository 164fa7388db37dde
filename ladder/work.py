"""The work that a start does: train runs, measure them, join what was measured, and say how it came out.

Finished runs are skipped and interrupted ones go on, bit for bit, so any start may be stopped and started again. One
start at a time works on a profile; starts that name runs (array jobs) work beside each other, each on its own lineages.
"""

import sys
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from files.atomic import remove_leftovers
from files.lock import Busy, Lock, exclusive
from ladder.cost import checkpoint_bytes, describe_training, probe_machine, require_disk, train_seconds
from ladder.ladder import Ladder
from ladder.measurements.measurement import Measurement
from ladder.measurements.pass_rates import pass_rates_of
from ladder.measurements.scores import scores_of
from ladder.measurements.thresholds import threshold_pass_rates_of
from ladder.plan import turns
from ladder.runs_table import committed_runs, require_one_format, write_runs_tables
from ladder.training import drop_spent_states, prepare_folder, runs_to_train, train_run
from ladder.workers.machine import num_workers
from ladder.workers.pool import EXIT_STOPPED, Job, Outcome, run_jobs
from ladder.workers.progress import Progress, duration
from profiles.paths import PAPER_OF, Paths

MEASUREMENTS = {"scores": scores_of, "pass_rates": pass_rates_of, "threshold_pass_rates": threshold_pass_rates_of}
PRELOAD = (
    "torch",
    "pandas",
    "pyarrow.parquet",
    "tokenizers",
    "models.train",
    "ladder.data",
    "ladder.measurements.scores",
)
EXIT_FAILED = 1
MOMENT_SECONDS = 2.0  # two starts that look at each other's lock at once


@dataclass(frozen=True)
class Start:
    """What one start of the command line works with. only: names of runs, None for all; here: train also what another
    machine trained; again: how to start the same work once more."""

    ladder: Ladder
    lock: Lock
    again: str
    only: frozenset[str] | None = None
    here: bool = False
    minutes: float | None = None

    def chosen(self, names: Collection[str]) -> list[str]:
        """Those of the names that this start is for."""
        return [name for name in names if self.only is None or name in self.only]


@contextmanager
def hold(paths: Paths, lineages: Collection[str] | None = None) -> Iterator[Lock]:
    """Hold a profile, or these lineages of it. Busy (one line) where another process holds what is needed.

    A start on all runs excludes every other; starts on lineages exclude it and those on the same lineages. Each side
    takes its own lock first and looks at the other's then, so that of two that come at once one sees the other."""
    folder = paths.lock.with_name(".locks.partial")
    with ExitStack() as stack:
        if lineages is None:
            lock = stack.enter_context(exclusive(paths.lock, f"profile {paths.profile}"))
            for path in sorted(folder.glob("*")):
                with exclusive(path, f"run {path.name} of profile {paths.profile}"):
                    pass
            remove_leftovers(paths.results)
        else:
            for name in sorted(lineages):
                lock = stack.enter_context(exclusive(folder / name, f"run {name} of profile {paths.profile}"))
            _require_free(paths)
        yield lock


def _require_free(paths: Paths) -> None:
    deadline = time.monotonic() + MOMENT_SECONDS
    while True:
        try:
            with exclusive(paths.lock, f"profile {paths.profile}"):
                return
        except Busy:
            if time.monotonic() > deadline:
                raise
            time.sleep(MOMENT_SECONDS / 20)


def train_runs(start: Start, measure: Collection[str] = ()) -> int:
    """Train what is not trained yet; measure: names of measurements to take of each run as soon as it is trained."""
    ladder = start.ladder
    require_one_format(ladder)
    measurements = [MEASUREMENTS[name](ladder) for name in measure]
    for measurement in measurements:
        measurement.prepare(say)
    names = runs_to_train(ladder, _at_hand(start, measurements), start.only)
    workers, factor = num_workers(ladder.profile.sweep.workers_per_gpu), 1.0
    for paper in ladder.papers:
        ladder.paths.runs(paper).mkdir(parents=True, exist_ok=True)
    if names:
        require_disk(ladder.paths.runs(ladder.papers[0]), checkpoint_bytes(ladder, names))
        machine = probe_machine(ladder.profile, [ladder.runs[name] for name in names], workers, PRELOAD)
        print(describe_training(ladder, names, workers, machine), flush=True)
        factor = machine.factor
    else:
        print(f"training: all {len(start.chosen(ladder.runs))} runs are finished", flush=True)
    jobs = [_train_job(ladder, name, factor) for name in names]
    for measurement in measurements:
        left = {
            name: parts
            for name in start.chosen(measurement.names)
            if (name in names or ladder.is_trained(name)) and (parts := _parts_left(measurement, name, names))
        }
        jobs += measurement.jobs(left, factor, after_training=names)
    outcome = _work(start, "training", jobs, workers, measurements)
    if not outcome.failed and not outcome.is_stopped and start.only is None:
        drop_spent_states(ladder)
    if start.only is None:
        write_runs_tables(ladder)
        for measurement in measurements:
            measurement.join()
    return conclude(outcome, start.again)


def _parts_left(measurement: Measurement, name: str, trained: Collection[str]) -> Collection[str]:
    """All parts of a run that is about to be trained anew."""
    return measurement.parts_left(name) if name not in trained else list(measurement.parts)


def _at_hand(start: Start, measurements: Collection[Measurement]) -> set[str]:
    """Runs that need not be trained here: another machine trained them, by today's recipe, and all is measured of them
    that is asked for. One line says how many, and how to train them all the same."""
    if start.here:
        return set()
    ladder = start.ladder
    names = committed_runs(ladder)
    for measurement in measurements:
        names -= {name for name in names & set(measurement.names) if not measurement.is_measured(name)}
    if elsewhere := [name for name in start.chosen(ladder.runs) if name in names and not ladder.is_trained(name)]:
        print(
            f"{len(elsewhere)} runs were trained elsewhere and their rows are committed ({elsewhere[0]}"
            f"{' ...' if elsewhere[1:] else ''}); --here trains them here",
            flush=True,
        )
    return names


def _train_job(ladder: Ladder, name: str, factor: float) -> Job:
    """Training of one run; a branch waits for its trunk."""
    run, left = ladder.runs[name], prepare_folder(ladder, name)
    if left != "new":
        print(f"{name}: {left}")
    needs = (run.parent,) if run.parent else ()
    return Job(name, factor * train_seconds(ladder.profile, run), train_run, (ladder, name), needs)


def measure_runs(start: Start, name: str) -> int:
    """Take one measurement of what is trained and not measured yet, then join all runs."""
    measurement = MEASUREMENTS[name](start.ladder)
    ladder, profile = start.ladder, start.ladder.profile
    measurement.prepare(say)
    chosen = start.chosen(measurement.names)
    left = {run: parts for run in chosen if ladder.is_trained(run) and (parts := measurement.parts_left(run))}
    if kept := measurement.kept_by_age([run for run in chosen if measurement.is_measured(run)]):
        print(
            f"kept the {measurement.what} of {len(kept)} runs that older code made, because their checkpoints are not"
            f" here: {kept[0]}{' ...' if kept[1:] else ''}"
        )
    workers = num_workers(profile.sweep.workers_per_gpu)
    jobs = measurement.jobs(left, 1.0)
    print(
        f"{measurement.what}: {len(left)} runs of {len(chosen)} to measure in {len(measurement.parts)} parts, about"
        f" {duration(sum(job.cost for job in jobs) / workers)} on {workers} workers",
        flush=True,
    )
    outcome = _work(start, measurement.what, jobs, workers, [measurement])
    code = conclude(outcome, start.again)
    if start.only is not None:
        return code
    absent = measurement.join()
    if absent and not code:
        print(
            f"error: {len(absent)} of {len(measurement.names)} runs have no {measurement.what} ({absent[0]} ...);"
            f" train them with `python -m ladder train {PAPER_OF[name]} --here --profile {profile.name}`",
            file=sys.stderr,
        )
        return EXIT_FAILED
    return code


def _work(start: Start, title: str, jobs: list[Job], workers: int, measurements: Collection[Measurement]) -> Outcome:
    """Run jobs under a progress display; tables of runs grow as the jobs finish."""
    ladder, owner = start.ladder, {}
    for measurement in measurements:
        owner |= {job.name: measurement for job in jobs if job.payload[0] is measurement}
    run_of = {job.name: job.payload[1] for job in jobs}
    if ladder.profile.sweep.in_turn:
        jobs = in_turn(jobs, turns(ladder.runs), owner)

    def on_finish(job: str) -> None:
        if job in owner:
            owner[job].merge(run_of[job])
        elif start.only is None:
            write_runs_tables(ladder)

    deadline = None if start.minutes is None else time.monotonic() + 60 * start.minutes
    with Progress(f"{ladder.profile.name}: {title}", {job.name: job.cost for job in jobs}) as progress:
        return run_jobs(jobs, workers, progress, PRELOAD, deadline, on_finish, start.lock)


def in_turn(jobs: list[Job], turn_of: dict[str, int], measuring: Collection[str]) -> list[Job]:
    """Jobs with the turn of their run; within a turn a run is measured as soon as it is trained, so that a stop leaves
    rows of whatever was trained."""
    return [replace(job, turn=2 * turn_of[job.payload[1]] + (job.name not in measuring)) for job in jobs]


def accept_rows(ladder: Ladder) -> None:
    """Stamp the measured rows of a ladder with today's code, after a change of it that tests prove neutral."""
    with hold(ladder.paths):
        for name, paper in PAPER_OF.items():
            if paper in ladder.papers:
                measurement = MEASUREMENTS[name](ladder)
                print(f"{len(measurement.accept())} runs keep their {measurement.what} under today's code")


def say(line: str) -> None:
    """A line for people while work goes on."""
    print(line, file=sys.stderr, flush=True)


def conclude(outcome: Outcome, again: str) -> int:
    """Say what failed or was left, and how to go on; the exit code."""
    for line in outcome.failed.values():
        print(f"error: {line}", file=sys.stderr)
    if outcome.is_stopped:
        print(f"stopped after {len(outcome.finished)} jobs; nothing is lost, go on with `{again}`", file=sys.stderr)
        return EXIT_STOPPED
    if outcome.failed:
        print(
            f"{len(outcome.failed)} failed, {len(outcome.skipped)} left out, {len(outcome.finished)} finished and"
            f" kept; go on with `{again}`",
            file=sys.stderr,
        )
    return EXIT_FAILED if outcome.failed else 0
