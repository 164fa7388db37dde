"""Does loss suffice? Whether model size still explains performance once loss is known (paper L, 2.3-2.4), and compute
does not (App. E).

Performance is regressed on a cubic spline in loss, with and without log size. Rows of one run stand together, so the
interval of the size effect comes from leaving out one run at a time (CV3, t with G - 1 degrees of freedom) and its
p-value from exchanging the sizes between runs. Partial R^2 is never negative, so a bootstrap's interval for it excludes
a true 0 always; its interval here is that of the effect, carried over, and its estimate is adjusted for what run noise
alone gives (the mean over permuted sizes).
"""

from dataclasses import dataclass

import numpy as np
from scipy import interpolate, stats

from analysis.intervals import Estimate, failed, from_replicates, run_counts
from analysis.rows import check_level, check_replicates, float_columns, positive_problem, run_labels

SPLINE_SIZES = (4, 5, 6, 8, 10, 12, 15)


@dataclass(frozen=True)
class SizeEffect:
    """partial_r2: share of the variance left by loss that log size explains (claim: small); effect: change of value
    from the smallest to the largest size at equal loss (value units); verdict: "equivalent" (interval inside +- bound),
    "different" (excludes 0 and is not inside), else "undecided"; p_value: of no size effect, by permuting sizes over
    runs; spline_size: columns of the curve.
    """

    partial_r2: Estimate
    effect: Estimate
    verdict: str
    p_value: float
    spline_size: int
    num_runs: int
    status: str


def size_effect(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    num_parameters: np.ndarray,
    value: np.ndarray,
    bound: float = 0.05,
    num_replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> SizeEffect:
    """Size effect given loss on rows [n]; bound is the largest effect over the ladder that counts as none (0.05 = 5
    points).

    verdict uses the two-sided (2 level - 1) interval, i.e. two one-sided tests at 1 - level each. status "failed" below
    4 runs, 2 sizes or 12 rows, and for rows that cannot be judged. ValueError for a bound that is not above 0, or a
    level of 0.5 or less.
    """
    check_level(level)
    if not (level > 0.5 and 0 < bound < np.inf):
        raise ValueError(f"level {level}, bound {bound}: need more than 0.5, and a number above 0")
    loss, log_size, value, labels, index, problem = _checked(
        runs, loss_nats, value, num_replicates, num_parameters=num_parameters
    )
    if not problem and np.ptp(log_size) == 0:
        problem = "one size only"
    if problem:
        nothing = failed(problem)
        return SizeEffect(nothing, nothing, "undecided", np.nan, 0, len(labels), nothing.status)
    runs = labels[index]
    # Scaled so that the coefficient is the change of value from the smallest to the largest size, which the bound is
    # stated in.
    size = (log_size - log_size.min()) / np.ptp(log_size)
    columns = choose_spline(runs, loss, value)
    curve = spline_basis(loss, columns)
    # Each run's cross products once: leaving a run out, permuting or drawing runs are then sums of small matrices, not
    # refits over rows.
    moments = _run_moments(np.column_stack([curve, size, value]), index)
    total = moments.sum(axis=0)
    point, slope = _partial(total[None])
    _, left_out = _partial(total - moments)
    # CV3, the jackknife over runs: with few runs it errs to the wide side, where the sandwich estimator is too narrow.
    spread = np.sqrt((len(labels) - 1) / len(labels) * np.sum((left_out - slope[0]) ** 2))
    effect = _t_interval(float(slope[0]), float(spread), len(labels) - 1, level)
    by_chance = _permuted_shares(curve, size, value, index, num_replicates, seed)
    partial = _partial_interval(float(point[0]), float(np.mean(by_chance)), effect, total)
    p_value = float((1 + np.sum(by_chance >= point[0] - 1e-12)) / (1 + num_replicates))
    # Two one-sided tests at 1 - level are one two-sided interval at 2 level - 1 inside the bounds.
    tost = _t_interval(float(slope[0]), float(spread), len(labels) - 1, 2 * level - 1)
    verdict = "equivalent" if -bound < tost.low and tost.high < bound else "undecided"
    if verdict == "undecided" and (effect.low > 0 or effect.high < 0):
        verdict = "different"
    return SizeEffect(partial, effect, verdict, p_value, columns, len(labels), partial.status)


def residual_spread_ratio(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    compute_flops: np.ndarray,
    value: np.ndarray,
    num_replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Residual SD around one curve in log compute over that around one curve in loss, rows [n] (claim: above 1; compute
    does not suffice).

    Both curves are splines of the same size, the larger of the two that leave-one-run-out prediction chooses.
    Percentile interval over runs. status "failed" below 4 runs or 12 rows, and for rows that cannot be judged.
    """
    check_level(level)
    loss, log_compute, value, labels, index, problem = _checked(
        runs, loss_nats, value, num_replicates, compute_flops=compute_flops
    )
    if not problem and np.ptp(log_compute) == 0:
        problem = "compute_flops is constant"
    if problem:
        return failed(problem)
    runs = labels[index]
    # One size for both curves: with its own each, the ratio would compare freedoms, not axes.
    columns = max(choose_spline(runs, loss, value), choose_spline(runs, log_compute, value))
    counts = np.vstack([np.ones(len(labels), int), run_counts(runs, num_replicates, seed)[1]])
    residual = []
    for axis in (log_compute, loss):
        moments = _run_moments(np.column_stack([spline_basis(axis, columns), value]), index)
        residual.append(_residual_sum(np.einsum("rg,gij->rij", counts, moments)))
    ratio = np.sqrt(residual[0] / np.maximum(residual[1], 1e-300))
    return from_replicates(float(ratio[0]), ratio[1:], level, num_runs=len(labels))


def spline_basis(x: np.ndarray, columns: int) -> np.ndarray:
    """Cubic B-spline columns [n, columns] with knots at quantiles of x; they sum to 1 in each row, so they hold the
    constant."""
    inner = np.unique(np.quantile(x, np.linspace(0, 1, columns - 2)))
    # Tied quantiles (crowded checkpoints) would repeat knots; fall back on even spacing, which keeps the number of
    # columns.
    if len(inner) < columns - 2:
        inner = np.linspace(x.min(), x.max(), columns - 2)
    knots = np.concatenate([[inner[0]] * 3, inner, [inner[-1]] * 3])
    return interpolate.BSpline.design_matrix(np.clip(x, inner[0], inner[-1]), knots, 3).toarray()


def choose_spline(runs: np.ndarray, x: np.ndarray, value: np.ndarray) -> int:
    """Number of spline columns that predicts left-out runs best."""
    index = np.unique(runs, return_inverse=True)[1]
    limit = max(4, len(value) // 4)
    errors = {}
    for columns in (size for size in SPLINE_SIZES if size <= limit):
        basis = spline_basis(x, columns)
        moments = _run_moments(np.column_stack([basis, value]), index)
        without = moments.sum(axis=0) - moments
        # Each run is predicted by a curve that never saw it: rows of one run are too alike for a score over rows.
        coefficients = _solve(without[:, :-1, :-1], without[:, :-1, -1])
        errors[columns] = np.sum((value - np.sum(basis * coefficients[index], axis=1)) ** 2)
    least = min(errors.values())
    return next(columns for columns, error in errors.items() if error <= least * (1 + 1e-9))


def _checked(runs, loss_nats, value, num_replicates, **scale):
    """loss, log of the scale (one named column), value, distinct runs, each row's place among them, and what is wrong
    ("")."""
    check_replicates(num_replicates)
    (loss, value, positive), problem = float_columns(1, loss_nats=loss_nats, value=value, **scale)
    runs, unlabelled = run_labels(runs, len(value))
    problem = problem or unlabelled or positive_problem(**dict.fromkeys(scale, positive))
    if problem:
        return loss, positive, value, np.empty(0), np.empty(0, int), problem
    labels, index = np.unique(runs, return_inverse=True)
    if len(labels) < 4:
        problem = f"{len(labels)} runs, needs 4"
    elif len(value) < 12:
        problem = f"{len(value)} rows, needs 12"
    elif np.ptp(value) == 0 or np.ptp(loss) == 0:
        problem = "value or loss_nats is constant"
    return loss, np.log(positive), value, labels, index, problem


def _run_moments(columns: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Cross-product matrix of the columns for each run, [G, k, k]; sums of these are all that a refit needs."""
    products = columns[:, :, None] * columns[:, None, :]
    moments = np.zeros((index.max() + 1, columns.shape[1], columns.shape[1]))
    np.add.at(moments, index, products)
    return moments


def _solve(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Least squares from stacked normal equations; a tiny ridge keeps replicates solvable that lost a stretch of
    losses."""
    ridge = 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(gram.shape[1])
    return np.linalg.solve(gram + ridge, right[..., None])[..., 0]


def _residual_sum(moments: np.ndarray) -> np.ndarray:
    """Residual sum of squares of the last column on all others, for stacked moments [R, k, k]."""
    coefficients = _solve(moments[:, :-1, :-1], moments[:, :-1, -1])
    return np.maximum(moments[:, -1, -1] - np.sum(coefficients * moments[:, :-1, -1], axis=1), 0.0)


def _partial(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Partial R^2 and coefficient of the column before the last (size), from stacked moments [R, k, k]."""
    keep = np.r_[0 : moments.shape[1] - 2, moments.shape[1] - 1]
    without = _residual_sum(moments[:, keep][:, :, keep])
    slope = _solve(moments[:, :-1, :-1], moments[:, :-1, -1])[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(1 - _residual_sum(moments) / without, 0, 1), slope


def _partial_interval(raw: float, by_chance: float, effect: Estimate, total: np.ndarray) -> Estimate:
    """Partial R^2 from the effect's interval: b^2 S / (b^2 S + E), S the sum of squares of size given loss, E of what
    neither explains."""
    error = _residual_sum(total[None])[0]
    left = _residual_sum(total[None, :-1, :-1])[0]
    near = 0.0 if effect.low <= 0 <= effect.high else min(abs(effect.low), abs(effect.high))
    far = max(abs(effect.low), abs(effect.high))
    low, high = (slope**2 * left / (slope**2 * left + error) for slope in (near, far))
    adjusted = 1 - (1 - raw) / (1 - by_chance)
    return Estimate(float(np.clip(adjusted, low, high)), float(low), float(high))


def _permuted_shares(curve, size, value, index, num_replicates, seed) -> np.ndarray:
    """Partial R^2 with the sizes exchanged between runs, [num_replicates]."""
    orthogonal, _ = np.linalg.qr(curve)
    residual = value - orthogonal @ (orthogonal.T @ value)
    size_of_run = np.zeros(index.max() + 1)
    size_of_run[index] = size
    rng = np.random.default_rng(seed)
    permuted = np.stack([rng.permutation(size_of_run)[index] for _ in range(num_replicates)])
    permuted = permuted - (permuted @ orthogonal) @ orthogonal.T
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (permuted @ residual) ** 2 / (np.sum(permuted**2, axis=1) * np.sum(residual**2))
    return np.nan_to_num(shares)


def _t_interval(estimate: float, spread: float, freedom: int, level: float) -> Estimate:
    half = float(stats.t.ppf(0.5 + level / 2, freedom) * spread)
    return Estimate(estimate, estimate - half, estimate + half)
