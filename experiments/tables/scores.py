"""Reading results/<profile>/loss/scores.parquet and writing results.csv: the columns, the checks, and the row builders of
every loss_* folder.

A results.csv is tidy; `kind` says what a row is:
  checkpoint  a measured point: one run, one checkpoint, one task, one metric; low and high are its 95 % interval over
  the items
  fit         a point of a fitted curve, for drawing: loss_nats, value, low, high
  statistic   a number that a claim is judged by: `metric` names it, low and high are its 95 % interval, `seed` lists
  its seeds, `status` how it went published   a number of the paper itself
  size        one row per model size: value is its number of non-embedding parameters (gives each size the same colour
  in every figure)
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.intervals import Estimate
from files.atomic import atomic_write
from files.tables import read_csv, read_parquet
from tasks import TASKS

ENGLISH = ("recall", "endings", "reading", "coreference", "exam", "maths")
CHINESE = tuple(f"{task}_zh" for task in ENGLISH)
TWELVE = ENGLISH + CHINESE
SMOOTH = ENGLISH[:4] + CHINESE[:4]
THRESHOLD = ("exam", "maths", "exam_zh", "maths_zh")
BIGBENCH = ("unscramble", "modified_arithmetic", "ipa_transliterate")

SCORE_COLUMNS = (
    "run",
    "size",
    "series",
    "seed",
    "tokens_seen",
    "num_parameters",
    "num_nonembedding_parameters",
    "compute_flops",
    "loss_nats",
    "loss_nats_en",
    "loss_nats_zh",
    "bits_per_byte",
    "bits_per_byte_en",
    "bits_per_byte_zh",
    "task",
    "metric",
    "value",
    "low",
    "high",
    "num_items",
    "weight_hash",
)
RESULT_COLUMNS = (
    "kind",
    "task",
    "metric",
    "run",
    "series",
    "size",
    "seed",
    "tokens_seen",
    "compute_flops",
    "loss_nats",
    "value",
    "low",
    "high",
    "num_items",
    "status",
)
RESTORE = "restore it with git or `dvc repro`"
# Kinds whose every row is drawn or counted: a number that is missing there is damage, not a result ("statistic" and the
# like say why they have none).
MEASURED = ("checkpoint", "size", "item", "curve", "simulation", "cost", "task", "set", "run", "published")
NUMBERS = ("tokens_seen", "compute_flops", "loss_nats", "value", "low", "high", "num_items")
# Digits of the numbers in a results.csv, the one place where they are decided: those that hold on every CPU. A measured
# number is read off the raw tables; one that comes out of a fit or of resampling is the same to about ten digits, and
# nobody needs more than five of it.
MEASURED_DIGITS, FITTED_DIGITS = 6, 5
MEASURED_KINDS = ("checkpoint", "item", "size", "task", "run", "set", "published")


def load_scores(path: Path) -> pd.DataFrame:
    """The aggregate table of a profile, checked. ValueError in one line for an absent, foreign, empty or damaged
    table."""
    if not path.exists():
        raise ValueError(f"{path}: not found; run `dvc repro` (or `make reproduce`) for this profile first")
    scores = read_parquet(path, RESTORE)
    if absent := [column for column in SCORE_COLUMNS if column not in scores.columns]:
        raise ValueError(f"{path}: column {absent[0]} is missing; evaluate again with `dvc repro`")
    if scores.empty:
        raise ValueError(f"{path}: holds no rows; evaluate at least one run")
    for column in ("loss_nats", "value", "compute_flops"):
        if not np.isfinite(scores[column]).all():
            raise ValueError(
                f"{path}: column {column} holds nan or inf (run {scores.run[~np.isfinite(scores[column])].iloc[0]});"
                " evaluate that run again"
            )
    return scores


def add_lineage(scores: pd.DataFrame, runs_table: Path) -> pd.DataFrame:
    """Scores with a column `lineage`: the run whose training a run shares, itself where it was trained from the start.
    Budgets that branch from one trunk (schedule wsd) share most of their training, so intervals over runs draw whole
    lineages. ValueError names the table where it is absent or lacks a run.
    """
    if not runs_table.exists():
        raise ValueError(f"{runs_table}: not found; restore it with git or `dvc repro`")
    runs = read_csv(runs_table, RESTORE, usecols=["run", "parent"], dtype=str)
    lineage = runs.parent.fillna(runs.run).set_axis(runs.run)
    if absent := sorted(set(scores.run) - set(lineage.index)):
        raise ValueError(
            f"{runs_table}: has no row of run {absent[0]}, which {len(absent)} scored runs need; restore it with git or"
            " `dvc repro`"
        )
    return scores.assign(lineage=scores.run.map(lineage))


def select(
    scores: pd.DataFrame, tasks: Iterable[str], metric: str | None = None, series: str | None = None
) -> pd.DataFrame:
    """Rows of the tasks (in the given order) under `metric`, by default each task's own, of one series or of all.
    ValueError names an absent task or series."""
    parts = []
    for task in tasks:
        wanted = metric or TASKS[task].metric
        part = scores[(scores.task == task) & (scores.metric == wanted)]
        if part.empty:
            raise ValueError(f"scores: no row has task {task} and metric {wanted}; evaluate the runs on that task")
        parts.append(part)
    chosen = pd.concat(parts)
    if series is not None:
        chosen = chosen[chosen.series == series]
        if chosen.empty:
            raise ValueError(f"scores: no run of the series {series}; train it first (profile section {series}_runs)")
    return chosen.reset_index(drop=True)


def final_checkpoints(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's last checkpoint."""
    return rows[rows.tokens_seen == rows.groupby("run").tokens_seen.transform("max")].reset_index(drop=True)


def chance_of(task: str, metric: str) -> float:
    """What a guesser scores: the declared chance for accuracy, exact match and the probability of the right choice; 1 -
    1/k for the Brier score of k even choices."""
    return 1.0 - TASKS[task].chance if metric == "brier_score" else TASKS[task].chance


def checkpoint_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Measured points of the scores table as rows of a results.csv."""
    return rows.assign(kind="checkpoint", status="ok")[list(RESULT_COLUMNS)]


def fit_rows(
    task: str,
    metric: str,
    loss_nats: np.ndarray,
    value: np.ndarray,
    series: str = "",
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
) -> pd.DataFrame:
    """Points of a fitted curve as rows of a results.csv."""
    return pd.DataFrame(
        {
            "kind": "fit",
            "task": task,
            "metric": metric,
            "series": series,
            "loss_nats": loss_nats,
            "value": value,
            "low": low,
            "high": high,
        }
    )


def statistic_row(rows: pd.DataFrame, task: str, metric: str, estimate: Estimate, unit_rows: int | None = None) -> dict:
    """One number that a claim is judged by; `rows` are the points it was computed from (their seeds are noted)."""
    return {
        "kind": "statistic",
        "task": task,
        "metric": metric,
        "seed": " ".join(str(seed) for seed in sorted(set(rows.seed))),
        "value": estimate.estimate,
        "low": estimate.low,
        "high": estimate.high,
        "num_items": unit_rows,
        "status": estimate.status,
    }


def size_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per model size of the whole profile, smallest first."""
    sizes = scores.drop_duplicates("size").sort_values("num_nonembedding_parameters")
    return pd.DataFrame(
        {
            "kind": "size",
            "size": sizes["size"],
            "value": sizes.num_nonembedding_parameters,
            "metric": "num_nonembedding_parameters",
        }
    )


def published_rows(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The paper's own values of `metric` as rows of a results.csv; `table` has the columns task, value, source
    (paper/published)."""
    return pd.DataFrame(
        {
            "kind": "published",
            "task": table.task,
            "metric": metric,
            "value": table.value,
            "status": "paper L, " + table.source,
        }
    )


def write_results(path: Path, parts: list[pd.DataFrame | list[dict]]) -> pd.DataFrame:
    """Join the parts, put the columns in order, round their numbers and write them: equal results give equal bytes, on
    every CPU. Returns the table as it was written; figures and verdicts read that one too."""
    frames = [pd.DataFrame(part) for part in parts if len(part)]
    columns = list(RESULT_COLUMNS) + [
        column for frame in frames for column in frame.columns if column not in RESULT_COLUMNS
    ]
    columns = list(dict.fromkeys(columns))
    table = pd.concat([frame.reindex(columns=columns).astype(object) for frame in frames], ignore_index=True)
    for column in NUMBERS:
        table[column] = pd.to_numeric(table[column])
    check_measured(path, table)
    digits = np.where(table.kind.isin(MEASURED_KINDS), MEASURED_DIGITS, FITTED_DIGITS)
    for column in columns:
        if column in NUMBERS or _is_numeric(table[column]):
            table[column] = rounded(pd.to_numeric(table[column]), digits, keeps_counts=column not in NUMBERS)
    text = table.to_csv(index=False, float_format=f"%.{MEASURED_DIGITS}g", lineterminator="\n")
    atomic_write(path, text.encode())  # a good table survives whatever stops this
    return table


def check_measured(path: Path, table: pd.DataFrame) -> None:
    """ValueError naming the first rows of MEASURED without a finite value (or of checkpoints, without a loss): they
    would leave a figure empty."""
    lost = table.kind.isin(MEASURED) & ~np.isfinite(table.value) | (table.kind == "checkpoint") & ~np.isfinite(
        table.loss_nats
    )
    lost |= (table.kind == "fit") & ~np.isfinite(table.value) & ~np.isfinite(table.loss_nats)
    if lost.any():
        lines = ", ".join(str(line + 2) for line in np.flatnonzero(lost)[:3])
        row = table[lost].iloc[0]
        raise ValueError(
            f"{path}: {int(lost.sum())} rows hold no finite value or loss (line"
            f" {lines}{' ...' if lost.sum() > 3 else ''}; the first: kind {row.kind}, task {row.task}, run {row.run});"
            f" measure those runs again and run the measure step of {path.parent.name}"
        )


def _is_numeric(column: pd.Series) -> bool:
    """Whether a column of mixed rows holds numbers, and nothing else but gaps."""
    present = column.dropna()
    return (
        len(present) > 0
        and present.map(lambda cell: isinstance(cell, (int, float, np.number)) and not isinstance(cell, bool)).all()
    )


def rounded(column: pd.Series, digits: np.ndarray, keeps_counts: bool = True) -> pd.Series:
    """A numeric column with each float at its number of significant digits [n] and without negative zeros; whole
    numbers stay whole and complete where keeps_counts."""
    if pd.api.types.is_integer_dtype(column):
        return column
    values = column.to_numpy(float)
    known = values[~np.isnan(values)]
    if keeps_counts and np.isfinite(known).all() and (known == np.round(known)).all() and np.all(np.abs(known) < 2**53):
        return column.astype("Int64")
    return pd.Series(
        [float(f"{value:.{num}g}") + 0.0 for value, num in zip(values, digits, strict=True)], index=column.index
    )


def read_results(path: Path) -> pd.DataFrame:
    """A results.csv back; texts are "" where empty. ValueError in one line if it is absent or lacks a column."""
    if not path.exists():
        raise ValueError(f"{path}: not found; run the measure step of {path.parent.name} first")
    remedy = f"run the measure step of {path.parent.name} again"
    table = read_csv(
        path, remedy, dtype=dict.fromkeys(("seed", "run", "size", "series", "task", "metric", "status", "kind"), str)
    )
    if absent := [column for column in RESULT_COLUMNS if column not in table.columns]:
        raise ValueError(f"{path}: column {absent[0]} is missing; {remedy}")
    for column in NUMBERS:
        wrong = pd.to_numeric(table[column], errors="coerce").isna() & table[column].notna()
        if wrong.any():
            raise ValueError(
                f"{path}, line {int(np.argmax(wrong)) + 2}: column {column} is {table[column][wrong].iloc[0]!r}, no"
                f" number; {remedy}"
            )
        table[column] = pd.to_numeric(table[column])
    check_measured(path, table)
    texts = [
        column
        for column in table.columns
        if table[column].dtype == object or str(table[column].dtype).startswith("str")
    ]
    return table.fillna({column: "" for column in texts})
