"""One task of one series item by item: counts and losses as matrices [items, runs], and F = log(-log PU) of a single
item where it is defined."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.passes.likelihood_interval import likelihood_stopped
from analysis.passes.stopping import unbiased_estimate
from experiments.tables.passes import target_of


@dataclass(frozen=True)
class ItemCounts:
    """runs: one row per run, smallest size first (columns of pass_rates); item_ids [M]; passes, attempts, answer_loss
    (nats of the whole reference answer) [M, n]; target and cap of the stopping rule."""

    runs: pd.DataFrame
    item_ids: np.ndarray
    passes: np.ndarray
    attempts: np.ndarray
    answer_loss: np.ndarray
    target: int
    cap: int

    @property
    def intervals(self) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the 95 % intervals of the pass rates, [M, n] each (likelihood order, the recommended one)."""
        return likelihood_stopped(self.passes, self.attempts, self.target, self.cap)

    @property
    def sizes(self) -> np.ndarray:
        """Non-embedding parameters of the runs, [n]."""
        return self.runs.num_nonembedding_parameters.to_numpy(float)

    @property
    def is_held_out(self) -> np.ndarray:
        """Runs held out of every fit, bool [n]."""
        return self.runs.is_held_out.to_numpy(bool)

    @property
    def rates(self) -> np.ndarray:
        """Unbiased pass rates [M, n]."""
        return unbiased_estimate(self.passes, self.attempts, self.target)

    @property
    def f(self) -> np.ndarray:
        """F of each item in each run, [M, n]; nan where nothing passed or every attempt did."""
        rates = self.rates
        inside = (self.passes > 0) & (rates > 0) & (rates < 1)
        return np.where(inside, np.log(-np.log(np.where(inside, rates, 0.5))), np.nan)


def item_counts(rows: pd.DataFrame) -> ItemCounts:
    """Matrices of the rows of one task, series and method. ValueError where an item was not sampled in some run."""
    runs = rows.drop_duplicates("run").sort_values(["num_nonembedding_parameters", "seed"], ignore_index=True)
    tables = {
        column: rows.pivot(index="item_id", columns="run", values=column)[runs.run]
        for column in ("passes", "attempts", "answer_log_likelihood")
    }
    if (absent := tables["attempts"].isna()).to_numpy().any():
        item, run = np.argwhere(absent.to_numpy())[0]
        raise ValueError(
            f"pass_rates: item {absent.index[item]} of task {rows.task.iloc[0]} has no row for run {runs.run[run]};"
            " measure that run again"
        )
    return ItemCounts(
        runs,
        tables["passes"].index.to_numpy(),
        tables["passes"].to_numpy(float),
        tables["attempts"].to_numpy(float),
        -tables["answer_log_likelihood"].to_numpy(float),
        target_of(rows),
        int(rows.cap.max()),
    )
