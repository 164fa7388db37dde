"""Runs trained one after another, each by all processes that torchrun started; the pool of ladder/workers, where each
run has a process of its own, is for runs that one GPU holds.

    torchrun --nproc-per-node 8 -m ladder train loss --profile paper --here --name small_300M_67000M_s0

The first process plans, holds the lock, makes folders and writes files; the others do what it says. All read the data
of the profile, and all must see the folder of the run (a shared disk) where it goes on from a state.
"""

import os
import signal
import sys
import time
from collections.abc import Collection
from contextlib import ExitStack

from ladder.cost import checkpoint_bytes, require_disk
from ladder.ladder import Ladder
from ladder.runs_table import committed_runs, require_one_format, write_runs_tables
from ladder.training import drop_spent_states, prepare_folder, runs_to_train, train_here
from ladder.work import hold
from ladder.workers.pool import EXIT_STOPPED
from models.execution import Execution, Peers, join_processes

REPORT_SECONDS = 10.0


def train_together(ladder: Ladder, only: frozenset[str] | None, here: bool, minutes: float | None, again: str) -> int:
    """Train what is not trained yet; the exit code. only, here, minutes: as in ladder.work.Start. ValueError in one
    line where the processes cannot share a batch, or one of them is lost; nothing that was trained is lost with it."""
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    with join_processes() as (world, device), ExitStack() as stack:
        names: list[str] = []
        if world.is_first:
            lineages = None if only is None else {ladder.runs[name].lineage for name in only}
            stack.enter_context(hold(ladder.paths, lineages))
            names = _prepared(ladder, world, only, here)
        names = world.told(names)
        try:
            for name in names:
                report = _Report(ladder.runs[name].train.num_steps, world, deadline)
                line = train_here(ladder, name, device, world, report)
                if world.is_first:
                    print(f"{name}: {line}", flush=True)
        except KeyboardInterrupt:
            if world.is_first:
                print(f"stopped; nothing is lost, go on with `{again}` under torchrun", file=sys.stderr)
            return EXIT_STOPPED
        if world.is_first and only is None:
            drop_spent_states(ladder)
            write_runs_tables(ladder)
    return 0


def _prepared(ladder: Ladder, world: Peers, only: Collection[str] | None, here: bool) -> list[str]:
    """The runs to train, parents first, their folders made; said in one line."""
    require_one_format(ladder)
    sweep = ladder.profile.sweep
    execution = Execution(sweep.micro_sequences, sweep.recompute, sweep.parallel, world)
    names = runs_to_train(ladder, () if here else committed_runs(ladder), only)
    parts = {execution.micro_batches(ladder.runs[name].train.batch_sequences) for name in names}
    for paper in ladder.papers:
        ladder.paths.runs(paper).mkdir(parents=True, exist_ok=True)
    require_disk(ladder.paths.runs(ladder.papers[0]), checkpoint_bytes(ladder, names))
    for name in names:
        found = prepare_folder(ladder, name)
        if found != "new":
            print(f"{name}: {found}")
    how = f"{sweep.parallel}, {world.size} processes, {max(parts, default=1)} parts of a batch in each"
    print(f"training {len(names)} runs of {len(ladder.runs)} one after another: {how}", flush=True)
    return names


class _Report:
    """Says how far a run is, and stops all processes at the deadline."""

    def __init__(self, num_steps: int, world: Peers, deadline: float | None):
        self._num_steps, self._world, self._deadline, self._last = num_steps, world, deadline, time.monotonic()

    def __call__(self, progress) -> None:
        if not self._world.is_first:
            return
        now = time.monotonic()
        if now - self._last >= REPORT_SECONDS:
            self._last = now
            print(
                f"{progress.run}: step {progress.step} of {self._num_steps}, loss {progress.loss_nats:.3f} nats",
                flush=True,
            )
        if self._deadline is not None and now >= self._deadline:
            os.kill(os.getpid(), signal.SIGTERM)  # noted by the training loop, which stops all behind one step
