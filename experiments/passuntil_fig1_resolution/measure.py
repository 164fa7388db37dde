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
from experiments.tables.series_statistics import mean_over_seeds, mean_over_series, no_premise, share_over_seeds
from experiments.tables.stage import measure_main
from profiles.paths import Paths

STEM = "passuntil_fig1_resolution"
DECADE = np.log(10)


def measure(passes: pd.DataFrame, paths: Paths) -> list:
    """Pass rates per task and size, the conventional score of the same items, and the cost of both at equal resolution
    (paper P, Figure 1)."""
    parts: list = [size_rows(passes)]
    series = series_names(passes)
    by_task, all_hidden = {}, {}
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
        by_task[task], all_hidden[task] = pooled, hidden
    return [*parts, *hidden_statistics(by_task, all_hidden)]


def hidden_statistics(by_task: dict[str, pd.DataFrame], hidden: dict[str, pd.Series]) -> list[list[dict]]:
    """What PassUntil sees in the hidden runs of all tasks (pooled rates and hidden runs by task), mean over series."""
    table = pd.concat([pooled.assign(is_hidden=pooled.run.map(hidden[task])) for task, pooled in by_task.items()])
    unseen = table[table.is_hidden.astype(bool)]
    found: dict[str, dict[str, Estimate]] = {
        "hidden_told_share": {},
        "resolved_decades": {},
        "hidden_growth_decades": {},
    }
    for series in series_names(table):
        one = unseen[unseen.series == series]
        found["hidden_told_share"][series] = told_share(one)
        found["resolved_decades"][series] = (
            mean_over_seeds(mean_decades, one, needs="a hidden run above zero") if len(one) else no_hidden()
        )
        rises = pd.concat([hidden_rises(part[part.series == series], hidden[task]) for task, part in by_task.items()])
        found["hidden_growth_decades"][series] = (
            mean_over_seeds(lambda seed: float(seed.rise.mean()), rises)
            if len(rises)
            else no_premise("no task has two hidden sizes")
        )
    return [mean_over_series(table, "all", metric, by_series) for metric, by_series in found.items()]


def no_hidden() -> Estimate:
    """Without hidden runs there is nothing that a conventional test misses."""
    return no_premise("no run is hidden from a conventional test")


def told_share(unseen: pd.DataFrame) -> Estimate:
    """Share of the hidden runs (task by task) whose rate is above zero by its interval; as if each of the runs counted
    once, whatever number of tasks it is hidden on."""
    if unseen.empty:
        return no_hidden()
    told = (unseen.low > 0).groupby(unseen.seed).mean()
    return share_over_seeds(told.to_numpy(), unseen.run.nunique()).noted(f"{len(unseen)} hidden runs of a task")


def mean_decades(unseen: pd.DataFrame) -> float:
    """Mean over the hidden runs above zero of the decades from one over the number of items down to their rate."""
    told = unseen[unseen.low > 0]
    return float(-np.log10(told.value * told.num_items).mean()) if len(told) else np.nan


def hidden_rises(pooled: pd.DataFrame, hidden: pd.Series) -> pd.DataFrame:
    """Rise of the rate in decades from the smallest to the largest size whose runs are all hidden, of each seed:
    columns seed, rise. Where the smallest has no pass its upper bound is taken, where the largest has none the rise is
    0."""
    is_hidden = pooled.run.map(hidden).groupby(pooled.num_nonembedding_parameters).all()
    sizes = sorted(is_hidden.index[is_hidden])
    if len(sizes) < 2:
        return pd.DataFrame(columns=["seed", "rise"])
    bottom, top = (pooled[pooled.num_nonembedding_parameters == sizes[end]].set_index("seed") for end in (0, -1))
    start = bottom.value.where(bottom.value > 0, bottom.high)
    seeds = start.index.intersection(top.index)
    with np.errstate(divide="ignore"):
        rise = np.log10(top.value.loc[seeds]) - np.log10(start.loc[seeds])
    return pd.DataFrame({"seed": seeds, "rise": np.where(top.value.loc[seeds] > 0, rise, 0.0)})


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
