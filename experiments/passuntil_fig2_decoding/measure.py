"""Paper P, Figure 2: how many items beam search passes, and how many are passed within 1, 100, 10 000 random samples
and within the cap."""

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, bootstrap_items, mid_p
from experiments.tables.names import LAW_TASKS, series_names
from experiments.tables.pass_statistics import joined_statistic, mean_of, too_low
from experiments.tables.passes import has_passed, point_rows, pooled_rates, select_passes, series_pass_rates
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.series_statistics import items_and_seeds, mean_over_series, share_over_seeds
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig2_decoding"
TASKS_SHOWN = LAW_TASKS[1:]  # Emoji Movie and Date Understanding
BUDGETS = (1, 100, 10_000)
JUDGED = BUDGETS[-1]


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Items passed by each way of decoding, per model (paper P, Figure 2)."""
    parts: list = [size_rows(passes)]
    for task in TASKS_SHOWN:
        sampled, beam = select_passes(passes, task), beam_rows(passes, task)
        pooled = pooled_rates(sampled)
        cap = int(sampled.cap.max())
        shares = {f"samples_{budget}": passed_within(sampled, budget) for budget in sorted({*BUDGETS, cap})}
        shares["beam"] = beam.set_index(["run", "item_id"]).passes > 0
        parts += [share_rows(pooled, name, passed) for name, passed in shares.items()]
        judged, most, gaps = shares[f"samples_{JUDGED}"], {}, {}
        passed_shares, wide_gaps = {}, {}
        for series in series_names(passes):
            runs = pooled[pooled.series == series]
            largest = runs[runs.num_nonembedding_parameters == runs.num_nonembedding_parameters.max()]
            most[series] = mean_of([share_of(judged[run], cap) for run in largest.run])
            gap = (judged[runs.run].astype(float) - shares["beam"][runs.run]).groupby("item_id").mean()
            gaps[series] = bootstrap_items(np.mean, gap.to_numpy())
            num_items = int(pooled.num_items.iloc[0])
            at_end = [judged[run].mean() for run in largest.run]
            more = judged[runs.run].astype(float) - shares["beam"][runs.run]
            of_seed = more.groupby(level="run").mean().groupby(runs.set_index("run").seed).mean()
            passed_shares[series] = share_over_seeds(np.array(at_end), num_items)
            wide_gaps[series] = items_and_seeds(gaps[series], of_seed.to_numpy())
        parts += [
            [statistic_row(sampled, task, "left_chance", has_passed(pooled, task))],
            joined_statistic(pooled, task, f"share_passed_{JUDGED}", most, too_low),
            joined_statistic(pooled, task, "beam_gap", gaps, too_low),
            mean_over_series(pooled, task, "largest_passed_share", passed_shares),
            mean_over_series(pooled, task, "gap_to_beam", wide_gaps),
        ]
    return parts


def beam_rows(passes: pd.DataFrame, task: str) -> pd.DataFrame:
    """Beam search of the task, whatever its temperature column says. ValueError where it was not measured."""
    beam = passes[(passes.task == task) & (passes.method == "beam")]
    if beam.empty:
        raise ValueError(
            f"pass_rates: no row has task {task} and method beam; measure the runs with beam search on that task"
        )
    return beam


def passed_within(rows: pd.DataFrame, budget: int) -> pd.Series:
    """Whether an item's first pass came within `budget` attempts, indexed by run and item."""
    first = [positions[0] if len(positions) else np.inf for positions in rows.pass_positions]
    return pd.Series(np.array(first) <= budget, index=pd.MultiIndex.from_frame(rows[["run", "item_id"]]))


def share_of(passed: pd.Series, cap: int) -> Estimate:
    """Share of a run's items that pass, mid-P interval over items; the status says where the cap lies below the judged
    budget."""
    low, high = mid_p(np.array([passed.sum()]), np.array([len(passed)]))
    return Estimate(
        float(passed.mean()),
        float(low[0]),
        float(high[0]),
        "ok" if cap >= JUDGED else f"ok: sampled to {cap} attempts only",
    )


def share_rows(pooled: pd.DataFrame, metric: str, passed: pd.Series) -> pd.DataFrame:
    """The share of items passed as measured points, one per run."""
    num_passed = passed.groupby("run").sum().reindex(pooled.run).to_numpy()
    low, high = mid_p(num_passed, pooled.num_items.to_numpy())
    return point_rows(pooled.assign(value=num_passed / pooled.num_items, low=low, high=high, status="ok"), metric)


if __name__ == "__main__":
    measure_main(STEM, measure, series_pass_rates)
