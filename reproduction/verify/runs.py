"""Does a table of runs list the runs that the profile plans, with their shapes and settings?"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from ladder.plan import Run, recipe
from ladder.runs_table import read_runs_table
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.pipeline import how_to_restore

NOT_OF_THE_WEIGHTS = ("device", "resume_every_steps", "state_tokens")  # settings that a recipe leaves out


def check_runs(
    disk: Disk, findings: Findings, path: Path, planned: Callable[[int], list[Run]]
) -> tuple[dict[str, Run], dict[str, dict]]:
    """Compare a table of runs with the plan of the profile; the runs that are in both, and the rows, by name.

    planned: the runs of a profile for a size of the vocabulary."""
    file = disk.name(path)
    rows: dict[str, dict] = {}
    if not path.exists():
        return {}, rows  # named as an absent output already
    with findings.guard(file, how_to_restore(file)):
        rows = read_runs_table(path)
        if not rows:
            raise ValueError("it holds no rows")
        with open(path, newline="", encoding="utf-8") as lines:
            num_rows = sum(1 for _ in csv.reader(lines)) - 1
        findings.compare(f"{file}: number of rows (each run once)", len(rows), num_rows, how_to_restore(file))
        sizes = {json.loads(row["config"])["model"]["vocab_size"] for row in rows.values()}
        findings.compare(f"{file}: column config: number of vocabulary sizes", 1, len(sizes), how_to_restore(file))
        runs = {run.name: run for run in planned(min(sizes))}
        findings.compare(
            f"{file}: order of the rows",
            [name for name in runs if name in rows],
            list(rows),
            how_to_restore(file),
            "the profile's plan",
        )
        # A ladder under way commits run by run; it is whole once its runs' measurements have been joined.
        is_whole = any((path.parent / f"{stem}.parquet").exists() for stem in ("scores", "pass_rates"))
        for name in dict.fromkeys([*runs, *rows] if is_whole else rows):
            where = f"{file}: row of {name}"
            findings.compare(
                where,
                name if name in runs else None,
                name if name in rows else None,
                how_to_restore(file),
                "the profile's plan",
            )
            if name in runs and name in rows:
                with findings.guard(where, how_to_restore(file)):
                    _check_row(findings, where, how_to_restore(file), runs[name], runs, rows[name])
        return {name: run for name, run in runs.items() if name in rows}, rows
    return {}, {}


def _check_row(
    findings: Findings, where: str, remedy: str, run: Run, runs: dict[str, Run], row: dict[str, str]
) -> None:
    planned = {
        "series": run.series,
        "size": run.size,
        "seed": run.seed,
        "schedule": run.train.schedule,
        "parent": run.parent or "",
        "tokens_seen": run.train.num_steps * run.train.tokens_per_step,
        "trained_tokens": run.trained_tokens,
        "num_parameters": run.model.num_parameters,
        "num_nonembedding_parameters": run.model.num_nonembedding_parameters,
    }
    for field, value in planned.items():
        findings.compare(f"{where}: column {field}", str(value), row[field], remedy, "the profile's plan")
    # A recipe without its corpus, which is not in git: shapes and settings that fix the weights, without machine and
    # pace.
    planned_recipe = json.loads(json.dumps(recipe(run, runs, dict.fromkeys(runs, ""))))
    stored = json.loads(row["config"])
    for part in ("model", "train"):
        for field in dict.fromkeys([*planned_recipe[part], *stored[part]]):
            if part == "train" and field in NOT_OF_THE_WEIGHTS:
                continue
            what, value = f"{where}: column config: {part}.{field}", stored[part].get(field)
            if field == "precision" and value == run.train.precision:
                continue  # the recipe keeps the word of its first runs
            findings.compare(what, planned_recipe[part].get(field), value, remedy, "the profile's plan")
    formats = ("bf16", "fp32") if run.train.precision == "auto" else (run.train.precision,)
    findings.compare(
        f"{where}: column precision",
        True,
        row["precision"] in formats,
        remedy,
        f"the profile's plan: {' or '.join(formats)}",
    )
