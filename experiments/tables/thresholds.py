"""Pass probability of the threshold tasks at every checkpoint of the long runs: reading
results/<profile>/loss/threshold_pass_rates.parquet, and one row per checkpoint with counts that the curves of
analysis/forecast.py are fitted to."""

import numpy as np
import pandas as pd

from analysis.task_law.counts import effective_counts
from experiments.tables.passes import exact_rates, has_method, load_pass_rates, pooled_rates, select_passes
from profiles.paths import Paths

EXACT_F_ERROR = 0.02  # exact rates enter as counts that know F this well; checkpoints of a run differ by more
SEPARATOR = "@"  # between run and tokens_seen, while checkpoints are pooled like runs


def threshold_pass_rates(paths: Paths) -> pd.DataFrame:
    """The table of a profile, checked like pass_rates. ValueError in one line where it is absent or damaged."""
    return load_pass_rates(paths.threshold_pass_rates)


def checkpoint_rates(passes: pd.DataFrame, task: str) -> pd.DataFrame:
    """One row per checkpoint: value, low, high of the mean pass probability over the items (sampling interval, or
    certified bounds where exact), passes and attempts as counts, method. Exact rates are taken where the task was not
    sampled. ValueError where the task was measured by neither.
    """
    method = "shared" if has_method(passes, task, "shared") else "exact"
    rows = select_passes(passes, task, method=method)
    rows = rows.assign(run=rows.run + SEPARATOR + rows.tokens_seen.astype(str))
    pooled = pooled_rates(rows) if method == "shared" else _exact(rows)
    pooled = pooled.assign(run=pooled.run.str.split(SEPARATOR).str[0], method=method)
    return pooled.sort_values(["num_nonembedding_parameters", "run", "tokens_seen"], ignore_index=True)


def _exact(rows: pd.DataFrame) -> pd.DataFrame:
    """Checkpoints of an exactly computed task: means of the rates and of their bounds, and counts that know F to
    EXACT_F_ERROR."""
    rates = rows.assign(
        value=exact_rates(rows),
        low=np.exp(rows.log_pass_low.astype(float)),
        high=np.exp(rows.log_pass_high.astype(float)),
    )
    grouped = rates.groupby("run", sort=True)
    pooled = grouped.first().reset_index().drop(columns=["value", "low", "high", "passes", "attempts"])
    means = grouped[["value", "low", "high"]].mean().loc[pooled.run].reset_index(drop=True)
    inside = np.clip(means.value.to_numpy(), 1e-300, 1 - 1e-9)
    # A rate that is 0 even exactly counts as no pass in as many attempts as would tell 1e-15.
    passes, attempts = effective_counts(
        means.value.to_numpy(), (inside * np.log(inside) * EXACT_F_ERROR) ** 2, np.full(len(means), 1e15)
    )
    return pooled.assign(
        **{name: means[name] for name in means},
        passes=passes,
        attempts=attempts,
        num_items=grouped.size().loc[pooled.run].to_numpy(),
        num_censored=0,
        num_attempts=0,
        status="ok",
    )
