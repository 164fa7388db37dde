"""Do runs agree on the loss at which an ability sets in? Onsets as what the checkpoints say of them: a bracket.

An onset lies somewhere between the last checkpoint at chance and the first beyond it, not at a point between them: the
interpolated point of a sudden rise lies wherever the two checkpoints happen to be, and its scatter over runs with few
checkpoints is mostly that of the grid. So each run enters by its bracket alone (analysis/onset/fit.py makes it), a run
that never got there by the bound that it gives, and a normal distribution over runs is fitted by maximum likelihood:

    log L = sum log(Phi((high - mean) / sd) - Phi((low - mean) / sd)).

In (mean / sd, 1 / sd) this is concave (Pratt 1981, Burridge 1981), so that one start of Newton's method finds the
maximum.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import special, stats

from analysis.intervals import Estimate, failed, from_replicates, run_counts
from analysis.rows import check_level, check_replicates

# A spread below this share of the loss range is none: the likelihood of brackets that all share a point rises until 0.
LEAST_SHARE = 1e-3
MIN_REACHED, MIN_SHARE_REACHED = 3, 0.25  # fewer runs that show an onset say too little of those that ended before it
WIDEST_SHARE, NUM_PROFILE, NUM_BISECTIONS = 5.0, 60, 30
MAX_STEPS, PRECISE = 200, 1e-9


@dataclass(frozen=True)
class OnsetSpread:
    """location: mean onset loss (nats); spread_nats: SD over runs; ratio: SD over the loss range (paper L: small), each
    with interval; draws [R, 2] of location and SD over runs; counts of what entered."""

    location: Estimate
    spread_nats: Estimate
    ratio: Estimate
    num_reached: int
    num_not_reached: int
    num_before_first: int
    status: str
    draws: np.ndarray = field(repr=False)


def onset_spread(
    low: np.ndarray,
    high: np.ndarray,
    loss_range_nats: float,
    num_replicates: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> OnsetSpread:
    """Mean and SD over runs [n] of the onset loss from brackets (low, high) in nats, as `onset_loss` gives them.

    low -inf: not reached above the loss `high`; high inf: beyond chance from the first checkpoint, at loss `low`. The
    SD is corrected by sqrt(n / (n - 1)) as ddof=1 does. status "not reached: ..." when fewer than a quarter of the
    runs reached the onset, "failed: ..." below 3 that did and for brackets that are none. ValueError for columns of
    different lengths or a loss range that is none.
    """
    check_level(level)
    check_replicates(num_replicates)
    low, high = np.asarray(low, float), np.asarray(high, float)
    if low.shape != high.shape or low.ndim != 1:
        raise ValueError(f"low {low.shape}, high {high.shape}: pass one of each per run")
    if not 0 < loss_range_nats < np.inf:
        raise ValueError(f"loss_range_nats: got {loss_range_nats}, needs to be above 0")
    never, before = np.isneginf(low), np.isposinf(high)
    counts = (int(np.sum(~never & ~before)), int(never.sum()), int(before.sum()))
    problem = _problem(low, high, counts)
    if problem:
        nothing = Estimate(np.nan, np.nan, np.nan, problem)
        return OnsetSpread(nothing, nothing, nothing, *counts, problem, np.empty((0, 2)))
    num_runs = len(low)
    _, drawn = run_counts(np.arange(num_runs), num_replicates, seed)
    fits = _normal_fits(low, high, np.vstack([np.ones(num_runs), drawn]), LEAST_SHARE * loss_range_nats)
    fits[:, 1] *= np.sqrt(num_runs / (num_runs - 1))
    if not np.isfinite(fits[0]).all():
        nothing = failed("the fit did not converge")
        return OnsetSpread(nothing, nothing, nothing, *counts, nothing.status, fits[1:])
    location = from_replicates(float(fits[0, 0]), fits[1:, 0], level, num_runs=num_runs)
    spread = _spread_interval(float(fits[0, 1]), low, high, loss_range_nats, level)
    if counts[1] + counts[2]:
        note = f"{counts[1]} not reached, {counts[2]} before first, taken as censored"
        location, spread = location.noted(note), spread.noted(note)
    ratio = Estimate(*(float(x / loss_range_nats) for x in (spread.estimate, spread.low, spread.high)), spread.status)
    return OnsetSpread(location, spread, ratio, *counts, spread.status, fits[1:])


def _problem(low: np.ndarray, high: np.ndarray, counts: tuple[int, int, int]) -> str:
    """What keeps these brackets from being judged, "" where nothing does."""
    wrong = np.flatnonzero(~(low < high) | (np.isneginf(low) & np.isposinf(high)))
    if len(wrong):
        row = int(wrong[0])
        return f"failed: row {row} holds the bracket {low[row]} to {high[row]}, needs low < high and one of them finite"
    num_runs = len(low)
    # A run beyond chance from its first checkpoint did reach the ability; where, its checkpoints do not say.
    if counts[0] + counts[2] < MIN_SHARE_REACHED * num_runs:
        return f"not reached: {counts[0] + counts[2]} of {num_runs} runs reached the onset"
    if counts[0] < MIN_REACHED:
        return f"failed: {counts[0]} runs with a bracketed onset, their spread needs {MIN_REACHED}"
    return ""


def _spread_interval(estimate: float, low: np.ndarray, high: np.ndarray, loss_range: float, level: float) -> Estimate:
    """Profile-likelihood interval of the SD, its cut by t for few runs, on a grid of SDs; low 0 where no spread at all
    does as well.

    Not the bootstrap's: a resampled set of runs holds fewer distinct brackets, so that its SDs lie too low, and their
    percentiles cover the planted SD in 51 to 84 % of simulated sets of 9 to 54 runs instead of 95 %.
    """
    num_runs = len(low)
    sds = loss_range * np.geomspace(LEAST_SHARE, WIDEST_SHARE, NUM_PROFILE)
    profile = _profile(low, high, sds)
    cut = profile.max() - stats.t.ppf(0.5 + level / 2, num_runs - 1) ** 2 / 2
    inside = np.flatnonzero(profile >= cut)
    first, last = int(inside[0]), int(inside[-1])
    if last == len(sds) - 1:
        return Estimate(estimate, np.nan, np.nan, "failed: the brackets bound the spread from no side")

    def crossing(outside: int, within: int) -> float:
        share = (cut - profile[outside]) / (profile[within] - profile[outside])
        return float(sds[outside] * (sds[within] / sds[outside]) ** share)

    widen = np.sqrt(num_runs / (num_runs - 1))
    return Estimate(
        estimate, float(widen * crossing(first - 1, first)) if first else 0.0, float(widen * crossing(last + 1, last))
    )


def _profile(low: np.ndarray, high: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """Log likelihood [K] at each SD [K], the mean at its best."""
    ends = np.where(np.isfinite(low) & np.isfinite(high), (low + high) / 2, np.where(np.isfinite(low), low, high))
    below, above = np.full(len(sds), ends.min() - 2 * np.ptp(ends)), np.full(len(sds), ends.max() + 2 * np.ptp(ends))
    weights = np.ones((len(sds), len(low)))
    # The slope by the mean falls from plus to minus, so bisection finds the best mean whatever the SD.
    for _ in range(NUM_BISECTIONS):
        middle = (below + above) / 2
        slope = _jet(np.column_stack([middle, np.ones(len(sds))]) / sds[:, None], low, high, weights)[1][:, 0]
        below, above = np.where(slope > 0, middle, below), np.where(slope > 0, above, middle)
    middle = (below + above) / 2
    return _jet(np.column_stack([middle, np.ones(len(sds))]) / sds[:, None], low, high, weights)[0]


def _normal_fits(low: np.ndarray, high: np.ndarray, weights: np.ndarray, least: float) -> np.ndarray:
    """Mean and SD of a normal distribution for each row of weights [R, n] over the brackets [n]: [R, 2], nan where
    Newton's method did not converge. No SD below `least`."""
    ends = np.where(np.isfinite(low) & np.isfinite(high), (low + high) / 2, np.where(np.isfinite(low), low, high))
    centre, unit = float(ends.mean()), max(float(ends.std()), least)
    low, high, steepest = (low - centre) / unit, (high - centre) / unit, unit / least
    theta = np.tile([0.0, min(1.0, steepest)], (len(weights), 1))
    value, first, second = _jet(theta, low, high, weights)
    converged = np.zeros(len(weights), bool)
    for _ in range(MAX_STEPS):
        at_bound = (theta[:, 1] >= steepest) & (first[:, 1] > 0)
        first[at_bound, 1], second[at_bound, 0, 1], second[at_bound, 1, 0] = 0.0, 0.0, 0.0
        bending = second - 1e-10 * (1 - np.trace(second, axis1=1, axis2=2))[:, None, None] * np.eye(2)
        step = -np.linalg.solve(bending, first[..., None])[..., 0]
        converged = np.sum(step * first, axis=1) < PRECISE
        if converged.all():
            break
        scale = np.ones(len(theta))
        for _ in range(40):
            tried = theta + scale[:, None] * step
            tried[:, 1] = np.clip(tried[:, 1], theta[:, 1] / 10, steepest)
            better = _jet(tried, low, high, weights)[0] >= value - 1e-12 * np.abs(value)
            if better.all():
                break
            scale = np.where(better, scale, scale / 2)
        theta = np.where((better & ~converged)[:, None], tried, theta)
        value, first, second = _jet(theta, low, high, weights)
    sd = np.where(theta[:, 1] >= steepest, 0.0, unit / theta[:, 1])
    fits = np.column_stack([centre + unit * theta[:, 0] / theta[:, 1], sd])
    return np.where(converged[:, None], fits, np.nan)


def _jet(theta: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Log likelihood [R], gradient [R, 2] and Hessian [R, 2, 2] by theta = (mean / sd, 1 / sd)."""
    ratio, steep = theta[:, :1], theta[:, 1:]
    lower, upper = steep * low - ratio, steep * high - ratio
    # On the left side of the normal distribution, where its logarithm is exact, whatever the bracket.
    is_right = lower + upper > 0
    left, right = np.where(is_right, -upper, lower), np.where(is_right, -lower, upper)
    log_right = special.log_ndtr(right)
    log_mass = log_right + np.log1p(-np.exp(np.minimum(special.log_ndtr(left) - log_right, -1e-15)))
    pull_low, pull_high = (
        np.exp(np.where(np.isfinite(z), stats.norm.logpdf(np.where(np.isfinite(z), z, 0.0)), -np.inf) - log_mass)
        for z in (lower, upper)
    )
    lower, upper, low, high = (np.where(np.isfinite(z), z, 0.0) for z in (lower, upper, low, high))
    by_low, by_high = lower * pull_low - pull_low**2, -upper * pull_high - pull_high**2
    both = pull_low * pull_high
    first = np.stack([pull_low - pull_high, high * pull_high - low * pull_low], axis=-1)
    mixed = -(low * by_low + high * by_high + (low + high) * both)
    square = low**2 * by_low + high**2 * by_high + 2 * low * high * both
    second = np.stack([np.stack([by_low + by_high + 2 * both, mixed], -1), np.stack([mixed, square], -1)], -2)
    weigh = weights[..., None]
    return np.sum(weights * log_mass, 1), np.sum(weigh * first, 1), np.sum(weigh[..., None] * second, 1)
