"""What a sweep will cost, said before it starts: runs, tokens, minutes, memory, disk.

Core-seconds come from the profile's table of tokens per second, scaled by a short probe of this machine with all its
workers at once, so that shared caches and busy neighbours count. The probe also says how much memory a worker takes.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import numpy as np

from ladder.ladder import Ladder
from ladder.plan import Run
from ladder.workers.machine import peak_megabytes, use_one_device
from ladder.workers.pool import Job, run_jobs
from ladder.workers.progress import Progress, duration
from profiles.profile import Profile

PROBE_WARMUP_STEPS = 3  # the first steps allocate and choose algorithms
PROBE_STEPS = 8
BYTES_PER_WEIGHT = 4  # checkpoints are fp32


@dataclass(frozen=True)
class Machine:
    """What a probe found: seconds here per second of the profile's table, and the peak memory of one worker (imports of
    torch included)."""

    factor: float
    worker_megabytes: float


def train_seconds(profile: Profile, run: Run) -> float:
    """Core-seconds of a run by the profile's table."""
    return run.trained_tokens / tokens_per_second(profile, run)


def tokens_per_second(profile: Profile, run: Run) -> float:
    """Speed of one core by the profile's table."""
    cost = profile.cost
    return (cost.core_tokens_per_second if run.paper == "loss" else cost.series_core_tokens_per_second)[run.size]


def checkpoint_bytes(ladder: Ladder, names: list[str]) -> int:
    """Disk taken by the checkpoints of these runs, and by the states kept until they have branched (weights and two
    moments)."""
    total = 0
    for name in names:
        run = ladder.runs[name]
        total += (
            (run.num_checkpoints + 3 + 3 * len(run.train.state_tokens)) * BYTES_PER_WEIGHT * run.model.num_parameters
        )
    return total


def probe_run(payload: tuple[Profile, Run], report: Callable[[float], None], slot: int) -> str:
    """Worker: tokens per second of a few steps of one run, on random tokens, and the peak memory of this process in MB,
    as text."""
    from models.train import train

    profile, run = payload
    device = use_one_device(slot, profile.sweep.workers_per_gpu)
    num_steps = PROBE_WARMUP_STEPS + PROBE_STEPS
    config = replace(
        run.train,
        device=device,
        total_tokens=num_steps * run.train.tokens_per_step,
        checkpoint_tokens=(),
        state_tokens=(),
        schedule="cosine",
    )
    tokens = (
        np.random.default_rng(0)
        .integers(0, run.model.vocab_size, (config.batch_sequences, config.sequence_length + 1))
        .astype(np.uint16)
    )
    clock: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        train(run.model, config, lambda _: repeat(tokens), folder, "probe", lambda _: clock.append(time.perf_counter()))
    speed = PROBE_STEPS * config.tokens_per_step / (clock[-1] - clock[PROBE_WARMUP_STEPS - 1])
    return f"{speed!r} {peak_megabytes()!r}"


def probe_machine(profile: Profile, runs: list[Run], num_workers: int, preload: tuple[str, ...]) -> Machine:
    """Pace and memory of this machine, by a probe of the largest of the runs with all workers at once."""
    run = max(runs, key=lambda run: (run.model.num_parameters, train_seconds(profile, run)))
    jobs = [Job(f"probe {i}", 1.0, probe_run, (profile, run)) for i in range(num_workers)]
    outcome = run_jobs(jobs, num_workers, Progress("probe", {job.name: 1.0 for job in jobs}, is_quiet=True), preload)
    if outcome.is_stopped:
        raise KeyboardInterrupt
    if outcome.failed:
        raise ValueError(f"the probe of {run.size} failed: {next(iter(outcome.failed.values()))}")
    speeds, megabytes = zip(*(map(float, text.split()) for text in outcome.finished.values()), strict=True)
    return Machine(tokens_per_second(profile, run) * len(speeds) / sum(speeds), max(megabytes))


def describe_training(ladder: Ladder, names: list[str], num_workers: int, machine: Machine) -> str:
    """The cost of training these runs, one line."""
    runs = [ladder.runs[name] for name in names]
    seconds = [machine.factor * train_seconds(ladder.profile, run) for run in runs]
    wall = max(sum(seconds) / num_workers, longest_chain(runs, dict(zip(names, seconds, strict=True))))
    tokens = sum(run.trained_tokens for run in runs)
    return (
        f"training {len(runs)} runs of {len(ladder.runs)}: {tokens / 1e6:,.1f}M tokens,"
        f" {sum(run.train_flops for run in runs):.1e} FLOPs, about {duration(wall)} on {num_workers} workers,"
        f" {num_workers * machine.worker_megabytes / 1000:.1f} GB of memory,"
        f" {checkpoint_bytes(ladder, names) / 1e6:,.0f} MB of disk"
    )


def longest_chain(runs: list[Run], seconds: dict[str, float]) -> float:
    """Seconds of the costliest run together with the parent it must wait for."""
    return max(seconds[run.name] + seconds.get(run.parent or "", 0.0) for run in runs)


def require_disk(folder: Path, num_bytes: int) -> None:
    """ValueError where the disk cannot hold what is about to be written."""
    free = shutil.disk_usage(folder).free
    if num_bytes > free:
        raise ValueError(
            f"{folder}: {num_bytes / 1e6:,.0f} MB are due and {free / 1e6:,.0f} MB are free; free some space, finished"
            " runs are kept"
        )
