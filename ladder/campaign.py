"""What is measured of which runs, and the tables that come of it: one file per run, kept in git, and their
concatenation.

A file says of each task which items, settings and code made its rows. Rows are reused where all of them are today's;
where only the code differs and the checkpoints lie elsewhere they are kept. So a measurement goes on after any stop, on
any machine, and a task that is added later is measured alone.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.tables.passes import PASS_COLUMNS, RUN_COLUMNS
from files.atomic import atomic_write
from ladder.code import hash_code, imported_modules, module_file
from ladder.data import Data
from ladder.journal import read_journal, tidy_journal
from ladder.pass_rates import Asked, checkpoint_rows
from ladder.plan import plan_runs
from ladder.scores import score_path, write_table
from ladder.series_plan import SeriesPaths, open_series
from ladder.training import Ladder, make_ladder
from profiles.paths import Paths
from profiles.profile import Profile
from profiles.schema import Sampling

BEAM_TASKS = ("emoji_movie", "date_understanding")  # decoded by beam search too (paper P, Fig. 2)
THRESHOLD_TASKS = ("maths", "maths_zh", "exam", "exam_zh")  # those of paper L whose abilities set in at a loss
ENGINE = ("evaluation.passuntil.estimates", "models.sampling")  # with all that they import
ALONE = ("ladder.pass_rates", "tasks.checkers", "tasks.programs", "corpus.programs")  # without what they import
LOSSES = "losses"


@dataclass(frozen=True)
class Campaign:
    """Runs of a ladder and the tasks that they are measured on. methods: of each task, (name, temperature) pairs.

    exact_items: items of a task that is measured exactly alone, at no more cost than scoring them. folder: one file per
    run. table: all rows.
    every_checkpoint: False for the last one alone. core_seconds: cost of a checkpoint, by size.
    code: hash of the engine when the campaign was opened, so that an edit meanwhile cannot part a worker from the
    others.
    """

    ladder: Ladder
    names: tuple[str, ...]
    methods: dict[str, tuple[tuple[str, float], ...]]
    sampling: Sampling
    exact_items: int
    folder: Path
    table: Path
    every_checkpoint: bool
    held_out: frozenset[str]
    core_seconds: dict[str, float]
    code: str

    def journal(self, name: str, task: str) -> Path:
        """Where a worker keeps what it has found so far."""
        return self.folder.with_name(f"{self.folder.name}_begun.partial") / name / f"{task}.jsonl"

    def checkpoints(self, name: str) -> list[Path]:
        """The checkpoints to measure, as far as they lie here."""
        found = sorted((self.ladder.folder(name) / "checkpoints").glob("*.safetensors"))
        return found if self.every_checkpoint else found[-1:]

    def sampling_of(self, task: str) -> Sampling:
        """How a task is measured."""
        is_sampled = any(method != "exact" for method, _ in self.methods[task])
        return self.sampling if is_sampled else self.sampling.model_copy(update={"num_items": self.exact_items})

    def stamp(self, name: str, task: str) -> dict[str, str]:
        """What makes the rows of a run on a task: its recipe, what is asked, and the code."""
        manifest = self.ladder.data(name).manifest
        content = {
            "items": manifest["sha256"][f"items/{task}.jsonl"],
            "tokenizer": manifest["tokenizer"],
            "sampling": self.sampling_of(task).model_dump(),
            "methods": self.methods[task],
            "every_checkpoint": self.every_checkpoint,
        }
        asked = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        return {"recipe": self.ladder.recipe_hash(name), "asked": asked, "code": self.code}

    def asked(self, name: str, task: str) -> Asked:
        """The payload of a worker."""
        return Asked(
            task, tuple(self.checkpoints(name)), self.sampling_of(task), self.methods[task], self.stamp_text(name, task)
        )

    def stamp_text(self, name: str, task: str) -> str:
        """The first line of a journal."""
        return json.dumps(self.stamp(name, task), sort_keys=True)


def engine_hash() -> str:
    """Hash of the code between a checkpoint and its pass rates, comments and docstrings left out."""
    return hash_code(engine_files())


def engine_files() -> list[Path]:
    """The files of that code: items and losses have marks of their own."""
    files, queue = {module_file(name) for name in ALONE}, [module_file(name) for name in ENGINE]
    while queue:
        path = queue.pop()
        if path in files:
            continue
        files.add(path)
        names = (
            name
            for name in imported_modules(path)
            if name.startswith(("evaluation.", "models.", "kernels.")) and not name.endswith("_command")
        )
        queue += [found for name in names if (found := module_file(name))]
    return sorted(files)


def series_campaign(profile: Profile) -> Campaign:
    """Pass rates of the last checkpoint of every run of the series, on all tasks of paper P."""
    from tasks import PASS_TASKS

    paths, sampling = SeriesPaths(profile.name), profile.passuntil.sampling
    ladder = open_series(profile, paths)
    methods = {}
    for task in PASS_TASKS:
        rows = [("shared", sampling.temperature)]
        if task in BEAM_TASKS:
            rows += [("shared", temperature) for temperature in sampling.decoding_temperatures] + [
                ("beam", sampling.temperature)
            ]
        if lists_answers(ladder.data(next(iter(ladder.runs))), task):
            rows.append(("exact", sampling.temperature))
        methods[task] = tuple(rows)
    return Campaign(
        ladder,
        tuple(ladder.runs),
        methods,
        sampling,
        sampling.num_items,
        paths.run_pass_rates,
        paths.pass_rates,
        False,
        frozenset(profile.passuntil.held_out),
        profile.cost.pass_core_seconds,
        engine_hash(),
    )


def threshold_campaign(profile: Profile) -> Campaign:
    """Pass rates of every checkpoint of the long runs of paper L, on its maths and exam tasks."""
    paths, sampling = Paths(profile.name), profile.passuntil.threshold_sampling
    data = Data(profile, paths.data)
    plan = plan_runs(profile, data.tokenizer.get_vocab_size())
    ladder = make_ladder(
        profile, paths, plan, {seed: data.stream_hash(seed) for seed in sorted({run.train.data_seed for run in plan})}
    )
    methods = {task: (("exact", sampling.temperature),) for task in THRESHOLD_TASKS}
    methods |= {
        task: (("shared", sampling.temperature), *methods[task])
        for task in THRESHOLD_TASKS
        if not lists_answers(data, task)
    }
    names = tuple(name for name, run in ladder.runs.items() if run.series == "long")
    return Campaign(
        ladder,
        names,
        methods,
        sampling,
        profile.evaluation.num_items,
        paths.run_threshold_pass_rates,
        paths.threshold_pass_rates,
        True,
        frozenset(),
        profile.cost.threshold_core_seconds,
        engine_hash(),
    )


def lists_answers(data: Data, task: str) -> bool:
    """True where all texts that pass can be listed, so that the pass probability itself can be had."""
    from tasks.base import load_items
    from tasks.checkers import checker

    return checker(task, load_items(data.folder / "items" / f"{task}.jsonl")[0]).accepted() is not None


@dataclass(frozen=True)
class RunFile:
    """What the file of a run holds: the stamp of each task in it, and the rows of its checkpoints with their losses."""

    stamps: dict[str, dict[str, str]]
    losses: list[dict]


def read_run_file(path: Path) -> RunFile | None:
    """The stamps and losses of a run's file; None where there is none. ValueError for a damaged one."""
    if not path.exists():
        return None
    try:
        metadata = pq.read_schema(path).metadata or {}
        return RunFile(json.loads(metadata[b"stamps"]), json.loads(metadata[b"losses"]))
    except (pa.ArrowInvalid, OSError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: not a table of pass rates ({' '.join(str(error).split())[:80]}); restore it from git or delete it"
        ) from None


def run_file(campaign: Campaign, name: str) -> Path:
    """The file of a run."""
    return campaign.folder / f"{name}.parquet"


def tasks_left(campaign: Campaign, name: str, any_code: bool = False) -> list[str]:
    """Tasks that a run is still to be measured on here. any_code: rows that other code made count as well.

    Where no checkpoint lies here, rows that other code made count in any case."""
    stored = read_run_file(run_file(campaign, name))
    if stored is None:
        return list(campaign.methods)
    fields = ("recipe", "asked") if any_code or not campaign.checkpoints(name) else ("recipe", "asked", "code")
    left = []
    for task in campaign.methods:
        found, today = stored.stamps.get(task, {}), campaign.stamp(name, task)
        if any(found.get(field) != today[field] for field in fields):
            left.append(task)
    return left


def tidy_journals(campaign: Campaign, name: str) -> list[str]:
    """Leave each row once in the journals of a run, before workers go on with them; one line for each row that has to
    be measured again."""
    contents = (
        tidy_journal(campaign.journal(name, task), campaign.stamp_text(name, task)) for task in campaign.methods
    )
    return [fault for content in contents if content for fault in content.faults]


def merge_run(campaign: Campaign, name: str) -> None:
    """Take the finished journals of a run into its file; rows of tasks that are asked otherwise today are left out."""
    path = run_file(campaign, name)
    kept, stored = set(campaign.methods) - set(tasks_left(campaign, name, any_code=True)), read_run_file(path)
    losses = _losses_of(campaign, name, stored if kept else None)
    if losses is None:
        return
    stamps = {task: stored.stamps[task] for task in kept}
    tables = {task: rows for task, rows in pd.read_parquet(path).groupby("task", sort=False)} if kept else {}
    for task, rows in _finished_journals(campaign, name):
        tables[task], stamps[task] = _complete_rows(campaign, name, rows, losses), campaign.stamp(name, task)
    ordered = [tables[task] for task in campaign.methods if task in tables]
    if ordered:
        write_table(
            path,
            pd.concat(ordered, ignore_index=True),
            {"stamps": json.dumps(stamps, sort_keys=True), "losses": json.dumps(losses)},
        )
        for task in stamps:
            campaign.journal(name, task).unlink(missing_ok=True)
    if not tasks_left(campaign, name):
        folder = campaign.journal(name, LOSSES).parent
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent.exists() and not any(folder.parent.iterdir()):
            folder.parent.rmdir()


def _losses_of(campaign: Campaign, name: str, stored: RunFile | None) -> list[dict] | None:
    try:
        kept = json.loads(campaign.journal(name, LOSSES).read_text(encoding="utf-8"))
        if kept["recipe"] == campaign.ladder.recipe_hash(name):
            return kept["rows"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # a damaged file is written anew before the tasks of the run are measured
    return stored.losses if stored else None


def _finished_journals(campaign: Campaign, name: str) -> Iterator[tuple[str, pd.DataFrame]]:
    for task, methods in campaign.methods.items():
        content = read_journal(campaign.journal(name, task), campaign.stamp_text(name, task))
        parts = {
            (int(path.stem), *method) for path in campaign.checkpoints(name) for method in methods
        }  # a checkpoint is named by its tokens
        rows = (
            [row for row in content.rows.values() if (row["tokens_seen"], row["method"], row["temperature"]) in parts]
            if content
            else []
        )
        if rows and len(rows) == campaign.sampling_of(task).num_items * len(parts):
            yield task, pd.DataFrame(rows)


def _complete_rows(campaign: Campaign, name: str, rows: pd.DataFrame, losses: list[dict]) -> pd.DataFrame:
    whole = rows.merge(pd.DataFrame(losses), on="tokens_seen", how="inner", validate="many_to_one")
    if len(whole) < len(rows):
        raise ValueError(
            f"{name}: a checkpoint that was measured has no loss; delete {campaign.journal(name, LOSSES).parent} and"
            " measure again"
        )
    whole["recipe_hash"] = campaign.ladder.recipe_hash(name)
    order = {method: place for place, method in enumerate(("shared", "sampled", "exact", "beam", "importance"))}
    whole = whole.sort_values(
        ["tokens_seen", "method", "temperature", "item_id"],
        key=lambda column: column.map(order) if column.name == "method" else column,
    )
    return whole[list(PASS_COLUMNS)].reset_index(drop=True)


def write_losses(campaign: Campaign, name: str, losses: dict[int, tuple[float, str]]) -> None:
    """Keep the losses of a run's checkpoints for `merge_run`."""
    run = campaign.ladder.runs[name]
    content = {
        "recipe": campaign.ladder.recipe_hash(name),
        "rows": checkpoint_rows(run, run.size in campaign.held_out, losses),
    }
    atomic_write(campaign.journal(name, LOSSES), json.dumps(content).encode())


def stored_score_losses(campaign: Campaign, name: str) -> dict[int, tuple[float, str]]:
    """Losses of the checkpoints of a run of paper L, from its scores. ValueError where it is not scored."""
    path = score_path(campaign.ladder.paths, name)
    if not path.exists():
        raise ValueError(
            f"{path}: no such file; run `python -m ladder.sweep evaluate --profile {campaign.ladder.profile.name}`"
        )
    rows = pd.read_parquet(path, columns=["tokens_seen", "loss_nats", "weight_hash"]).drop_duplicates()
    return {int(row.tokens_seen): (row.loss_nats, row.weight_hash) for row in rows.itertuples()}


def join_runs(campaign: Campaign) -> tuple[pd.DataFrame, list[str]]:
    """Write the table of all runs; the rows of all their checkpoints, and the runs that are not measured whole."""
    absent = [name for name in campaign.names if tasks_left(campaign, name, any_code=True)]
    files = [run_file(campaign, name) for name in campaign.names if name not in absent]
    if files:
        write_table(campaign.table, pd.concat([pd.read_parquet(path) for path in files], ignore_index=True), {})
    losses = [row for path in files for row in read_run_file(path).losses]
    return pd.DataFrame(losses, columns=list(RUN_COLUMNS)), absent


def accept_code(campaign: Campaign) -> list[str]:
    """Stamp the rows of runs that other code made with today's code, after a change that the engine's tests prove
    neutral; their names."""
    accepted = []
    for name in campaign.names:
        path, stored = run_file(campaign, name), read_run_file(run_file(campaign, name))
        if stored and set(tasks_left(campaign, name)) - set(tasks_left(campaign, name, any_code=True)):
            stamps = {task: stamp | {"code": campaign.code} for task, stamp in stored.stamps.items()}
            write_table(
                path,
                pd.read_parquet(path),
                {"stamps": json.dumps(stamps, sort_keys=True), "losses": json.dumps(stored.losses)},
            )
            accepted.append(name)
    return accepted
