"""Likelihood of pass counts whose F = log(-log PU) scatters around a curve by run noise tau (paper P, Equation 4, with
runs as random effects).

With many attempts the binomial in F is far narrower than the run noise, with few or without a pass far wider and
one-sided, so no fixed grid suits every row. The integrand is log-concave in F (complementary log-log link), so its mode
is found safely and its width on either side measured.
"""

import numpy as np
from scipy.interpolate import CubicSpline

# Smallest pass rate a curve may claim is exp(-exp(LARGEST_F)) = 1e-300, so that F stays finite; the other end is a rate
# of 1 - 1e-15.
LARGEST_F = 6.54
SMALLEST_F = -34.5
NUM_NODES = 81
NUM_SECTIONS, NUM_CUTS = 8, 10
NARROWER = 0.7 ** np.arange(32)
LOG_DROP = 22.0  # the integrand is followed until it has fallen by e^-22 from its mode
SPLINE_STEP = 0.02


def _binomial(f: np.ndarray, passes: np.ndarray, attempts: np.ndarray) -> np.ndarray:
    """log P(passes | F) without the binomial coefficient; nothing is added where a count is 0."""
    hazard = np.exp(np.clip(f, SMALLEST_F, LARGEST_F))
    return -passes * hazard + (attempts - passes) * np.log(-np.expm1(-hazard))


def _slope(f: np.ndarray, passes: np.ndarray, attempts: np.ndarray) -> np.ndarray:
    """Derivative of _binomial by F; it falls in F."""
    hazard = np.exp(np.clip(f, SMALLEST_F, LARGEST_F))
    return hazard * ((attempts - passes) / np.expm1(hazard) - passes)


def _mode(f: np.ndarray, passes: np.ndarray, attempts: np.ndarray, noise: float) -> np.ndarray:
    """Mode of the integrand: it solves m = f + tau^2 slope(m), and the slope falls, so it lies between f and f + tau^2
    slope(f). All arguments [..., 1]. Each cut divides the bracket by NUM_SECTIONS."""
    ends = np.concatenate([f, f + noise**2 * _slope(f, passes, attempts)], axis=-1)
    low, high = (
        np.clip(ends.min(axis=-1, keepdims=True), SMALLEST_F, None),
        np.clip(ends.max(axis=-1, keepdims=True), None, LARGEST_F),
    )
    share = np.arange(1, NUM_SECTIONS) / NUM_SECTIONS
    for _ in range(NUM_CUTS):
        step = (high - low) / NUM_SECTIONS
        inner = low + share * (high - low)
        num_below = np.sum(f + noise**2 * _slope(inner, passes, attempts) > inner, axis=-1, keepdims=True)
        low = low + num_below * step
        high = low + step
    return 0.5 * (low + high)


def row_log_likelihood(f: np.ndarray, passes: np.ndarray, attempts: np.ndarray, noise: float) -> np.ndarray:
    """log P(passes | F + noise z), z standard normal, [...] broadcast over all arguments, without the binomial
    coefficient and relative to the best rate of each row (so at most 0)."""
    f, passes, attempts = np.broadcast_arrays(
        np.clip(np.asarray(f, float), SMALLEST_F, LARGEST_F), np.asarray(passes, float), np.asarray(attempts, float)
    )
    share = passes / attempts
    best = passes * np.log(np.where(passes > 0, share, 1)) + (attempts - passes) * np.log1p(
        -np.where(share < 1, share, 0)
    )
    f, passes, attempts = (array[..., None] for array in (f, passes, attempts))

    def log_term(at: np.ndarray) -> np.ndarray:
        """The integrand at [..., nodes]."""
        return _binomial(at, passes, attempts) - 0.5 * ((at - f) / noise) ** 2

    mode = _mode(f, passes, attempts, noise)
    top = log_term(mode)
    # The prior alone makes the integrand fall by LOG_DROP within the first width; the binomial can only make it
    # narrower.
    widths = noise * np.sqrt(2 * LOG_DROP) * NARROWER
    left, right = (
        widths[np.sum(log_term(mode + sign * widths[1:]) < top - LOG_DROP, axis=-1)][..., None] for sign in (-1.0, 1.0)
    )
    nodes = mode - left + np.linspace(0.0, 1.0, NUM_NODES) * (left + right)
    mass = np.sum(np.exp(log_term(nodes) - top), axis=-1) * (left + right)[..., 0] / (NUM_NODES - 1)
    return top[..., 0] + np.log(mass) - np.log(noise * np.sqrt(2 * np.pi)) - best


class CountLikelihood:
    """row_log_likelihood of fixed rows [n] and noise as splines in F, for fits that ask for it thousands of times."""

    def __init__(self, passes: np.ndarray, attempts: np.ndarray, noise: float) -> None:
        grid = np.concatenate([np.arange(SMALLEST_F, -8.0, 0.25), np.arange(-8.0, LARGEST_F, SPLINE_STEP), [LARGEST_F]])
        values = row_log_likelihood(grid[:, None], np.asarray(passes, float), np.asarray(attempts, float), noise)
        self._spline = CubicSpline(grid, values)
        self._rows = np.arange(values.shape[1])

    def __call__(self, f: np.ndarray) -> np.ndarray:
        """log likelihood of each row at its F, [n]."""
        return self.jet(f)[0]

    def jet(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """log likelihood of each row at its F with its first and second derivative by F, [n] each; flat outside the
        range of F."""
        at = np.clip(f, SMALLEST_F, LARGEST_F)
        place = np.clip(np.searchsorted(self._spline.x, at, side="right") - 1, 0, len(self._spline.x) - 2)
        away = at - self._spline.x[place]
        cubic = self._spline.c[:, place, self._rows]
        value = ((cubic[0] * away + cubic[1]) * away + cubic[2]) * away + cubic[3]
        slope = (3 * cubic[0] * away + 2 * cubic[1]) * away + cubic[2]
        return value, np.where(at == f, slope, 0.0), np.where(at == f, 6 * cubic[0] * away + 2 * cubic[1], 0.0)
