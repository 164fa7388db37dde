"""Where an ability sets in, run by run, and whether the runs agree (paper L, Fig. 1, 2, 5: "around 2.2" for every
model).

Onset, exactly: order a run's checkpoints by tokens seen. The onset checkpoint is the first from which, there and at
every later one, the near end of the interval over items stays beyond chance (plus `margin`), with at least
`min_lasting` such checkpoints.
The onset loss lies where that near end crosses the level, linear in loss between the last checkpoint before and the
onset checkpoint.
A run that never gets there is "not reached": its onset, if any, lies below the loss of its last checkpoint at chance.
(Not below its last
loss: where only the last checkpoint is beyond chance, the onset may lie above that one.) A run beyond chance from its
first checkpoint is "before first" (above its first loss). Both enter `shared_threshold` as censored values, never as
missing ones.
Comparable only between runs scored on the same number of items.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from analysis.intervals import Estimate, failed, wilson
from analysis.newton import best_of, minimise
from analysis.rows import check_level, float_columns, repeated_problem, run_labels


def onset_loss(
    tokens_seen: np.ndarray,
    loss_nats: np.ndarray,
    bound: np.ndarray,
    chance: float,
    margin: float = 0.0,
    min_lasting: int = 2,
    is_rising: bool = True,
) -> Estimate:
    """Onset loss of one run. bound [n]: lower ends of the value's intervals (upper ends with is_rising=False, e.g.
    Brier score).

    low and high bracket it: losses of the onset checkpoint and of the one before. "not reached": estimate nan, low
    -inf, high the loss of the last checkpoint at chance. "not before first" (beyond chance from the start): estimate
    nan, low the first loss, high inf.
    status "failed: ..." for nan, no rows, or a checkpoint listed twice; ValueError for arguments that are none.
    """
    if not (np.isfinite(chance) and margin >= 0 and min_lasting >= 1):
        raise ValueError(
            f"chance {chance}, margin {margin}, min_lasting {min_lasting}: need a number, 0 or more, and 1 or more"
        )
    (tokens, loss, bound), problem = float_columns(1, tokens_seen=tokens_seen, loss_nats=loss_nats, bound=bound)
    problem = problem or repeated_problem(tokens_seen=tokens)
    if problem:
        return failed(problem)
    order = np.argsort(tokens, kind="stable")
    loss = loss[order]
    excess = (bound[order] - chance) * (1 if is_rising else -1) - margin
    # The last checkpoint at chance decides, not the first beyond it: one lucky checkpoint early on is no onset.
    at_chance = np.flatnonzero(excess <= 0)
    first = at_chance[-1] + 1 if len(at_chance) else 0
    if first == 0:
        return Estimate(np.nan, float(loss[0]), np.inf, "not before first: beyond chance from the first checkpoint")
    if len(loss) - first < min_lasting:
        return Estimate(np.nan, -np.inf, float(loss[first - 1]), "not reached")
    share = -excess[first - 1] / (excess[first] - excess[first - 1])
    estimate = loss[first - 1] + share * (loss[first] - loss[first - 1])
    low, high = sorted((float(loss[first]), float(loss[first - 1])))
    return Estimate(float(estimate), low, high)


def onset_by_run(
    frame: pd.DataFrame, chance: float, margin: float = 0.0, min_lasting: int = 2, is_rising: bool = True
) -> pd.DataFrame:
    """One row per run of a table with columns run, tokens_seen, loss_nats and low, high (interval of value over items).

    Where low and high are missing they are made from value and num_items (Wilson). ValueError names columns that are
    neither there nor can be made, and rows without a run. Columns of the result: run, size and seed where the table has
    them, tokens_seen (largest), num_checkpoints, onset_loss_nats, low, high, status (as in onset_loss).
    """
    frame = _with_interval(frame)
    problem = run_labels(frame["run"].to_numpy(), len(frame))[1]
    if problem:
        raise ValueError(problem)
    rows = []
    for run, part in frame.groupby("run", sort=True):
        bound = part["low"] if is_rising else part["high"]
        onset = onset_loss(part["tokens_seen"], part["loss_nats"], bound, chance, margin, min_lasting, is_rising)
        row = {"run": run} | {name: part[name].iloc[0] for name in ("size", "seed") if name in part}
        row |= {
            "tokens_seen": part["tokens_seen"].max(),
            "num_checkpoints": len(part),
            "onset_loss_nats": onset.estimate,
        }
        rows.append(row | {"low": onset.low, "high": onset.high, "status": onset.status})
    return pd.DataFrame(rows)


def _with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with low and high, made from value and num_items where they are missing."""
    needed = {"run", "tokens_seen", "loss_nats"} | (set() if {"low", "high"} <= set(frame) else {"value", "num_items"})
    missing = sorted(needed - set(frame))
    if missing:
        raise ValueError(
            f"columns {', '.join(missing)}: not in the table; it needs run, tokens_seen, loss_nats and either low and "
            "high or value and num_items"
        )
    if {"low", "high"} <= set(frame):
        return frame
    value, items = frame["value"].to_numpy(float), frame["num_items"].to_numpy(float)
    known = np.isfinite(value) & np.isfinite(items) & (items > 0) & (value >= 0) & (value <= 1)
    if (~known & np.isfinite(value) & ((value < 0) | (value > 1))).any():
        raise ValueError("value: holds numbers outside 0 to 1; divide percent by 100, or give low and high")
    low, high = wilson(np.where(known, value * items, 0.0), np.where(known, items, 1.0))
    return frame.assign(low=np.where(known, low, np.nan), high=np.where(known, high, np.nan))


@dataclass(frozen=True)
class SharedThreshold:
    """centre: mean onset loss; spread_nats: SD over runs; ratio: SD over the loss range (paper claim: small), each with
    interval;
    spread_by: SD of the group means per factor (size, budget, seed; nan below two groups); counts of what entered."""

    centre: Estimate
    spread_nats: Estimate
    ratio: Estimate
    spread_by: dict[str, float]
    num_reached: int
    num_not_reached: int
    num_before_first: int
    status: str


def shared_threshold(
    onset_loss_nats: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    loss_range_nats: float,
    groups: Mapping[str, np.ndarray] | None = None,
    level: float = 0.95,
) -> SharedThreshold:
    """SD of onset loss over runs [n] relative to the loss range, taking censored runs along.

    onset nan with low -inf means not reached above loss `high`; with high inf, onset above loss `low`. Without
    censoring the SD is the sample's and its interval the chi-square one; with it, a normal distribution is fitted by
    maximum likelihood and the interval is that of the profile likelihood, both widened by sqrt(n/(n-1)). Both assume
    onsets normal over runs. status "failed" below 3 reached onsets.
    """
    check_level(level)
    onset, low, high = (np.asarray(array, float) for array in (onset_loss_nats, low, high))
    if not onset.shape == low.shape == high.shape or onset.ndim != 1:
        raise ValueError(f"onset_loss_nats {onset.shape}, low {low.shape}, high {high.shape}: pass one of each per run")
    if not 0 < loss_range_nats < np.inf:
        raise ValueError(f"loss_range_nats: got {loss_range_nats}, needs to be above 0")
    reached = np.isfinite(onset)
    never, before = ~reached & np.isneginf(low), ~reached & np.isposinf(high)
    counts = (int(reached.sum()), int(never.sum()), int(before.sum()))
    if sum(counts) < len(onset):
        row = int(np.flatnonzero(~(reached | never | before))[0])
        nothing = failed(f"row {row} holds neither an onset nor a bound of one; leave out runs whose onset failed")
        return SharedThreshold(nothing, nothing, nothing, {}, *counts, nothing.status)
    if counts[0] >= 3 and np.ptp(onset[reached]) == 0:
        nothing = failed(
            f"all {counts[0]} onsets are {onset[reached][0]:.6g}: their spread is below what the checkpoints resolve"
        )
        return SharedThreshold(nothing, nothing, nothing, {}, *counts, nothing.status)
    if counts[0] < 3:
        nothing = failed(f"{counts[0]} runs reached the onset, their spread needs 3")
        return SharedThreshold(nothing, nothing, nothing, {}, *counts, nothing.status)
    if never.any() or before.any():
        centre, spread = _censored_normal(onset[reached], high[never], low[before], level)
    else:
        centre, spread = _plain_normal(onset, level)
    ratio = Estimate(
        *(number / loss_range_nats for number in (spread.estimate, spread.low, spread.high)), spread.status
    )
    factors = {
        name: _group_spread(onset[reached], np.asarray(labels)[reached]) for name, labels in (groups or {}).items()
    }
    return SharedThreshold(centre, spread, ratio, factors, *counts, spread.status)


def _group_spread(onset: np.ndarray, labels: np.ndarray) -> float:
    means = [onset[labels == label].mean() for label in np.unique(labels)]
    return float(np.std(means, ddof=1)) if len(means) > 1 else np.nan


def _plain_normal(onset: np.ndarray, level: float) -> tuple[Estimate, Estimate]:
    n, mean, sd = len(onset), float(np.mean(onset)), float(np.std(onset, ddof=1))
    half = float(stats.t.ppf(0.5 + level / 2, n - 1) * sd / np.sqrt(n))
    ends = sd * np.sqrt((n - 1) / stats.chi2.ppf([0.5 + level / 2, 0.5 - level / 2], n - 1))
    return Estimate(mean, mean - half, mean + half), Estimate(sd, float(ends[0]), float(ends[1]))


def _censored_normal(
    reached: np.ndarray, below: np.ndarray, above: np.ndarray, level: float
) -> tuple[Estimate, Estimate]:
    """Normal fit with onsets known at `reached`, somewhere under each of `below`, somewhere over each of `above`."""
    n = len(reached) + len(below) + len(above)
    # Log SD as parameter: no bound at 0 to stick to, and a likelihood that is nearly quadratic in it.
    unit = max(float(np.std(reached, ddof=1)), 1e-6)
    # Correct the maximum-likelihood SD as ddof=1 does, so that the two branches agree where little is censored.
    widen = np.sqrt(n / (n - 1))

    def minus_log_likelihood(mean: float, log_sd: float) -> float:
        return _censored_jet(mean, log_sd, reached, below, above)[0]

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return _censored_jet(theta[0], theta[1], reached, below, above)

    # Bounds far beyond any answer; they only keep a step of Newton's method from overflowing.
    low, high = (-np.inf, np.log(unit) - 12), (np.inf, np.log(unit) + 12)
    ends = best_of(
        [minimise(objective, (np.mean(reached), np.log(unit * scale)), low, high) for scale in (0.5, 1.0, 2.0, 4.0)]
    )
    if not ends:
        return failed("censored fit did not converge"), failed("censored fit did not converge")
    best = ends[0]
    limit = best.value + stats.chi2.ppf(level, 1) / 2

    def spread_profile(log_sd: float) -> float:
        inner = optimize.minimize_scalar(lambda mean: minus_log_likelihood(mean, log_sd), (best.x[0], best.x[0] + unit))
        return inner.fun - limit

    def centre_profile(mean: float) -> float:
        inner = optimize.minimize_scalar(
            lambda log_sd: minus_log_likelihood(mean, log_sd), (best.x[1], best.x[1] + 0.5)
        )
        return inner.fun - limit

    # Profile likelihood, not a normal interval: with half of the runs censored it is far from symmetric.
    log_low, log_high = (_crossing(spread_profile, best.x[1], step) for step in (-0.5, 0.5))
    low, high = (_crossing(centre_profile, best.x[0], step * np.exp(best.x[1])) for step in (-0.5, 0.5))
    status = f"ok: {len(below)} not reached, {len(above)} before first, taken as censored"
    spread = widen * np.exp([best.x[1], log_low, log_high])
    return Estimate(float(best.x[0]), low, high, status), Estimate(*map(float, spread), status)


def _censored_jet(mean: float, log_sd: float, reached, below, above) -> tuple[float, np.ndarray, np.ndarray]:
    """Minus log likelihood of onsets known, below and above, with gradient and Hessian by (mean, log SD)."""
    sd = np.exp(log_sd)
    known = (reached - mean) / sd
    value, first = (
        0.5 * np.sum(known**2) + len(reached) * log_sd,
        np.array([-np.sum(known) / sd, len(reached) - np.sum(known**2)]),
    )
    second = np.array([[len(reached) / sd**2, 2 * np.sum(known) / sd], [2 * np.sum(known) / sd, 2 * np.sum(known**2)]])
    for sign, ends in ((1.0, below), (-1.0, above)):
        # Beyond 1e6 SD a step went astray; cut off, its value still says so, and nothing overflows.
        z = np.clip(sign * (ends - mean) / sd, -1e6, 1e6)
        # Of density to distribution function.
        ratio = np.exp(np.minimum(-0.5 * z**2 - special.log_ndtr(z), 50.0)) / np.sqrt(2 * np.pi)
        bend = ratio * (z + ratio)  # minus its derivative by z
        value = value - special.log_ndtr(z).sum()
        first = first + [sign * ratio.sum() / sd, np.sum(ratio * z)]
        mixed = sign * np.sum(bend * z - ratio) / sd
        second = second + [[bend.sum() / sd**2, mixed], [mixed, np.sum(bend * z**2 - ratio * z)]]
    return float(value), first, second


def _crossing(profile, start: float, step: float) -> float:
    """First zero of a profile that is negative at start, walking in growing steps; infinite when 40 doublings find
    none."""
    previous = start
    for _ in range(40):
        following = previous + step
        value = profile(following)
        if not np.isfinite(value) or value > 0:
            if not np.isfinite(value):
                return float(following)
            return float(optimize.brentq(profile, *sorted((previous, following)), xtol=1e-6, rtol=1e-6))
        previous, step = following, step * 1.5
    return float(np.sign(step) * np.inf)
