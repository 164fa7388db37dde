"""Over what stretch of loss does a score rise? Model-free: the losses at which a monotone curve has made a tenth and
nine tenths of its gain over chance.

A hinge and a smooth curve that start at the same loss differ in this width, whatever family either is fitted with; it
compares answer forms, tasks or corpora without a shape. The monotone curve is the isotonic regression of the pooled
rows (Barlow et al. 1972), so the number of items does not enter and checkpoints that lie close together weigh no more
than their number.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from analysis.intervals import Estimate, failed, from_replicates, run_counts
from analysis.rows import check_level, check_replicates, float_columns, run_labels


@dataclass(frozen=True)
class Rise:
    """start, end: losses (nats) at which the share `shares[0]`, `shares[1]` of the gain over chance is made; width:
    their difference; gain: score of the monotone curve at the lowest loss minus chance; draws of width [R] over runs,
    in the order of `run_counts`."""

    start: Estimate
    end: Estimate
    width: Estimate
    gain: Estimate
    draws: np.ndarray

    @property
    def status(self) -> str:
        """How it went: that of the width."""
        return self.width.status


def rise_span(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    chance: float,
    shares: tuple[float, float] = (0.1, 0.9),
    num_replicates: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Rise:
    """Rise of value (which rises as loss falls) on rows [n], with intervals over runs (two runs or more). status
    "failed: ..." for rows that cannot be judged and where nothing rises above chance; ValueError unless
    0 < shares[0] < shares[1] < 1."""
    check_level(level)
    check_replicates(num_replicates)
    if not 0 < shares[0] < shares[1] < 1:
        raise ValueError(f"shares: got {shares}, needs two numbers between 0 and 1, the smaller first")
    (loss, value), problem = float_columns(4, loss_nats=loss_nats, value=value)
    runs, unlabelled = run_labels(runs, len(value))
    problem = problem or unlabelled
    if not problem and np.ptp(loss) == 0:
        problem = "loss_nats is constant"
    if problem:
        return _nothing(problem)
    point = _places(loss, value, np.ones(len(loss)), chance, shares)
    if not np.isfinite(point).all():
        return _nothing(f"no score rises above chance ({chance:g})")
    labels = np.unique(runs)
    if len(labels) < 2:
        return _nothing(f"{len(labels)} run(s), an interval over runs needs 2")
    _, counts = run_counts(runs, num_replicates, seed)
    index = np.searchsorted(labels, runs)
    draws = np.array([_places(loss, value, drawn[index].astype(float), chance, shares) for drawn in counts])
    start, end, gain = (
        from_replicates(float(point[i]), draws[:, i], level, num_runs=len(labels)) for i in range(len(point))
    )
    widths = draws[:, 0] - draws[:, 1]
    width = from_replicates(float(point[0] - point[1]), widths, level, num_runs=len(labels))
    return Rise(start, end, width, gain, widths)


def _places(loss: np.ndarray, value: np.ndarray, weight: np.ndarray, chance: float, shares: tuple) -> np.ndarray:
    """Losses of both shares and the gain, [3]; nan where the drawn rows rise nowhere above chance."""
    kept = weight > 0
    order = np.argsort(-loss[kept], kind="stable")
    falling, weights = loss[kept][order], weight[kept][order]
    curve = np.maximum(optimize.isotonic_regression(value[kept][order], weights=weights).x - chance, 0.0)
    if curve[-1] <= 0:
        return np.full(3, np.nan)
    return np.array([*(_crossing(falling, curve, share * curve[-1]) for share in shares), curve[-1]])


def _crossing(falling: np.ndarray, curve: np.ndarray, level: float) -> float:
    """The loss at which a non-decreasing curve first reaches the level, linear between neighbouring rows; the highest
    loss where it starts beyond it."""
    place = int(np.argmax(curve >= level))
    if place == 0:
        return float(falling[0])
    below, above = curve[place - 1], curve[place]
    return float(falling[place - 1] + (level - below) / (above - below) * (falling[place] - falling[place - 1]))


def _nothing(problem: str) -> Rise:
    none = failed(problem)
    return Rise(none, none, none, none, np.empty(0))
