"""Statistics of claims, version 2: one number per run, an interval over runs. The fits live in analysis/; here they are
asked of a table.

`rows` is one task under its own metric, all checkpoints of some runs of one mixture; `by_mixture` joins mixtures.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import optimize

from analysis.intervals import Estimate
from analysis.onset.fit import onset_by_run
from analysis.onset.spread import OnsetSpread, onset_spread
from analysis.run_curves.mean import flat_share, joined_mean, run_mean
from analysis.run_curves.monotone import monotone_share
from analysis.run_curves.size_shift import SizeShift, half_gain_loss, size_shift
from analysis.run_curves.steepest import steepest_mean
from experiments.tables.names import asked, chance_of
from experiments.tables.scores import statistic_row
from experiments.tables.task_statistics import above_chance, loss_range

MIN_CHECKPOINTS = 4  # with fewer, a branch's own ones all lie past the stretch where an onset could be seen
WINDOW_SHARE = 0.1  # of the loss range: the window within which a rise counts as sudden
QUARTER = 0.25  # of the gain: where the metrics are compared, clear of item noise
MARGIN = 0.05  # of the loss range: a shift that counts as none


def by_mixture(make: Callable[..., dict | list[dict]], *tables: pd.DataFrame, **named: str) -> list[dict]:
    """The statistic rows of make(*tables, **named), joined over mixtures by their mean: losses of two mixtures are not
    one scale, so each statistic is taken within a mixture. A profile of one mixture gives its rows as they are."""

    def rows_of(*parts: pd.DataFrame) -> list[dict]:
        made = make(*parts, **named)
        return [made] if isinstance(made, dict) else made

    names = mixture_names(tables[0])
    if len(names) < 2:
        return rows_of(*tables)
    of_mixture = {name: rows_of(*(table[table["mixture"] == name] for table in tables)) for name in names}
    joined = []
    for rows in zip(*of_mixture.values(), strict=True):
        found = {name: Estimate(row["value"], row["low"], row["high"], row["status"]) for name, row in zip(names, rows)}
        mean = joined_mean(found)
        if not mean.ok and all(one.status.startswith("not reached") for one in found.values()):
            mean = Estimate(np.nan, np.nan, np.nan, "not reached: in no mixture")
        seeds = sorted({seed for row in rows for seed in row["seed"].split()}, key=int)
        joined.append(
            rows[0]
            | {"value": mean.estimate, "low": mean.low, "high": mean.high, "status": mean.status}
            | {"seed": " ".join(seeds), "mixture": " ".join(names)}
        )
    return joined


def mixture_names(rows: pd.DataFrame) -> list[str]:
    """The mixtures of a table, in order; none where it names none."""
    return sorted(set(rows["mixture"])) if "mixture" in rows else []


def trunk_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Checkpoints at full learning rate or of a whole schedule: branches that only decay are left out, because decay
    lowers the loss without adding what the tokens would have taught."""
    return rows[rows["run"] == rows["lineage"]].reset_index(drop=True)


def flat_row(rows: pd.DataFrame, task: str) -> dict:
    """Statistic row `flat_share`: share of the loss range spent at chance, mean over the long runs."""
    lifted = rows.assign(value=above_chance(rows, task))
    return statistic_row(rows, task, "flat_share", flat_share(lifted, asked(rows)[task].chance, loss_range(rows)))


def steepest_row(rows: pd.DataFrame, task: str) -> dict:
    """Statistic row `steepest_share`: largest share of a run's gain in a tenth of the loss range, mean over runs."""
    high, low = loss_range(rows)
    share = rows.value.to_numpy()
    error = np.sqrt(np.maximum(share * (1 - share), 1 / rows.num_items) / rows.num_items)
    found = steepest_mean(rows.run, rows.tokens_seen, rows.loss_nats, rows.value, error, WINDOW_SHARE * (high - low))
    return statistic_row(rows, task, "steepest_share", found, rows.run.nunique())


def monotone_row(rows: pd.DataFrame, task: str) -> dict:
    """Statistic row `monotone_share`: rank correlation of falling loss and score as a share of its ceiling."""
    found = monotone_share(rows.lineage, rows.loss_nats, rows.value, rows.num_items)
    return statistic_row(rows, task, "monotone_share", found, len(rows))


def onset_of(rows: pd.DataFrame, task: str) -> OnsetSpread:
    """Mean and spread over runs of the onset, from brackets; the loss range is that of the long runs. Runs that end
    above every onset seen could not have shown theirs, and have no say."""
    brackets = onset_by_run(trunk_rows(rows), asked(rows)[task].chance)
    brackets = brackets[brackets.num_checkpoints >= MIN_CHECKPOINTS]
    bounded = np.isfinite(brackets.low) & np.isfinite(brackets.high)
    highest = brackets.high[bounded].max() if bounded.any() else -np.inf
    brackets = brackets[~(np.isneginf(brackets.low) & (brackets.high >= highest))]
    high, low = loss_range(rows[rows.series == "long"])
    return onset_spread(brackets.low.to_numpy(), brackets.high.to_numpy(), high - low)


def onset_rows(rows: pd.DataFrame, task: str) -> list[dict]:
    """Statistic rows `onset_location` (nats) and `onset_spread_share` (of the loss range)."""
    found = onset_of(rows, task)
    num_runs = found.num_reached + found.num_not_reached + found.num_before_first
    return [
        statistic_row(rows, task, "onset_location", found.location, num_runs),
        statistic_row(rows, task, "onset_spread_share", found.ratio, num_runs),
    ]


def tasks_onset_row(rows: pd.DataFrame, found: dict[str, OnsetSpread]) -> dict:
    """Statistic row `task_onset_spread_share`: SD over tasks of their mean onset, as a share of the loss range,
    interval by the bootstrap over runs that each task's location comes with (the same runs in each)."""
    name = "task_onset_spread_share"
    if lost := [task for task, one in found.items() if not one.location.ok]:
        status = found[lost[0]].location.status
        word = "not reached" if status.startswith("not reached") else "failed"
        reason = f"{word}: no onset of {', '.join(lost)}"
        return statistic_row(rows, "all", name, Estimate(np.nan, np.nan, np.nan, reason))
    high, low = loss_range(rows[rows.series == "long"])
    locations = np.array([one.location.estimate for one in found.values()])
    draws = np.array([one.draws[:, 0] for one in found.values()])
    draws = draws[:, np.isfinite(draws).all(axis=0)]
    value = float(np.std(locations, ddof=1)) / (high - low)
    # The spread of estimates holds their errors too: what the tasks' own intervals explain is taken off.
    error = float(np.mean(np.var(draws, axis=1, ddof=1)))
    square = np.std(draws, axis=0, ddof=1) ** 2 - error
    spread = np.sqrt(np.maximum(square, 0)) / (high - low)
    ends = np.quantile(spread, [0.025, 0.975])
    return statistic_row(rows, "all", name, Estimate(value, float(min(ends[0], value)), float(max(ends[1], value))))


def shift_of(rows: pd.DataFrame, task: str) -> SizeShift:
    """Shift from the smallest to the largest size of the loss at half gain, over the long runs of all mixtures: each
    mixture's losses are taken as shares of its own range, and runs are compared within a mixture and seed."""
    parts = []
    for _, part in rows.groupby("mixture" if "mixture" in rows else "metric", sort=True):
        high, low = loss_range(part)
        parts.append(part.assign(loss_share=(part.loss_nats - low) / (high - low)))
    every = pd.concat(parts, ignore_index=True)
    blocks = every["seed"].astype(str) + (" " + every["mixture"].astype(str) if "mixture" in every else "")
    size, chance = every.num_nonembedding_parameters, asked(rows)[task].chance
    return size_shift(every.run, every.loss_share, every.value, size, chance, 1.0, blocks.to_numpy(), margin=MARGIN)


def shift_row(rows: pd.DataFrame, task: str) -> dict:
    """Statistic row `size_shift_share`, with the interval of the two one-sided tests at 5 %."""
    found = shift_of(rows, task)
    row = statistic_row(rows, task, "size_shift_share", found.equivalence, found.num_runs)
    return row | {"mixture": " ".join(mixture_names(rows))}


def budget_shift_row(by_task: dict[str, pd.DataFrame]) -> dict:
    """Statistic row `budget_shift_share` over all tasks: how far the small runs' loss at half gain lies from that of
    the long runs, as a share of the loss range; one number per small run, the mean over the tasks that it shows."""
    shifts: dict[str, list[float]] = {}
    for task, rows in by_task.items():
        kept, chance = trunk_rows(rows), asked(rows)[task].chance
        long = kept[kept.series == "long"]
        high, low = loss_range(long)
        curves = {
            run: (part.loss_nats.to_numpy(), optimize.isotonic_regression(part.value).x)
            for run, part in kept.sort_values("tokens_seen").groupby("run", sort=True)
        }
        last = [curves[run][1][-1] for run in long.run.unique()]
        half = chance + (np.mean(last) - chance) / 2
        if half <= chance:
            continue
        widest = 2 * MARGIN * (high - low)
        places = {run: half_gain_loss(*curve, half, widest) for run, curve in curves.items()}
        usual = np.nanmean([places[run] for run in long.run.unique()] or [np.nan])
        for run in kept.run[kept.series == "small"].unique():
            if np.isfinite(places[run] - usual):
                shifts.setdefault(run, []).append((places[run] - usual) / (high - low))
    means = np.array([np.mean(found) for found in shifts.values()])
    every = pd.concat(by_task.values())
    estimate = (
        run_mean(means)
        if len(means)
        else Estimate(np.nan, np.nan, np.nan, "not reached: no small run crosses half gain")
    )
    return statistic_row(every, "all", "budget_shift_share", estimate, len(means))


def metric_shift_row(accuracy: pd.DataFrame, other: pd.DataFrame, task: str, metric: str) -> dict:
    """Statistic row `metric_shift_<metric>`: the loss at which a long run makes a quarter of its gain under a
    continuous metric minus the same under accuracy, as a share of the loss range, mean over runs. The Brier score is
    turned round."""
    high, low = loss_range(accuracy)
    sign, tasks = -1.0 if metric == "brier_score" else 1.0, asked(accuracy)
    places = []
    for rows, turn, chance in (
        (accuracy, 1.0, chance_of(task, "accuracy", tasks)),
        (other, sign, sign * chance_of(task, metric, tasks)),
    ):
        curves = {
            run: (part.loss_nats.to_numpy(), optimize.isotonic_regression(turn * part.value).x)
            for run, part in rows.sort_values("tokens_seen").groupby("run", sort=True)
        }
        quarter = chance + QUARTER * (np.mean([curve[-1] for _, curve in curves.values()]) - chance)
        places.append([half_gain_loss(*curve, quarter, high - low) for curve in curves.values()])
    shifts = (np.array(places[1]) - np.array(places[0])) / (high - low)
    known = np.isfinite(shifts)
    name = f"metric_shift_{metric}"
    if known.sum() < 2 or 2 * known.sum() < len(known):
        status = f"not reached: {known.sum()} of {len(known)} runs make a quarter of the gain under both metrics"
        return statistic_row(accuracy, task, name, Estimate(np.nan, np.nan, np.nan, status))
    return statistic_row(accuracy, task, name, run_mean(shifts[known]), int(known.sum()))


def slope_underneath_row(accuracy: pd.DataFrame, probability: pd.DataFrame, task: str) -> dict:
    """Statistic row `slope_underneath`: decades per nat of falling loss by which the probability of the right choice,
    among the choices, rises above the loss at which accuracy leaves chance; slope per long run, mean over runs. The
    probability given an answer of the asked form, so that learning the form does not count as the ability."""
    onset = onset_of(accuracy, task).location
    name = "slope_underneath"
    if not onset.ok:
        return statistic_row(accuracy, task, name, Estimate(np.nan, np.nan, np.nan, onset.status))
    slopes = []
    for _, part in probability[probability.loss_nats > onset.estimate].groupby("run", sort=True):
        if len(part) >= MIN_CHECKPOINTS:
            slopes.append(np.polyfit(-part.loss_nats, np.log10(part.value.clip(lower=1e-12)), 1)[0])
    return statistic_row(accuracy, task, name, run_mean(np.array(slopes)), len(slopes))


def ratio_over_tasks(rows: pd.DataFrame, by_task: list[dict], name: str) -> dict:
    """Statistic row of the geometric mean over tasks of a positive statistic, interval over tasks."""
    logs = np.log([row["value"] for row in by_task if np.isfinite(row["value"]) and row["value"] > 0])
    mean = run_mean(logs)
    return statistic_row(
        rows, "all", name, Estimate(*np.exp([mean.estimate, mean.low, mean.high]), mean.status), len(logs)
    )
