"""Smooth or sudden: the largest jump between neighbouring checkpoints, and how long a task stays at chance (paper L, 3.1)."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from analysis.intervals import Estimate, failed
from analysis.onset import onset_loss


@dataclass(frozen=True)
class Jump:
    """share: largest step between neighbouring checkpoints over the total gain; where it happened, and what part of the loss range
    it took (a jump of 40 % of the gain over 40 % of the loss range is no jump)."""

    share: Estimate
    from_loss_nats: float
    to_loss_nats: float
    loss_share: float
    status: str


def jump_share(
    tokens_seen: np.ndarray, loss_nats: np.ndarray, value: np.ndarray, num_items: np.ndarray | float | None = None,
    standard_error: np.ndarray | None = None, num_replicates: int = 1000, seed: int = 0, level: float = 0.95,
) -> Jump:
    """Largest share of one run's total gain that falls between two neighbouring checkpoints; value rises (negate a falling metric).

    The largest of noisy differences is too large. So the monotone curve through the values is sampled again with item noise (binomial
    by num_items, or normal by standard_error [n]); estimate and pivotal interval are corrected by what that does to the share.
    Item noise is taken as independent between checkpoints, which overstates it where all share their items: a wide interval, not a
    narrow one. status "not reached: no gain" when the gain is below 3 standard errors.
    """
    order = np.argsort(np.asarray(tokens_seen), kind="stable")
    loss, value = np.asarray(loss_nats, float)[order], np.asarray(value, float)[order]
    if (num_items is None) == (standard_error is None):
        raise ValueError("num_items, standard_error: give exactly one of them")
    if len(value) < 3 or not (np.isfinite(value).all() and np.isfinite(loss).all()):
        return Jump(failed("needs 3 checkpoints without nan"), np.nan, np.nan, np.nan, "failed: needs 3 checkpoints without nan")
    smooth = optimize.isotonic_regression(value).x
    rng = np.random.default_rng(seed)
    if num_items is not None:
        items = np.broadcast_to(np.asarray(num_items), order.shape)[order].astype(int)
        samples = rng.binomial(items, np.clip(smooth, 0, 1), size=(num_replicates, len(value))) / items
        floor = 0.5 / (items + 1)
        error = np.sqrt(np.clip(smooth, floor, 1 - floor) * (1 - np.clip(smooth, floor, 1 - floor)) / items)
    else:
        error = np.broadcast_to(np.asarray(standard_error, float), order.shape)[order]
        samples = smooth + error * rng.normal(size=(num_replicates, len(value)))
    gain = smooth[-1] - smooth[0]
    if gain <= 3 * np.hypot(error[0], error[-1]):
        return Jump(Estimate(np.nan, np.nan, np.nan, "not reached: no gain"), np.nan, np.nan, np.nan, "not reached: no gain")
    observed, place = _largest_step(value[None])
    planted, _ = _largest_step(smooth[None])
    shift = _largest_step(samples)[0] - planted[0]
    tail = np.array([0.5 - level / 2, 0.5 + level / 2])
    high, low = observed[0] - np.quantile(shift, tail)
    # A largest share can be neither below an even split nor above the whole gain.
    share = np.clip([observed[0] - np.mean(shift), low, high], 1 / (len(value) - 1), 1.0)
    step = place[0]
    span = float(np.ptp(loss))
    part = abs(loss[step] - loss[step + 1]) / span if span > 0 else np.nan
    return Jump(Estimate(*map(float, share)), float(loss[step]), float(loss[step + 1]), float(part), "ok")


def _largest_step(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest neighbouring difference over last minus first, and its place, for each row of [R, n]."""
    steps = np.diff(values, axis=1)
    place = np.argmax(steps, axis=1)
    return steps[np.arange(len(values)), place] / (values[:, -1] - values[:, 0]), place


@dataclass(frozen=True)
class ChanceSpan:
    """span_share: part of the loss range before the onset (estimate; low, high from the onset's bracket); gain: value at the end minus
    chance (a share, times 100 for points) with its item interval; num_outside of num_span checkpoints before the onset lie outside
    chance +- 2 SE; departure: mean of those checkpoints minus chance, pooled."""

    span_share: Estimate
    gain: Estimate
    departure: Estimate
    num_span: int
    num_outside: int
    status: str


def chance_span(
    tokens_seen: np.ndarray, loss_nats: np.ndarray, value: np.ndarray, chance: float, num_items: np.ndarray | float,
    loss_range: tuple[float, float] | None = None, margin: float = 0.0, level: float = 0.95,
) -> ChanceSpan:
    """How much of the loss range one run spends within chance +- 2 SE, and what it gains afterwards.

    The onset is the one of onset_loss with bounds value - 2 SE (SE at chance: sqrt(c(1-c)/n); the value's own SE where c is 0 or 1).
    Not reached: all that the run covers counts. loss_range (high, low) defaults to the run's own. status "failed: not at chance" when more checkpoints
    before the onset lie outside +- 2 SE than noise explains (binomial, 1 %): the run was elsewhere, not at chance.
    """
    order = np.argsort(np.asarray(tokens_seen), kind="stable")
    loss, value = np.asarray(loss_nats, float)[order], np.asarray(value, float)[order]
    items = np.broadcast_to(np.asarray(num_items, float), order.shape)[order]
    if len(value) < 3 or not (np.isfinite(value).all() and np.isfinite(loss).all()):
        nothing = failed("needs 3 checkpoints without nan")
        return ChanceSpan(nothing, nothing, nothing, 0, 0, nothing.status)
    at = np.clip(np.where(chance in (0.0, 1.0), value, chance), 0.5 / (items + 1), 1 - 0.5 / (items + 1))
    error = np.sqrt(at * (1 - at) / items)
    onset = onset_loss(np.sort(np.asarray(tokens_seen)), loss, value - 2 * error, chance, margin)
    high, low = loss_range if loss_range is not None else (float(loss.max()), float(loss.min()))
    ends = [onset.estimate, onset.high, onset.low]
    if onset.status == "not reached":
        ends = [float(loss.min())] * 3
    elif onset.status.startswith("not before"):
        ends = [high, high, high]
    span = [float(np.clip((high - end) / (high - low), 0, 1)) for end in ends]
    before = loss > ends[0]
    outside = int(np.sum(np.abs(value[before] - chance) > 2 * error[before] + margin))
    z = stats.norm.ppf(0.5 + level / 2)
    departure = failed("no checkpoint before the onset")
    if before.any():
        shift, half = float(np.mean(value[before]) - chance), float(z * np.sqrt(np.sum(error[before] ** 2)) / before.sum())
        departure = Estimate(shift, shift - half, shift + half)
    final = float(value[-1] - chance)
    half = float(z * np.sqrt(max(value[-1] * (1 - value[-1]), 0.5 / (items[-1] + 1)) / items[-1]))
    by_noise = stats.binom.sf(outside - 1, int(before.sum()), 2 * stats.norm.sf(2)) if outside else 1.0
    status = "ok" if by_noise > 0.01 else f"failed: not at chance ({outside} of {int(before.sum())} checkpoints outside 2 SE)"
    if status == "ok" and onset.status != "ok":
        status = f"ok: {onset.status}"
    return ChanceSpan(
        Estimate(*span, status), Estimate(final, final - half, final + half), departure, int(before.sum()), outside, status
    )
