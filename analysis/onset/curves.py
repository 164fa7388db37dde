"""Curves of performance against loss: y = chance + amplitude * basis(loss; theta), amplitude >= 0.

Paper L, Eq. 3, says: performance is at chance while loss >= eta and a monotonically decreasing function of loss below.
The paper does not say which function, so there are four hinges, and smooth rivals with two to four parameters. The
linear rival is a hinge whose eta lies above every loss. Each shape stands here once; analysis/onset/threshold.py fits
them all in the same way.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from analysis.newton import first_best

# Exponents and relative widths on which the search starts; the final fit moves freely inside the bounds.
EXPONENTS = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0])
WIDTHS = np.geomspace(0.02, 1.0, 14)
EXPONENT_BOUNDS = (0.2, 4.0)
SAME_DEVIANCE = 1e-4  # ends closer than this are one minimum
PRECISE, MAX_RESTARTS = 1e-10, 5


@dataclass(frozen=True)
class Shape:
    """One curve. basis(loss [n], theta [K, p]) -> [K, n]; grid(eta candidates [E], loss range) -> theta [K, p];
    bounds(lowest loss, highest loss) -> one (low, high) per theta. num_params counts theta and the amplitude."""

    name: str
    num_params: int
    is_hinge: bool
    basis: Callable[[np.ndarray, np.ndarray], np.ndarray]
    grid: Callable[[np.ndarray, float], np.ndarray]
    bounds: Callable[[float, float], list[tuple[float, float]]]


def _below(loss: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """How far each loss lies below eta (theta's first column), 0 above it: [K, n]."""
    return np.maximum(theta[:, :1] - loss, 0.0)


def _product(*axes: np.ndarray) -> np.ndarray:
    """All combinations, first axis slowest, so that a profile over eta is a reshape."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def _eta_bounds(lowest: float, highest: float) -> tuple[float, float]:
    return lowest, highest + 0.25 * (highest - lowest)


def _width_bounds(lowest: float, highest: float) -> tuple[float, float]:
    return 0.005 * (highest - lowest), 3 * (highest - lowest)


def _sigmoid_basis(loss: np.ndarray, theta: np.ndarray) -> np.ndarray:
    exponent = theta[:, 2:] if theta.shape[1] == 3 else 1.0
    return np.exp(-exponent * np.logaddexp(0.0, (loss - theta[:, :1]) / theta[:, 1:2]))


def _weibull_basis(loss: np.ndarray, theta: np.ndarray) -> np.ndarray:
    return -np.expm1(-((_below(loss, theta) / theta[:, 1:2]) ** theta[:, 2:]))


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("hinge_linear", 2, True, _below, lambda eta, _: eta[:, None], lambda low, high: [_eta_bounds(low, high)]),
        Shape(
            "hinge_power",
            3,
            True,
            lambda loss, theta: _below(loss, theta) ** theta[:, 1:],
            lambda eta, _: _product(eta, EXPONENTS),
            lambda low, high: [_eta_bounds(low, high), EXPONENT_BOUNDS],
        ),
        # Chance, then a straight rise over a width, then a ceiling.
        Shape(
            "hinge_ramp",
            3,
            True,
            lambda loss, theta: np.minimum(_below(loss, theta) / theta[:, 1:], 1.0),
            lambda eta, span: _product(eta, span * WIDTHS),
            lambda low, high: [_eta_bounds(low, high), _width_bounds(low, high)],
        ),
        # Chance, then a power law that bends into a ceiling.
        Shape(
            "hinge_saturating",
            4,
            True,
            _weibull_basis,
            lambda eta, span: _product(eta, span * WIDTHS[::2], EXPONENTS[1::2]),
            lambda low, high: [_eta_bounds(low, high), _width_bounds(low, high), EXPONENT_BOUNDS],
        ),
        Shape(
            "constant",
            1,
            False,
            lambda loss, theta: np.ones((len(theta), len(loss))),
            lambda eta, _: np.zeros((1, 0)),
            lambda low, high: [],
        ),
        Shape(
            "linear",
            2,
            False,
            _below,
            lambda eta, span: (eta.max() + span * np.concatenate([[0.0], np.geomspace(0.01, 10, 60)]))[:, None],
            lambda low, high: [(high, high + 20 * (high - low))],
        ),
        Shape(
            "exponential",
            2,
            False,
            lambda loss, theta: np.exp(-(loss - loss.min()) / theta),
            lambda eta, span: span * np.geomspace(0.01, 10, 80)[:, None],
            lambda low, high: [(0.005 * (high - low), 20 * (high - low))],
        ),
        Shape(
            "power_law",
            2,
            False,
            lambda loss, theta: (loss / loss.min()) ** -theta,
            lambda eta, span: np.geomspace(0.05, 100, 80)[:, None],
            lambda low, high: [(0.01, 300.0)],
        ),
        Shape(
            "logistic",
            3,
            False,
            _sigmoid_basis,
            lambda eta, span: _product(eta, span * WIDTHS / 3),
            lambda low, high: [(low - (high - low), high), _width_bounds(low, high)],
        ),
        # Richards' curve: a logistic with a free asymmetry, as many parameters as the saturating hinge.
        Shape(
            "richards",
            4,
            False,
            _sigmoid_basis,
            lambda eta, span: _product(eta, span * WIDTHS[::2] / 3, np.array([0.3, 1.0, 3.0, 10.0])),
            lambda low, high: [(low - (high - low), high), _width_bounds(low, high), (0.1, 30.0)],
        ),
    )
}


@dataclass(frozen=True)
class CurveFit:
    """Maximum-likelihood fit of one shape. deviance is -2 log likelihood up to a constant shared by all shapes on the
    same rows."""

    shape: str
    theta: tuple[float, ...]
    amplitude: float
    deviance: float
    fitted: np.ndarray
    status: str


def eta_candidates(loss: np.ndarray, num_candidates: int = 160) -> np.ndarray:
    """Places where a threshold may stand: even in loss and in rank, since checkpoints crowd at the low end. Sorted,
    distinct."""
    even = np.linspace(loss.min(), loss.max(), num_candidates // 2)
    ranked = np.quantile(loss, np.linspace(0, 1, num_candidates - num_candidates // 2))
    return np.unique(np.concatenate([even, ranked]))


def item_floor(num_items: np.ndarray) -> np.ndarray:
    """Smallest success probability a fit may claim: half a pass in num_items + 1. Without it one lucky pass above eta
    would have likelihood 0 where chance is 0; the same floor holds for every shape."""
    return 0.5 / (np.asarray(num_items, float) + 1)


def deviance(value: np.ndarray, fitted: np.ndarray, num_items: np.ndarray | None) -> float:
    """Binomial deviance where num_items is known, else n log of the mean square (Gaussian, spread profiled out)."""
    if num_items is None:
        return float(len(value) * np.log(max(np.mean((value - fitted) ** 2), 1e-300)))
    floor = item_floor(num_items)
    p = np.clip(fitted, floor, 1 - floor)
    q = np.clip(value, floor, 1 - floor)
    passes = num_items * value
    return float(2 * np.sum(passes * np.log(q / p) + (num_items - passes) * np.log((1 - q) / (1 - p))))


def fit_curve(
    loss_nats: np.ndarray,
    value: np.ndarray,
    shape: str,
    chance: float,
    num_items: np.ndarray | None = None,
    num_starts: int = 4,
) -> CurveFit:
    """Fit one shape to rows [n] by maximum likelihood: grid search, then Nelder-Mead from the num_starts best distinct
    corners.

    status "failed: ..." when no start converges or the starts disagree about the optimum; the fit is then not to be
    used.
    """
    form = SHAPES[shape]
    span = float(np.ptp(loss_nats))
    theta = form.grid(eta_candidates(loss_nats, 60), span)
    bounds = form.bounds(float(loss_nats.min()), float(loss_nats.max()))
    # The grid is searched by weighted least squares, where the best amplitude has a closed form; maximum likelihood
    # begins where that was best. The floor of the variance keeps items that all fail from outweighing all other rows.
    weight = np.ones(len(value)) if num_items is None else num_items / np.maximum(value * (1 - value), 0.02)
    basis = form.basis(loss_nats, theta)
    along, square = basis @ (weight * (value - chance)), basis**2 @ weight
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where((along > 0) & (square > 0), along**2 / square, 0.0)
        amplitude = np.where(square > 0, np.maximum(along, 0) / square, 0.0)

    def curve(point: np.ndarray) -> np.ndarray:
        return chance + point[-1] * form.basis(loss_nats, point[None, :-1])[0]

    def objective(point: np.ndarray) -> float:
        return deviance(value, curve(point), num_items)

    limits = [*bounds, (0.0, None)] if shape != "constant" else [(None, None)]
    # The amplitude of a start is the closed form's, so that the simplex begins on the ridge of the likelihood.
    starts = (
        np.append(theta[start], amplitude[start])
        for start in _distinct_best(gain, len(theta) // num_starts or 1, num_starts)
    )
    return _best_end(shape, [_simplex(objective, start, limits, 1e-6) for start in starts], curve, objective, limits)


def _simplex(objective: Callable, start: np.ndarray, limits: list, tolerance: float) -> optimize.OptimizeResult:
    options = {"maxiter": 2000, "maxfev": 4000, "xatol": tolerance, "fatol": tolerance}
    return optimize.minimize(objective, start, method="Nelder-Mead", bounds=limits, options=options)


def _distinct_best(gain: np.ndarray, apart: int, num_starts: int) -> list[int]:
    """The best grid points out of num_starts equal stretches of the grid (its slowest axis is eta)."""
    stretches = [np.arange(begin, min(begin + apart, len(gain))) for begin in range(0, len(gain), apart)]
    best = sorted(
        (stretch[first_best(gain[stretch])] for stretch in stretches), key=lambda index: -float(f"{gain[index]:.9g}")
    )
    return [int(index) for index in best[:num_starts]]


def _best_end(shape: str, ends: list, curve: Callable, objective: Callable, limits: list) -> CurveFit:
    """The first of the best ends, searched on from there with a new simplex until the deviance stands still to PRECISE:
    where exactly the first search stops depends on the last bits of its sums."""
    converged = [end for end in ends if end.success and np.isfinite(end.fun)]
    if not converged:
        return CurveFit(shape, (), np.nan, np.inf, np.array([]), f"failed: none of {len(ends)} starts converged")
    # The first end within SAME_DEVIANCE, in the grid's order: the plain minimum would choose by rounding between equal
    # ones, and another CPU another.
    least = min(end.fun for end in converged)
    best = next(end for end in converged if end.fun <= least + SAME_DEVIANCE)
    for _ in range(MAX_RESTARTS):
        before, further = best.fun, _simplex(objective, best.x, limits, PRECISE)
        best = further if further.fun < before else best
        if before - best.fun < PRECISE * max(1.0, abs(before)):
            break
    point = best.x
    return CurveFit(shape, tuple(map(float, point[:-1])), float(point[-1]), float(best.fun), curve(point), "ok")
