"""Tidy rows of one benchmark from a wide public table, the rows of sizes, and the choice of checkpoints to draw."""

import numpy as np
import pandas as pd

from analysis.intervals import wilson
from public_tables.benchmarks import BENCHMARKS

FLOPS_PER_TOKEN = 6  # and parameter (Kaplan et al. 2020)
NOT_STORED = ["num_parameters", "group"]  # what statistics need and a results.csv says otherwise


def benchmark_rows(frame: pd.DataFrame, task: str, column: str, loss: str, metric: str = "accuracy") -> pd.DataFrame:
    """One row per checkpoint that has a score: run, series, size, num_parameters, tokens_seen, compute_flops,
    loss_nats (the column `loss`), value (the column `column`, a share) with its interval over the benchmark's items."""
    about = BENCHMARKS[task]
    kept = frame[frame[column].notna() & frame[loss].notna()]
    value = kept[column].to_numpy(float)
    low, high = wilson(value * about.num_items, np.full(len(kept), about.num_items))
    params, tokens = kept.params.to_numpy(float), kept.tokens.to_numpy(float)
    return pd.DataFrame(
        {
            "kind": "checkpoint",
            "task": task,
            "metric": metric,
            "run": kept.run.to_numpy(),
            "series": kept.series.to_numpy(),
            "size": kept["size"].to_numpy(),
            "num_parameters": params,
            "tokens_seen": tokens,
            "compute_flops": FLOPS_PER_TOKEN * params * tokens,
            "loss_nats": kept[loss].to_numpy(float),
            "value": value,
            "low": low,
            "high": high,
            "num_items": about.num_items,
        }
    )


def stored(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows without the columns that only statistics need."""
    return rows.drop(columns=[name for name in NOT_STORED if name in rows])


def public_size_rows(frame: pd.DataFrame) -> list[dict]:
    """One row of kind "size" per model size, which gives it its colour."""
    sizes = frame.groupby("size").params.first().sort_values()
    return [{"kind": "size", "size": size, "value": params} for size, params in sizes.items()]


def last_checkpoints(rows: pd.DataFrame) -> pd.DataFrame:
    """The last checkpoint of every run."""
    return rows.loc[rows.groupby("run").tokens_seen.idxmax()].sort_values("run", ignore_index=True)


def thinned(rows: pd.DataFrame, per_run: int) -> pd.DataFrame:
    """At most per_run checkpoints of each run, those nearest to even steps in log loss between its ends; nothing is
    averaged. What is drawn is thinned so, and what is fitted where thousands of rows would take minutes."""
    kept = []
    for _, one in rows.groupby("run", sort=True):
        log_loss = np.log(one.loss_nats.to_numpy())
        steps = np.linspace(log_loss.max(), log_loss.min(), per_run)
        nearest = {int(np.argmin(np.abs(log_loss - step))) for step in steps}
        kept.append(one.iloc[sorted(nearest)])
    return pd.concat(kept, ignore_index=True)
