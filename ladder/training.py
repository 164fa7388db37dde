"""Training of the ladder: which runs are finished, what a worker does for one, and the table of all runs.

A run is finished where its folder holds run.json and the recipe it was trained by is the recipe of today, or where its
scores are at hand (another machine trained and evaluated it, and its checkpoints stayed there).
"""

import csv
import io
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from files.atomic import atomic_write
from files.text import csv_rows, read_text
from ladder.behaviour import has_changed, remember
from ladder.data import Data
from ladder.machine import num_cores
from ladder.plan import Run, recipe, recipe_hash
from profiles.paths import Paths
from profiles.profile import Profile

REPORT_SECONDS = 0.5  # a worker speaks to its parent at most so often; a step of the smallest model takes 20 ms
COLUMNS = (
    "run",
    "series",
    "size",
    "seed",
    "schedule",
    "parent",
    "tokens_seen",
    "trained_tokens",
    "num_parameters",
    "num_nonembedding_parameters",
    "train_seconds",
    "tokens_per_second",
    "device",
    "precision",
    "kernel_path",
    "torch",
    "weight_hash",
    "recipe_hash",
    "config",
)
MACHINES = (  # a further column, where a run's record names the machines that trained it; tables of before have none
    "machines"
)


@dataclass(frozen=True)
class Ladder:
    """The planned runs of a profile with their recipes; `scored` names the runs whose rows are at hand."""

    profile: Profile
    paths: Paths
    runs: dict[str, Run]
    recipes: dict[str, dict]

    def recipe_hash(self, name: str) -> str:
        """Recipe hash of a run."""
        return recipe_hash(self.recipes[name])

    def folder(self, name: str) -> Path:
        """Folder of a run."""
        return self.paths.runs / name

    def data(self, name: str) -> Data:
        """What a run reads."""
        return Data(self.profile, self.paths.data)

    def branches(self, name: str) -> list[Run]:
        """Runs that branch from this one."""
        return [run for run in self.runs.values() if run.parent == name]

    def is_trained(self, name: str) -> bool:
        """True where the checkpoints of a run lie here, made by today's recipe and in its number format.

        The format is asked of the record: a recipe of before says "auto", and what that was depended on the CPU."""
        is_same = stored_recipe(self.folder(name)) == self.recipes[name]
        return is_same and stored_precision(self.folder(name)) == self.runs[name].train.precision


def make_ladder(profile: Profile, paths: Paths, plan: list[Run], stream_hashes: dict[int, str]) -> Ladder:
    """Plan plus recipes."""
    runs = {run.name: run for run in plan}
    recipes = {name: json.loads(json.dumps(recipe(run, runs, stream_hashes))) for name, run in runs.items()}
    return Ladder(profile, paths, runs, recipes)


def stored_recipe(folder: Path) -> dict | None:
    """The recipe a run folder was begun with; None where there is none or it is cut off."""
    try:
        return json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def stored_precision(folder: Path) -> str | None:
    """The number format that a finished run was trained in; None where there is no record or it is damaged."""
    try:
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))["precision"]
    except (FileNotFoundError, json.JSONDecodeError, KeyError):
        return None


def state_path(ladder: Ladder, run: Run) -> Path | None:
    """The state of its parent from which a run branches."""
    return ladder.folder(run.parent) / "states" / f"{run.branch_tokens:012d}.safetensors" if run.parent else None


def runs_to_train(ladder: Ladder, scored: set[str]) -> list[str]:
    """Names of the runs that must be trained here, parents first.

    Those that are neither trained nor scored, those here that today's code would train differently, and trained parents
    whose states are gone although a branch still needs them."""
    require_one_format(ladder)
    needed = {name for name in ladder.runs if not ladder.is_trained(name) and name not in scored}
    needed |= {
        name
        for name in ladder.runs
        if ladder.is_trained(name) and has_changed(ladder.folder(name), ladder.profile.training.precision)
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
    (ladder.paths.run_scores / f"{name}.parquet").unlink(missing_ok=True)
    (folder / "run.json").unlink(
        missing_ok=True
    )  # first, so that a folder whose removal is cut short never counts as a finished run
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    remember(folder, precision)
    atomic_write(
        folder / "recipe.json", json.dumps(ladder.recipes[name], sort_keys=True).encode()
    )  # last: it marks the folder as begun
    return found


def use_one_device(slot: int, workers_per_gpu: int) -> str:
    """Give this worker process one core, or one GPU where there are some; returns the device name torch knows."""
    import torch

    torch.set_num_threads(1)
    if not torch.cuda.is_available():
        return "cpu"
    torch.cuda.set_device(slot // workers_per_gpu)
    return "cuda"


def train_run(payload: tuple[Ladder, str], report: Callable[[float], None], slot: int) -> str:
    """Worker: train one run to its end, or go on where it was stopped. Returns one line about it."""
    from models.train import train

    ladder, name = payload
    run = ladder.runs[name]
    config = replace(run.train, device=use_one_device(slot, ladder.profile.sweep.workers_per_gpu))
    data = ladder.data(name)
    last_report = 0.0

    def on_progress(progress) -> None:
        nonlocal last_report
        if time.monotonic() - last_report >= REPORT_SECONDS:
            last_report = time.monotonic()
            report(max(0.0, (progress.tokens_seen - run.branch_tokens) / run.trained_tokens))

    record = train(
        run.model,
        config,
        data.batches(config.data_seed, config.num_steps * config.tokens_per_step),
        ladder.folder(name),
        data.fingerprint,
        on_progress,
        state_path(ladder, run),
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


def read_runs_table(path: Path) -> dict[str, dict[str, str]]:
    """Rows of runs.csv by run; empty where there is no file yet."""
    if not path.exists():
        return {}
    remedy = "restore the file from git or delete it"
    text = read_text(path, remedy, "runs")
    try:
        rows = [row for _, row in csv_rows(text)]
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {remedy}") from error
    columns = text.partition("\n")[0].rstrip("\r").split(",")
    if not text.endswith("\n") or set(columns) - {MACHINES} != set(COLUMNS):
        raise ValueError(f"{path}: cut off, or its columns are not those of a table of runs; {remedy}")
    return {row["run"]: row for row in rows}


def require_one_format(ladder: Ladder) -> None:
    """ValueError where the table of runs holds a run of today's recipe in another number format.

    Only a version that took the format from the CPU can have made one; its scores look like those of today."""
    for name, row in read_runs_table(ladder.paths.runs_table).items():
        if (
            name in ladder.runs
            and row["recipe_hash"] == ladder.recipe_hash(name)
            and row["precision"] != ladder.runs[name].train.precision
        ):
            scores = ladder.paths.run_scores / f"{name}.parquet"
            raise ValueError(
                f"{ladder.paths.runs_table}: run {name}, field precision is {row['precision']!r}, profile"
                f" {ladder.profile.name} says {ladder.runs[name].train.precision!r}; remove the row and {scores}, and"
                " train the run anew"
            )


def write_runs_table(ladder: Ladder) -> None:
    """Write runs.csv in the order of the plan: rows of runs trained here, and rows kept for runs trained elsewhere by
    the same recipe."""
    known, rows = read_runs_table(ladder.paths.runs_table), []
    for name, run in ladder.runs.items():
        if ladder.is_trained(name):
            rows.append(_table_row(ladder, run))
        elif (
            name in known
            and known[name]["recipe_hash"] == ladder.recipe_hash(name)
            and known[name]["precision"] == run.train.precision
        ):
            rows.append(known[name])
    columns = (*COLUMNS, MACHINES) if any(row.get(MACHINES) for row in rows) else COLUMNS
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(ladder.paths.runs_table, buffer.getvalue().encode())


def _table_row(ladder: Ladder, run: Run) -> dict:
    record = json.loads((ladder.folder(run.name) / "run.json").read_text(encoding="utf-8"))
    taken = {
        key: record[key]
        for key in (
            "tokens_seen",
            "num_parameters",
            "num_nonembedding_parameters",
            "train_seconds",
            "tokens_per_second",
            "device",
            "precision",
            "kernel_path",
            "weight_hash",
        )
    }
    planned = {
        "run": run.name,
        "series": run.series,
        "size": run.size,
        "seed": run.seed,
        "schedule": run.train.schedule,
        "parent": run.parent or "",
        "trained_tokens": run.trained_tokens,
    }
    config = json.dumps(
        {"model": record["model_config"], "train": record["train_config"]}, sort_keys=True, separators=(",", ":")
    )
    # "AVX512 bf16 native", and where a run went on elsewhere "AVX512 bf16 native, from step 500 AVX2 bf16 emulated".
    kinds = [
        (f"from step {kind['from_step']} " if kind["from_step"] else "") + f"{kind['isa']} bf16 {kind['bf16']}"
        for kind in record.get("machines", [])
    ]
    stored = {
        "torch": record["versions"]["torch"],
        "recipe_hash": ladder.recipe_hash(run.name),
        "config": config,
        MACHINES: ", ".join(kinds),
    }
    return planned | taken | stored


def num_workers(profile: Profile) -> int:
    """One worker per core this process may use, or workers_per_gpu per GPU."""
    import torch

    gpus = torch.cuda.device_count()
    return gpus * profile.sweep.workers_per_gpu if gpus else num_cores()
