"""Why a pass rate may grow faster than the task law: several circuits, several steps, or a plain bend (paper P, sec. 6,
Fig. 8).

Each curve below gives F = log(-log PU) at log size x (centred). A step or circuit i alone obeys the task law, -log p_i
= exp(a_i - b_i x).

    law            one task law                                              2 parameters
    quadratic      a bent line in F                                          3
    cubic          a line in F bent twice                                    4
    steps          all of two independent steps: -log PU = -log p1 - log p2  4   (Theorem 2: F is convex, never
    accelerated)
    circuits       the better of two circuits, softly: PU = sum w_i p_i with w = softmax(log p_i)   4   (Theorem 3:
    acceleration) richards       an asymmetric logistic in log size with ceiling 1         3   (smooth, no circuits in
    it)

What the softmax of the paper acts on is not in the sources we have; log p is our reading (w_i = p_i / sum p). `steps`
and `circuits`
contain the plain law, so they always fit at least as well: only sizes held out of the fit can tell. All are fitted to
the same counts with the same run noise tau, and scored by the predictive density of the held-out runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.newton import best_of, first_best, minimise
from analysis.passes.count_likelihood import CountLikelihood, row_log_likelihood
from analysis.task_law.fit import counts_problem, fit_counts

# Smallest pass rate a curve may claim, so that F stays finite.
SMALLEST_RATE = 1e-300
AGREE = 1.0  # two ends whose deviances differ by less are the same minimum
LIMIT = 30.0
# Log densities are compared to this many decimals, so that two curves that run alike differ by 0 and not by rounding
# errors.
DENSITY_DECIMALS = 4
# SD of a normal prior on each parameter, centred on the plain law. It hardly touches what the rows know and decides
# what they do not.
# Of two circuits or steps the rows may hardly see one: fits whose deviances differ by 0.03 then run apart by tens of
# log densities at the next size, so the one nearer to the plain law is taken (3 is a hazard 20 times as large). The
# other curves have no part that is not seen.
PRIOR_SD, PRIOR_SD_OF_PAIRS = 30.0, 3.0

Jet = tuple[
    np.ndarray, np.ndarray, np.ndarray
]  # F [n], its derivatives by m linear predictors [m, n], and second ones [m, m, n]


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


@dataclass(frozen=True)
class GrowthFit:
    """theta in the centred log size, minus twice the log likelihood of the fitted rows, and whether the two best starts
    agree."""

    name: str
    theta: np.ndarray = field(repr=False)
    centre: float
    deviance: float
    status: str

    def predict_f(self, num_parameters: np.ndarray) -> np.ndarray:
        """F = log(-log PU) at sizes [n]."""
        return CURVES[self.name].curve(np.log(np.asarray(num_parameters, float)) - self.centre, self.theta)


def fit_growth(
    name: str, num_parameters: np.ndarray, passes: np.ndarray, attempts: np.ndarray, noise: float
) -> GrowthFit:
    """Maximum likelihood (with a weak prior, see PRIOR_SD) of one curve at given run noise; status "failed: ..."
    without convergence, or when no two starts end within AGREE of the best."""
    x = np.log(np.asarray(num_parameters, float))
    centre = float(x.mean())
    x = x - centre
    straight = fit_counts(np.column_stack([np.ones(len(x)), -x]), np.zeros(len(x)), passes[None], attempts).theta[0]
    growth = CURVES[name]
    starts = growth.starts(float(straight[0]), float(straight[1]), max(float(np.ptp(x)), 1e-6))
    likelihood, designs, near = CountLikelihood(passes, attempts, noise), growth.designs(x), np.array(starts[0])

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        f, first, second = growth.jet(designs @ theta)
        value, slope, bend = (-2 * part for part in likelihood.jet(f))
        by_theta = np.einsum("mn,mnk->nk", first, designs)
        hessian = np.einsum("n,nk,nl->kl", bend, by_theta, by_theta) + np.einsum(
            "n,mjn,mnk,jnl->kl", slope, second, designs, designs
        )
        away = (theta - near) / growth.prior_sd
        return (
            float(np.sum(value) + np.sum(away**2)),
            slope @ by_theta + 2 * away / growth.prior_sd,
            hessian + 2 / growth.prior_sd**2 * np.eye(len(theta)),
        )

    low = np.where(np.isin(np.arange(growth.num_params), growth.slopes), 0.0, -LIMIT)
    ends = best_of([minimise(objective, start, low, np.full(growth.num_params, LIMIT)) for start in starts])
    if not ends:
        return GrowthFit(name, near, centre, np.nan, "failed: did not converge")
    status = "ok" if len(ends) > 1 and ends[1].value < ends[0].value + AGREE else "failed: the two best starts disagree"
    return GrowthFit(name, ends[0].x, centre, float(-2 * np.sum(likelihood(growth.curve(x, ends[0].x)))), status)


def compare_growth(
    num_parameters: np.ndarray,
    passes: np.ndarray,
    attempts: np.ndarray,
    num_held_out: int = 2,
    names: tuple[str, ...] = tuple(CURVES),
) -> pd.DataFrame:
    """Fit each curve without the num_held_out largest sizes and score it on them; rows [n] are runs.

    Columns: curve, num_params, deviance, aicc (on the fitted sizes), held_out_log_density (sum over held-out runs at
    the fitted theta, higher is better),
    held_out_error_f (root mean square, runs with passes), difference (of log density to the plain law's), status, fit
    (the GrowthFit); best held-out first.
    Run noise tau is that of the cubic fit to the fitted sizes (with n - 4 degrees of freedom where they allow, else of
    the straight one), the same for all; held-out runs are scored with the larger noise that suits the best curve
    (_scoring_noise). ValueError when fewer than 4 sizes remain.
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
        raise ValueError(
            f"names: unknown {unknown}; num_held_out {num_held_out}: use some of {list(CURVES)} and 0 or more"
        )
    sizes = np.unique(size)
    if len(sizes) - num_held_out < 4:
        raise ValueError(
            f"num_held_out: {num_held_out} of {len(sizes)} sizes leaves fewer than 4 to fit; hold out fewer"
        )
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
            density = float(
                np.sum(row_log_likelihood(predicted[fit.name], passes[held], attempts[held], scoring_noise))
            )
            density = round(density, DENSITY_DECIMALS)
            seen = passes[held] > 0
            observed = np.log(-np.log(np.clip(passes[held][seen] / attempts[held][seen], SMALLEST_RATE, 1 - 1e-12)))
            error = float(np.sqrt(np.mean((predicted[fit.name][seen] - observed) ** 2))) if seen.any() else np.nan
        aicc = fit.deviance + 2 * k + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.nan
        rows.append(
            {
                "curve": fit.name,
                "num_params": CURVES[fit.name].num_params,
                "deviance": fit.deviance,
                "aicc": aicc,
                "held_out_log_density": density,
                "held_out_error_f": error,
                "status": fit.status,
                "fit": fit,
            }
        )
    table = pd.DataFrame(rows)
    law = table.loc[table["curve"] == "law", "held_out_log_density"]
    table["difference"] = table["held_out_log_density"] - (float(law.iloc[0]) if len(law) else np.nan)
    return table.sort_values("held_out_log_density", ascending=False, kind="stable", ignore_index=True)


def _scoring_noise(predicted: dict[str, np.ndarray], passes: np.ndarray, attempts: np.ndarray, noise: float) -> float:
    """Noise at which the best curve fares best on the held-out runs, at least that of the fit: an extrapolation errs by
    more than a fit, and a noise taken from the fit alone would turn any difference into certainty."""
    if not predicted or not len(passes):
        return noise
    grid = np.geomspace(noise, max(2.0, 2 * noise), 40)
    best = [max(np.sum(row_log_likelihood(f, passes, attempts, tau)) for f in predicted.values()) for tau in grid]
    return float(grid[int(first_best(np.array(best)))])


def _run_noise(size: np.ndarray, passes: np.ndarray, attempts: np.ndarray) -> float:
    x = np.log(size) - np.mean(np.log(size))
    degree = 3 if np.sum(passes > 0) >= 7 else 1
    fit = fit_counts(np.vander(x, degree + 1), np.zeros(len(x)), passes[None], attempts)
    # Below 0.01 the likelihood of large counts is sharper than any curve can be right.
    return max(float(fit.noise[0]), 0.01)
