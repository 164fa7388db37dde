"""Loss against model size, and the size at which an ability should appear (paper L, Eq. 4 and 5).

Eq. 4, at fixed tokens:  L(N) = L_inf + (N0 / N)^alpha.     Joint form (Hoffmann et al. 2022):  L(N, D) = E + A /
N^alpha + B / D^beta.
Eq. 5: an ability with threshold eta appears at  N* = N0 (eta - L_inf)^(-1/alpha), and never if eta <= L_inf.
Rows are final checkpoints, one per run.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from analysis.intervals import Estimate, at_bound, failed, from_replicates
from analysis.rows import check_level, check_replicates, float_columns, positive_problem

ALPHA_GRID = np.geomspace(0.01, 4.0, 500)
NO_LAW_LEVEL = 0.01
# With 4 sizes the residual has one degree of freedom: F would have to exceed 4,999 at 1 %, which refuses plain laws; 5
# % asks for 199.
FEW_FREEDOM, FEW_FREEDOM_LEVEL = 2, 0.05


@dataclass(frozen=True)
class LossLawFit:
    """Eq. 4: l_inf (nats), n0 (parameters), alpha; draws [R, 3] in that order from the bootstrap."""

    l_inf: Estimate
    n0: Estimate
    alpha: Estimate
    status: str
    draws: np.ndarray = field(repr=False)

    def predict(self, num_parameters: np.ndarray) -> np.ndarray:
        """Loss in nats at sizes [n]."""
        return loss_at_size(
            np.asarray(num_parameters, float), self.l_inf.estimate, self.n0.estimate, self.alpha.estimate
        )


def loss_at_size(num_parameters, l_inf, n0, alpha):
    """Eq. 4; arguments broadcast."""
    return l_inf + (n0 / num_parameters) ** alpha


def size_at_loss(eta, l_inf, n0, alpha):
    """Eq. 5, the inverse of Eq. 4; inf where eta <= l_inf. Arguments broadcast."""
    eta, l_inf, n0, alpha = np.broadcast_arrays(*(np.asarray(argument, float) for argument in (eta, l_inf, n0, alpha)))
    room = np.where(eta > l_inf, eta - l_inf, np.nan)
    return np.where(eta > l_inf, n0 * room ** (-1 / alpha), np.inf)


def fit_loss_law(
    num_parameters: np.ndarray, loss_nats: np.ndarray, num_replicates: int = 1000, seed: int = 0, level: float = 0.95
) -> LossLawFit:
    """Eq. 4 on rows [n] of one token budget, by least squares with L_inf >= 0; intervals by parametric bootstrap.

    Every alpha of a dense grid is tried with its best L_inf and N0, so there is no local optimum to be caught in. Noise
    is drawn normal with n - 3 degrees of freedom (runs cannot be resampled: a size may have one). status "failed: ..."
    below 4 sizes, for rows that cannot be judged, when size explains nothing (F test; with 4 or 5 rows at 5 %, and the
    status says so), or when alpha ends at an edge of 0.01-4 (a law without visible curvature).
    """
    check_level(level)
    check_replicates(num_replicates)
    (size, loss), problem = float_columns(1, num_parameters=num_parameters, loss_nats=loss_nats)
    problem = problem or positive_problem(num_parameters=size)
    if not problem and len(np.unique(size)) < 4:
        problem = f"{len(np.unique(size))} sizes for 3 parameters, needs 4"
    if problem:
        return _no_law(problem)
    point = _profile_alpha(size, loss[None])[0]
    fitted = loss_at_size(size, *point)
    freedom = max(len(loss) - 3, 1)
    residual = loss - fitted
    # F of the law against one mean loss: two parameters more than the mean, whatever the alpha.
    explained = (
        (np.sum((loss - loss.mean()) ** 2) - np.sum(residual**2)) / 2 / max(np.sum(residual**2) / freedom, 1e-300)
    )
    needed = NO_LAW_LEVEL if freedom > FEW_FREEDOM else FEW_FREEDOM_LEVEL
    p_value = float(stats.f.sf(explained, 2, freedom))
    if not np.isfinite(point).all():
        return _no_law("size does not explain loss, which does not fall with it")
    if p_value > needed:
        return _no_law(
            f"size does not explain loss (F test with {freedom} degrees of freedom: p {p_value:.2g}, needs {needed})"
        )
    # At an edge the law is a straight line in log N or one step: L_inf and alpha then stand for each other, and neither
    # can be read.
    if point[2] <= ALPHA_GRID[1] or point[2] >= ALPHA_GRID[-2]:
        return _no_law(f"alpha ends at the edge of its range ({point[2]:.3g})")
    # Noise from the residuals with their freedom, so that five points do not look less noisy than they are.
    spread = np.sqrt(np.sum(residual**2) / freedom)
    draws = _profile_alpha(size, fitted + spread * np.random.default_rng(seed).normal(size=(num_replicates, len(loss))))
    intervals = [from_replicates(float(point[column]), draws[:, column], level, freedom=freedom) for column in range(3)]
    intervals[0] = at_bound(intervals[0], draws[:, 0], 0.0)
    status = intervals[2].status
    if status == "ok" and freedom <= FEW_FREEDOM:
        status = f"ok: few sizes ({len(loss)} rows for 3 parameters)"
    return LossLawFit(*intervals, status, draws)


def _no_law(reason: str) -> LossLawFit:
    return LossLawFit(failed(reason), failed(reason), failed(reason), f"failed: {reason}", np.empty((0, 3)))


def _profile_alpha(size: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """(L_inf, N0, alpha) for each row of losses [R, n]; nan where the best slope is not positive."""
    # Sizes in units of their geometric mean: powers of 1e6 to the 4th would overflow what least squares can tell apart.
    scale = np.exp(np.mean(np.log(size)))

    def solve(alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        power = (size / scale) ** -alpha[..., None]
        mean, centred = power.mean(axis=-1), power - power.mean(axis=-1, keepdims=True)
        slope = np.maximum(_dot(losses, centred) / np.sum(centred**2, axis=-1), 0.0)
        floor = losses.mean(axis=1)[:, None] - slope * mean
        # Where the best floor is negative the optimum with L_inf >= 0 lies on the bound, which has a closed form too.
        through_zero = np.maximum(_dot(losses, power) / np.sum(power**2, axis=-1), 0.0)
        slope, floor = np.where(floor < 0, through_zero, slope), np.maximum(floor, 0.0)
        error = np.sum((losses[:, None, :] - floor[..., None] - slope[..., None] * power) ** 2, axis=-1)
        return error, slope, floor

    error, _, _ = solve(ALPHA_GRID[None, :])
    # Between grid points by the parabola through the best and its neighbours: exact enough, and smooth in the data, so
    # that replicates do not sit on the grid.
    best = np.clip(np.argmin(error, axis=1), 1, len(ALPHA_GRID) - 2)
    row = np.arange(len(losses))
    left, middle, right = error[row, best - 1], error[row, best], error[row, best + 1]
    bend = left - 2 * middle + right
    offset = np.where(bend > 0, 0.5 * (left - right) / np.where(bend > 0, bend, 1.0), 0.0)
    step = np.log(ALPHA_GRID[1] / ALPHA_GRID[0])
    alpha = ALPHA_GRID[best] * np.exp(np.clip(offset, -1, 1) * step)
    _, slope, floor = solve(alpha[:, None])
    slope, floor = slope[:, 0], floor[:, 0]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        n0 = np.where(slope > 0, scale * slope ** (1 / alpha), np.nan)
    return np.column_stack([floor, n0, alpha])


def _dot(losses: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Inner products [R, K] of rows with shared powers [1, K, n] or with each row's own [R, 1, n]."""
    return losses @ powers[0].T if powers.shape[0] == 1 else np.sum(losses[:, None, :] * powers, axis=-1)


def size_threshold(
    law: LossLawFit, eta: Estimate, eta_draws: np.ndarray, seed: int = 0, level: float = 0.95
) -> Estimate:
    """Eq. 5 with the uncertainty of both fits: draws of the law are paired at random with draws of eta [R]
    (fit_hinge's).

    inf means never: eta is at or below the loss that no size gets under. status says so, or passes on the failure of a
    fit.
    """
    for name, status in (("loss law", law.status), ("threshold", eta.status)):
        if not status.startswith("ok"):
            return failed(f"{name}: {status}")
    estimate = float(size_at_loss(eta.estimate, law.l_inf.estimate, law.n0.estimate, law.alpha.estimate))
    check_level(level)
    if not len(law.draws) or not len(eta_draws) or not np.isfinite(eta_draws).all():
        return failed("no draws of the loss law or of the threshold, or nan among them")
    rng = np.random.default_rng(seed)
    num = max(len(law.draws), len(eta_draws))
    rows = law.draws[rng.integers(len(law.draws), size=num)]
    sizes = size_at_loss(rng.choice(eta_draws, size=num), rows[:, 0], rows[:, 1], rows[:, 2])
    if np.isnan(sizes).all():
        return failed("no draw gives a size")
    # inverted_cdf picks a drawn value, so it stands "inf" (never) where interpolation would give nan.
    low, high = np.quantile(sizes[~np.isnan(sizes)], [0.5 - level / 2, 0.5 + level / 2], method="inverted_cdf")
    status = "not reached: eta lies at or below L_inf" if np.isinf(estimate) else "ok"
    return Estimate(estimate, float(low), float(high), status)


def observed_size_threshold(num_parameters: np.ndarray, bound: np.ndarray, chance: float) -> Estimate:
    """Size at which an ability is seen at one token budget: rows [n] are runs, bound the lower end of each value's
    interval.

    low: largest size at which not every run is beyond chance; high: smallest size from which on all are; estimate their
    geometric mean. "not reached": low is the largest size, high inf; "not before first": every size has it, low 0.
    "failed: ..." for rows that cannot be judged.
    """
    if not np.isfinite(chance):
        raise ValueError(f"chance: got {chance}, needs a finite number")
    (size, bound), problem = float_columns(1, num_parameters=num_parameters, bound=bound)
    problem = problem or positive_problem(num_parameters=size)
    if problem:
        return failed(problem)
    beyond = bound > chance
    sizes = np.unique(size)
    without = np.array([not beyond[size == value].all() for value in sizes])
    if without[-1]:
        return Estimate(np.nan, float(sizes[-1]), np.inf, "not reached")
    if not without.any():
        return Estimate(np.nan, 0.0, float(sizes[0]), "not before first: every size has it")
    last = int(np.flatnonzero(without)[-1])
    low, high = float(sizes[last]), float(sizes[last + 1])
    return Estimate(float(np.sqrt(low * high)), low, high)
