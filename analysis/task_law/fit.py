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
from analysis.task_law.counts import NO_SLOPE_LEVEL, _simulate, counts_problem, fit_counts

NOT_IDENTIFIED = "a slope of 0 not excluded"


def pass_rate(num_parameters, log_c, alpha, answer_length=1.0, length_exponent=1.0):
    """Eq. 4 with the answer's length kept; arguments broadcast."""
    return np.exp(-np.exp(log_c - alpha * np.log(num_parameters) + length_exponent * np.log(answer_length)))


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
    # Centred sizes make level and slope nearly independent: uncentred, their normal equations lose half of the digits
    # for sizes of 1e6 and more.
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
    # The slope is tested before it is used: with few passes a fit of pure noise extrapolates as confidently as a law.
    t_value = fit.theta[0, 1] / np.sqrt(fit.covariance[0, 1, 1])
    # Replicates are drawn from the fitted law with its run noise and fitted as the data are, tau included, so that the
    # interval also holds what estimating tau costs.
    again = fit_counts(design, offset, _simulate(design, offset, fit, attempts, num_replicates, seed), attempts)
    rows = []
    for result in (fit, again):
        exponent = (
            result.theta[:, 2] if is_free else np.full(len(result.theta), 0.0 if is_free else float(length_exponent))
        )
        # Back from the centred intercept to log c; only here, so that replicates are moved by their own slope.
        table = np.column_stack(
            [result.theta[:, 0] + result.theta[:, 1] * centre, result.theta[:, 1], exponent, result.noise]
        )
        rows.append(np.where(result.converged[:, None], table, np.nan))
    point, draws = rows[0][0], rows[1]
    intervals = [from_replicates(float(point[column]), draws[:, column], level, freedom=freedom) for column in range(4)]
    # The law stands or falls with its slope; a tau at 0 or a vague length exponent does not spoil it.
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
    # Two bootstraps for two questions: under the straight law for the p-value, around the bent fit for the interval.
    under_null = fit_counts(bent, zero, _simulate(straight, zero, null, attempts, num_replicates, seed), attempts)
    around = fit_counts(bent, zero, _simulate(bent, zero, full, attempts, num_replicates, seed + 1), attempts)
    statistic = np.abs(full.theta[0, 2]) / np.sqrt(full.covariance[0, 2, 2])
    # |t|, not the coefficient: its distribution hardly depends on tau, which the fit knows only roughly.
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


def _checked(num_parameters, passes, attempts):
    size, passes, attempts = np.broadcast_arrays(
        *(np.asarray(array, float) for array in (num_parameters, passes, attempts))
    )
    problem = counts_problem(size, passes, attempts) if size.size else "no rows"
    return size, np.minimum(passes, attempts), attempts, problem
