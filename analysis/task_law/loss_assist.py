"""Pass rates of single items with the help of their test loss (paper P, 5.4 and Appendix E.2).

An item that never passes at small sizes has no point for its own task law, but its reference answer has a loss at every
size. The paper maps one to the other in a form that our sources do not give. Ours: over all items and runs, F =
log(-log PU) = a + b log(loss) + noise, fitted to the counts, zeros included; each item's log loss is a straight line in
log N, continued to larger sizes and mapped to F. This prediction and that of the item's own law
(analysis/task_law/instance_law.py) are averaged by precision. If one sequence carried all the probability, a would be 0
and b 1.
"""

from dataclasses import dataclass, field

import numpy as np

from analysis.task_law.counts import counts_problem, fit_counts
from analysis.task_law.instance_law import InstanceLawFit


@dataclass(frozen=True)
class LossAssistFit:
    """Mapping F = intercept + slope log(loss), noise: its SD; lines [M, 2]: each item's log loss at the centre size and
    its fall per unit of log N; loss_noise: SD of log loss around them; gram_inverse [2, 2] of the sizes."""

    intercept: float
    slope: float
    noise: float
    lines: np.ndarray = field(repr=False)
    loss_noise: float
    gram_inverse: np.ndarray = field(repr=False)
    centre: float
    status: str

    def predict_f(self, num_parameters: float) -> tuple[np.ndarray, np.ndarray]:
        """(mean [M], SD [M]) of F of each item in a new run of this size, from its loss alone."""
        x = np.array([1.0, self.centre - np.log(num_parameters)])
        spread = self.loss_noise**2 * (1.0 + x @ self.gram_inverse @ x)
        mean = self.intercept + self.slope * (self.lines @ x)
        return mean, np.full(len(mean), np.sqrt(self.noise**2 + self.slope**2 * spread))


def fit_loss_assist(
    num_parameters: np.ndarray, passes: np.ndarray, attempts: np.ndarray, answer_loss: np.ndarray
) -> LossAssistFit:
    """Fit mapping and lines: num_parameters [n] of the runs; passes, attempts, answer_loss (nats of the whole reference
    answer) [M, n].

    status "failed: ..." below 3 sizes, when fewer than 3 cells have a pass, or without convergence. ValueError for a
    loss that is not above 0.
    """
    size, passes, loss = (np.asarray(array, float) for array in (num_parameters, passes, answer_loss))
    if passes.ndim != 2 or passes.shape != loss.shape or passes.shape[1] != len(size):
        raise ValueError(
            f"answer_loss: shape {loss.shape}, passes: shape {passes.shape}; both need a row per item and a column for"
            f" each of {len(size)} runs"
        )
    if not (np.all(loss > 0) and np.isfinite(loss).all()):
        raise ValueError(
            "answer_loss: holds nan or a value that is not above 0; pass minus the log likelihood of the reference"
            " answer"
        )
    attempts = np.broadcast_to(np.asarray(attempts, float), passes.shape)
    problem = counts_problem(size, passes, attempts)
    if problem:
        return _no_assist(np.nan, problem)
    centre = float(np.mean(np.log(size)))
    design = np.column_stack([np.ones(len(size)), centre - np.log(size)])
    if len(np.unique(size)) < 3 or np.sum(passes > 0) < 3:
        return _no_assist(
            centre, f"{len(np.unique(size))} sizes and {int(np.sum(passes > 0))} cells with a pass, needs 3 of each"
        )
    mapping = np.column_stack([np.ones(loss.size), np.log(loss).ravel()])
    fit = fit_counts(mapping, np.zeros(loss.size), passes.reshape(1, -1), attempts.reshape(1, -1))
    if not fit.converged[0]:
        return _no_assist(centre, "the mapping from loss to F did not converge")
    lines, *_ = np.linalg.lstsq(design, np.log(loss).T, rcond=None)
    residual = np.log(loss) - (design @ lines).T
    noise = float(np.sqrt(np.sum(residual**2) / max(residual.size - 2 * len(loss), 1)))
    return LossAssistFit(
        float(fit.theta[0, 0]),
        float(fit.theta[0, 1]),
        float(fit.noise[0]),
        lines.T,
        noise,
        np.linalg.inv(design.T @ design),
        centre,
        "ok",
    )


def _no_assist(centre: float, reason: str) -> LossAssistFit:
    return LossAssistFit(
        np.nan, np.nan, np.nan, np.empty((0, 2)), np.nan, np.empty((2, 2)), centre, f"failed: {reason}"
    )


def item_f(law: InstanceLawFit, num_parameters: float) -> tuple[np.ndarray, np.ndarray]:
    """(mean [M], SD [M]) of F of each item in a new run of this size, from the items' own laws."""
    x = np.array([1.0, law.centre - np.log(num_parameters)])
    return law.theta @ x, np.sqrt(np.einsum("i,mij,j->m", x, law.covariance, x) + law.noise**2)


def assisted_f(law: InstanceLawFit, assist: LossAssistFit, num_parameters: float) -> tuple[np.ndarray, np.ndarray]:
    """(mean [M], SD [M]) of F: the item's own law and its mapped loss, averaged by precision."""
    own, own_spread = item_f(law, num_parameters)
    mapped, mapped_spread = assist.predict_f(num_parameters)
    weight = own_spread**-2 / (own_spread**-2 + mapped_spread**-2)
    return weight * own + (1 - weight) * mapped, (own_spread**-2 + mapped_spread**-2) ** -0.5
