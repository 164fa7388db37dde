"""The sweep: train and evaluate the ladder of a profile, all cores at work, and say how it came out.

    python -m ladder.sweep train --profile cpu       stage `train`
    python -m ladder.sweep evaluate --profile cpu    stage `evaluate`
    python -m ladder.sweep run --profile full        both, each run scored as soon as it is trained; for long ladders

Finished runs are skipped and interrupted ones go on, bit for bit, so any of these may be stopped and started again. One
start at a time works on a profile; a second one says who does.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from files.atomic import remove_leftovers
from files.lock import Lock, exclusive
from ladder.cost import (
    checkpoint_bytes,
    describe_training,
    evaluate_seconds,
    probe_machine,
    require_disk,
    train_seconds,
)
from ladder.data import Data
from ladder.plan import plan_runs
from ladder.pool import EXIT_STOPPED, Job, Outcome, run_jobs
from ladder.progress import Progress, duration
from ladder.scores import evaluate_run, evaluation_hash, join_scores, runs_to_evaluate, scored_runs
from ladder.training import (
    Ladder,
    drop_spent_states,
    make_ladder,
    num_workers,
    prepare_folder,
    runs_to_train,
    train_run,
    write_runs_table,
)
from profiles.paths import Paths
from profiles.profile import Profile, add_profile_option, load_profile, run_command

PRELOAD = ("torch", "pandas", "pyarrow.parquet", "tokenizers", "models.train", "ladder.data")
EXIT_FAILED = 1


def open_ladder(profile: Profile) -> tuple[Ladder, Data]:
    """Plan a profile's runs over its data."""
    paths = Paths(profile.name)
    data = Data(profile, paths.data)
    plan = plan_runs(profile, data.tokenizer.get_vocab_size())
    hashes = {seed: data.stream_hash(seed) for seed in sorted({run.train.data_seed for run in plan})}
    return make_ladder(profile, paths, plan, hashes), data


@contextmanager
def hold(paths: Paths) -> Iterator[Lock]:
    """Hold the lock of a profile, with what killed starts left unfinished taken away. Busy (one line) where another
    process holds it."""
    with exclusive(paths.lock, f"profile {paths.profile}") as lock:
        remove_leftovers(paths.results)
        yield lock


def train_jobs(ladder: Ladder, names: list[str], factor: float) -> list[Job]:
    """One job per run that is to be trained; a branch waits for its parent."""
    jobs = []
    for name in names:
        run = ladder.runs[name]
        found = prepare_folder(ladder, name)
        if found != "new":
            print(f"{name}: {found}")
        jobs.append(
            Job(
                name,
                factor * train_seconds(ladder.profile, run),
                train_run,
                (ladder, name),
                (run.parent,) if run.parent else (),
            )
        )
    return jobs


def evaluate_jobs(
    ladder: Ladder, names: list[str], evaluation: str, factor: float, after_training: bool = False
) -> list[Job]:
    """One job per run that is to be scored, after its training where that is part of the same pool."""
    return [
        Job(
            f"scores of {name}",
            factor * evaluate_seconds(ladder.profile, ladder.runs[name]),
            evaluate_run,
            (ladder, name, evaluation),
            (name,) if after_training else (),
        )
        for name in names
    ]


def work(
    ladder: Ladder,
    title: str,
    jobs: list[Job],
    workers: int,
    minutes: float | None,
    lock: Lock,
    on_job: Callable[[str], None] = lambda name: None,
    preload: tuple[str, ...] = PRELOAD,
) -> Outcome:
    """Run jobs under a progress display; the table of runs grows as they finish. on_job(name) is called at the end of
    each."""

    def on_finish(name: str) -> None:
        if name in ladder.runs:
            write_runs_table(ladder)
        on_job(name)

    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    with Progress(title, {job.name: job.cost for job in jobs}) as progress:
        return run_jobs(jobs, workers, progress, preload, deadline, on_finish, lock)


def train_command(arguments: argparse.Namespace, lock: Lock, with_evaluation: bool = False) -> int:
    """Train what is not trained yet; with_evaluation: score every run as soon as it is trained."""
    profile = load_profile(arguments.profile)
    ladder, data = open_ladder(profile)
    evaluation = evaluation_hash(data)
    reused = scored_runs(ladder, evaluation) if profile.sweep.reuse_scores else set()
    if elsewhere := sum(not ladder.is_trained(name) for name in reused):
        scores = ladder.paths.run_scores.relative_to(ladder.paths.root)
        print(
            f"{elsewhere} runs were trained elsewhere and their scores are in {scores}; delete them there to train them"
            " here",
            flush=True,
        )
    names = runs_to_train(ladder, reused)
    ladder.paths.runs.mkdir(parents=True, exist_ok=True)
    workers, factor = num_workers(profile), 1.0
    if names:
        require_disk(ladder.paths.runs, checkpoint_bytes(ladder, names))
        machine = probe_machine(profile, [ladder.runs[name] for name in names], workers, PRELOAD)
        print(describe_training(ladder, names, workers, machine), flush=True)
        factor = machine.factor
    else:
        print(f"training: all {len(ladder.runs)} runs are finished", flush=True)
    jobs = train_jobs(ladder, names, factor)
    if with_evaluation:
        jobs += evaluate_jobs(ladder, names, evaluation, factor, after_training=True)
    outcome = work(ladder, f"{profile.name}: training", jobs, workers, arguments.minutes, lock)
    if not outcome.failed and not outcome.is_stopped:
        drop_spent_states(ladder)
    write_runs_table(ladder)
    if with_evaluation:
        join_scores(ladder, evaluation)
    return conclude(outcome, f"python -m ladder.sweep {arguments.command} --profile {profile.name}")


def evaluate_command(arguments: argparse.Namespace, lock: Lock) -> int:
    """Score what is trained and not scored yet, then join all scores."""
    profile = load_profile(arguments.profile)
    ladder, data = open_ladder(profile)
    evaluation = evaluation_hash(data)
    asked = runs_to_evaluate(ladder, evaluation, print)
    names = [name for name in asked if ladder.is_trained(name)]
    workers = num_workers(profile)
    wall = sum(evaluate_seconds(profile, ladder.runs[name]) for name in names) / workers
    print(
        f"evaluating {len(names)} runs of {len(ladder.runs)},"
        f" {sum(ladder.runs[name].num_checkpoints for name in names)} checkpoints: about {duration(wall)} on {workers}"
        " workers",
        flush=True,
    )
    ladder.paths.items.mkdir(parents=True, exist_ok=True)
    outcome = work(
        ladder,
        f"{profile.name}: evaluation",
        evaluate_jobs(ladder, names, evaluation, 1.0),
        workers,
        arguments.minutes,
        lock,
    )
    absent = join_scores(ladder, evaluation)
    code = conclude(outcome, f"python -m ladder.sweep evaluate --profile {profile.name}")
    if absent and not code:
        print(
            f"error: {len(absent)} of {len(ladder.runs)} runs have no scores ({absent[0]} ...); "
            f"train them with `python -m ladder.sweep train --profile {profile.name}`",
            file=sys.stderr,
        )
        return EXIT_FAILED
    return code


def conclude(outcome: Outcome, command: str) -> int:
    """Say what failed or was left, and how to go on; the exit code."""
    for line in outcome.failed.values():
        print(f"error: {line}", file=sys.stderr)
    if outcome.is_stopped:
        print(f"stopped after {len(outcome.finished)} jobs; nothing is lost, go on with `{command}`", file=sys.stderr)
        return EXIT_STOPPED
    if outcome.failed:
        print(
            f"{len(outcome.failed)} failed, {len(outcome.skipped)} left out, {len(outcome.finished)} finished and kept;"
            f" go on with `{command}`",
            file=sys.stderr,
        )
    return EXIT_FAILED if outcome.failed else 0


def main(arguments: argparse.Namespace) -> int:
    """Run one subcommand."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with hold(Paths(load_profile(arguments.profile).name)) as lock:
            if arguments.command == "evaluate":
                return evaluate_command(arguments, lock)
            return train_command(arguments, lock, with_evaluation=arguments.command == "run")
    except KeyboardInterrupt:
        return conclude(
            Outcome(is_stopped=True), f"python -m ladder.sweep {arguments.command} --profile {arguments.profile}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m ladder.sweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("train", "evaluate", "run"))
    add_profile_option(parser)
    parser.add_argument("--minutes", type=float, default=None, help="stop after so many minutes; a later start goes on")
    run_command(main, parser)
