"""Pass rates: of the last checkpoint of paper P's runs on all its tasks, and of every checkpoint of paper L's long runs
on the tasks that have a threshold.

Workers keep each finished row in a journal per run and task; a task is taken into the file of its run when its journal
is complete. Losses of the checkpoints stand in the same file, because every row says the loss it was measured at.
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pandas as pd

from files.atomic import atomic_write
from ladder.code import measuring_code
from ladder.data import Data
from ladder.ladder import Ladder
from ladder.measurements.columns import PASS_COLUMNS, RUN_COLUMNS
from ladder.measurements.items import ItemRequest, measure_task, rows_of_checkpoints, validation_loss
from ladder.measurements.journal import read_journal, tidy_journal
from ladder.measurements.measurement import Measurement, RunFile, read_rows, read_run_file
from ladder.workers.machine import use_one_device
from ladder.workers.pool import Job
from profiles.schema import Sampling
from tasks import PASS_TASKS
from tasks.base import load_items
from tasks.checkers import checker

BEAM_TASKS = ("emoji_movie", "date_understanding")  # decoded by beam search too (paper P, Fig. 2)
ENGINE = ("evaluation.passuntil.estimates", "models.sampling")  # with all that they import
ALONE = ("ladder.measurements.items", "corpus.pages.programs")  # without what they import
LOSSES = "losses"
METHOD_ORDER = ("shared", "sampled", "exact", "beam", "importance")
Methods = tuple[tuple[str, float], ...]  # (name, temperature) pairs


def pass_rate_code() -> str:
    """Hash of the code between a checkpoint and its pass rates; items and losses have marks of their own."""
    return measuring_code((*ENGINE, "tasks.checkers"), ALONE)


@dataclass(frozen=True)
class PassRates(Measurement):
    """Pass rates of the last checkpoint of every run of paper P, on all its tasks.

    methods: of each task. exact_items: items of a task that is measured exactly alone, at no more cost than scoring
    them."""

    methods: dict[str, Methods]
    sampling: Sampling
    exact_items: int
    stem: ClassVar[str] = "pass_rates"
    what: ClassVar[str] = "pass rates"
    every_checkpoint: ClassVar[bool] = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The tasks."""
        return tuple(self.methods)

    def request(self, name: str, part: str) -> dict:
        """Items, tokenizer, and how attempts are drawn and counted."""
        manifest = self._manifests[self.ladder.runs[name].series]
        return {
            "items": manifest["sha256"][f"items/{part}.jsonl"],
            "tokenizer": manifest["tokenizer"],
            "sampling": self.sampling_of(part).model_dump(),
            "methods": self.methods[part],
            "every_checkpoint": self.every_checkpoint,
        }

    @cached_property
    def _manifests(self) -> dict[str, dict]:
        return {run.series: self.ladder.data(name).manifest for name, run in self.ladder.runs.items()}

    def sampling_of(self, task: str) -> Sampling:
        """How a task is measured."""
        is_sampled = any(method != "exact" for method, _ in self.methods[task])
        return self.sampling if is_sampled else self.sampling.model_copy(update={"num_items": self.exact_items})

    def checkpoints(self, name: str) -> list[Path]:
        """The checkpoints to measure, as far as they lie here."""
        here = self.ladder.checkpoints(name)
        return here if self.every_checkpoint else here[-1:]

    def checkpoint_seconds(self, name: str) -> float:
        """Core-seconds of measuring one checkpoint on all tasks, by the profile's table."""
        return self.ladder.profile.cost.pass_core_seconds[self.ladder.runs[name].size]

    def is_held_out(self, name: str) -> bool:
        """True for a run of a size that no fit sees."""
        return self.ladder.runs[name].size in self.ladder.profile.passuntil.held_out

    def known_losses(self, name: str) -> dict[int, tuple[float, str]]:
        """Losses and weight hashes of checkpoints that another measurement made, by tokens seen."""
        return {}

    def journal(self, name: str, part: str) -> Path:
        """Where a worker keeps what it has measured so far."""
        folder = self.ladder.paths.run_tables(self.stem)
        return folder.with_name(f"{folder.name}_begun.partial") / name / f"{part}.jsonl"

    def stamp_text(self, name: str, task: str) -> str:
        """The first line of a journal."""
        return json.dumps(self.stamp(name, task), sort_keys=True)

    def item_request(self, name: str, task: str) -> ItemRequest:
        """What a worker measures of a run on a task."""
        checkpoints, stamp = tuple(self.checkpoints(name)), self.stamp_text(name, task)
        return ItemRequest(task, checkpoints, self.sampling_of(task), self.methods[task], stamp)

    def prepare(self, say: Callable[[str], None]) -> None:
        """Leave each row once in the journals, naming those that have to be measured again; take in finished ones."""
        for name in self.names:
            for task in self.parts:
                content = tidy_journal(self.journal(name, task), self.stamp_text(name, task))
                for fault in content.faults if content else ():
                    say(fault)
        super().prepare(say)

    def jobs(self, left: dict[str, list[str]], factor: float, after_training: Collection[str] = ()) -> list[Job]:
        """One job per run and task, after one per run for the losses of its checkpoints."""
        jobs, share = [], factor / len(self.parts)
        for name, tasks in left.items():
            needs = (name,) if name in after_training else ()
            seconds = share * self.checkpoint_seconds(name) * self._num_checkpoints(name)
            if tasks:
                # First, because no row is taken into the file of a run before the loss of its checkpoint is known.
                jobs.append(Job(f"losses of {name}", 0.2 * seconds, losses_job, (self, name), needs))
                needs = (f"losses of {name}",)
            jobs += [Job(f"{task} of {name}", seconds, measure_job, (self, name, task), needs) for task in tasks]
        return jobs

    def _num_checkpoints(self, name: str) -> int:
        return self.ladder.runs[name].num_checkpoints if self.every_checkpoint else 1

    def merge(self, name: str) -> None:
        """Take the finished journals of a run into its file; rows that answer another request than today's go."""
        path, file = self.path(name), read_run_file(self.path(name))
        kept = self.current_parts(name, any_code=True)
        losses = self._losses(name) or (file.losses if kept else None)
        if losses is None:
            return
        stamps = {task: file.stamps[task] for task in kept}
        # No dict(...): a grouped table has an attribute `keys`, and is taken for a mapping.
        tables = {task: rows for task, rows in read_rows(path).groupby("task", sort=False)} if kept else {}  # noqa: C416
        finished = dict(self._finished_journals(name))
        for task, rows in finished.items():
            tables[task], stamps[task] = self._complete(name, rows, losses), self.stamp(name, task)
        if not finished:
            return
        ordered = [tables[task] for task in self.parts if task in tables]
        self.write(name, pd.concat(ordered, ignore_index=True), RunFile(stamps, losses))
        self.measured(name, finished)
        for task in finished:
            self.journal(name, task).unlink(missing_ok=True)
        if not self.parts_left(name):
            folder = self.journal(name, LOSSES).parent
            shutil.rmtree(folder, ignore_errors=True)
            if folder.parent.exists() and not any(folder.parent.iterdir()):
                folder.parent.rmdir()

    def _losses(self, name: str) -> list[dict] | None:
        try:
            kept = json.loads(self.journal(name, LOSSES).read_text(encoding="utf-8"))
            return kept["rows"] if kept["recipe"] == self.ladder.recipe_hash(name) else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None  # a damaged file is written anew before the tasks of the run are measured

    def write_losses(self, name: str, losses: dict[int, tuple[float, str]]) -> None:
        """Keep the losses of a run's checkpoints for `merge`."""
        rows = rows_of_checkpoints(self.ladder.runs[name], self.is_held_out(name), losses)
        content = {"recipe": self.ladder.recipe_hash(name), "rows": rows}
        atomic_write(self.journal(name, LOSSES), json.dumps(content).encode())

    def _finished_journals(self, name: str) -> Iterator[tuple[str, pd.DataFrame]]:
        steps = [int(path.stem) for path in self.checkpoints(name)]  # a checkpoint is named by its tokens
        for task, methods in self.methods.items():
            content = read_journal(self.journal(name, task), self.stamp_text(name, task))
            if content is None:
                continue
            wanted = {(tokens, *method) for tokens in steps for method in methods}
            rows = [
                row
                for row in content.rows.values()
                if (row["tokens_seen"], row["method"], row["temperature"]) in wanted
            ]
            if rows and len(rows) == self.sampling_of(task).num_items * len(wanted):
                yield task, pd.DataFrame(rows)

    def _complete(self, name: str, rows: pd.DataFrame, losses: list[dict]) -> pd.DataFrame:
        """Rows of a journal with all that is said about their checkpoints, in the order of the table."""
        whole = rows.merge(pd.DataFrame(losses), on="tokens_seen", how="inner", validate="many_to_one")
        if len(whole) < len(rows):
            raise ValueError(
                f"{name}: a checkpoint that was measured has no loss; delete {self.journal(name, LOSSES).parent} and"
                " measure again"
            )
        whole["recipe_hash"] = self.ladder.recipe_hash(name)
        order = {method: place for place, method in enumerate(METHOD_ORDER)}
        whole = whole.sort_values(
            ["tokens_seen", "method", "temperature", "item_id"],
            key=lambda column: column.map(order) if column.name == "method" else column,
        )
        return whole[list(PASS_COLUMNS)].reset_index(drop=True)

    def join(self) -> list[str]:
        """The table of all runs, and the losses of all their checkpoints."""
        absent = super().join()
        losses = [row for name in self.names if name not in absent for row in read_run_file(self.path(name)).losses]
        if losses and not self.every_checkpoint:
            table = pd.DataFrame(losses, columns=list(RUN_COLUMNS))
            atomic_write(self.ladder.paths.losses, table.to_csv(index=False, lineterminator="\n").encode())
        return absent


def pass_rates_of(ladder: Ladder) -> PassRates:
    """The pass rates of paper P's ladder, as the code measures them now."""
    ladder = ladder.of("passuntil")
    sampling, data, methods = ladder.profile.passuntil.sampling, ladder.data(next(iter(ladder.runs))), {}
    for task in PASS_TASKS:
        rows = [("shared", sampling.temperature)]
        if task in BEAM_TASKS:
            rows += [("shared", temperature) for temperature in sampling.decoding_temperatures]
            rows.append(("beam", sampling.temperature))
        if lists_answers(data, task):
            rows.append(("exact", sampling.temperature))
        methods[task] = tuple(rows)
    return PassRates(ladder, pass_rate_code(), methods, sampling, sampling.num_items)


def lists_answers(data: Data, task: str) -> bool:
    """True where all texts that pass can be listed, so that the pass probability itself can be had."""
    return checker(task, load_items(data.folder / "items" / f"{task}.jsonl")[0]).accepted() is not None


def measure_job(payload: tuple[PassRates, str, str], report: Callable[[float], None], slot: int) -> str:
    """Worker: measure one run on one task, or go on where it was stopped. Returns one line about it."""
    rates, name, task = payload
    ladder = rates.ladder
    device = use_one_device(slot, ladder.profile.sweep.workers_per_gpu)
    request, journal = rates.item_request(name, task), rates.journal(name, task)
    num_rows = measure_task(ladder.data(name), ladder.runs[name], request, journal, report, device)
    return f"{num_rows} rows"


def losses_job(payload: tuple[PassRates, str], report: Callable[[float], None], slot: int) -> str:
    """Worker: validation loss of every checkpoint of a run. Returns one line about it."""
    rates, name = payload
    device = use_one_device(slot, rates.ladder.profile.sweep.workers_per_gpu)
    data, losses, paths = rates.ladder.data(name), {}, rates.ladder.checkpoints(name)
    known = rates.known_losses(name)
    if known.keys() == {int(path.stem) for path in paths}:
        losses, paths = known, []
    for path in paths:
        tokens_seen, loss_nats, weight_hash = validation_loss(data, path, device)
        losses[tokens_seen] = (loss_nats, weight_hash)
        report(len(losses) / len(paths))
    rates.write_losses(name, losses)
    return f"{len(losses)} checkpoints, best loss {min(loss for loss, _ in losses.values()):.3f} nats"
