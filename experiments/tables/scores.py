"""Scores of the ladder, results/<profile>/loss/scores.parquet: reading and checking, selections, and rows of results
that every loss_* folder builds."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.intervals import Estimate
from experiments.tables.names import FIRST_MIXTURE, asked, mixture_column
from experiments.tables.results import RESTORE, RESULT_COLUMNS
from files.tables import read_csv, read_parquet

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


def load_scores(path: Path) -> pd.DataFrame:
    """The aggregate table of a profile, checked, with a column `mixture`. ValueError in one line for an absent,
    foreign, empty or damaged table."""
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
    return scores if "mixture" in scores.columns else scores.assign(mixture=FIRST_MIXTURE)


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
        wanted = metric or asked(scores)[task].metric
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


def checkpoint_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Measured points of the scores table as rows of a results.csv; with their mixture where it is not the first."""
    return rows.assign(kind="checkpoint", status="ok")[[*RESULT_COLUMNS, *mixture_column(rows)]]


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
