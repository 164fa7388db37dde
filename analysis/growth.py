"""Smooth or sudden: the largest jump between neighbouring checkpoints, and how long a task stays at chance (paper L,
3.1)."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize, stats

from analysis.intervals import Estimate, failed
from analysis.onset.fit import onset_loss
from analysis.rows import (
    check_level,
    check_replicates,
    float_columns,
    positive_problem,
    repeated_problem,
    share_problem,
)


@dataclass(frozen=True)
class Jump:
    """share: largest step between neighbouring checkpoints over the total gain; where it happened, and what part of the
    loss range it took (a jump of 40 % of the gain over 40 % of the loss range is no jump)."""

    share: Estimate
    from_loss_nats: float
    to_loss_nats: float
    loss_share: float
    status: str


def jump_share(
    tokens_seen: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    num_items: np.ndarray | float | None = None,
    standard_error: np.ndarray | float | None = None,
    num_replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Jump:
    """Largest share of one run's total gain that falls between two neighbouring checkpoints; value rises (negate a
    falling metric).

    The largest of noisy differences is too large. So the statistic is simulated with item noise (normal, with the
    binomial's variance at num_items, or with standard_error [n]) along a path of monotone curves from an even rise,
    over a smoothed and the monotone fit, to one single step. The interval holds the true shares of the curves under
    which the observed share is not surprising; the estimate is the one where it is the median. Item noise is taken as
    independent between checkpoints, which overstates it where all share their items: a wide interval, not a narrow one.
    Where the observed share is smaller than this noise makes it on any curve of the path, the interval reaches from the
    even rise to the observed share and the noise of one step beyond it, and the status says so. status "not reached: no
    gain" when the gain is below 3 standard errors, "failed: ..." for rows that cannot be judged. ValueError unless one
    kind of noise is given.
    """
    if (num_items is None) == (standard_error is None):
        raise ValueError("num_items, standard_error: give exactly one of them")
    check_level(level)
    check_replicates(num_replicates)
    (tokens, loss, value, items, error), problem = float_columns(
        3, tokens_seen=tokens_seen, loss_nats=loss_nats, value=value, num_items=num_items, standard_error=standard_error
    )
    problem = problem or repeated_problem(tokens_seen=tokens) or positive_problem(standard_error=error)
    if problem := problem or (share_problem(value, 0.0, items) if items is not None else ""):
        return _no_jump(f"failed: {problem}")
    order = np.argsort(tokens, kind="stable")
    loss, value, given = loss[order], value[order], (items if error is None else error)[order]
    # The same noise for every curve of the path, so that the limits along it are smooth.
    noise = np.random.default_rng(seed).normal(size=(num_replicates, len(value)))

    def row_error(curve: np.ndarray) -> np.ndarray:
        return _item_error(curve, given) if standard_error is None else given

    smooth = optimize.isotonic_regression(value).x
    ends = (smooth + noise * row_error(smooth))[:, [0, -1]]
    if smooth[-1] - smooth[0] <= 3 * np.hypot(*np.maximum(ends.std(axis=0), 1e-12)):
        return _no_jump("not reached: no gain")
    observed, place = _largest_step(value[None])
    path = _curve_path(smooth, place[0])
    true_share = np.maximum.accumulate(_largest_step(path)[0])
    tails = [0.5 - level / 2, 0.5, 0.5 + level / 2]
    limits = np.array([np.quantile(_largest_step(curve + noise * row_error(curve))[0], tails) for curve in path])
    rising = [optimize.isotonic_regression(limits[:, k]).x for k in (2, 1, 0)]
    low, estimate, high = (float(np.interp(observed[0], limit, true_share)) for limit in rising)
    status, step = "ok", place[0]
    if observed[0] <= rising[2][0]:
        # np.interp holds all three at the start of the path there, an interval of width zero.
        step_error = float(np.hypot(*row_error(smooth)[step : step + 2]) / (value[-1] - value[0]))
        high = max(high, float(observed[0] + stats.norm.ppf(0.5 + level / 2) * step_error))
        status = "ok: no larger than item noise alone makes it"
    return _jump_at(loss, step, Estimate(estimate, low, high, status))


def _jump_at(loss: np.ndarray, step: int, share: Estimate) -> Jump:
    span = float(np.ptp(loss))
    part = float(abs(loss[step] - loss[step + 1]) / span) if span > 0 else np.nan
    return Jump(share, float(loss[step]), float(loss[step + 1]), part, share.status)


def _item_error(value: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Standard error of shares [n] of `items` questions, never zero: half a question away from both ends at least."""
    p = np.clip(value, 0.5 / (items + 1), 1 - 0.5 / (items + 1))
    return np.sqrt(p * (1 - p) / items)


def _no_jump(status: str) -> Jump:
    return Jump(Estimate(np.nan, np.nan, np.nan, status), np.nan, np.nan, np.nan, status)


def _curve_path(smooth: np.ndarray, step: int, num_each: int = 12) -> np.ndarray:
    """Monotone curves with the same ends and ever larger largest step: even rise -> smoothed -> monotone fit -> one
    step, [P, n]."""
    n = len(smooth)
    even = np.linspace(smooth[0], smooth[-1], n)
    single = np.where(np.arange(n) <= step, smooth[0], smooth[-1])
    softened = ndimage.gaussian_filter1d(smooth, sigma=n / 8, mode="nearest")
    softened = smooth[0] + (softened - softened[0]) * (smooth[-1] - smooth[0]) / (softened[-1] - softened[0])
    share = np.linspace(0, 1, num_each)[:, None]
    return np.vstack([a + share * (b - a) for a, b in ((even, softened), (softened, smooth), (smooth, single))])


def _largest_step(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest neighbouring difference over last minus first, and its place, for each row of [R, n]."""
    steps = np.diff(values, axis=1)
    place = np.argmax(steps, axis=1)
    return steps[np.arange(len(values)), place] / (values[:, -1] - values[:, 0]), place


@dataclass(frozen=True)
class ChanceSpan:
    """span_share: part of the loss range before the onset (estimate; low, high from the onset's bracket); gain: value
    at the end minus chance (a share, times 100 for points) with its item interval; num_outside of num_span checkpoints
    before the onset lie outside chance +- 2 SE; departure: mean of those checkpoints minus chance, pooled."""

    span_share: Estimate
    gain: Estimate
    departure: Estimate
    num_span: int
    num_outside: int
    status: str


def chance_span(
    tokens_seen: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    chance: float,
    num_items: np.ndarray | float,
    loss_range: tuple[float, float] | None = None,
    margin: float = 0.0,
    level: float = 0.95,
) -> ChanceSpan:
    """How much of the loss range one run spends within chance +- 2 SE, and what it gains afterwards.

    The onset is the one of onset_loss with bounds value - 2 SE (SE at chance: sqrt(c(1-c)/n); the value's own SE where
    c is 0 or 1).
    Not reached: all that the run covers counts. loss_range (high, low) defaults to the run's own. status "failed: not
    at chance" when more checkpoints before the onset lie outside +- 2 SE than noise explains (binomial, 1 %): the run
    was elsewhere, not at chance. "failed: ..." also for rows that cannot be judged or one loss only; ValueError for a
    loss_range that is none.
    """
    check_level(level)
    (tokens, loss, value, items), problem = float_columns(
        3, tokens_seen=tokens_seen, loss_nats=loss_nats, value=value, num_items=num_items
    )
    problem = problem or share_problem(value, chance, items) or repeated_problem(tokens_seen=tokens)
    if loss_range is not None and not np.inf > loss_range[0] > loss_range[1] > -np.inf:
        raise ValueError(f"loss_range: got {loss_range}, needs (highest, lowest) loss")
    if not problem and loss_range is None and np.ptp(loss) == 0:
        problem = f"every checkpoint has loss {loss[0]:g}: no loss range"
    if problem:
        nothing = failed(problem)
        return ChanceSpan(nothing, nothing, nothing, 0, 0, nothing.status)
    order = np.argsort(tokens, kind="stable")
    loss, value, items = loss[order], value[order], items[order]
    at = np.clip(np.where(chance in (0.0, 1.0), value, chance), 0.5 / (items + 1), 1 - 0.5 / (items + 1))
    error = np.sqrt(at * (1 - at) / items)
    onset = onset_loss(tokens[order], loss, value - 2 * error, chance, margin)
    high, low = loss_range if loss_range is not None else (float(loss.max()), float(loss.min()))
    ends = [onset.estimate, onset.high, onset.low]
    if onset.status == "not reached":
        ends = [float(loss.min())] * 3
    elif onset.status.startswith("not before"):
        ends = [high, high, high]
    span = [float(np.clip((high - end) / (high - low), 0, 1)) for end in ends]
    before = loss > ends[0]
    num_span, outside = int(before.sum()), int(np.sum(np.abs(value[before] - chance) > 2 * error[before] + margin))
    z = stats.norm.ppf(0.5 + level / 2)
    departure = _departure(value[before], error[before], chance, z)
    final = float(value[-1] - chance)
    half = float(z * np.sqrt(max(value[-1] * (1 - value[-1]), 0.5 / (items[-1] + 1)) / items[-1]))
    by_noise = stats.binom.sf(outside - 1, num_span, 2 * stats.norm.sf(2)) if outside else 1.0
    status = "ok" if by_noise > 0.01 else f"failed: not at chance ({outside} of {num_span} checkpoints outside 2 SE)"
    if status == "ok" and onset.status != "ok":
        status = f"ok: {onset.status}"
    gain = Estimate(final, final - half, final + half)
    return ChanceSpan(Estimate(*span, status), gain, departure, num_span, outside, status)


def _departure(value: np.ndarray, error: np.ndarray, chance: float, z: float) -> Estimate:
    """Mean of the checkpoints before an onset minus chance, their item noise pooled."""
    if not len(value):
        return failed("no checkpoint before the onset")
    shift = float(np.mean(value) - chance)
    half = float(z * np.sqrt(np.sum(error**2)) / len(value))
    return Estimate(shift, shift - half, shift + half)
