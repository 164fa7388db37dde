"""Pass rate against model size (paper P, Eq. 3-4): PU = exp(-c |y|^lambda N^-alpha), so F = log(-log PU) is linear in
log N.

The paper's derivation sums over the |y| tokens of the answer (lambda = 1) and then drops |y| (lambda = 0); lambda can
be fixed or fitted.
Counts are fitted as they are: a row is (passes, attempts) of one run, stopped or censored alike
(analysis/passes/stopping.py: same likelihood), zero passes included, where F itself is undefined. Runs differ by more
than sampling noise, so F has a normal run effect of SD tau:

    passes ~ Binomial(attempts, exp(-exp(F))),   F = log c + lambda log |y| - alpha log N + tau z.

Fitted by penalised quasi-likelihood (Breslow and Clayton 1993), tau by Paule and Mandel's moment equation; intervals by
parametric bootstrap of the whole fit, widened by t for few rows. Counts pooled over unequal items enter through
`effective_counts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from analysis.intervals import Estimate, failed, from_replicates
from analysis.rows import check_level, check_replicates

NO_SLOPE_LEVEL = 0.01
NOT_IDENTIFIED = "a slope of 0 not excluded"
MAX_STEPS = 200


def pass_rate(num_parameters, log_c, alpha, answer_length=1.0, length_exponent=1.0):
    """Eq. 4 with the answer's length kept; arguments broadcast."""
    return np.exp(-np.exp(log_c - alpha * np.log(num_parameters) + length_exponent * np.log(answer_length)))


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
    attempts = np.where(usable, rate * (1 - rate) / np.where(usable, variance, 1.0), total)
    return rate * attempts, attempts


@dataclass(frozen=True)
class TaskLawFit:
    """log_c, alpha, length_exponent of the law; noise: SD tau of F over runs. draws [R, 4] in this order; freedom:
    informative rows minus parameters."""

    log_c: Estimate
    alpha: Estimate
    length_exponent: Estimate
    noise: Estimate
    freedom: int
    status: str
    draws: np.ndarray = field(repr=False)

    def predict(
        self, num_parameters: float, answer_length: float = 1.0, seed: int = 0, level: float = 0.95
    ) -> Estimate:
        """Pass rate of a new run of this size; the interval holds parameters and run effect, not the sampling of its
        own attempts.

        A law whose slope could be 0 predicts too, with an interval as wide as that leaves it, and the status says so.
        """
        if not len(self.draws):
            return failed(self.status)
        check_level(level)
        if not (num_parameters > 0 and answer_length > 0):
            raise ValueError(f"num_parameters {num_parameters}, answer_length {answer_length}: need to be above 0")
        point = [x.estimate for x in (self.log_c, self.alpha, self.length_exponent)]
        log_c, alpha, exponent, noise = self.draws.T
        shift = np.random.default_rng(seed).normal(size=len(noise)) * noise
        replicates = pass_rate(num_parameters, log_c + shift, alpha, answer_length, exponent)
        estimate = pass_rate(num_parameters, point[0], point[1], answer_length, point[2])
        found = from_replicates(float(estimate), replicates, level, freedom=self.freedom)
        return found if self.status.startswith("ok") else found.noted(NOT_IDENTIFIED)


def fit_task_law(
    num_parameters: np.ndarray,
    passes: np.ndarray,
    attempts: np.ndarray,
    answer_length: np.ndarray | float = 1.0,
    length_exponent: float | str = 1.0,
    num_replicates: int = 300,
    seed: int = 0,
    level: float = 0.95,
) -> TaskLawFit:
    """Task law on rows [n]; length_exponent 1 (derived), 0 (as printed in the paper) or "free" (needs two answer
    lengths).

    status "failed: ..." below 3 sizes with a pass or without convergence, "not identified: ..." when size does not move
    the pass rate (t test at 1 %). "failed: ..." also for counts, sizes or lengths that are none.
    """
    check_level(level)
    check_replicates(num_replicates)
    size, passes, attempts, problem = _checked(num_parameters, passes, attempts)
    length = np.broadcast_to(np.asarray(answer_length, float), size.shape)
    if not problem and not (np.all(length > 0) and np.isfinite(length).all()):
        problem = "answer_length: needs to be above 0 in every row; drop rows without it"
    if problem:
        return _no_law(problem)
    length = np.log(length)
    is_free = length_exponent == "free"
    if is_free and np.ptp(length) == 0:
        raise ValueError("answer_length: one length only; length_exponent='free' needs two")
    centre = float(np.mean(np.log(size)))
    design = np.column_stack([np.ones(len(size)), centre - np.log(size)] + [length] * is_free)
    offset = np.zeros(len(size)) if is_free else float(length_exponent) * length
    problem = (
        ""
        if len(np.unique(size[passes > 0])) >= 3
        else f"{len(np.unique(size[passes > 0]))} sizes with a pass, needs 3"
    )
    fit = fit_counts(design, offset, passes[None], attempts) if not problem else None
    if problem or not fit.converged[0]:
        return _no_law(problem or "did not converge")
    freedom = int(fit.informative[0]) - design.shape[1]
    if freedom < 1:
        return _no_law(f"{int(fit.informative[0])} rows with a pass for {design.shape[1]} parameters")
    t_value = fit.theta[0, 1] / np.sqrt(fit.covariance[0, 1, 1])
    again = fit_counts(design, offset, _simulate(design, offset, fit, attempts, num_replicates, seed), attempts)
    rows = []
    for result in (fit, again):
        exponent = (
            result.theta[:, 2] if is_free else np.full(len(result.theta), 0.0 if is_free else float(length_exponent))
        )
        table = np.column_stack(
            [result.theta[:, 0] + result.theta[:, 1] * centre, result.theta[:, 1], exponent, result.noise]
        )
        rows.append(np.where(result.converged[:, None], table, np.nan))
    point, draws = rows[0][0], rows[1]
    intervals = [from_replicates(float(point[column]), draws[:, column], level, freedom=freedom) for column in range(4)]
    status = intervals[1].status
    if 2 * stats.t.sf(abs(t_value), freedom) > NO_SLOPE_LEVEL:
        status = f"not identified: {NOT_IDENTIFIED}"
    return TaskLawFit(*intervals, freedom, status, draws[np.isfinite(draws).all(axis=1)])


def _no_law(reason: str) -> TaskLawFit:
    return TaskLawFit(*[failed(reason)] * 4, 0, f"failed: {reason}", np.empty((0, 4)))


@dataclass(frozen=True)
class Curvature:
    """Coefficient of (log N)^2 in F: below 0 concave (accelerated emergence, paper P, Def. 1), above 0 convex."""

    quadratic: Estimate
    p_value: float
    num_rows: int
    status: str


def curvature_test(
    num_parameters: np.ndarray,
    passes: np.ndarray,
    attempts: np.ndarray,
    num_replicates: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Curvature:
    """Whether F bends: quadratic term with interval; p-value of |t| against its distribution under the straight law
    (parametric bootstrap, which a chi-square or normal reference would understate with five sizes). "failed: ..." below
    4 sizes with a pass.
    """
    check_level(level)
    check_replicates(num_replicates)
    size, passes, attempts, problem = _checked(num_parameters, passes, attempts)
    sizes = len(np.unique(size[passes > 0])) if not problem else 0
    if problem or sizes < 4:
        nothing = failed(problem or f"{sizes} sizes with a pass, needs 4")
        return Curvature(nothing, np.nan, len(size), nothing.status)
    x = np.log(size) - np.mean(np.log(size))
    straight, bent = np.column_stack([np.ones(len(x)), -x]), np.column_stack([np.ones(len(x)), -x, x**2])
    zero = np.zeros(len(x))
    null, full = (fit_counts(design, zero, passes[None], attempts) for design in (straight, bent))
    freedom = int(full.informative[0]) - 3
    if not (null.converged[0] and full.converged[0]) or freedom < 1:
        reason = "did not converge" if freedom >= 1 else "too few rows with a pass"
        return Curvature(failed(reason), np.nan, len(size), f"failed: {reason}")
    under_null = fit_counts(bent, zero, _simulate(straight, zero, null, attempts, num_replicates, seed), attempts)
    around = fit_counts(bent, zero, _simulate(bent, zero, full, attempts, num_replicates, seed + 1), attempts)
    statistic = np.abs(full.theta[0, 2]) / np.sqrt(full.covariance[0, 2, 2])
    reference = np.abs(under_null.theta[:, 2]) / np.sqrt(under_null.covariance[:, 2, 2])
    reference = reference[under_null.converged]
    p_value = float((1 + np.sum(reference >= statistic)) / (1 + len(reference)))
    replicates = np.where(around.converged, around.theta[:, 2], np.nan)
    quadratic = from_replicates(float(full.theta[0, 2]), replicates, level, freedom=freedom)
    return Curvature(quadratic, p_value, len(size), quadratic.status)


def growth_table(tests: Mapping[str, Curvature], level: float = 0.05) -> pd.DataFrame:
    """One row per task: quadratic, low, high, p_value, p_holm (corrected for the number of tasks tested) and growth:
    "accelerated", "sub-scaling", "scaling law not rejected" or the failure."""
    names = list(tests)
    corrected = holm(np.array([tests[name].p_value for name in names]))
    rows = []
    for name, p_holm in zip(names, corrected):
        test = tests[name]
        bend = "accelerated" if test.quadratic.estimate < 0 else "sub-scaling"
        growth = (
            test.status if not test.status.startswith("ok") else bend if p_holm < level else "scaling law not rejected"
        )
        rows.append(
            {
                "task": name,
                "quadratic": test.quadratic.estimate,
                "low": test.quadratic.low,
                "high": test.quadratic.high,
                "p_value": test.p_value,
                "p_holm": p_holm,
                "growth": growth,
            }
        )
    return pd.DataFrame(rows)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down correction; nan (no test) neither counts nor changes."""
    p_values = np.asarray(p_values, float)
    corrected = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)[: int(np.isfinite(p_values).sum())]
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * (len(order) - np.arange(len(order)))), 1.0)
    return corrected


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
    hazard = np.exp(np.clip(mode, -30, 6))
    rate = np.maximum(np.exp(-hazard), 1e-250)
    variance = np.minimum(-np.expm1(-hazard) / (attempts * rate * hazard**2), 1e12)
    working = mode - (passes / attempts / rate - 1) / hazard
    weight = 1 / (variance + square[:, None])
    gram = np.einsum("rn,ni,nj->rij", weight, design, design) + prior[1]
    gram = gram + 1e-12 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(design.shape[1])
    theta = np.linalg.solve(gram, ((weight * (working - offset)) @ design + prior[1] @ prior[0])[..., None])[..., 0]
    line = offset + theta @ design.T
    if is_noise_free:
        moved = _moment_step(square, working - line, variance, passes > 0, design.shape[1])
        square = square + damping * (moved - square)
    target = line + (working - line) * square[:, None] / (square[:, None] + variance)
    return theta, np.linalg.inv(gram), square, mode + damping * np.clip(target - mode, -0.5, 0.5)


def _moment_step(square, residual, variance, informative, num_columns):
    """One Newton step of Paule and Mandel's equation: sum of residual^2 / (variance + tau^2) = rows - parameters."""
    total = variance + square[:, None]
    excess = np.sum(informative * residual**2 / total, axis=1) - np.maximum(informative.sum(axis=1) - num_columns, 0)
    slope = np.maximum(np.sum(informative * residual**2 / total**2, axis=1), 1e-300)
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


def _checked(num_parameters, passes, attempts):
    size, passes, attempts = np.broadcast_arrays(
        *(np.asarray(array, float) for array in (num_parameters, passes, attempts))
    )
    problem = counts_problem(size, passes, attempts) if size.size else "no rows"
    return size, np.minimum(passes, attempts), attempts, problem
