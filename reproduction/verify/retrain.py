"""One committed run trained again, in a temporary folder, by the worker that trains every run.

On the kind of CPU that made it the weights are the same bytes, and so their hash. On another kind, or where the record
does not say which it was, other bytes are no mismatch as long as the losses of all checkpoints agree within
LOSS_TOLERANCE_NATS. Clock readings are not compared.
"""

import math
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ladder.data_folder import require_data
from ladder.ladder import Ladder, open_ladder
from ladder.measurements.items import validation_loss
from ladder.runs_table import read_runs_table, write_runs_tables
from ladder.training import prepare_folder, train_run
from ladder.workers.progress import duration
from profiles.paths import PAPERS, Paths
from profiles.profile import default_profile, load_profile
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.pipeline import how_to_restore, locked_profiles

AT_RANDOM = "1"
MAX_RANDOM_SECONDS = 240.0  # core-seconds, by the record, of a run that is chosen at random, its trunk included
CLOCKS = ("train_seconds", "tokens_per_second")  # columns that no second training repeats
MACHINE = ("device", "torch", "machines")  # columns that say where a run was trained
# Between fp32 and bf16 training of one recipe the losses of all checkpoints differ by less, and another seed moves them
# by more than half of it.
LOSS_TOLERANCE_NATS = 0.05
SAME_WEIGHTS_TOLERANCE_NATS = 1e-4  # the order in which another CPU adds up a loss of some nats in fp32
FORGED_HASH_NATS = 1e-7  # other weights move some checkpoint's loss by more


@dataclass(frozen=True)
class Committed:
    """A run as it is committed: its profile and paper, the table that lists it, and its row."""

    profile: str
    name: str
    table: Path
    row: dict[str, str]
    parent: dict[str, str] | None
    paper: str

    @property
    def seconds(self) -> float:
        """Core-seconds of its training by the record, with those of the trunk that it branches from."""
        return sum(float(row["train_seconds"]) for row in (self.row, self.parent) if row)


def runs_in_git(disk: Disk) -> list[Committed]:
    """All runs of all profiles with a lock, those of the default profile first."""
    found = []
    for profile in sorted(locked_profiles(disk), key=lambda name: (name != default_profile(), name)):
        paths = Paths(profile, disk.root)
        for paper in PAPERS:
            rows = read_runs_table(paths.runs_table(paper))
            found += [
                Committed(profile, name, paths.runs_table(paper), row, rows.get(row["parent"]), paper)
                for name, row in rows.items()
            ]
    return found


def choose_run(runs: list[Committed], asked: str, seed: int) -> Committed:
    """The named run, or for "1" one of the default profile's that takes minutes, drawn by `seed`. ValueError for an
    unknown name."""
    if asked != AT_RANDOM:
        for run in runs:
            if run.name == asked:
                return run
        raise ValueError(
            f"RETRAIN={asked}: no committed run has this name; take one of the column run of "
            "results/<profile>/loss/runs.csv or passuntil/runs.csv, or 1"
        )
    cheap = [run for run in runs if run.profile == runs[0].profile and run.seconds <= MAX_RANDOM_SECONDS]
    if not cheap:
        raise ValueError(
            f"RETRAIN=1: no committed run takes less than {MAX_RANDOM_SECONDS:.0f} s; name one: RETRAIN=<run>"
        )
    return random.Random(seed).choice(cheap)


def open_ladder_in(profile: str, folder: Path, source: Paths, paper: str) -> Ladder:
    """The ladder of a profile with `folder` as the repository: its data are those of `source`, everything else lies
    there."""
    paths = Paths(profile, folder)
    paths.data.parent.mkdir(parents=True, exist_ok=True)
    paths.data.symlink_to(source.data, target_is_directory=True)
    paths.runs(paper).mkdir(parents=True)
    return open_ladder(load_profile(profile), paths, (paper,))


def check_retrained(disk: Disk, findings: Findings, asked: str, say: Callable[[str], None] = print) -> None:
    """Train a run again and compare it with what is committed; `asked` is its name, or "1" for one at random."""
    seed = time.time_ns() % 1_000_000
    run = choose_run(runs_in_git(disk), asked, seed)
    chosen = f", chosen by seed {seed}" if asked == AT_RANDOM else ""
    say(
        f"training {run.name} of profile {run.profile} again{chosen}: {int(run.row['trained_tokens']) / 1e6:.1f}M "
        "tokens"
        f"{' after its trunk ' + run.row['parent'] if run.parent else ''}, {duration(run.seconds)} of one core by "
        "the record"
    )
    source = Paths(run.profile, disk.root)
    say(require_data(source))
    with tempfile.TemporaryDirectory(prefix="retrain_") as folder:
        ladder = open_ladder_in(run.profile, Path(folder), source, run.paper)
        for name in (run.row["parent"], run.name):
            if name:
                prepare_folder(ladder, name)
                train_run((ladder, name), lambda share: None, 0)
        write_runs_tables(ladder)
        compare_run(
            findings,
            disk,
            run,
            read_runs_table(ladder.paths.runs_table(run.paper))[run.name],
            lambda: losses_of_checkpoints(ladder, run.name),
        )


def losses_of_checkpoints(ladder: Ladder, name: str) -> dict[int, float]:
    """Validation loss of every checkpoint of a run, by tokens seen."""
    found = (validation_loss(ladder.data(name), path) for path in ladder.checkpoints(name))
    return {tokens_seen: loss_nats for tokens_seen, loss_nats, _ in found}


def committed_losses(disk: Disk, run: Committed) -> dict[int, float]:
    """What is committed of the same losses."""
    paths = Paths(run.profile, disk.root)
    columns = ["run", "tokens_seen", "loss_nats"]
    table = (
        pd.read_csv(paths.losses, usecols=columns)
        if run.paper == "passuntil"
        else pd.read_parquet(paths.scores, columns=columns)
    )
    rows = table[table.run == run.name].drop_duplicates()
    return dict(zip(rows.tokens_seen.astype(int), rows.loss_nats, strict=True))


def compare_run(
    findings: Findings, disk: Disk, run: Committed, anew: dict[str, str], losses: Callable[[], dict[int, float]]
) -> None:
    """Compare the row of a run that was trained again, and the losses of its checkpoints."""
    file = run.table.relative_to(disk.root).as_posix()
    where = f"{file}: row of {run.name}"
    remedy = f"{how_to_restore(file)}, or train it anew where code or settings changed on purpose"
    for column, value in anew.items():
        if column not in (*CLOCKS, *MACHINE, "weight_hash", "precision", "config") and column in run.row:
            findings.compare(f"{where}: column {column}", value, run.row[column], remedy, "the new training")
    is_same = anew["weight_hash"] == run.row["weight_hash"]
    machines = [
        row.get("machines") or f"precision {row['precision']}, kind of CPU not recorded" for row in (run.row, anew)
    ]
    if is_same:
        findings.num_compared += 1
        findings.notes.append(f"{run.name} trained again: the same weights, bit for bit ({anew['weight_hash'][:8]})")
    is_same_machine = bool(run.row.get("machines")) and machines[0] == machines[1]
    if not is_same and is_same_machine:
        findings.compare(
            f"{where}: column weight_hash",
            anew["weight_hash"],
            run.row["weight_hash"],
            remedy,
            "the new training on the same kind of CPU",
        )
    committed, fresh = committed_losses(disk, run), losses()
    table = "losses.csv" if run.paper == "passuntil" else "scores.parquet"
    findings.compare(
        f"{table}: checkpoints of {run.name}", sorted(fresh), sorted(committed), remedy, "the new training"
    )
    apart = {tokens: abs(fresh[tokens] - committed[tokens]) for tokens in fresh.keys() & committed.keys()}
    worst = max(apart, key=lambda tokens: math.inf if math.isnan(apart[tokens]) else apart[tokens], default=None)
    findings.num_compared += len(apart)
    tolerance = SAME_WEIGHTS_TOLERANCE_NATS if is_same else LOSS_TOLERANCE_NATS
    if worst is not None and not apart[worst] <= tolerance:
        findings.mismatch(
            f"{table}: run {run.name} at {worst} tokens: column loss_nats: {committed[worst]:.6f} here, "
            f"{fresh[worst]:.6f} when trained again, more than "
            f"{tolerance:g} apart; {remedy}"
        )
    elif is_same or is_same_machine or worst is None:
        return
    elif apart[worst] < FORGED_HASH_NATS:
        findings.mismatch(
            f"{where}: column weight_hash: another than that of the new training, whose losses are the same to the "
            f"last digit; {remedy}"
        )
    else:
        findings.notes.append(
            f"{run.name} trained again: other weights on another kind of CPU ({machines[1]}; the record: "
            f"{machines[0]}), losses of {len(apart)} checkpoints "
            f"within {apart[worst]:.4f} nats (allowed: {tolerance:g})"
        )
