"""Is there a threshold at all, and how far does the shape of the curve move it? (paper L, Eq. 3 leaves the shape open.)

A hinge fitted to a curve that rises smoothly from the start has an eta too, with a tight interval that means nothing:
four hinges put the eta of one smooth public curve up to 1.2 nats apart, each with an interval of 0.2. So all shapes are
fitted to the same rows by weighted least squares (fast, and the same weights for all) and ranked by quasi-AICc as in
`compare_shapes`, whose maximum-likelihood fits are the ones to quote a difference from.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from analysis.onset.curves import SHAPES, eta_candidates

# Hinges within this many units of quasi-AICc of the best one may be the true shape (Burnham and Anderson 2002, 2.6:
# "essentially no support" begins there), so the interval of eta spans theirs.
SUPPORTED = 10.0
# A smooth curve must be better by this much to be called better; the margin that the claims use.
CLEARLY_BETTER = 2.0
# Where the best smooth curve has made this share of its rise it has left its floor; and flat means flat over a part of
# the range that deserves the name (the same share as in forecast.py).
LEFT_FLOOR = 0.05
MIN_FLAT_SHARE = 0.25
MAX_CELLS = 20_000_000


@dataclass(frozen=True)
class ShapeEvidence:
    """hinges: the supported ones, best first. advantage: quasi-AICc of the best smooth curve (`rival`) minus that of
    the best hinge.
    departure: loss at which the rival has left its floor; is_flat_first: whether that is below a flat quarter of the
    loss range.
    """

    hinges: tuple[str, ...]
    advantage: float
    rival: str
    departure: float
    is_flat_first: bool


def weigh_shapes(runs: np.ndarray, loss_nats: np.ndarray, rise: np.ndarray, variance: np.ndarray) -> ShapeEvidence:
    """Fit every shape to rows [n] (rise: value minus chance; variance of each row) and say which hinges the rows
    support."""
    fits = {name: _fit(name, loss_nats, rise, variance) for name in SHAPES if name != "constant"}
    squares = {name: float(np.sum((rise - fitted) ** 2 / variance)) for name, fitted in fits.items()}
    closest = min(squares, key=squares.get)
    residual = (rise - fits[closest]) / np.sqrt(variance)
    inflation = max(1.0, squares[closest] / max(len(rise) - SHAPES[closest].num_params, 1))
    labels, index = np.unique(runs, return_inverse=True)
    design = max(1.0, float(np.sum(np.bincount(index, weights=residual) ** 2) / max(np.sum(residual**2), 1e-300)))
    # Rows of one run repeat each other; a run is worth one row at least.
    effective = max(len(rise) / design, min(len(labels), len(rise)))
    scores = {}
    for name, square in squares.items():
        k = SHAPES[name].num_params + 1
        # Few effective rows leave no room for the correction; its limit then stands in, for all shapes alike.
        room = max(effective - k - 1, 1.0)
        scores[name] = square / inflation * effective / len(rise) + 2 * k + 2 * k * (k + 1) / room
    ranked = sorted((name for name in scores if SHAPES[name].is_hinge), key=lambda name: (round(scores[name], 6), name))
    rival = min((name for name in scores if not SHAPES[name].is_hinge), key=lambda name: (round(scores[name], 6), name))
    supported = tuple(name for name in ranked if scores[name] <= scores[ranked[0]] + SUPPORTED)
    departure = _departure(loss_nats, fits[rival])
    is_flat_first = float(loss_nats.max()) - departure >= MIN_FLAT_SHARE * float(np.ptp(loss_nats))
    return ShapeEvidence(supported, scores[rival] - scores[ranked[0]], rival, departure, is_flat_first)


def _fit(name: str, loss: np.ndarray, rise: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The best curve [n] of one shape, amplitude at least 0: the best point of its grid (in blocks of bounded memory),
    then a simplex, for many exact rows tell a shape from the nearest point of its own grid."""
    form, weight = SHAPES[name], 1 / variance

    def gain(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By how much each curve lowers the weighted sum of squares [K], its amplitude [K] and its basis [K, n]."""
        basis = form.basis(loss, theta)
        along, square = np.maximum(basis @ (weight * rise), 0.0), basis**2 @ weight
        amplitude = np.divide(along, square, out=np.zeros_like(along), where=square > 0)
        return along * amplitude, amplitude, basis

    grid = form.grid(eta_candidates(loss, 80), float(np.ptp(loss)))
    best, start = -1.0, grid[0]
    for block in np.array_split(grid, len(grid) * len(loss) // MAX_CELLS + 1):
        gains = gain(block)[0]
        if gains.max() > best:
            best, start = float(gains.max()), block[np.argmax(gains)]
    bounds = form.bounds(float(loss.min()), float(loss.max()))
    start = np.clip(start, *np.transpose(bounds))
    end = optimize.minimize(
        lambda theta: -gain(theta[None])[0][0],
        start,
        method="Nelder-Mead",
        bounds=bounds,
        options={"maxiter": 400, "xatol": 1e-5, "fatol": 1e-4},
    )
    _, amplitude, basis = gain(end.x[None])
    return amplitude[0] * basis[0]


def _departure(loss: np.ndarray, fitted: np.ndarray) -> float:
    """Highest loss at which a smooth curve has made LEFT_FLOOR of its rise over the range, linear between the rows."""
    order = np.argsort(loss, kind="stable")[::-1]
    gain = fitted[order] - fitted[order[0]]
    if gain[-1] <= 0:
        return float(loss.max())
    # Falling loss along the rows: interpolate loss as a function of the (never falling) gain.
    return float(np.interp(LEFT_FLOOR * gain[-1], np.maximum.accumulate(gain), loss[order]))
