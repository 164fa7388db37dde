"""Are the raw tables those of the runs that they name? Asked of every profile with results, without running anything.

Each joined table holds the rows of its parts, one part per run; each part is of the run that the table of runs lists,
by recipe, weights and checkpoints; the table of runs itself is checked by reproduction/verify/runs.py. What only a new
training can tell is the numbers themselves: reproduction/verify/retrain.py."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ladder.measurements.measurement import read_run_file
from ladder.plan import Run
from ladder.runs import plan_runs
from ladder.runs_table import read_runs_table
from profiles.paths import PAPER_OF, PAPERS, Paths
from profiles.profile import load_profile
from reproduction.verify.disk import Disk, Findings, short
from reproduction.verify.pipeline import how_to_restore, profiles_here
from reproduction.verify.runs import check_runs

RUN_FIELDS = ("size", "series", "seed", "num_parameters", "num_nonembedding_parameters", "recipe_hash")
CHECKPOINT_FIELDS = ["tokens_seen", "loss_nats", "weight_hash"]


@dataclass(frozen=True)
class Joined:
    """One joined table, the folder of its parts, the runs that it must hold, and which of their checkpoints.

    checkpoints: "all" of a run or its "last" one."""

    table: Path
    parts: Path
    runs_table: Path
    runs: dict[str, Run]
    checkpoints: str


def check_tables(disk: Disk, findings: Findings, profiles: Iterable[str] | None = None) -> None:
    """Check every profile, or those named alone."""
    for profile in profiles_here(disk) if profiles is None else profiles:
        paths = Paths(profile, disk.root)
        tables = [paths.runs_table(paper) for paper in PAPERS] + [paths.table(stem) for stem in PAPER_OF]
        if not any(path.exists() for path in tables):
            continue
        with findings.guard(f"profiles/{profile}.yaml", how_to_restore(f"profiles/{profile}.yaml")):
            plan, runs = load_profile(profile), {}
            for paper in PAPERS:
                runs[paper] = check_runs(disk, findings, paths.runs_table(paper), partial(plan_runs, plan, paper))
            for stem, paper in PAPER_OF.items():
                known, rows = runs[paper]
                check_joined(disk, findings, _joined_table(paths, stem, known), rows)
            _check_losses(disk, findings, paths)


def _joined_table(paths: Paths, stem: str, runs: dict[str, Run]) -> Joined:
    if stem == "threshold_pass_rates":
        runs = {name: run for name, run in runs.items() if run.series == "long"}
    checkpoints = "last" if stem == "pass_rates" else "all"
    return Joined(paths.table(stem), paths.run_tables(stem), paths.runs_table(PAPER_OF[stem]), runs, checkpoints)


def check_joined(disk: Disk, findings: Findings, joined: Joined, rows: dict[str, dict]) -> None:
    """The parts are those of the runs, and the joined table is the parts, row by row and bit by bit."""
    folder, file = disk.name(joined.parts), disk.name(joined.table)
    if not (joined.table.exists() and joined.parts.exists()):
        return  # named as absent outputs already, where the lock has them
    present = sorted(path.stem for path in joined.parts.glob("*.parquet"))
    for name in joined.runs:
        part = f"{folder}/{name}.parquet"
        findings.compare(
            part, name, name if name in present else None, how_to_restore(part), disk.name(joined.runs_table)
        )
    # Rows of runs that the profile no longer plans stay as they were measured; the lock holds their bytes, and no table
    # is made of them.
    if left := [name for name in present if name not in joined.runs]:
        findings.notes.append(
            f"{folder}: {', '.join(left)}: of no run that the profile plans, so nothing is made of them"
        )
    parts = {}
    for name in (name for name in joined.runs if name in present):
        part = f"{folder}/{name}.parquet"
        with findings.guard(part, how_to_restore(part)):
            parts[name] = pq.read_table(disk.path(part))
            check_part(findings, part, parts[name], joined, name, rows[name])
    with findings.guard(file, f"{how_to_restore(file)} or join its parts again with `dvc repro`"):
        whole = pq.read_table(disk.path(file))
        expected = pa.concat_tables(
            [part.replace_schema_metadata(None) for part in parts.values()], promote_options="default"
        )
        compare_rows(
            findings,
            file,
            expected,
            whole,
            folder,
            f"{how_to_restore(file)}, or restore {folder} where that was changed",
        )
        if b"evaluation_hash" in (whole.schema.metadata or {}):
            stored = (read_run_file(joined.parts / f"{name}.parquet").stamps.values() for name in parts)
            requests = {stamp["request"] for stamps in stored for stamp in stamps}
            findings.compare(
                f"{file}: evaluation_hash",
                sorted(requests),
                [whole.schema.metadata[b"evaluation_hash"].decode()],
                how_to_restore(file),
                folder,
            )


def compare_rows(findings: Findings, file: str, expected: pa.Table, found: pa.Table, record: str, remedy: str) -> None:
    """Note the first row of each column in which two tables differ; nan equals nan."""
    findings.compare(f"{file}: columns", expected.column_names, found.column_names, remedy, record)
    findings.compare(f"{file}: number of rows", expected.num_rows, found.num_rows, remedy, record)
    if expected.column_names != found.column_names or expected.num_rows != found.num_rows:
        return
    for column in expected.column_names:
        left, right = expected[column].combine_chunks(), found[column].combine_chunks()
        findings.num_compared += 1
        if not left.equals(right) and len(places := _differing(left, right)):
            run, place = found["run"][int(places[0])].as_py(), int(places[0])
            shown = f"{short(right[place].as_py())} here, {short(left[place].as_py())} in {record}"
            more = f" ({len(places)} rows differ)" if len(places) > 1 else ""
            findings.mismatch(f"{file}: row {place + 1} (run {run}): column {column}: {shown}{more}; {remedy}")


def _differing(left: pa.Array, right: pa.Array) -> np.ndarray:
    """Places at which two columns differ."""
    first, second = (pd.Series(column.to_pylist(), dtype=object) for column in (left, right))
    is_nan = first.map(lambda value: value != value) & second.map(lambda value: value != value)
    return np.flatnonzero(~(is_nan | np.array([one == other for one, other in zip(first, second, strict=True)])))


def check_part(findings: Findings, part: str, table: pa.Table, joined: Joined, name: str, row: dict[str, str]) -> None:
    """The rows of a part are of the run that it is named after, at the checkpoints that the run left, and its stamps
    name that recipe."""
    run, remedy, runs_table = joined.runs[name], how_to_restore(part), joined.runs_table.name
    for field in ("run", *RUN_FIELDS):
        values = [str(value) for value in table[field].unique().to_pylist()]
        findings.compare(
            f"{part}: column {field}", [name if field == "run" else row[field]], values, remedy, runs_table
        )
    checkpoints = _checkpoints(table)
    planned = sorted(run.train.checkpoint_tokens)
    expected = planned if joined.checkpoints == "all" else planned[-1:]
    findings.compare(
        f"{part}: column tokens_seen", expected, checkpoints.tokens_seen.tolist(), remedy, f"the plan of {name}"
    )
    findings.compare(
        f"{part}: last row: column weight_hash",
        row["weight_hash"],
        checkpoints.weight_hash.iloc[-1],
        remedy,
        runs_table,
    )
    flops = [float(run.model.flops_per_token) * tokens for tokens in checkpoints.tokens_seen]
    findings.compare(
        f"{part}: column compute_flops", flops, checkpoints.compute_flops.tolist(), remedy, f"the plan of {name}"
    )
    sizes = table.group_by("tokens_seen").aggregate([("task", "count")])["task_count"].unique().to_pylist()
    findings.compare(f"{part}: number of different numbers of rows per checkpoint", 1, len(sizes), remedy)
    _check_stamps(findings, part, table, joined, name, row)


def _checkpoints(table: pa.Table) -> pd.DataFrame:
    """One row per checkpoint, in the order of training."""
    columns = [*CHECKPOINT_FIELDS, "compute_flops"]
    return table.select(columns).to_pandas().drop_duplicates().sort_values("tokens_seen")


def _check_stamps(
    findings: Findings, part: str, table: pa.Table, joined: Joined, name: str, row: dict[str, str]
) -> None:
    """The stamps of a part name the recipe of its run; those of pass rates hold the losses of all its checkpoints."""
    remedy, runs_table = how_to_restore(part), joined.runs_table.name
    planned = sorted(joined.runs[name].train.checkpoint_tokens)
    stamps = table.schema.metadata or {}
    stored = json.loads(stamps[b"stamps"])
    is_scores = joined.table.name == "scores.parquet"
    for task in dict.fromkeys([*([] if is_scores else table["task"].unique().to_pylist()), *stored]):
        findings.compare(
            f"{part}: stamp of {task}: recipe",
            row["recipe_hash"],
            stored.get(task, {}).get("recipe"),
            remedy,
            runs_table,
        )
    if is_scores:
        findings.compare(f"{part}: stamps", ["scores"], list(stored), remedy)
        return
    losses = pd.DataFrame(json.loads(stamps[b"losses"]))
    findings.compare(
        f"{part}: stamp losses: tokens_seen", planned, losses.tokens_seen.tolist(), remedy, f"the plan of {name}"
    )
    checkpoints = _checkpoints(table)
    kept = losses[losses.tokens_seen.isin(checkpoints.tokens_seen)]
    findings.compare(
        f"{part}: stamp losses",
        kept[CHECKPOINT_FIELDS].values.tolist(),
        checkpoints[CHECKPOINT_FIELDS].values.tolist(),
        remedy,
        "its rows",
    )


def _check_losses(disk: Disk, findings: Findings, paths: Paths) -> None:
    """series_losses.csv is what the parts of the series hold; the thresholds were measured on the checkpoints that were
    scored, at the same losses."""
    if paths.losses.exists() and paths.run_tables("pass_rates").exists():
        file = disk.name(paths.losses)
        with findings.guard(file, how_to_restore(file)):
            order = list(read_runs_table(paths.runs_table("passuntil")))
            stored = [
                json.loads(pq.read_schema(paths.run_tables("pass_rates") / f"{name}.parquet").metadata[b"losses"])
                for name in order
            ]
            expected = (
                pd.DataFrame([row for rows in stored for row in rows])
                .to_csv(index=False, lineterminator="\n")
                .splitlines()
            )
            found = paths.losses.read_bytes().decode("utf-8").splitlines()
            findings.compare(
                f"{file}: number of lines",
                len(expected),
                len(found),
                how_to_restore(file),
                disk.name(paths.run_tables("pass_rates")),
            )
            for number, (line, other) in enumerate(zip(expected, found), start=1):
                findings.compare(
                    f"{file}: line {number}",
                    line,
                    other,
                    how_to_restore(file),
                    disk.name(paths.run_tables("pass_rates")),
                )
    if paths.threshold_pass_rates.exists() and paths.scores.exists():
        file = disk.name(paths.threshold_pass_rates)
        with findings.guard(file, how_to_restore(file)):
            tables = [
                pq.read_table(path, columns=["run", *CHECKPOINT_FIELDS]).to_pandas().drop_duplicates()
                for path in (paths.scores, paths.threshold_pass_rates)
            ]
            scores = {(row.run, row.tokens_seen): (row.loss_nats, row.weight_hash) for row in tables[0].itertuples()}
            for row in tables[1].itertuples():
                what = f"{file}: run {row.run} at {row.tokens_seen} tokens: loss_nats and weight_hash"
                findings.compare(
                    what,
                    scores.get((row.run, row.tokens_seen)),
                    (row.loss_nats, row.weight_hash),
                    how_to_restore(file),
                    "scores.parquet",
                )
