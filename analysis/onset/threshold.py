"""The threshold of an ability as a hinge in loss (paper L, Eq. 3), with an interval, held against smooth rivals.

`fit_hinge` gives eta with an interval over runs: weighted least squares on a grid of shapes, every bootstrap replicate
refitted (sums per run make a replicate a matrix product). It first asks whether there is a threshold
(analysis/onset/threshold_shape.py), and its interval spans the hinges that the rows support and the checkpoints on
either side of eta. `compare_shapes` asks whether a hinge is needed at all:
maximum likelihood, then quasi-AICc and BIC whose variance inflation and sample size account for run-to-run spread and
for rows of one run being alike.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import optimize, stats

from analysis.intervals import Estimate, failed, from_replicates, run_counts
from analysis.newton import first_best
from analysis.onset.curves import SHAPES, eta_candidates, item_floor
from analysis.onset.shapes import cluster_inflation
from analysis.onset.threshold_shape import CLEARLY_BETTER, weigh_shapes
from analysis.rows import check_level, check_replicates, float_columns, run_labels, share_problem

# A rise must be this unlikely under "always at chance" before a threshold is reported.
NO_RISE_LEVEL = 0.001
# Shares of the candidates' range and of the peak below which two places, two heights are the same; far above rounding,
# far below any effect.
ON_CANDIDATE, LEVEL_PROFILE = 1e-9, 1e-9


@dataclass(frozen=True)
class HingeFit:
    """eta (nats) with interval; gain: points above chance at the lowest loss; theta, amplitude of the point fit; draws
    of eta [R] over runs, in the order of `run_counts` with the same seed (size_threshold uses them)."""

    eta: Estimate
    gain: float
    theta: tuple[float, ...]
    amplitude: float
    shape: str
    status: str
    draws: np.ndarray = field(repr=False)

    def predict(self, loss_nats: np.ndarray, chance: float) -> np.ndarray:
        """The fitted curve at losses [n]; nan where there is no fit."""
        if not self.theta:
            return np.full(np.shape(loss_nats), np.nan)
        basis = SHAPES[self.shape].basis(np.asarray(loss_nats, float), np.array([self.theta]))[0]
        return chance + self.amplitude * basis


def row_variance(loss_nats: np.ndarray, value: np.ndarray, num_items: np.ndarray | None) -> np.ndarray:
    """Variance of each row [n] around the common curve: item noise of a monotone fit plus the spread it leaves
    unexplained."""
    smooth = optimize.isotonic_regression(value[np.argsort(-loss_nats, kind="stable")]).x
    fitted = np.empty(len(value))
    fitted[np.argsort(-loss_nats, kind="stable")] = smooth
    if num_items is None:
        return np.full(len(value), max(float(np.mean((value - fitted) ** 2)), 1e-12))
    floor = item_floor(num_items)
    p = np.clip(fitted, floor, 1 - floor)
    item = p * (1 - p) / num_items
    excess = max(float(np.mean((value - fitted) ** 2 - item)), 0.0)
    return item + excess


def fit_hinge(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    chance: float,
    num_items: np.ndarray | None = None,
    shape: str = "hinge_power",
    num_replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    is_shape_known: bool = False,
) -> HingeFit:
    """Threshold eta of rows [n] with an interval over runs (over items when there is one run; the status says so).

    value rises as loss falls (pass -brier and -baseline for a falling metric). status: "ok...", "not reached: ..." when
    nothing rises above chance, "not identified: ..." when the rise starts at the highest loss, the optimum lies at an
    edge, or the curve is smooth from the start, "failed: ..." for rows that cannot be judged. ValueError for an unknown
    or a smooth shape.

    The estimate is that of `shape`. The interval holds what is not known about it: the spread over runs (or items), the
    neighbouring checkpoints, between which no row can tell, the other hinges that the rows support, and, where a smooth
    curve does as well, the loss at which that one leaves its floor. is_shape_known=True leaves out the last two, for a
    shape that was fixed beforehand.
    """
    if shape not in SHAPES or not SHAPES[shape].is_hinge:
        raise ValueError(f"shape: {shape!r} is no hinge; use one of {[s.name for s in SHAPES.values() if s.is_hinge]}")
    check_level(level)
    check_replicates(num_replicates)
    (loss_nats, value, num_items), problem = float_columns(
        SHAPES[shape].num_params + 1, loss_nats=loss_nats, value=value, num_items=num_items
    )
    runs, unlabelled = run_labels(runs, len(value))
    problem = problem or unlabelled or share_problem(value, chance, num_items)
    if not problem and np.ptp(loss_nats) == 0:
        problem = f"every row has loss {loss_nats[0]:g}: no loss range"
    if problem:
        return HingeFit(failed(problem), np.nan, (), np.nan, shape, f"failed: {problem}", np.empty(0))
    variance = row_variance(loss_nats, value, num_items)
    fit = _fit_shape(shape, runs, loss_nats, value - chance, variance, num_replicates, seed, level)
    if not fit.eta.ok:
        return fit
    eta = (
        fit.eta
        if is_shape_known
        else _with_shape(fit, runs, loss_nats, value - chance, variance, num_replicates, seed, level)
    )
    return replace(fit, eta=eta, status=eta.status)


def _fit_shape(shape, runs, loss_nats, rise, variance, num_replicates, seed, level) -> HingeFit:
    """Eta of one shape with its interval over runs, never narrower than the losses of the rows on either side of it."""
    eta = eta_candidates(loss_nats)
    _, _, coarse = _search(shape, eta, runs, loss_nats, rise, variance, num_replicates, seed)
    # A peak that lies on a candidate counts as that candidate, whatever its last bit.
    first, last = np.searchsorted(eta, np.array([coarse.min(), coarse.max()]) - ON_CANDIDATE * np.ptp(eta))
    fine = np.linspace(eta[max(first - 1, 0)], eta[min(last + 1, len(eta) - 1)], 160)
    theta, amplitude, etas = _search(shape, fine, runs, loss_nats, rise, variance, num_replicates, seed)
    draws = etas[1:]
    gain = float(amplitude * SHAPES[shape].basis(loss_nats.min()[None], theta[None])[0, 0])
    status = _hinge_status(shape, theta, amplitude, loss_nats, rise, variance, runs)
    interval = from_replicates(float(etas[0]), draws, level, num_runs=len(np.unique(runs)))
    if not status.startswith("ok"):
        interval = Estimate(float(etas[0]), np.nan, np.nan, status)
    elif interval.ok or np.ptp(draws) == 0:
        status = (
            "ok: one run, interval over items"
            if len(np.unique(runs)) == 1
            else interval.status
            if interval.ok
            else "ok"
        )
        interval = _at_least_bracket(Estimate(interval.estimate, interval.low, interval.high, status), loss_nats)
    theta = (float(etas[0]), *map(float, theta[1:]))
    return HingeFit(interval, gain, theta, float(amplitude), shape, interval.status, draws)


def _at_least_bracket(eta: Estimate, loss_nats: np.ndarray) -> Estimate:
    """The interval widened to the rows next to eta on either side: where in between the rise begins, no row can say."""
    below, above = loss_nats[loss_nats < eta.estimate], loss_nats[loss_nats > eta.estimate]
    low = np.nanmin([eta.low, below.max() if len(below) else eta.estimate])
    high = np.nanmax([eta.high, above.min() if len(above) else eta.estimate])
    return replace(eta, low=float(low), high=float(high))


def _with_shape(fit: HingeFit, runs, loss_nats, rise, variance, num_replicates, seed, level) -> Estimate:
    """Eta with the uncertainty of the curve's shape: "not identified" for a curve that is smooth from the start."""
    evidence = weigh_shapes(runs, loss_nats, rise, variance)
    if evidence.advantage < CLEARLY_BETTER and not evidence.is_flat_first:
        how = f"better by {-evidence.advantage:.3g} in quasi-AICc" if evidence.advantage < 0 else "does as well"
        return Estimate(
            fit.eta.estimate, np.nan, np.nan, f"not identified: smooth from the start ({evidence.rival} {how})"
        )
    others = [
        _fit_shape(name, runs, loss_nats, rise, variance, num_replicates, seed, level).eta
        for name in evidence.hinges
        if name != fit.shape
    ]
    ends = [(eta.low, eta.high) for eta in [fit.eta, *others] if eta.ok]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    if evidence.advantage >= CLEARLY_BETTER:
        return replace(fit.eta, low=low, high=high)
    how = "better" if evidence.advantage < -CLEARLY_BETTER else "as well"
    low, high = min(low, evidence.departure), max(high, evidence.departure)
    return replace(fit.eta, low=low, high=high).noted(f"a smooth curve ({evidence.rival}) does {how}")


def _search(shape, eta, runs, loss, rise, variance, num_replicates, seed):
    """Best (theta, amplitude) on the grid and eta of the data (first) and of every replicate, refined by a parabola in
    eta."""
    theta = SHAPES[shape].grid(eta, float(np.ptp(loss)))
    basis = SHAPES[shape].basis(loss, theta)
    along, square = _replicate_sums(basis, runs, rise, variance, num_replicates, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where((along > 0) & (square > 0), along**2 / square, 0.0)
    profile = gain.reshape(len(gain), len(eta), -1).max(axis=2)
    refined = np.array([_parabola_peak(eta, row) for row in profile])
    best = int(first_best(gain[0]))
    amplitude = max(along[0, best], 0.0) / square[0, best] if square[0, best] > 0 else 0.0
    return theta[best], amplitude, refined


def _replicate_sums(basis, runs, rise, variance, num_replicates, seed):
    """Weighted sums of basis * rise and of basis^2 for the data and each replicate: two arrays [1 + num_replicates,
    K]."""
    weight = 1 / variance
    labels, index = np.unique(runs, return_inverse=True)
    if len(labels) == 1:
        noise = np.random.default_rng(seed).normal(size=(num_replicates, len(rise))) * np.sqrt(variance)
        best = first_best((basis @ (weight * rise)) ** 2 / np.maximum(basis**2 @ weight, 1e-300))
        fitted = basis[best] * max(basis[best] @ (weight * rise), 0.0) / max(basis[best] ** 2 @ weight, 1e-300)
        samples = np.vstack([rise, fitted + noise])
        return (samples * weight) @ basis.T, np.broadcast_to(basis**2 @ weight, (1 + num_replicates, len(basis)))
    member = np.zeros((len(labels), len(rise)))
    member[index, np.arange(len(rise))] = 1.0
    along, square = (member * weight * rise) @ basis.T, (member * weight) @ (basis**2).T
    counts = np.vstack([np.ones(len(labels), int), run_counts(runs, num_replicates, seed)[1]])
    return counts @ along, counts @ square


def _parabola_peak(eta: np.ndarray, profile: np.ndarray) -> float:
    """Peak of a profile over uneven eta, by the parabola through the best point and its neighbours; the first best
    point where they are level."""
    best = int(first_best(profile))
    if best in (0, len(eta) - 1):
        return float(eta[best])
    (left, right), (down, up) = eta[[best - 1, best + 1]] - eta[best], profile[[best - 1, best + 1]] - profile[best]
    if max(down, up) > 0 or min(down, up) > -LEVEL_PROFILE * abs(profile[best]):
        return float(eta[best])
    # Twice the curvature, and the slope at the best point, by divided differences.
    bend, slope = (
        (up / right - down / left) / (right - left),
        (down * right / left - up * left / right) / (right - left),
    )
    return (
        float(np.clip(eta[best] - slope / (2 * bend), eta[best - 1], eta[best + 1])) if bend < 0 else float(eta[best])
    )


def _hinge_status(shape, theta, amplitude, loss, rise, variance, runs) -> str:
    fitted = amplitude * SHAPES[shape].basis(loss, theta[None])[0]
    residual = (rise - fitted) / np.sqrt(variance)
    improvement = np.sum(rise**2 / variance) - np.sum(residual**2)
    inflation = max(1.0, cluster_inflation(residual, runs))
    # One degree more than parameters: the maximum over eta is not chi-square (Davies), and this keeps noise out in the
    # tests.
    if improvement / inflation < stats.chi2.isf(NO_RISE_LEVEL, SHAPES[shape].num_params + 1):
        return "not reached: no rise above chance"
    ordered = np.sort(loss)
    if theta[0] >= ordered[-2]:
        return "not identified: rises from the highest loss on"
    if theta[0] <= ordered[1]:
        return "not identified: rises at the lowest loss only"
    return "ok"
