"""Scores of paper L's ladder: losses and task scores of every checkpoint of a run, and beside them its items."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import nan
from pathlib import Path
from typing import ClassVar

import pandas as pd

from evaluation.scoring.runner import evaluate_checkpoint
from ladder.code import measuring_code
from ladder.ladder import Ladder
from ladder.measurements.measurement import Measurement, RunFile, write_table
from ladder.plan import Run
from ladder.workers.machine import use_one_device
from ladder.workers.pool import Job
from profiles.profile import Profile
from tasks.base import Item, load_items
from tasks.build import tasks_of


def scoring_code() -> str:
    """Hash of the code between a checkpoint and its scores."""
    return measuring_code(("evaluation.scoring.runner", "tasks"), ("ladder.measurements.scores",))


@dataclass(frozen=True)
class Scores(Measurement):
    """Validation loss and scores of all tasks, of every checkpoint of every run of paper L. One part: the tasks of a
    checkpoint are scored together, on one loaded model."""

    stem: ClassVar[str] = "scores"
    what: ClassVar[str] = "scores"

    def request(self, name: str, part: str) -> dict:
        """Validation set, items and version of each task, number of items and number format."""
        return self._requests[self.ladder.runs[name].mixture]

    @cached_property
    def _requests(self) -> dict[str, dict]:
        """By mixture: each has a validation set of its own."""
        first_of, requests = {run.mixture: name for name, run in reversed(self.ladder.runs.items())}, {}
        for mixture, name in first_of.items():
            data = self.ladder.data(name)
            validation = (data.streams / "validation.bin").relative_to(data.folder).as_posix()
            hashed = {
                file: digest
                for file, digest in data.manifest["sha256"].items()
                if file == validation or file.startswith("items/")
            }
            versions = {task: about.version for task, about in tasks_of(mixture).items()}
            asks = self.ladder.profile.evaluation.model_dump(exclude={"batch_tokens"}, exclude_defaults=True)
            requests[mixture] = {"asked": hashed, "versions": versions} | asks
        return requests

    @cached_property
    def about_table(self) -> dict[str, str]:
        """The request that the rows answer."""
        return {"evaluation_hash": self.request_hash(self.names[0], self.stem)}

    def parts_left(self, name: str, any_code: bool = False) -> list[str]:
        """As in Measurement; and a run whose checkpoints lie here without their tables of items is scored again."""
        tables = [folder / f"{name}.parquet" for folder in (self.ladder.paths.items, self.ladder.paths.final_items)]
        if self.ladder.is_trained(name) and not any_code and not all(table.exists() for table in tables):
            return [self.stem]
        return super().parts_left(name, any_code)

    def jobs(self, left: dict[str, list[str]], factor: float, after_training: Collection[str] = ()) -> list[Job]:
        """One job per run."""
        self.ladder.paths.items.mkdir(parents=True, exist_ok=True)
        return [
            Job(
                f"scores of {name}",
                factor * score_seconds(self.ladder.profile, self.ladder.runs[name]),
                score_run,
                (self, name),
                (name,) if name in after_training else (),
            )
            for name in left
        ]


def score_seconds(profile: Profile, run: Run) -> float:
    """Core-seconds of scoring all checkpoints of a run by the profile's table."""
    return run.num_checkpoints * profile.cost.evaluation_core_seconds[run.size]


def scores_of(ladder: Ladder) -> Scores:
    """The scores of paper L's ladder, as the code measures them now."""
    return Scores(ladder.of("loss"), scoring_code())


def score_run(payload: tuple[Scores, str], report: Callable[[float], None], slot: int) -> str:
    """Worker: score all checkpoints of one run, write its three tables. Returns one line about it."""
    scores, name = payload
    ladder, request = scores.ladder, scores.ladder.profile.evaluation
    device = use_one_device(slot, ladder.profile.sweep.workers_per_gpu)
    data, run = ladder.data(name), ladder.runs[name]
    tasks = tasks_of(data.mixture)
    items = {task: load_items(data.folder / "items" / f"{task}.jsonl") for task in tasks}
    validation = data.validation()
    labels = {"series": run.series, "size": run.size, "seed": run.seed}
    checkpoints, tables = ladder.checkpoints(name), []
    for done, path in enumerate(checkpoints, start=1):
        tables.append(
            evaluate_checkpoint(
                path,
                tasks,
                items,
                validation,
                data.tokenizer,
                labels,
                request.most_items if done == len(checkpoints) else request.num_items,
                request.batch_tokens,
                request.precision,
                device=device,
            )
        )
        report(done / len(checkpoints))
    rows, per_item = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
    rows["recipe_hash"], rows["mixture"] = ladder.recipe_hash(name), run.mixture
    write_table(ladder.paths.items / f"{name}.parquet", per_item, {})
    write_final_items(ladder.paths.final_items, name, per_item, items)
    scores.write(name, rows, RunFile({scores.stem: scores.stamp(name, scores.stem)}))
    scores.measured(name, scores.parts)
    return f"{len(checkpoints)} checkpoints, best loss {rows['loss_nats'].min():.3f} nats"


def write_final_items(folder: Path, name: str, per_item: pd.DataFrame, items: Mapping[str, Sequence[Item]]) -> None:
    """Which items a run got right at its last checkpoint, small enough for git: run, tokens_seen, task, item_id,
    is_right. Beside it, once for all runs, item_units.parquet: task, item_id, unit (the fact or template that an item
    is on; the item itself where it has none) and difficulty (0 to 1; nan where there is no law of it)."""
    last = per_item[per_item["tokens_seen"] == per_item["tokens_seen"].max()]
    last = last[last["metric"].isin(("accuracy", "exact_match"))]
    kept = last[["run", "tokens_seen", "task", "item_id"]].assign(is_right=last["value"].to_numpy() > 0.5)
    write_table(folder / f"{name}.parquet", kept.reset_index(drop=True), {})
    units = pd.DataFrame(
        [
            (task, item.item_id, getattr(item, "unit", "") or f"item {item.item_id}", getattr(item, "difficulty", nan))
            for task, asked in items.items()
            for item in asked
        ],
        columns=["task", "item_id", "unit", "difficulty"],
    )
    write_table(folder / "item_units.parquet", units, {})
