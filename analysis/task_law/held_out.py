"""The largest size of a series predicted from the smaller ones, by paper P's law and by its plain rivals.

Every method is a straight line in log N, weighted by the binomial variance of the rates; they differ in the scale on
which the line is straight:

    law        log(-log p), paper P, Eq. 4
    logistic   log(p / (1 - p))
    linear     p
    log        log p
    no change  the rate of the next smaller size
"""

from collections.abc import Callable

import numpy as np
from scipy import special

from analysis.rows import float_columns, positive_problem, share_problem

MIN_FITTED = 3
# name -> (scale, its inverse, its derivative by p)
SCALES: dict[str, tuple[Callable, Callable, Callable]] = {
    "law": (
        lambda p: np.log(-np.log(p)),
        lambda y: np.exp(-np.exp(np.clip(y, -700, 700))),
        lambda p: 1 / (p * np.log(p)),
    ),
    "logistic": (special.logit, special.expit, lambda p: 1 / (p * (1 - p))),
    "linear": (lambda p: p, lambda y: y, np.ones_like),
    "log": (np.log, lambda y: np.exp(np.minimum(y, 700)), lambda p: 1 / p),
}
METHODS = (*SCALES, "no change")


def predict_largest(num_parameters: np.ndarray, rate: np.ndarray, num_items: float) -> dict[str, float]:
    """Rate of the largest size as each method predicts it from the others, rows [n], one per size. Rates of 0 and 1
    enter with half a pass (Haldane and Anscombe). ValueError for rows that cannot be judged, repeated sizes, or fewer
    than MIN_FITTED smaller sizes."""
    (size, rate), problem = float_columns(1, num_parameters=num_parameters, rate=rate)
    problem = (
        problem or positive_problem(num_parameters=size) or share_problem(rate, 0.0, np.full(len(rate), num_items))
    )
    if not problem and len(np.unique(size)) < len(size):
        problem = "two rows have one size; average them first"
    if not problem and len(size) < MIN_FITTED + 1:
        problem = f"{len(size)} sizes, needs {MIN_FITTED + 1}"
    if problem:
        raise ValueError(problem)
    order = np.argsort(size)
    x, p = np.log(size[order]), np.clip(rate[order], 0.5 / num_items, 1 - 0.5 / num_items)
    fitted, target = slice(0, -1), x[-1]
    variance = p[fitted] * (1 - p[fitted]) / num_items
    found = {}
    for name, (scale, inverse, slope) in SCALES.items():
        weight = 1 / (slope(p[fitted]) ** 2 * variance)
        found[name] = float(inverse(_line(x[fitted], scale(p[fitted]), weight, target)))
    return found | {"no change": float(p[-2])}


def log_error(predicted: float, measured: float, num_items: float) -> float:
    """|log(predicted / measured)|, both at least half a pass: a line in p may fall below 0."""
    floor = 0.5 / num_items
    return float(abs(np.log(max(predicted, floor) / max(measured, floor))))


def _line(x: np.ndarray, y: np.ndarray, weight: np.ndarray, at: float) -> float:
    """Weighted least squares line through (x, y), read off at `at`."""
    weight = weight / weight.sum()
    centre, middle = weight @ x, weight @ y
    return float(middle + (weight @ ((x - centre) * (y - middle))) / (weight @ (x - centre) ** 2) * (at - centre))
