"""Paper P, Figure 1: pass rates by PassUntil beside a conventional test (one attempt at each item), how far below its
resolution they reach, and both costs."""

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed, mid_p
from analysis.passes.stopping import unbiased_variance
from experiments.tables.names import ALL_TASKS, series_names
from experiments.tables.pass_statistics import difference, joined_statistic, mean_of, rate_at, scaled, to_log, too_low
from experiments.tables.passes import (
    has_passed,
    item_rates,
    point_rows,
    pooled_rates,
    select_passes,
    series_pass_rates,
    target_of,
)
from experiments.tables.scores import size_rows, statistic_row
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig1_resolution"
DECADE = np.log(10)


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Pass rates per task and size, the conventional score of the same items, and the cost of both at equal resolution
    (paper P, Figure 1)."""
    parts: list = [size_rows(passes)]
    series = series_names(passes)
    for task in ALL_TASKS:
        rows = select_passes(passes, task)
        pooled = pooled_rates(rows)
        hidden = hidden_runs(rows)
        first = conventional_scores(rows, pooled)
        parts += [
            point_rows(pooled).assign(is_hidden=pooled.run.map(hidden)),
            point_rows(first, "conventional_score"),
            costs(rows, pooled),
        ]
        resolved, rises = {}, {}
        for name in series:
            one = pooled[(pooled.series == name) & pooled.run.map(hidden)]
            whole = pooled[pooled.series == name]
            resolved[name], rises[name] = decades_resolved(one), hidden_rise(whole, hidden)
        parts += [
            [statistic_row(rows, task, "left_chance", has_passed(pooled, task))],
            joined_statistic(pooled, task, "decades_resolved", resolved, too_low),
            joined_statistic(pooled, task, "hidden_rise_decades", rises, too_low),
        ]
    return parts


def hidden_runs(rows: pd.DataFrame) -> pd.Series:
    """Whether one attempt at each item would more likely than not pass none: product of (1 - rate) over the items at
    least one half; indexed by run."""
    with np.errstate(divide="ignore"):
        log_none = pd.Series(np.log1p(-item_rates(rows)), index=rows.index).groupby(rows.run).sum()
    return log_none >= np.log(0.5)


def conventional_scores(rows: pd.DataFrame, pooled: pd.DataFrame) -> pd.DataFrame:
    """`pooled` with the share of items whose first attempt passed, mid-P interval: what a test of as many items
    shows."""
    is_first = pd.Series(
        [len(positions) > 0 and positions[0] == 1 for positions in rows.pass_positions], index=rows.index
    )
    num_passed = is_first.groupby(rows.run).sum().reindex(pooled.run).to_numpy()
    low, high = mid_p(num_passed, pooled.num_items.to_numpy())
    return pooled.assign(
        value=num_passed / pooled.num_items.to_numpy(),
        low=low,
        high=high,
        num_censored=0,
        num_attempts=pooled.num_items,
        status="ok",
    )


def decades_resolved(hidden: pd.DataFrame) -> Estimate:
    """log10 of (1 / items) over the smallest rate that is distinguished from zero among the hidden runs; 0 where
    none is."""
    if hidden.empty:
        return failed("no run is hidden from a conventional test")
    told = hidden[hidden.low > 0]
    if told.empty:
        return Estimate(0.0, 0.0, 0.0, f"ok: none of {len(hidden)} hidden runs told from zero")
    smallest = told.loc[told.value.idxmin()]
    decades = [-np.log10(rate * smallest.num_items) for rate in (smallest.value, smallest.high, smallest.low)]
    return Estimate(*decades, f"ok: {len(told)} of {len(hidden)} hidden runs told from zero")


def hidden_rise(pooled: pd.DataFrame, hidden: pd.Series) -> Estimate:
    """Decades by which the rate rises from the smallest size to the largest one whose runs are all hidden. A smallest
    size without a pass enters with the upper end of its interval, so the rise is then at least what is stated."""
    is_hidden = pooled.run.map(hidden).groupby(pooled["size"]).all()
    sizes = [
        size for size in dict.fromkeys(pooled.sort_values("num_nonembedding_parameters")["size"]) if is_hidden[size]
    ]
    if len(sizes) < 2:
        return failed(f"{len(sizes)} sizes hidden from a conventional test, needs 2")
    bottom, top = rate_at(pooled, sizes[0]), rate_at(pooled, sizes[-1])
    if not top.estimate > 0:
        return Estimate(0.0, 0.0, 0.0, "ok: no pass at any hidden size")
    if not bottom.estimate > 0:
        bottom = mean_of(
            [Estimate(bottom.high, bottom.high, bottom.high, "ok: smallest size without a pass, its upper bound taken")]
        )
    return scaled(difference(to_log(top), to_log(bottom)), 1 / DECADE)


def costs(rows: pd.DataFrame, pooled: pd.DataFrame) -> list[dict]:
    """Per run: token positions that PassUntil ran through the model over those of a conventional test with the same
    standard error (prompts not counted, in its favour). `cost_ratio`: a test whose items have these items' mean;
    `cost_ratio_new_items`: new items, whose differences then average out as well.
    """
    target, parts = target_of(rows), []
    for row in pooled.itertuples():
        run = rows[rows.run == row.run]
        rates, variances = item_rates(run), unbiased_variance(run.passes.to_numpy(), run.attempts.to_numpy(), target)
        sampling = variances.sum() / len(run) ** 2
        between = max(float(np.var(rates, ddof=1)) - float(variances.mean()), 0.0) / len(run) if len(run) > 1 else 0.0
        if not (0 < row.value < 1 and sampling > 0):
            continue
        for metric, variance in (("cost_ratio", sampling), ("cost_ratio_new_items", sampling + between)):
            num_equivalent = row.value * (1 - row.value) / variance
            parts.append(
                {
                    "kind": "cost",
                    "task": row.task,
                    "metric": metric,
                    "run": row.run,
                    "series": row.series,
                    "size": row.size,
                    "seed": str(row.seed),
                    "value": row.num_evaluated / (num_equivalent * run.answer_tokens.mean()),
                    "num_items": num_equivalent,
                    "status": "ok",
                    "pass_rate": row.value,
                    "attempt_ratio": row.num_attempts / num_equivalent,
                }
            )
    return parts


if __name__ == "__main__":
    measure_main(STEM, measure, series_pass_rates)
