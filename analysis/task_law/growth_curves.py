"""Curves of F = log(-log PU) over log size: the task law, circuits, steps, smooth rivals (paper P, section 6)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Jet = tuple[
    np.ndarray, np.ndarray, np.ndarray
]  # F [n], its derivatives by m linear predictors [m, n], and second ones [m, m, n]


# Smallest pass rate a curve may claim, so that F stays finite.
SMALLEST_RATE = 1e-300


# SD of a normal prior on each parameter, centred on the plain law. It hardly touches what the rows know and decides
# what they do not.
# Of two circuits or steps the rows may hardly see one: fits whose deviances differ by 0.03 then run apart by tens of
# log densities at the next size, so the one nearer to the plain law is taken (3 is a hazard 20 times as large). The
# other curves have no part that is not seen.
PRIOR_SD, PRIOR_SD_OF_PAIRS = 30.0, 3.0
LIMIT = 30.0


def _line(eta: np.ndarray) -> Jet:
    return eta[0], np.ones_like(eta), np.zeros((1, *eta.shape))


def _steps(eta: np.ndarray) -> Jet:
    f = np.logaddexp(*eta)
    share = np.exp(eta - f)
    bend = share[0] * share[1]
    return f, share, np.array([[bend, -bend], [-bend, bend]])


def _circuits(eta: np.ndarray) -> Jet:
    """Weights p_i / sum p make PU = (p1^2 + p2^2) / (p1 + p2); computed in logs because p can be 1e-100."""
    rate = -np.exp(np.clip(eta, -50, 50))  # log p_i, which is its own derivative by eta_i
    double, single = np.logaddexp(*(2 * rate)), np.logaddexp(*rate)
    of_double, of_single = np.exp(2 * rate - double), np.exp(rate - single)
    slope = (2 * of_double - of_single) * rate
    bend = (4 * of_double[0] * of_double[1] - of_single[0] * of_single[1]) * np.array(
        [[rate[0] ** 2, -rate[0] * rate[1]]] * 2
    )
    bend[1] = bend[0, 1], bend[0, 0] / rate[0] ** 2 * rate[1] ** 2
    bend[0, 0] += slope[0]
    bend[1, 1] += slope[1]
    return _to_f(double - single, slope, bend)


def _richards(eta: np.ndarray) -> Jet:
    """F = theta_2 + log(softplus(w)); eta holds w and theta_2."""
    inner = np.logaddexp(0.0, eta[0])
    scale, rise = -np.exp(eta[1]), np.exp(eta[0] - inner)
    slope = np.stack([scale * rise, scale * inner])
    return _to_f(scale * inner, slope, np.array([[slope[0] * (1 - rise), slope[0]], [slope[0], slope[1]]]))


def _to_f(log_rate: np.ndarray, slope: np.ndarray, bend: np.ndarray) -> Jet:
    """From log PU and its derivatives to F = log(-log PU) and its own; flat where the rate is cut off."""
    kept = np.clip(log_rate, np.log(SMALLEST_RATE), -1e-15)
    first = np.where(log_rate == kept, slope / kept, 0.0)
    return np.log(-kept), first, np.where(log_rate == kept, bend / kept, 0.0) - first[:, None] * first[None, :]


def _power(*groups: tuple[int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """Designs [m, n, k] of predictors that are polynomials in log size; a group names the first and last of a
    predictor's parameters. The
    coefficient of x itself counts downwards: a task law falls with size."""
    size = max(last for _, last in groups) + 1

    def designs(x: np.ndarray) -> np.ndarray:
        found = np.zeros((len(groups), len(x), size))
        for place, (first, last) in enumerate(groups):
            for power in range(last - first + 1):
                found[place, :, first + power] = -x if power == 1 else x**power
        return found

    return designs


@dataclass(frozen=True)
class Growth:
    """One curve F(x; theta): linear predictors (designs of x), their jet, and starting points made from the straight
    fit (a, b) and the span of x, the first of them being as near to the plain law as the curve comes. slopes: places in
    theta that are exponents of a task law, hence not negative."""

    num_params: int
    designs: Callable[[np.ndarray], np.ndarray]
    jet: Callable[[np.ndarray], Jet]
    starts: Callable[[float, float, float], list[list[float]]]
    slopes: tuple[int, ...] = ()
    prior_sd: float = PRIOR_SD

    def curve(self, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """F at centred log sizes [n]."""
        return self.jet(self.designs(x) @ theta)[0]


CURVES = {
    "law": Growth(2, _power((0, 1)), _line, lambda a, b, s: [[a, b], [a, 2 * b], [a, b / 2]], (1,)),
    "quadratic": Growth(3, _power((0, 2)), _line, lambda a, b, s: [[a, b, bend / s**2] for bend in (0, 0.1, -0.1)]),
    "cubic": Growth(
        4,
        _power((0, 3)),
        _line,
        lambda a, b, s: [[a, b, bend / s**2, twist / s**3] for bend in (0, 0.1, -0.1) for twist in (0, 0.1)],
    ),
    "steps": Growth(
        4,
        _power((0, 1), (2, 3)),
        _steps,
        lambda a, b, s: [[a - d, b * k, a - 0.7, b / k] for d in (0.7, 2.0) for k in (1.0, 2.0, 4.0)],
        (1, 3),
        PRIOR_SD_OF_PAIRS,
    ),
    "circuits": Growth(
        4,
        _power((0, 1), (2, 3)),
        _circuits,
        lambda a, b, s: [
            [a, b * k, a + d, b * m]
            for k in (1.0, 0.3)
            for d in (0.0, 0.5, -1.0, -2.0, -3.5)
            for m in (1.0, 2.0, 4.0, 8.0)
        ],
        (1, 3),
        PRIOR_SD_OF_PAIRS,
    ),
    "richards": Growth(
        3,
        _power((0, 1), (2, 2)),
        _richards,
        lambda a, b, s: [[c, k * np.exp(a) / 3, d] for c in (0.5, 3.0) for k in (0.1, 0.5) for d in (0.0, 1.0)],
    ),
}
