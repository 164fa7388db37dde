"""Counts of passes as rows of a law in F = log(-log PU), with noise between runs: the fit, and simulated counts."""

from dataclasses import dataclass

import numpy as np

NO_SLOPE_LEVEL = 0.01


MAX_STEPS = 200


def effective_counts(
    rate: np.ndarray, variance: np.ndarray, total_attempts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(passes, attempts) of a binomial with this mean and variance, for rates averaged over items; zero rates keep
    their attempts."""
    rate, variance, total = np.broadcast_arrays(
        *(np.asarray(array, float) for array in (rate, variance, total_attempts))
    )
    if not (np.all(rate >= 0) and np.all(rate <= 1) and np.all(variance >= 0) and np.all(total > 0)):
        raise ValueError(
            "rate, variance, total_attempts: need a share, 0 or more, and more than 0 in every row; drop rows without"
            " them"
        )
    usable = (rate > 0) & (rate < 1) & (variance > 0)
    # The attempts that a binomial would need for this variance: items of unequal difficulty make pooled counts surer
    # than their number says, repeated questions less sure.
    attempts = np.where(usable, rate * (1 - rate) / np.where(usable, variance, 1.0), total)
    return rate * attempts, attempts


@dataclass(frozen=True)
class CountFits:
    """Stacked fits: theta [R, k], covariance [R, k, k], noise [R] (SD tau), informative [R] rows with a pass, converged
    [R]."""

    theta: np.ndarray
    covariance: np.ndarray
    noise: np.ndarray
    informative: np.ndarray
    converged: np.ndarray


def fit_counts(
    design: np.ndarray,
    offset: np.ndarray,
    passes: np.ndarray,
    attempts: np.ndarray,
    prior: tuple[np.ndarray, np.ndarray] | None = None,
    noise: float | None = None,
) -> CountFits:
    """F = offset + design theta + noise z for each row of counts [R, n], all R at once. prior (mean [k], precision [k,
    k]) shrinks theta; noise fixes tau. Rows without a pass pull on theta through their zeros but say nothing about
    tau."""
    num_columns = design.shape[1]
    prior = prior if prior is not None else (np.zeros(num_columns), np.zeros((num_columns, num_columns)))
    attempts = np.broadcast_to(np.asarray(attempts, float), passes.shape)
    num_fits = len(passes)
    # Half a pass keeps F finite at none and at all; only the start, the likelihood takes counts as they are.
    mode = np.log(-np.log((passes + 0.5) / (attempts + 1)))
    square = np.full(num_fits, 0.01 if noise is None else noise**2)
    theta, covariance = np.full((num_fits, num_columns), np.inf), np.zeros((num_fits, num_columns, num_columns))
    converged = np.zeros(num_fits, bool)
    for iteration in range(MAX_STEPS):
        # Rows with a handful of passes can swing between two states; shorter steps settle them.
        damping = 0.5 ** (iteration // 25)
        rows = np.flatnonzero(~converged)
        if not len(rows):
            break
        moved, covariance[rows], square[rows], mode[rows] = _step(
            design, offset, passes[rows], attempts[rows], prior, mode[rows], square[rows], noise is None, damping
        )
        converged[rows] = np.max(np.abs(moved - theta[rows]), axis=1) < 1e-5 * damping * (
            1 + np.max(np.abs(moved), axis=1)
        )
        theta[rows] = moved
    return CountFits(theta, covariance, np.sqrt(square), np.sum(passes > 0, axis=1), converged)


def _step(design, offset, passes, attempts, prior, mode, square, is_noise_free, damping):
    """One step of penalised quasi-likelihood: linearise at the conditional mode of F, weighted least squares, tau, new
    mode."""
    # exp(F) beyond e^6 is a pass rate below 1e-175: cut off, so that a step too far comes back instead of overflowing.
    hazard = np.exp(np.clip(mode, -30, 6))
    rate = np.maximum(np.exp(-hazard), 1e-250)
    variance = np.minimum(-np.expm1(-hazard) / (attempts * rate * hazard**2), 1e12)
    # First-order expansion of the link at the mode: F as it would have to be for the counts to be expected.
    working = mode - (passes / attempts / rate - 1) / hazard
    weight = 1 / (variance + square[:, None])
    gram = np.einsum("rn,ni,nj->rij", weight, design, design) + prior[1]
    # A ridge in the last digits; replicates that lost all but two sizes still solve, and are judged by `informative`.
    gram = gram + 1e-12 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(design.shape[1])
    theta = np.linalg.solve(gram, ((weight * (working - offset)) @ design + prior[1] @ prior[0])[..., None])[..., 0]
    line = offset + theta @ design.T
    if is_noise_free:
        moved = _moment_step(square, working - line, variance, passes > 0, design.shape[1])
        square = square + damping * (moved - square)
    # The run effect is shrunk towards the line by how much of the scatter is noise of the attempts (BLUP).
    target = line + (working - line) * square[:, None] / (square[:, None] + variance)
    return theta, np.linalg.inv(gram), square, mode + damping * np.clip(target - mode, -0.5, 0.5)


def _moment_step(square, residual, variance, informative, num_columns):
    """One Newton step of Paule and Mandel's equation: sum of residual^2 / (variance + tau^2) = rows - parameters."""
    total = variance + square[:, None]
    excess = np.sum(informative * residual**2 / total, axis=1) - np.maximum(informative.sum(axis=1) - num_columns, 0)
    slope = np.maximum(np.sum(informative * residual**2 / total**2, axis=1), 1e-300)
    # A step by a factor of four at most: from far away Newton's step would overshoot below 0.
    moved = np.clip(square + excess / slope, square / 4, 4 * square + 1e-6)
    return np.where(moved < 1e-10, 0.0, moved)


def _simulate(design, offset, fit: CountFits, attempts, num_replicates, seed) -> np.ndarray:
    rng = np.random.default_rng(seed)
    line = offset + design @ fit.theta[0] + fit.noise[0] * rng.normal(size=(num_replicates, len(design)))
    return rng.binomial(np.maximum(np.round(attempts), 1).astype(np.int64), np.exp(-np.exp(line))).astype(float)


def counts_problem(size: np.ndarray, passes: np.ndarray, attempts: np.ndarray) -> str:
    """What is wrong with sizes that should be above 0 and 0 <= passes <= attempts, all finite; "" where nothing is."""
    # Written so that nan, which is neither above nor below, is found too.
    is_count = np.all(attempts > 0) and np.all(passes >= 0) and np.all(passes <= attempts * (1 + 1e-9))
    if np.all(size > 0) and is_count and np.isfinite(size).all() and np.isfinite(attempts).all():
        return ""
    return (
        "num_parameters, passes, attempts: need sizes above 0 and 0 <= passes <= attempts, all finite; check the counts"
    )
