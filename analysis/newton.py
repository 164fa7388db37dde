"""Minima of a few parameters found as exactly as rounding allows: damped Newton steps inside bounds.

A search that stops where the objective hardly changes (a simplex, a quasi-Newton line search) stops within the square
root
of the rounding error of the minimum, and where exactly depends on the last bit of every sum: another CPU, another fifth
digit. Newton steps contract such differences, and their end is where the gradient vanishes, which is known to rounding
error itself. A parameter that is driven to its bound ends on it exactly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

# Steps of this size, relative to 1 + |x|, count as converged once they no longer halve: what remains is rounding.
SMALL_STEP = 1e-8
NO_STEP = 1e-14
# The objective may rise by its own rounding error.
ROUNDING = 1e-12
# Minima whose values differ by less, relative to 1 + |value|, are one: the first of them is taken, in the order of the
# starts.
SAME_VALUE = 1e-7
MAX_DAMPING = 1e12

Objective = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Minimum:
    """Where a search ended: x [k], the value there, and whether the last steps were as small as rounding allows."""

    x: np.ndarray = field(repr=False)
    value: float
    is_converged: bool


def minimise(
    objective: Objective, start: Sequence[float], low: Sequence[float], high: Sequence[float], max_steps: int = 200
) -> Minimum:
    """Minimum of objective(x [k]) -> (value, gradient [k], Hessian [k, k]) inside [low, high], infinite where there is
    no bound.

    Levenberg's damping on the absolute eigenvalues of the Hessian, so that a step goes down from a saddle too; a
    parameter at its bound stays there while the gradient pushes it out. Where no step is found or max_steps are not
    enough, is_converged is False.
    """
    low, high = np.asarray(low, float), np.asarray(high, float)
    x = np.clip(np.asarray(start, float), low, high)
    value, gradient, hessian = objective(x)
    damping, previous = 1e-2, np.inf
    for _ in range(max_steps):
        if not np.isfinite(value):
            break
        is_free = ~(((x <= low) & (gradient >= 0)) | ((x >= high) & (gradient <= 0)))
        if not is_free.any():
            return Minimum(x, value, True)
        moved = np.clip(x + _step(gradient, hessian, is_free, damping), low, high)
        size = float(np.max(np.abs(moved - x) / (1 + np.abs(x))))
        following = objective(moved)
        if not following[0] <= value + ROUNDING * (1 + abs(value)):
            damping *= 8
            if damping > MAX_DAMPING:
                break
            continue
        is_settled = damping <= 1e-8 and size < SMALL_STEP and (size < NO_STEP or size >= previous / 2)
        x, (value, gradient, hessian) = moved, following
        if is_settled:
            return Minimum(x, float(value), True)
        damping, previous = damping / 8 if damping > 1e-9 else 0.0, size
    return Minimum(x, float(value), False)


def _step(gradient: np.ndarray, hessian: np.ndarray, is_free: np.ndarray, damping: float) -> np.ndarray:
    """Damped Newton step of the free parameters, 0 for the others."""
    bend, axes = np.linalg.eigh(hessian[np.ix_(is_free, is_free)])
    bend = np.abs(bend)
    scale = max(float(bend.max()), 1e-8 * float(np.abs(gradient[is_free]).max()), 1e-100)
    bend = bend * (1 + damping) + (1e-6 * damping + 1e-14) * scale
    step = np.zeros(len(gradient))
    step[is_free] = -axes @ ((axes.T @ gradient[is_free]) / bend)
    return step


def best_of(minima: Sequence[Minimum]) -> list[Minimum]:
    """The converged minima, best first; those of the same value (SAME_VALUE) keep their order, so that no last bit
    chooses between two starts that found the same one."""
    found = [minimum for minimum in minima if minimum.is_converged and np.isfinite(minimum.value)]
    ordered: list[Minimum] = []
    while found:
        least = min(minimum.value for minimum in found)
        chosen = next(minimum for minimum in found if minimum.value <= least + SAME_VALUE * (1 + abs(least)))
        ordered.append(chosen)
        found = [minimum for minimum in found if minimum is not chosen]
    return ordered


def first_best(values: np.ndarray, axis: int = -1, tolerance: float = 1e-9) -> np.ndarray:
    """Place of the largest value along an axis, the first of those within `tolerance` (relative) of it: equal values
    stay equal whatever their last bits, where argmax would let those choose. nan counts as the least."""
    values = np.where(np.isnan(values), -np.inf, values)
    top = values.max(axis=axis, keepdims=True)
    slack = np.where(np.isfinite(top), tolerance * np.abs(top), 0.0)
    return np.argmax(values >= top - slack, axis=axis)
