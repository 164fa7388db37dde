"""The task law item by item (paper P, 5.4, "IPU"): each item has its own log c and alpha; the data set's pass rate is
their mean.

The paper fits every item alone and, where an item has too few passes, borrows from its test loss. Here items borrow
from each other: a normal distribution of (log c, alpha) over items is estimated with them (empirical Bayes, EM), so an
item without a pass is placed by its zeros and by what items are like. A mean of pass rates is carried by the easy
items; that is why it need not follow one task law.
"""

from dataclasses import dataclass, field

import numpy as np

from analysis.intervals import Estimate, failed, from_replicates
from analysis.task_law.counts import counts_problem, fit_counts

NUM_EM_STEPS = 15


@dataclass(frozen=True)
class InstanceLawFit:
    """Posterior per item: theta [M, 2] = (F at the centre size, alpha), covariance [M, 2, 2]; their distribution over
    items: mean [2], spread [2, 2]; noise: SD of F over runs within an item."""

    theta: np.ndarray = field(repr=False)
    covariance: np.ndarray = field(repr=False)
    mean: np.ndarray
    spread: np.ndarray = field(repr=False)
    noise: float
    centre: float
    num_without_pass: int
    status: str

    def predict(
        self,
        num_parameters: float,
        run_noise: float = 0.0,
        num_replicates: int = 1000,
        seed: int = 0,
        level: float = 0.95,
    ) -> Estimate:
        """Mean pass rate of these items for a run of this size, interval from the items' posteriors; run_noise: SD of F
        that all items of a run share (for example TaskLawFit.noise). The uncertainty of the distribution over items is
        not in it."""
        if not self.status.startswith("ok"):
            return failed(self.status)
        rates = self._draws(num_parameters, run_noise, num_replicates, seed).mean(axis=1)
        return from_replicates(float(rates.mean()), rates, level)

    def predict_items(self, num_parameters: float, num_replicates: int = 300, seed: int = 0) -> np.ndarray:
        """Expected pass rate of each item at this size, [M]."""
        return self._draws(num_parameters, 0.0, num_replicates, seed).mean(axis=0)

    def _draws(self, num_parameters: float, run_noise: float, num_replicates: int, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        x = np.array([1.0, self.centre - np.log(num_parameters)])
        middle, spread = self.theta @ x, np.sqrt(np.einsum("i,mij,j->m", x, self.covariance, x) + self.noise**2)
        shared = run_noise * rng.normal(size=(num_replicates, 1))
        return np.exp(
            -np.exp(np.minimum(middle + shared + spread * rng.normal(size=(num_replicates, len(middle))), 50.0))
        )


def fit_instance_law(num_parameters: np.ndarray, passes: np.ndarray, attempts: np.ndarray) -> InstanceLawFit:
    """Fit all items at once: num_parameters [n] of the runs, passes and attempts [M, n] per item and run, zeros and
    censored ones included.

    status "failed: ..." below 3 sizes, when fewer than 3 items have passes at 3 sizes (nothing to learn the
    distribution from), or when more than a tenth of the items do not converge.
    """
    size, passes = np.asarray(num_parameters, float), np.asarray(passes, float)
    if passes.ndim != 2 or passes.shape[1] != len(size):
        raise ValueError(
            f"passes: shape {passes.shape}, needs one row per item and one column for each of {len(size)} runs"
        )
    attempts = np.broadcast_to(np.asarray(attempts, float), passes.shape)
    problem = counts_problem(size, passes, attempts)
    if problem:
        return _no_law(np.nan, 0, problem)
    centre = float(np.mean(np.log(size)))
    design, offset = np.column_stack([np.ones(len(size)), centre - np.log(size)]), np.zeros(len(size))
    rich = np.array([len(np.unique(size[row > 0])) >= 3 for row in passes])
    without = int(np.sum(~(passes > 0).any(axis=1)))
    if rich.sum() < 3:
        return _no_law(centre, without, f"{int(rich.sum())} items with passes at 3 sizes, needs 3")
    alone = fit_counts(design, offset, passes[rich], attempts[rich])
    noise = float(np.sqrt(np.mean(alone.noise[alone.converged] ** 2)))
    mean = np.median(alone.theta[alone.converged], axis=0)
    spread = np.cov(alone.theta[alone.converged].T) + 1e-4 * np.eye(2)
    for _ in range(NUM_EM_STEPS):
        fit = fit_counts(design, offset, passes, attempts, prior=(mean, np.linalg.inv(spread)), noise=noise)
        good = fit.converged
        mean = fit.theta[good].mean(axis=0)
        centred = fit.theta[good] - mean
        spread = (
            np.einsum("mi,mj->ij", centred, centred) + fit.covariance[good].sum(axis=0)
        ) / good.sum() + 1e-6 * np.eye(2)
    lost = int(np.sum(~good))
    status = "ok" if lost <= 0.1 * len(passes) else f"failed: {lost} of {len(passes)} items did not converge"
    return InstanceLawFit(fit.theta, fit.covariance, mean, spread, noise, centre, without, status)


def _no_law(centre: float, num_without_pass: int, reason: str) -> InstanceLawFit:
    empty = np.empty((0, 2))
    return InstanceLawFit(
        empty, empty, np.full(2, np.nan), empty, np.nan, centre, num_without_pass, f"failed: {reason}"
    )
