"""The table of a paper's runs, runs.csv: one row per trained run, with what it cost, its weights and its recipe."""

import csv
import io
import json
from pathlib import Path

from files.atomic import atomic_write
from files.text import csv_rows, read_text
from ladder.ladder import Ladder
from ladder.plan import Run

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
# Further columns that not every table has: where a run's record names the machines that trained it (tables of before
# have none), and where a profile has several mixtures.
MACHINES, MIXTURE = "machines", "mixture"


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
    if not text.endswith("\n") or set(columns) - {MACHINES, MIXTURE} != set(COLUMNS):
        raise ValueError(f"{path}: cut off, or its columns are not those of a table of runs; {remedy}")
    return {row["run"]: row for row in rows}


def committed_runs(ladder: Ladder) -> set[str]:
    """Runs with a row that today's recipe made, here or on another machine."""
    rows = {
        name: row for paper in ladder.papers for name, row in read_runs_table(ladder.paths.runs_table(paper)).items()
    }
    return {name for name in ladder.runs if name in rows and is_of_today(ladder, name, rows[name])}


def is_of_today(ladder: Ladder, name: str, row: dict[str, str]) -> bool:
    """True for a row of today's recipe in its number format."""
    return row["recipe_hash"] == ladder.recipe_hash(name) and row["precision"] == ladder.runs[name].train.precision


def require_one_format(ladder: Ladder) -> None:
    """ValueError where the table of runs holds a run of today's recipe in another number format.

    Only a version that took the format from the CPU can have made one; its scores look like those of today."""
    for paper in ladder.papers:
        path = ladder.paths.runs_table(paper)
        for name, row in read_runs_table(path).items():
            is_same = name in ladder.runs and row["recipe_hash"] == ladder.recipe_hash(name)
            if is_same and not is_of_today(ladder, name, row):
                raise ValueError(
                    f"{path}: run {name}, field precision is {row['precision']!r}, profile {ladder.profile.name} says"
                    f" {ladder.runs[name].train.precision!r}; remove the row and what was measured of the run, and"
                    " train it anew"
                )


def write_runs_tables(ladder: Ladder) -> None:
    """Write the runs.csv of each paper in the order of the plan: rows of runs trained here, and rows kept for runs that
    the same recipe trained elsewhere."""
    for paper in ladder.papers:
        path, rows = ladder.paths.runs_table(paper), []
        known = read_runs_table(path)
        for name, run in ladder.of(paper).runs.items():
            if ladder.is_trained(name):
                rows.append(_table_row(ladder, run))
            elif name in known and is_of_today(ladder, name, known[name]):
                rows.append(known[name])
        columns = (*COLUMNS, *(name for name in (MACHINES, MIXTURE) if any(row.get(name) for row in rows)))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        atomic_write(path, buffer.getvalue().encode())


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
        MIXTURE: run.mixture if run.paper == "loss" and ladder.profile.corpus.further_mixtures else "",
    }
    return planned | taken | stored
