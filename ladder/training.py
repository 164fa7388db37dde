"""Training of the ladder: which runs are to be trained here, and what a worker does for one."""

import json
import shutil
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from files.atomic import atomic_write
from ladder.behaviour import has_changed, remember
from ladder.ladder import Ladder, stored_recipe
from ladder.plan import Run
from ladder.workers.machine import use_one_device
from models.execution import Execution, Peers
from profiles.paths import PAPER_OF

REPORT_SECONDS = 0.5  # a worker speaks to its parent at most so often; a step of the smallest model takes 20 ms


def state_path(ladder: Ladder, run: Run) -> Path | None:
    """The state of its parent from which a run branches."""
    return ladder.folder(run.parent) / "states" / f"{run.branch_tokens:012d}.safetensors" if run.parent else None


def runs_to_train(ladder: Ladder, at_hand: Collection[str] = (), only: Collection[str] | None = None) -> list[str]:
    """Names of the runs that must be trained here, parents first.

    Those that are neither trained nor `at_hand` (what is needed of them is known from elsewhere), those here that
    today's code would train differently, and trained parents whose states are gone although a branch still needs them.
    only: names to choose among; a parent that one of them needs comes along.
    """
    chosen = ladder.runs if only is None else only
    precision = ladder.profile.training.precision
    needed = {
        name
        for name in chosen
        if (has_changed(ladder.folder(name), precision) if ladder.is_trained(name) else name not in at_hand)
    }
    for name in list(needed):
        run = ladder.runs[name]
        if run.parent and not (ladder.is_trained(run.parent) and state_path(ladder, run).exists()):
            needed.add(run.parent)
    return [name for name in ladder.runs if name in needed]


def prepare_folder(ladder: Ladder, name: str) -> str:
    """Make the folder of a run that is to be trained; what another recipe or other code left there is removed. Says
    what was found."""
    folder, precision = ladder.folder(name), ladder.profile.training.precision
    is_begun = (folder / "recipe.json").exists()
    is_same = is_begun and stored_recipe(folder) == ladder.recipes[name] and not has_changed(folder, precision)
    if is_same and (folder / "state.safetensors").exists():
        return "continues from its last state"
    found = "made by another recipe or by code that trains differently, removed" if is_begun and not is_same else "new"
    # What git holds of the run stays until it is measured again; the note says that it must be.
    for measurement, paper in PAPER_OF.items():
        if paper == ladder.runs[name].paper and (ladder.paths.run_tables(measurement) / f"{name}.parquet").exists():
            atomic_write(ladder.paths.due(measurement) / name, b"")
    # First, so that a folder whose removal is cut short never counts as a finished run.
    (folder / "run.json").unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    remember(folder, precision)
    # Last: it marks the folder as begun.
    atomic_write(folder / "recipe.json", json.dumps(ladder.recipes[name], sort_keys=True).encode())
    return found


def train_run(payload: tuple[Ladder, str], report: Callable[[float], None], slot: int) -> str:
    """Worker: train one run to its end, or go on where it was stopped. Returns one line about it."""
    ladder, name = payload
    run = ladder.runs[name]
    device = use_one_device(slot, ladder.profile.sweep.workers_per_gpu)
    last_report = 0.0

    def on_progress(progress) -> None:
        nonlocal last_report
        if time.monotonic() - last_report >= REPORT_SECONDS:
            last_report = time.monotonic()
            report(max(0.0, (progress.tokens_seen - run.branch_tokens) / run.trained_tokens))

    return train_here(ladder, name, device, Peers(), on_progress)


def train_here(ladder: Ladder, name: str, device: str, world: Peers, on_progress: Callable) -> str:
    """Train one run in this process, or this process's share of it. Returns one line about it."""
    from models.train import train

    run, sweep, data = ladder.runs[name], ladder.profile.sweep, ladder.data(name)
    config = replace(run.train, device=device)
    record = train(
        run.model,
        config,
        data.batches(config.data_seed, config.num_steps * config.tokens_per_step),
        ladder.folder(name),
        data.fingerprint,
        on_progress,
        state_path(ladder, run),
        Execution(sweep.micro_sequences, sweep.recompute, sweep.parallel, world),
    )
    loss = record.loss_curve[-1]["train_loss_nats"]
    return f"{record.tokens_seen / 1e6:.2f}M tokens, loss {loss:.3f} nats, {record.tokens_per_second:,.0f} tokens/s"


def drop_spent_states(ladder: Ladder) -> None:
    """Remove the branching states of every run whose branches are all trained (they are three times the weights), and
    what a worker that was killed in the moment of finishing its run left to go on from."""
    for name in ladder.runs:
        if ladder.is_trained(name):
            (ladder.folder(name) / "state.safetensors").unlink(missing_ok=True)
        branches = ladder.branches(name)
        if branches and all(ladder.is_trained(branch.name) for branch in branches):
            shutil.rmtree(ladder.folder(name) / "states", ignore_errors=True)
