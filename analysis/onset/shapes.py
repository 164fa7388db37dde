"""Is a hinge needed at all? Flat with a kink against smooth curves, by information criterion (paper L, Eq. 3)."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.onset.curves import SHAPES, CurveFit, fit_curve, item_floor
from analysis.rows import float_columns, run_labels, share_problem

# Of deviances, and of AICc and BIC: shapes that run alike tie, and a tie is decided by the order of SHAPES. The
# criteria hold fewer decimals, for they rest on the residuals of a curve whose parameters a search by values knows to
# about six digits.
DEVIANCE_DECIMALS, CRITERION_DECIMALS = 4, 2


def cluster_inflation(residual: np.ndarray, runs: np.ndarray) -> float:
    """How much larger the variance of run sums of standardised residuals [n] is than independence says (1 =
    independent)."""
    sums = np.bincount(np.unique(runs, return_inverse=True)[1], weights=residual)
    return float(np.sum(sums**2) / max(np.sum(residual**2), 1e-300))


@dataclass(frozen=True)
class ShapeComparison:
    """table: one row per shape (shape, is_hinge, num_params, theta, amplitude, deviance, aicc, bic, delta_aicc,
    delta_bic, status), best first; hinge_advantage: AICc of the best smooth shape minus that of the best hinge (above
    0: the hinge is better), the same for BIC.
    """

    table: pd.DataFrame = field(repr=False)
    best: str
    hinge_advantage_aicc: float
    hinge_advantage_bic: float
    variance_inflation: float
    effective_rows: float
    status: str


def compare_shapes(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    chance: float,
    num_items: np.ndarray | None = None,
    shapes: tuple[str, ...] = tuple(SHAPES),
) -> ShapeComparison:
    """Fit every shape to rows [n] and rank them by quasi-AICc (binomial where num_items is given, else Gaussian).

    Variance inflation: Pearson's chi-square per degree of freedom of the best-fitting shape (Burnham and Anderson 2002,
    2.5);
    effective rows: n over the design effect of runs. status "failed: no rise" when no shape beats a constant by 10,
    "failed: ..." for rows that cannot be judged or are too few to compare the families. ValueError for an unknown
    shape.
    """
    unknown = [name for name in shapes if name not in SHAPES]
    if unknown or not shapes:
        raise ValueError(f"shapes: unknown {unknown}; use some of {list(SHAPES)}")
    (loss_nats, value, num_items), problem = float_columns(3, loss_nats=loss_nats, value=value, num_items=num_items)
    runs, unlabelled = run_labels(runs, len(value))
    problem = problem or unlabelled or share_problem(value, chance, num_items)
    if not problem and np.ptp(loss_nats) == 0:
        problem = f"every row has loss {loss_nats[0]:g}: no loss range"
    if problem:
        return ShapeComparison(pd.DataFrame(), "", np.nan, np.nan, np.nan, np.nan, f"failed: {problem}")
    fits = [fit_curve(loss_nats, value, name, chance, num_items) for name in shapes]
    usable = [fit for fit in fits if fit.status == "ok"]
    if not usable:
        return ShapeComparison(pd.DataFrame(), "", np.nan, np.nan, np.nan, np.nan, "failed: no shape converged")
    closest = min(usable, key=lambda fit: round(fit.deviance, DEVIANCE_DECIMALS))
    residual = _standardised(value, closest, num_items)
    inflation = 1.0
    if num_items is not None:
        inflation = max(1.0, np.sum(residual**2) / max(len(value) - SHAPES[closest.shape].num_params, 1))
    effective = max(len(value) / max(1.0, cluster_inflation(residual, runs)), min(len(np.unique(runs)), len(value)))
    table = pd.DataFrame([_criteria(fit, inflation, effective, len(value), num_items is None) for fit in fits])
    table[["aicc", "bic"]] = table[["aicc", "bic"]].round(CRITERION_DECIMALS)
    table["delta_aicc"] = table["aicc"] - table["aicc"].min()
    table["delta_bic"] = table["bic"] - table["bic"].min()
    table = table.sort_values("aicc", kind="stable", ignore_index=True)
    hinges, smooth = table[table["is_hinge"]], table[~table["is_hinge"]]
    constant = table.loc[table["shape"] == "constant", "aicc"]
    flat = len(constant) and float(constant.iloc[0]) - table["aicc"].min() < 10
    advantage = float(smooth["aicc"].min() - hinges["aicc"].min())
    status = "failed: no rise" if flat else "ok"
    if status == "ok" and not np.isfinite(advantage):
        status = f"failed: {effective:.1f} effective rows leave no hinge or no smooth curve to compare"
    return ShapeComparison(
        table,
        str(table["shape"][0]),
        advantage,
        float(smooth["bic"].min() - hinges["bic"].min()),
        float(inflation),
        float(effective),
        status,
    )


def _standardised(value: np.ndarray, fit: CurveFit, num_items: np.ndarray | None) -> np.ndarray:
    if num_items is None:
        return (value - fit.fitted) / max(np.std(value - fit.fitted), 1e-12)
    floor = item_floor(num_items)
    p = np.clip(fit.fitted, floor, 1 - floor)
    return (value - p) / np.sqrt(p * (1 - p) / num_items)


def _criteria(fit: CurveFit, inflation: float, effective: float, num_rows: int, is_gaussian: bool) -> dict:
    shape = SHAPES[fit.shape]
    k = shape.num_params + 1  # the spread (inflation or sigma) is estimated too
    # Rows of one run repeat each other: scale the evidence to the effective number of rows.
    evidence = fit.deviance * effective / num_rows / (1.0 if is_gaussian else inflation)
    room = effective - k - 1
    status = fit.status if room > 0 else f"failed: {effective:.1f} effective rows for {k} parameters"
    usable = status == "ok"
    return {
        "shape": fit.shape,
        "is_hinge": shape.is_hinge,
        "num_params": shape.num_params,
        "theta": fit.theta,
        "amplitude": fit.amplitude,
        "deviance": fit.deviance,
        "aicc": evidence + 2 * k + 2 * k * (k + 1) / room if usable else np.nan,
        "bic": evidence + k * np.log(effective) if usable else np.nan,
        "status": status,
    }
