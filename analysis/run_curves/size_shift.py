"""Does loss suffice, or do larger models need another loss for the same score? The difference read along the loss axis.

Each run gives one number: the loss at which its monotone curve (isotonic regression) makes half of the common gain over
chance. A straight line of that loss in log size, by least squares with one level per block (mixture, seed), gives the
shift from the smallest to the largest size, as a share of the loss range. On steep curves points of score at equal loss
say little, and a share of variance cannot tell "no effect" from few runs; a shift with a margin can: two one-sided
tests (Schuirmann 1987), that is, the interval at 1 - 2 (1 - level) inside the margin.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from analysis.intervals import Estimate, failed
from analysis.rows import check_level, float_columns, positive_problem, run_labels

MARGIN = 0.05
MIN_RUNS_OF_A_SIZE, MIN_FREEDOM = 2, 2


@dataclass(frozen=True)
class SizeShift:
    """shift: loss at half gain of the largest size minus that of the smallest, over the loss range (below 0: larger
    models need a lower loss); equivalence: the same with the interval of the two one-sided tests; verdict "equivalent"
    (that one inside +- margin), "different" (shift's wholly outside), "undecided" or the failure."""

    shift: Estimate
    equivalence: Estimate
    verdict: str
    num_runs: int
    num_left_out: int

    @property
    def status(self) -> str:
        """How it went: that of the shift."""
        return self.shift.status


def size_shift(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    num_parameters: np.ndarray,
    chance: float,
    loss_range_nats: float,
    blocks: np.ndarray | None = None,
    margin: float = MARGIN,
    level: float = 0.95,
) -> SizeShift:
    """Shift between sizes on rows [n] (checkpoints of runs; value rises as loss falls), blocks [n] the run's mixture or
    seed.

    Half gain is half of the way from chance to the mean of the runs' last values. A run counts where it has checkpoints
    on both sides of it, no further apart than twice the margin; the others are left out and counted. status "failed:
    ..." where sizes do not overlap: where the smallest or the largest size has fewer than 2 such runs.
    """
    check_level(level)
    if not (0 < margin < 1 and 0 < loss_range_nats < np.inf):
        raise ValueError(f"margin {margin}, loss_range_nats {loss_range_nats}: need a share and a number above 0")
    (loss, value, size), problem = float_columns(4, loss_nats=loss_nats, value=value, num_parameters=num_parameters)
    runs, unlabelled = run_labels(runs, len(loss))
    blocks, unblocked = run_labels(np.zeros(len(loss)) if blocks is None else blocks, len(loss))
    problem = problem or unlabelled or unblocked or positive_problem(num_parameters=size)
    if problem:
        return _nothing(problem, 0, 0)
    rows_of = [np.flatnonzero(runs == label) for label in np.unique(runs)]
    curves = [_monotone(loss[rows], value[rows]) for rows in rows_of]
    half = chance + (np.mean([curve[-1] for _, curve in curves]) - chance) / 2
    if half <= chance:
        return _nothing(f"no score rises above chance ({chance:g})", 0, len(curves))
    places = np.array([half_gain_loss(*curve, half, 2 * margin * loss_range_nats) for curve in curves])
    of_run = np.array([rows[0] for rows in rows_of])
    used = np.isfinite(places)
    lost = int(np.sum(~used))
    for end in (size.min(), size.max()):
        if np.sum(size[of_run][used] == end) < MIN_RUNS_OF_A_SIZE:
            return _nothing(
                f"sizes do not overlap: fewer than 2 runs of {end:g} cross half gain", int(used.sum()), lost
            )
    kept = of_run[used]
    return _shift(places[used] / loss_range_nats, np.log(size[kept]), blocks[kept], margin, level, lost)


def _shift(places, log_size, blocks, margin: float, level: float, lost: int) -> SizeShift:
    width, names = np.ptp(log_size), np.unique(blocks)
    if width == 0:
        return _nothing("one size only", len(places), lost)
    member = blocks[:, None] == names
    within = [column - member @ (member.T @ column / member.sum(axis=0)) for column in (log_size, places)]
    freedom, square = len(places) - len(names) - 1, float(within[0] @ within[0])
    if freedom < MIN_FREEDOM or square < 1e-12:
        return _nothing(
            f"{len(places)} runs in {len(names)} blocks leave {freedom} degrees of freedom", len(places), lost
        )
    slope = float(within[0] @ within[1]) / square
    residual = within[1] - slope * within[0]
    error = float(np.sqrt(residual @ residual / freedom / square)) * width
    if error == 0:
        return _nothing("the runs lie on a line, which is no interval", len(places), lost)
    shift, equivalence = (
        Estimate(slope * width, slope * width - half, slope * width + half)
        for half in (error * float(stats.t.ppf(quantile, freedom)) for quantile in (0.5 + level / 2, level))
    )
    verdict = "undecided"
    if -margin < equivalence.low and equivalence.high < margin:
        verdict = "equivalent"
    elif shift.low > margin or shift.high < -margin:
        verdict = "different"
    return SizeShift(shift.noted(f"{lost} runs left out") if lost else shift, equivalence, verdict, len(places), lost)


def _monotone(loss: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses from high to low and the isotonic regression of the values."""
    order = np.argsort(-loss, kind="stable")
    return loss[order], optimize.isotonic_regression(value[order]).x


def half_gain_loss(falling: np.ndarray, curve: np.ndarray, half: float, widest: float) -> float:
    """The loss at which a non-decreasing curve reaches `half`, linear between checkpoints; nan where it does not cross
    it, or only between checkpoints more than `widest` nats apart."""
    place = int(np.argmax(curve >= half))
    if curve[place] < half or place == 0 or falling[place - 1] - falling[place] > widest:
        return np.nan
    share = (half - curve[place - 1]) / (curve[place] - curve[place - 1])
    return float(falling[place - 1] + share * (falling[place] - falling[place - 1]))


def _nothing(problem: str, num_runs: int, lost: int) -> SizeShift:
    none = failed(problem)
    return SizeShift(none, none, none.status, num_runs, lost)
