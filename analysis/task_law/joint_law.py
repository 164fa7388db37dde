"""Loss over model size and tokens together: L = L_inf + (N0/N)^alpha + (D0/D)^beta, fitted with a robust loss."""

from dataclasses import dataclass, field

import numpy as np
from scipy import special

from analysis.intervals import Estimate, at_bound, failed, from_replicates, run_counts
from analysis.newton import Minimum, best_of, minimise
from analysis.rows import check_level, check_replicates, float_columns, positive_problem, run_labels
from analysis.task_law.loss_law import LossLawFit, _no_law

WIDENINGS = (256.0, 64.0, 16.0, 4.0, 2.0, 1.0)  # of Huber's delta, one fit after the other


# Of the wide ones, which only lead the way, and of the last; our rows need 159 at most.
MAX_WIDE_STEPS, MAX_JOINT_STEPS = 80, 300
VANISHED = 8.0  # a term e^-8 times the smallest loss is no term


@dataclass(frozen=True)
class JointLawFit:
    """L(N, D) = E + A / N^alpha + B / D^beta; draws [R, 5] in the order e, a, b, alpha, beta."""

    e: Estimate
    a: Estimate
    b: Estimate
    alpha: Estimate
    beta: Estimate
    status: str
    draws: np.ndarray = field(repr=False)

    def at_tokens(self, tokens_seen: float, level: float = 0.95) -> LossLawFit:
        """Eq. 4 for one token budget: L_inf = E + B / D^beta, N0 = A^(1/alpha)."""
        if not self.status.startswith("ok"):
            return _no_law(self.status.removeprefix("failed: "))
        point = np.array([x.estimate for x in (self.e, self.a, self.b, self.alpha, self.beta)])
        e, a, b, alpha, beta = np.vstack([point, self.draws]).T
        law = np.column_stack([e + b / tokens_seen**beta, a ** (1 / alpha), alpha])
        intervals = [from_replicates(float(law[0, column]), law[1:, column], level) for column in range(3)]
        return LossLawFit(*intervals, self.status, law[1:])


def fit_joint_law(
    runs: np.ndarray,
    num_parameters: np.ndarray,
    tokens_seen: np.ndarray,
    loss_nats: np.ndarray,
    huber_delta: float = 1e-3,
    num_replicates: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> JointLawFit:
    """Joint law on rows [n], Huber loss on log residuals (delta as in Hoffmann et al. 2022), Newton steps from 24
    starts; interval over runs.

    E is at least 0, and exactly 0 where the rows show no irreducible loss. status "failed: ..." below 6 rows or 2 sizes
    or budgets, when no start converges, when the two best starts disagree, or when a term vanishes (alpha or beta at 0
    or 3: the rows do not determine the law).
    """
    check_level(level)
    check_replicates(num_replicates)
    if not 0 < huber_delta < np.inf:
        raise ValueError(f"huber_delta: got {huber_delta}, needs a number above 0")
    (size, tokens, loss), problem = float_columns(
        6, num_parameters=num_parameters, tokens_seen=tokens_seen, loss_nats=loss_nats
    )
    runs, unlabelled = run_labels(runs, len(loss))
    problem = problem or unlabelled or positive_problem(num_parameters=size, tokens_seen=tokens, loss_nats=loss)
    if not problem and min(len(np.unique(size)), len(np.unique(tokens))) < 2:
        problem = f"{len(np.unique(size))} sizes and {len(np.unique(tokens))} budgets, needs 2 of each"
    if problem:
        return _no_joint_law(problem)
    log_n, log_d = np.log(size), np.log(tokens)
    # At the centre of the data the log terms are nearly independent of their exponents; at N = 1 they are not.
    axes = (log_n - log_n.mean(), log_d - log_d.mean(), np.log(loss))
    low = float(np.log(loss.min()))
    # Starts differ in how the loss is shared among E, size and tokens, which is where the objective has its local
    # minima.
    grid = [
        (np.exp(low + e), low + a, low + b, alpha, beta)
        for e in (-0.2, -1.0)
        for a, b in ((-1, -1), (-3, -1), (-1, -3))
        for alpha in (0.2, 0.7)
        for beta in (0.2, 0.7)
    ]
    ends = best_of([_minimise_joint(axes, np.ones(len(loss)), start, huber_delta) for start in grid])
    if not ends:
        return _no_joint_law("no start converged")
    best = ends[0].x
    # One start alone may have found a local minimum; two that agree seldom do.
    if len(ends) < 2 or ends[1].value > ends[0].value * 1.01 + 1e-9:
        return _no_joint_law("the best two starts disagree")
    if not (0.02 < best[3] < 2.9 and 0.02 < best[4] < 2.9) or min(best[1:3]) < low - VANISHED:
        return _no_joint_law(f"a term vanishes (alpha {best[3]:.3g}, beta {best[4]:.3g})")
    labels, counts = run_counts(runs, num_replicates, seed)
    index = np.searchsorted(labels, np.asarray(runs))
    draws = np.full((num_replicates, 5), np.nan)
    # A replicate starts at the estimate, near which its optimum lies; all 24 starts each would take 24 times as long.
    for row, count in enumerate(counts):
        end = _minimise_joint(axes, count[index].astype(float), best, huber_delta)
        if end.is_converged:
            draws[row] = end.x
    natural = _natural(np.vstack([best, draws]), log_n.mean(), log_d.mean())
    intervals = [from_replicates(float(natural[0, c]), natural[1:, c], level, num_runs=len(labels)) for c in range(5)]
    intervals[0] = at_bound(intervals[0], natural[1:, 0], 0.0)
    return JointLawFit(*intervals, intervals[3].status, natural[1:])


def _no_joint_law(reason: str) -> JointLawFit:
    return JointLawFit(*[failed(reason)] * 5, f"failed: {reason}", np.empty((0, 5)))


def _natural(theta: np.ndarray, log_n: float, log_d: float) -> np.ndarray:
    """From E and the log terms at the centre of the data to (E, A, B, alpha, beta)."""
    e, a, b, alpha, beta = theta.T
    return np.column_stack([e, np.exp(a + alpha * log_n), np.exp(b + beta * log_d), alpha, beta])


def _minimise_joint(axes, weight, start, delta) -> Minimum:
    """Minimum over (E, log A, log B, alpha, beta) at the centre of the data. E itself is the parameter, not its
    logarithm: where the rows show none, a logarithm runs away to minus infinity and stops wherever the search gives up.

    With a delta this small the objective is all but a sum of absolute values, full of kinks; so it is solved with wide
    deltas first.
    """
    least, most = float(axes[2].min()) - VANISHED - 2, float(axes[2].max()) + 1
    low, high = (0.0, least, least, 0.0, 0.0), (np.exp(most), most, most, 3.0, 3.0)
    for widening in WIDENINGS:
        steps = MAX_JOINT_STEPS if widening == 1 else MAX_WIDE_STEPS
        end = minimise(
            lambda theta, wide=widening * delta: _joint_objective(theta, axes, weight, wide), start, low, high, steps
        )
        start = end.x
    return end


def _joint_objective(theta, axes, weight, delta) -> tuple[float, np.ndarray, np.ndarray]:
    """Huber's loss over delta with gradient and Hessian."""
    log_n, log_d, log_loss = axes
    by_size, by_tokens = np.exp(theta[1] - theta[3] * log_n), np.exp(theta[2] - theta[4] * log_d)
    total = theta[0] + by_size + by_tokens
    # Relative errors: a run at loss 6 weighs as much as one at 3.
    residual = np.log(total) - log_loss
    slope = weight * np.clip(residual / delta, -1, 1)
    first = np.stack([np.ones_like(log_n), by_size, by_tokens, -log_n * by_size, -log_d * by_tokens]) / total
    bend = np.zeros((5, 5))
    for place, term, axis in ((1, by_size, log_n), (2, by_tokens, log_d)):
        second = slope * term / total
        bend[place, place], bend[place + 2, place + 2] = np.sum(second), np.sum(second * axis**2)
        bend[place, place + 2] = bend[place + 2, place] = -np.sum(second * axis)
    # The square part of Huber's loss bends along the gradients, and the logarithm bends the other way.
    inside = weight * (np.abs(residual) < delta) / delta - slope
    hessian = bend + np.sum(first[:, None, :] * first[None, :, :] * inside, axis=-1)
    return float(np.sum(weight * special.huber(delta, residual))) / delta, np.sum(first * slope, axis=1), hessian
