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

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.newton import best_of, first_best, minimise
from analysis.passes.count_likelihood import CountLikelihood, row_log_likelihood
from analysis.task_law.counts import counts_problem, fit_counts
from analysis.task_law.growth_curves import CURVES, LIMIT, SMALLEST_RATE

AGREE = 1.0  # two ends whose deviances differ by less are the same minimum
# Log densities are compared to this many decimals, so that two curves that run alike differ by 0 and not by rounding
# errors.
DENSITY_DECIMALS = 4


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
    held_out_error_f (root mean square, runs with passes), difference (of log density to the plain law's), scoring_noise
    (the same for all curves), status, fit (the GrowthFit); best held-out first.
    Run noise tau is that of the cubic fit to the fitted sizes (with n - 4 degrees of freedom where they allow, else of
    the straight one), the same for all; held-out runs are scored with the larger noise that suits the best curve
    (_scoring_noise). ValueError when fewer than 4 sizes remain.
    """
    size, passes, attempts = _checked_counts(num_parameters, passes, attempts)
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
        about = {"curve": fit.name, "num_params": CURVES[fit.name].num_params, "deviance": fit.deviance, "aicc": aicc}
        about |= {"held_out_log_density": density, "held_out_error_f": error, "status": fit.status, "fit": fit}
        rows.append(about)
    table = pd.DataFrame(rows)
    law = table.loc[table["curve"] == "law", "held_out_log_density"]
    table["scoring_noise"] = scoring_noise
    table["difference"] = table["held_out_log_density"] - (float(law.iloc[0]) if len(law) else np.nan)
    return table.sort_values("held_out_log_density", ascending=False, kind="stable", ignore_index=True)


def _checked_counts(num_parameters, passes, attempts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size, passes = np.asarray(num_parameters, float), np.asarray(passes, float)
    attempts = np.broadcast_to(np.asarray(attempts, float), passes.shape)
    if size.shape != passes.shape:
        raise ValueError(f"num_parameters has shape {size.shape}, passes {passes.shape}; pass one of each per run")
    if problem := counts_problem(size, passes, attempts):
        raise ValueError(problem)
    return size, passes, attempts


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
