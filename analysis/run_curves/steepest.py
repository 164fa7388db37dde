"""How suddenly a run gains: the largest share of its gain that falls within a window of fixed width in loss.

A jump between neighbouring checkpoints depends on where the checkpoints happen to lie; a window of loss does not. The
curve is the monotone one (isotonic regression), so that noise alone makes no rise, and lies linearly between
checkpoints, so that a sudden rise between two of them is at least as wide as their distance.
"""

import numpy as np
from scipy import optimize

from analysis.intervals import Estimate, failed
from analysis.rows import float_columns, repeated_problem
from analysis.run_curves.mean import run_mean


def steepest_share(tokens_seen: np.ndarray, loss_nats: np.ndarray, value: np.ndarray, window_nats: float) -> float:
    """Largest share of one run's gain within any window of loss of this width; rows [n], value rises as loss falls. nan
    where the run gains nothing. ValueError for a window that is not above 0."""
    if not 0 < window_nats < np.inf:
        raise ValueError(f"window_nats: got {window_nats}, needs to be above 0")
    order = np.argsort(tokens_seen, kind="stable")
    loss = np.minimum.accumulate(np.asarray(loss_nats, float)[order])
    curve = optimize.isotonic_regression(np.asarray(value, float)[order]).x
    gain = curve[-1] - curve[0]
    if not gain > 0:
        return float("nan")
    # As functions of falling loss; the best window begins or ends at a checkpoint, because the curve bends only there.
    depth = -loss
    starts = np.concatenate([depth, depth - window_nats])
    risen = np.interp(starts + window_nats, depth, curve) - np.interp(starts, depth, curve)
    return float(risen.max() / gain)


def steepest_mean(
    runs: np.ndarray,
    tokens_seen: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    standard_error: np.ndarray,
    window_nats: float,
    level: float = 0.95,
) -> Estimate:
    """Mean over runs of `steepest_share` with a t interval. Runs whose last value lies less than 5 standard errors [n]
    above their first gain too little to say how, and are left out and counted. status "not reached: ..." where fewer
    than half of the runs, or than two, gain that much; "failed: ..." for rows that cannot be judged."""
    (tokens, loss, value, error), problem = float_columns(
        2, tokens_seen=tokens_seen, loss_nats=loss_nats, value=value, standard_error=standard_error
    )
    if problem:
        return failed(problem)
    runs, shares = np.asarray(runs), []
    names = np.unique(runs)
    for run in names:
        rows = np.flatnonzero(runs == run)
        if problem := repeated_problem(tokens_seen=tokens[rows]):
            return failed(f"run {run}: {problem}")
        first, last = rows[np.argmin(tokens[rows])], rows[np.argmax(tokens[rows])]
        if value[last] - value[first] > 5 * np.hypot(error[first], error[last]):
            shares.append(steepest_share(tokens[rows], loss[rows], value[rows], window_nats))
    if len(shares) < 2 or 2 * len(shares) < len(names):
        status = f"not reached: {len(shares)} of {len(names)} runs gain more than 5 standard errors"
        return Estimate(np.nan, np.nan, np.nan, status)
    mean = run_mean(np.array(shares), level)
    return mean.noted(f"{len(names) - len(shares)} of {len(names)} runs left out") if len(shares) < len(names) else mean
