"""Why a pass rate may grow faster than the task law: several circuits, several steps, or a plain bend (paper P, sec. 6, Fig. 8).

Each curve below gives F = log(-log PU) at log size x (centred). A step or circuit i alone obeys the task law, -log p_i = exp(a_i - b_i x).

    law            one task law                                              2 parameters
    quadratic      a bent line in F                                          3
    cubic          a line in F bent twice                                    4
    steps          all of two independent steps: -log PU = -log p1 - log p2  4   (Theorem 2: F is convex, never accelerated)
    circuits       the better of two circuits, softly: PU = sum w_i p_i with w = softmax(log p_i)   4   (Theorem 3: acceleration)
    richards       an asymmetric logistic in log size with ceiling 1         3   (smooth, no circuits in it)

What the softmax of the paper acts on is not in the sources we have; log p is our reading (w_i = p_i / sum p). `steps` and `circuits`
contain the plain law, so they always fit at least as well: only sizes held out of the fit can tell. All are fitted to the same counts
with the same run noise tau, and scored by the predictive density of the held-out runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import optimize

from analysis.count_likelihood import CountLikelihood, row_log_likelihood
from analysis.task_law import counts_problem, fit_counts

# Smallest pass rate a curve may claim, so that F stays finite.
SMALLEST_RATE = 1e-300
NUM_STARTS = 4
AGREE = 1.0  # two ends whose deviances differ by less are the same minimum
LIMIT = 30.0


def _steps(x: np.ndarray, theta: np.ndarray) -> np.ndarray:
    return np.logaddexp(theta[0] - theta[1] * x, theta[2] - theta[3] * x)


def _circuits(x: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Weights p_i / sum p make PU = (p1^2 + p2^2) / (p1 + p2); computed in logs because p can be 1e-100."""
    first, second = (-np.exp(np.clip(theta[i] - theta[i + 1] * x, -50, 50)) for i in (0, 2))
    return _to_f(np.logaddexp(2 * first, 2 * second) - np.logaddexp(first, second))


def _richards(x: np.ndarray, theta: np.ndarray) -> np.ndarray:
    return _to_f(-np.exp(theta[2]) * np.logaddexp(0.0, theta[0] - theta[1] * x))


def _to_f(log_rate: np.ndarray) -> np.ndarray:
    return np.log(-np.clip(log_rate, np.log(SMALLEST_RATE), -1e-15))


@dataclass(frozen=True)
class Growth:
    """One curve F(x; theta) with starting points made from the straight fit (a, b) and the span of x. slopes: places in theta that are
    exponents of a task law, hence not negative."""

    num_params: int
    curve: Callable[[np.ndarray, np.ndarray], np.ndarray]
    starts: Callable[[float, float, float], list[list[float]]]
    slopes: tuple[int, ...] = ()


CURVES = {
    "law": Growth(2, lambda x, t: t[0] - t[1] * x, lambda a, b, s: [[a, b], [a, 2 * b], [a, b / 2]], (1,)),
    "quadratic": Growth(3, lambda x, t: t[0] - t[1] * x + t[2] * x**2, lambda a, b, s: [[a, b, bend / s**2] for bend in (0, 0.1, -0.1)]),
    "cubic": Growth(
        4, lambda x, t: t[0] - t[1] * x + t[2] * x**2 + t[3] * x**3,
        lambda a, b, s: [[a, b, bend / s**2, twist / s**3] for bend in (0, 0.1, -0.1) for twist in (0, 0.1)],
    ),
    "steps": Growth(4, _steps, lambda a, b, s: [[a - d, b * k, a - 0.7, b / k] for d in (0.7, 2.0) for k in (1.0, 2.0, 4.0)], (1, 3)),
    "circuits": Growth(
        4, _circuits, lambda a, b, s: [[a, b * k, a + d, b * m] for d in (0.0, 0.5) for k in (0.3, 1.0) for m in (1.0, 2.0, 4.0)], (1, 3)
    ),
    "richards": Growth(
        3, _richards, lambda a, b, s: [[c, k * np.exp(a) / 3, d] for c in (0.5, 3.0) for k in (0.1, 0.5) for d in (0.0, 1.0)]
    ),
}


@dataclass(frozen=True)
class GrowthFit:
    """theta in the centred log size, minus twice the log likelihood of the fitted rows, and whether the two best starts agree."""

    name: str
    theta: np.ndarray = field(repr=False)
    centre: float
    deviance: float
    status: str

    def predict_f(self, num_parameters: np.ndarray) -> np.ndarray:
        """F = log(-log PU) at sizes [n]."""
        return CURVES[self.name].curve(np.log(np.asarray(num_parameters, float)) - self.centre, self.theta)


def fit_growth(name: str, num_parameters: np.ndarray, passes: np.ndarray, attempts: np.ndarray, noise: float) -> GrowthFit:
    """Maximum likelihood of one curve at given run noise; status "failed: ..." without convergence, or when no two starts end
    within AGREE of the best."""
    x = np.log(np.asarray(num_parameters, float))
    centre = float(x.mean())
    x = x - centre
    straight = fit_counts(np.column_stack([np.ones(len(x)), -x]), np.zeros(len(x)), passes[None], attempts).theta[0]
    growth = CURVES[name]

    likelihood = CountLikelihood(passes, attempts, noise)

    def minus_twice(theta: np.ndarray) -> float:
        return float(-2 * np.sum(likelihood(growth.curve(x, theta))))

    starts = growth.starts(float(straight[0]), float(straight[1]), max(float(np.ptp(x)), 1e-6))
    first = sorted(starts, key=lambda theta: minus_twice(np.array(theta)))
    rough = sorted((_simplex(minus_twice, start, growth.slopes, 300) for start in first[:NUM_STARTS]), key=lambda end: end.fun)
    # New simplexes from the best ends, for the first may have collapsed on a ridge; further starts only until two of them agree.
    ends: list[optimize.OptimizeResult] = []
    for start in [end.x for end in rough] + first[NUM_STARTS:]:
        ends = sorted([*ends, _simplex(minus_twice, start, growth.slopes, 2000)], key=lambda end: end.fun)
        if len(ends) > 1 and ends[1].fun < ends[0].fun + AGREE:
            break
    final = ends[0]
    if not (final.success and np.isfinite(final.fun)):
        return GrowthFit(name, final.x, centre, np.nan, "failed: did not converge")
    status = "ok" if len(ends) > 1 and ends[1].fun < final.fun + AGREE else "failed: the two best starts disagree"
    return GrowthFit(name, final.x, centre, float(final.fun), status)


def _simplex(
    objective: Callable[[np.ndarray], float], start: np.ndarray, slopes: tuple[int, ...], max_steps: int
) -> optimize.OptimizeResult:
    # The deviance decides when to stop: along a ridge theta may move where the curve no longer does.
    options = {"maxiter": max_steps, "maxfev": 2 * max_steps, "xatol": 1e-2, "fatol": 1e-3}
    bounds = [(0.0 if place in slopes else -LIMIT, LIMIT) for place in range(len(start))]
    start = np.clip(start, *np.transpose(bounds))
    return optimize.minimize(objective, start, method="Nelder-Mead", bounds=bounds, options=options)


def compare_growth(
    num_parameters: np.ndarray, passes: np.ndarray, attempts: np.ndarray, num_held_out: int = 2, names: tuple[str, ...] = tuple(CURVES)
) -> pd.DataFrame:
    """Fit each curve without the num_held_out largest sizes and score it on them; rows [n] are runs.

    Columns: curve, num_params, deviance, aicc (on the fitted sizes), held_out_log_density (sum over held-out runs at the fitted
    theta, higher is better),
    held_out_error_f (root mean square, runs with passes), difference (of log density to the plain law's), status, fit (the GrowthFit);
    best held-out first.
    Run noise tau is that of the cubic fit to the fitted sizes (with n - 4 degrees of freedom where they allow, else of the straight one),
    the same for all; held-out runs are scored with the larger noise that suits the best curve (_scoring_noise). ValueError when fewer than 4 sizes remain.
    """
    size, passes = np.asarray(num_parameters, float), np.asarray(passes, float)
    attempts = np.broadcast_to(np.asarray(attempts, float), passes.shape)
    if size.shape != passes.shape:
        raise ValueError(f"num_parameters has shape {size.shape}, passes {passes.shape}; pass one of each per run")
    problem = counts_problem(size, passes, attempts)
    if problem:
        raise ValueError(problem)
    unknown = [name for name in names if name not in CURVES]
    if unknown or num_held_out < 0:
        raise ValueError(f"names: unknown {unknown}; num_held_out {num_held_out}: use some of {list(CURVES)} and 0 or more")
    sizes = np.unique(size)
    if len(sizes) - num_held_out < 4:
        raise ValueError(f"num_held_out: {num_held_out} of {len(sizes)} sizes leaves fewer than 4 to fit; hold out fewer")
    held = size >= sizes[-num_held_out] if num_held_out else np.zeros(len(size), bool)
    noise = _run_noise(size[~held], passes[~held], attempts[~held])
    fits = [fit_growth(name, size[~held], passes[~held], attempts[~held], noise) for name in names]
    predicted = {fit.name: fit.predict_f(size[held]) for fit in fits if fit.status == "ok"}
    scoring_noise = _scoring_noise(predicted, passes[held], attempts[held], noise)
    rows = []
    for fit in fits:
        k, n = CURVES[fit.name].num_params + 1, int(np.sum(~held))
        density, error = np.nan, np.nan
        if fit.name in predicted and held.any():
            density = float(np.sum(row_log_likelihood(predicted[fit.name], passes[held], attempts[held], scoring_noise)))
            seen = passes[held] > 0
            observed = np.log(-np.log(np.clip(passes[held][seen] / attempts[held][seen], SMALLEST_RATE, 1 - 1e-12)))
            error = float(np.sqrt(np.mean((predicted[fit.name][seen] - observed) ** 2))) if seen.any() else np.nan
        aicc = fit.deviance + 2 * k + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.nan
        rows.append({"curve": fit.name, "num_params": CURVES[fit.name].num_params, "deviance": fit.deviance, "aicc": aicc,
                     "held_out_log_density": density, "held_out_error_f": error, "status": fit.status, "fit": fit})
    table = pd.DataFrame(rows)
    law = table.loc[table["curve"] == "law", "held_out_log_density"]
    table["difference"] = table["held_out_log_density"] - (float(law.iloc[0]) if len(law) else np.nan)
    return table.sort_values("held_out_log_density", ascending=False, ignore_index=True)


def _scoring_noise(predicted: dict[str, np.ndarray], passes: np.ndarray, attempts: np.ndarray, noise: float) -> float:
    """Noise at which the best curve fares best on the held-out runs, at least that of the fit: an extrapolation errs by more than a fit, and
    a noise taken from the fit alone would turn any difference into certainty."""
    if not predicted or not len(passes):
        return noise
    grid = np.geomspace(noise, max(2.0, 2 * noise), 40)
    best = [max(np.sum(row_log_likelihood(f, passes, attempts, tau)) for f in predicted.values()) for tau in grid]
    return float(grid[int(np.argmax(best))])


def _run_noise(size: np.ndarray, passes: np.ndarray, attempts: np.ndarray) -> float:
    x = np.log(size) - np.mean(np.log(size))
    degree = 3 if np.sum(passes > 0) >= 7 else 1
    fit = fit_counts(np.vander(x, degree + 1), np.zeros(len(x)), passes[None], attempts)
    # Below 0.01 the likelihood of large counts is sharper than any curve can be right.
    return max(float(fit.noise[0]), 0.01)
