"""The pass probability of a threshold task against loss on the scale of F = log(-log p): flat, then rising, or a slope
all the way; and whether the loss at which it will cross a level can be forecast from checkpoints above it.

On this scale a probability is resolved however small it is, so a threshold that comes from an insensitive metric turns
into a slope, and one that is there stays flat above it. Rows are checkpoints with (passes, attempts), exact
probabilities as counts that know F well (task_law.effective_counts).

    line, quadratic, cubic    a polynomial of the loss                              2, 3, 4 parameters   smooth
    soft_hinge                a floor and a softplus of some width                  4                    smooth
    hinge, hinge_curve        a floor above eta, below it a line or a parabola      3, 4                 flat, then
    rising
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, failed
from analysis.newton import SAME_VALUE, first_best
from analysis.onset.shapes import DEVIANCE_DECIMALS, cluster_inflation
from analysis.passes.count_likelihood import row_log_likelihood
from analysis.rows import check_level, float_columns, run_labels
from analysis.task_law.counts import counts_problem, fit_counts

NUM_ETAS = 24
MIN_FLAT_SHARE = 0.25
SMALLEST_NOISE = 0.01  # checkpoints of one run never keep closer to a curve than this in F
WIDTHS = (0.03, 0.06, 0.12, 0.25)  # of a soft hinge, as shares of the loss range
NUM_GRID = 400
MIN_ROWS = 5


@dataclass(frozen=True)
class LossCurve:
    """design(loss [n], shape) -> [n, k]; shapes(loss) -> the (eta, width) pairs to try; num_params counts them and the
    coefficients."""

    num_params: int
    is_hinge: bool
    design: Callable[[np.ndarray, tuple], np.ndarray]
    shapes: Callable[[np.ndarray], list[tuple]]


def _polynomial(degree: int) -> Callable[[np.ndarray, tuple], np.ndarray]:
    return lambda loss, _: np.vander(loss, degree + 1, increasing=True)


def _below(degree: int) -> Callable[[np.ndarray, tuple], np.ndarray]:
    return lambda loss, shape: np.column_stack(
        [np.ones(len(loss)), *(np.maximum(shape[0] - loss, 0.0) ** power for power in range(1, degree + 1))]
    )


def _etas(loss: np.ndarray) -> list[tuple]:
    # Flat means flat over a part of the range that deserves the name, else every straight slope would be a threshold at
    # the highest loss.
    ordered = np.sort(loss)
    return [
        (eta,)
        for eta in np.linspace(
            ordered[min(2, len(ordered) // 3)], ordered[-1] - MIN_FLAT_SHARE * np.ptp(loss), NUM_ETAS
        )
    ]


CURVES = {
    "line": LossCurve(2, False, _polynomial(1), lambda loss: [()]),
    "quadratic": LossCurve(3, False, _polynomial(2), lambda loss: [()]),
    "cubic": LossCurve(4, False, _polynomial(3), lambda loss: [()]),
    "soft_hinge": LossCurve(
        4,
        False,
        lambda loss, shape: np.column_stack(
            [np.ones(len(loss)), shape[1] * np.logaddexp(0.0, (shape[0] - loss) / shape[1])]
        ),
        lambda loss: [(eta, share * float(np.ptp(loss))) for (eta,) in _etas(loss)[::2] for share in WIDTHS],
    ),
    "hinge": LossCurve(3, True, _below(1), _etas),
    "hinge_curve": LossCurve(4, True, _below(2), _etas),
}
FORECAST_CURVES = ("line", "quadratic", "hinge")


@dataclass(frozen=True)
class LossCurveFit:
    """Maximum-likelihood fit of one curve at a given noise: shape (eta, width), coefficients theta with covariance,
    minus twice the log likelihood."""

    name: str
    shape: tuple
    theta: np.ndarray = field(repr=False)
    covariance: np.ndarray = field(repr=False)
    noise: float
    deviance: float
    status: str

    def predict_f(self, loss_nats: np.ndarray) -> np.ndarray:
        """F at losses [n]."""
        return CURVES[self.name].design(np.asarray(loss_nats, float), self.shape) @ self.theta


def row_noise(loss_nats: np.ndarray, passes: np.ndarray, attempts: np.ndarray) -> float:
    """SD of F of a checkpoint around a cubic of the loss (a straight line below 8 rows), beyond the sampling of its
    attempts."""
    centred = (loss_nats - loss_nats.mean()) / max(float(np.ptp(loss_nats)), 1e-9)
    degree = 3 if np.sum(passes > 0) >= 8 else 1
    fit = fit_counts(np.vander(centred, degree + 1), np.zeros(len(centred)), passes[None], attempts)
    return max(float(fit.noise[0]), SMALLEST_NOISE)


def fit_loss_curve(
    name: str, loss_nats: np.ndarray, passes: np.ndarray, attempts: np.ndarray, noise: float
) -> LossCurveFit:
    """Fit one curve to rows [n]; the best of its shapes. status "failed: ..." when none converges."""
    best = LossCurveFit(name, (), np.empty(0), np.empty((0, 0)), noise, np.inf, "failed: no shape converged")
    for shape in CURVES[name].shapes(loss_nats):
        design = CURVES[name].design(loss_nats, shape)
        fit = fit_counts(design, np.zeros(len(loss_nats)), passes[None], attempts, noise=noise)
        if not fit.converged[0]:
            continue
        deviance = float(-2 * np.sum(row_log_likelihood(design @ fit.theta[0], passes, attempts, noise)))
        # Of shapes that fit alike the first is kept.
        if not np.isfinite(best.deviance) or deviance < best.deviance - SAME_VALUE * (1 + abs(deviance)):
            best = LossCurveFit(name, shape, fit.theta[0], fit.covariance[0], noise, deviance, "ok")
    return best


@dataclass(frozen=True)
class LossCurveComparison:
    """table: one row per curve (curve, is_hinge, num_params, deviance, aicc, status, fit), best first; hinge_advantage:
    AICc of the best smooth curve minus that of the best hinge; effective_rows after the design effect of runs."""

    table: pd.DataFrame = field(repr=False)
    hinge_advantage: float
    effective_rows: float
    status: str


def compare_loss_curves(
    runs: np.ndarray, loss_nats: np.ndarray, passes: np.ndarray, attempts: np.ndarray
) -> LossCurveComparison:
    """Fit every curve to checkpoints [n] and rank them by quasi-AICc (same noise for all; rows of one run repeat each
    other, so the evidence is scaled to the effective number of rows). status "failed: ..." below 10 rows with a pass or
    without convergence."""
    loss, passes, attempts, problem = _checked(loss_nats, passes, attempts)
    runs, unlabelled = run_labels(runs, len(loss))
    problem = problem or unlabelled or (f"every checkpoint has loss {loss[0]:g}" if np.ptp(loss) == 0 else "")
    if problem:
        return LossCurveComparison(pd.DataFrame(), np.nan, np.nan, f"failed: {problem}")
    if np.sum(passes > 0) < 10:
        return LossCurveComparison(
            pd.DataFrame(), np.nan, np.nan, f"failed: {int(np.sum(passes > 0))} checkpoints with a pass, needs 10"
        )
    noise = row_noise(loss, passes, attempts)
    fits = [fit_loss_curve(name, loss, passes, attempts, noise) for name in CURVES]
    usable = [fit for fit in fits if fit.status == "ok"]
    if not usable:
        return LossCurveComparison(pd.DataFrame(), np.nan, np.nan, "failed: no curve converged")
    closest = min(usable, key=lambda fit: round(fit.deviance, DEVIANCE_DECIMALS))
    effective = len(loss) / max(1.0, cluster_inflation(_residual(closest, loss, passes, attempts), np.asarray(runs)))
    effective = max(effective, min(len(np.unique(runs)), len(loss)))
    rows = [
        {
            "curve": fit.name,
            "is_hinge": CURVES[fit.name].is_hinge,
            "num_params": CURVES[fit.name].num_params,
            "deviance": fit.deviance,
            "aicc": aicc(fit, len(loss), effective),
            "status": fit.status,
            "fit": fit,
        }
        for fit in fits
    ]
    table = pd.DataFrame(rows).sort_values("aicc", kind="stable", ignore_index=True)
    best = table.groupby("is_hinge").aicc.min()
    advantage = float(best[False] - best[True])
    status = "ok" if np.isfinite(advantage) else f"failed: {effective:.1f} effective rows are too few for the curves"
    return LossCurveComparison(table, advantage, float(effective), status)


def aicc(fit: LossCurveFit, num_rows: int, effective_rows: float) -> float:
    """Corrected Akaike criterion, the noise counted as a parameter; nan without room for the correction."""
    k = CURVES[fit.name].num_params + 1
    room = effective_rows - k - 1
    if room <= 0 or fit.status != "ok":
        return np.nan
    return round(fit.deviance * effective_rows / num_rows + 2 * k + 2 * k * (k + 1) / room, DEVIANCE_DECIMALS)


def _residual(fit: LossCurveFit, loss: np.ndarray, passes: np.ndarray, attempts: np.ndarray) -> np.ndarray:
    """Standardised residuals of F; 0 for rows without a pass or a failure."""
    rate = np.clip(passes / attempts, 1e-300, 1 - 1e-12)
    seen = (passes > 0) & (passes < attempts)
    variance = (1 - rate) / (attempts * rate * np.log(rate) ** 2)
    return np.where(seen, (np.log(-np.log(rate)) - fit.predict_f(loss)) / np.sqrt(variance + fit.noise**2), 0.0)


def forecast_crossing(
    loss_nats: np.ndarray,
    passes: np.ndarray,
    attempts: np.ndarray,
    level: float,
    above: float,
    lowest_loss: float,
    num_draws: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """Loss at which the pass probability will cross `level`, from the rows [n] with loss above `above` only.

    Lines, quadratics and hinges are averaged by their Akaike weights on those rows (Buckland, Burnham and Augustin
    1997) and continued down to
    lowest_loss: draws of the coefficients, of a shift by the noise for the new run, and of the curve; the estimate is
    their median. An end of -inf says that some draws never cross. status "failed: ..." below 5 rows with a pass, "not
    in sight" where the median does not cross.
    """
    check_level(confidence, "confidence")
    if not (0 < level < 1 and np.isfinite(above) and np.isfinite(lowest_loss) and num_draws >= 2):
        raise ValueError(
            f"level {level}, above {above}, lowest_loss {lowest_loss}, num_draws {num_draws}: need a share between 0"
            " and 1, two losses, and 2 draws or more"
        )
    loss, passes, attempts, problem = _checked(loss_nats, passes, attempts)
    if problem:
        return failed(problem)
    kept = loss > above
    loss, passes, attempts = loss[kept], passes[kept], attempts[kept]
    if np.sum(passes > 0) < MIN_ROWS:
        return failed(f"{int(np.sum(passes > 0))} checkpoints with a pass above {above:.3g} nats, needs {MIN_ROWS}")
    noise = row_noise(loss, passes, attempts)
    fits = [
        fit for name in FORECAST_CURVES if (fit := fit_loss_curve(name, loss, passes, attempts, noise)).status == "ok"
    ]
    scores = np.array([aicc(fit, len(loss), len(loss)) for fit in fits])
    if not np.isfinite(scores).any():
        return failed("no curve converged")
    weights = np.nan_to_num(np.exp(-0.5 * (scores - np.nanmin(scores))))
    rng, grid = np.random.default_rng(seed), np.linspace(above, min(lowest_loss, above - 1e-6), NUM_GRID)
    drawn = []
    for fit, num in zip(fits, rng.multinomial(num_draws, weights / weights.sum())):
        # By the Cholesky factor, which is unique; an eigenvector may come with either sign.
        theta = rng.multivariate_normal(fit.theta, fit.covariance, size=num, method="cholesky")
        drawn.append(
            _first_crossing(
                grid, CURVES[fit.name].design(grid, fit.shape) @ theta.T + noise * rng.normal(size=num), level
            )
        )
    middle, low, high = np.quantile(
        np.concatenate(drawn), [0.5, 0.5 - confidence / 2, 0.5 + confidence / 2], method="inverted_cdf"
    )
    best = fits[int(first_best(-scores))].name
    status = f"not in sight: {best} does not cross {level:.3g}" if np.isneginf(middle) else f"ok: mostly {best}"
    return Estimate(np.nan if np.isneginf(middle) else float(middle), float(low), float(high), status)


def _checked(loss_nats, passes, attempts) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Float columns [n] and what is wrong with them."""
    (loss, passes, attempts), problem = float_columns(1, loss_nats=loss_nats, passes=passes, attempts=attempts)
    return loss, passes, attempts, problem or counts_problem(np.ones(len(loss)), passes, attempts)


def _first_crossing(grid: np.ndarray, f: np.ndarray, level: float) -> np.ndarray:
    """First loss of the falling grid [n] at which each column of f [n, R] has come down to the level's F; -inf where
    none has."""
    past = f <= np.log(-np.log(level))
    return np.where(past.any(axis=0), grid[np.argmax(past, axis=0)], -np.inf)


def forecast_lead(above: np.ndarray, error: np.ndarray, observed: float, tolerance: float) -> float:
    """How far above the observed crossing forecasts begin to be right: the largest distance from which on, down to the
    crossing, every forecast errs by at most `tolerance`. above [n]: losses the forecasts were made from; error [n] in
    nats, nan or inf where there was none. 0 if the nearest is wrong.
    """
    order = np.argsort(above)
    lead = 0.0
    for place in order[np.asarray(above)[order] > observed]:
        if not abs(error[place]) <= tolerance:
            break
        lead = float(above[place] - observed)
    return lead
