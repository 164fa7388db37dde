"""Evaluation of the ladder: one small table of scores per run, kept in git, and one table of items per run, kept in the
DVC cache.

The tables of a run say which recipe, which items and which code made them. Rows are reused where all three are today's;
where only the code differs and the checkpoints lie elsewhere, rows are kept and one line says so.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from files.atomic import atomic_write
from files.tables import read_parquet
from ladder.code import hash_code
from ladder.data import Data
from ladder.training import Ladder, use_one_device
from profiles.paths import ROOT, Paths

CODE_ROOMS = ("kernels", "models", "tasks", "evaluation")  # what stands between a checkpoint and its scores


def code_hash(root: Path = ROOT) -> str:
    """Hash of the rooms that score a checkpoint."""
    return hash_code(sorted(path for room in CODE_ROOMS for path in (root / room).rglob("*.py")), root)


def evaluation_hash(data: Data) -> str:
    """Hash of what is asked: validation set, items, number of items and version of each task."""
    from tasks import TASKS

    asked = {
        name: digest
        for name, digest in data.manifest["sha256"].items()
        if name == "validation.bin" or name.startswith("items/")
    }
    versions = {name: task.version for name, task in TASKS.items()}
    content = {"asked": asked, "versions": versions, "num_items": data.profile.evaluation.num_items}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def score_path(paths: Paths, name: str) -> Path:
    """Scores of one run."""
    return paths.run_scores / f"{name}.parquet"


def stamp_of(path: Path) -> dict[str, str] | None:
    """recipe_hash, evaluation_hash and code_hash of a table of scores; None where there is none. ValueError for a
    damaged file."""
    if not path.exists():
        return None
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{path}: truncated or not a parquet file; restore it from git or delete it"
            f" ({' '.join(str(error).split())[:80]})"
        ) from None
    return {key: metadata.get(key.encode(), b"").decode() for key in ("recipe_hash", "evaluation_hash", "code_hash")}


def scored_runs(ladder: Ladder, evaluation: str) -> set[str]:
    """Runs whose rows are at hand: made by today's recipe and by today's questions, whatever the code."""
    scored = set()
    for name in ladder.runs:
        stamp = stamp_of(score_path(ladder.paths, name))
        if stamp and stamp["recipe_hash"] == ladder.recipe_hash(name) and stamp["evaluation_hash"] == evaluation:
            scored.add(name)
    return scored


def runs_to_evaluate(ladder: Ladder, evaluation: str, say: Callable[[str], None]) -> list[str]:
    """Runs that are to be scored here, in the order of the plan."""
    code, scored, names, kept = code_hash(), scored_runs(ladder, evaluation), [], []
    for name in ladder.runs:
        if name not in scored:
            names.append(name)
        elif stamp_of(score_path(ladder.paths, name))["code_hash"] != code:
            (names if ladder.is_trained(name) else kept).append(name)
        elif ladder.is_trained(name) and not (ladder.paths.items / f"{name}.parquet").exists():
            names.append(name)
    if kept:
        say(
            f"kept the scores of {len(kept)} runs that older code made, because their checkpoints are not here:"
            f" {kept[0]}{' ...' if kept[1:] else ''}"
        )
    return names


def evaluate_run(payload: tuple[Ladder, str, str], report: Callable[[float], None], slot: int) -> str:
    """Worker: score all checkpoints of one run, write its two tables. Returns one line about it."""
    from evaluation.scoring.runner import evaluate_checkpoint
    from tasks import TASKS
    from tasks.base import load_items

    ladder, name, evaluation = payload
    use_one_device(slot, ladder.profile.sweep.workers_per_gpu)
    data, asked = Data(ladder.profile, ladder.paths.data), ladder.profile.evaluation
    items = {task: load_items(data.folder / "items" / f"{task}.jsonl") for task in TASKS}
    validation, run = data.validation(), ladder.runs[name]
    labels = {"series": run.series, "size": run.size, "seed": run.seed}
    checkpoints = sorted((ladder.folder(name) / "checkpoints").glob("*.safetensors"))
    tables = []
    for done, path in enumerate(checkpoints, start=1):
        tables.append(
            evaluate_checkpoint(
                path, TASKS, items, validation, data.tokenizer, labels, asked.num_items, asked.batch_tokens
            )
        )
        report(done / len(checkpoints))
    scores, per_item = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
    scores["recipe_hash"] = ladder.recipe_hash(name)
    stamp = {"recipe_hash": ladder.recipe_hash(name), "evaluation_hash": evaluation, "code_hash": code_hash()}
    write_table(ladder.paths.items / f"{name}.parquet", per_item, stamp)
    write_table(score_path(ladder.paths, name), scores, stamp)
    return f"{len(checkpoints)} checkpoints, best loss {scores['loss_nats'].min():.3f} nats"


def write_table(path: Path, table: pd.DataFrame, stamp: dict[str, str]) -> None:
    """Write a parquet table with its stamp, so that it is whole or absent."""
    content, buffer = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(stamp), io.BytesIO()
    pq.write_table(content, buffer, compression="zstd")
    atomic_write(path, buffer.getvalue())


def join_scores(ladder: Ladder, evaluation: str) -> list[str]:
    """Write scores.parquet, the rows of all planned runs in the order of the plan; returns the runs that have none
    yet."""
    scored = scored_runs(ladder, evaluation)
    tables = [
        read_parquet(score_path(ladder.paths, name), "restore it from git or delete it")
        for name in ladder.runs
        if name in scored
    ]
    if tables:
        write_table(ladder.paths.scores, pd.concat(tables, ignore_index=True), {"evaluation_hash": evaluation})
    return [name for name in ladder.runs if name not in scored]
