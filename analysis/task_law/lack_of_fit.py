"""Departures from the straight task law with a margin, and a held-out size whose measured runs are several.

"No task bends" cannot be shown by tests that fail to find a bend; an interval that lies inside a margin shows it. With
m tasks each interval is taken at 1 - alpha / m (Bonferroni), so that all hold together.
"""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from analysis.intervals import Estimate, failed, from_replicates
from analysis.rows import check_level, float_columns, positive_problem
from analysis.task_law.fit import TaskLawFit

MIN_SIZES = 4


def bend(num_parameters: np.ndarray, f: np.ndarray, level: float = 0.95) -> Estimate:
    """Coefficient of (log N)^2 in F = log(-log PU) of runs [n], least squares, t interval (paper P, Def. 1: below 0 is
    accelerated growth). For exact rates, whose only noise is that between runs. "failed: ..." below 4 sizes."""
    check_level(level)
    (size, f), problem = float_columns(5, num_parameters=num_parameters, f=f)
    problem = problem or positive_problem(num_parameters=size)
    if not problem and len(np.unique(size)) < MIN_SIZES:
        problem = f"{len(np.unique(size))} sizes, needs {MIN_SIZES}"
    if problem:
        return failed(problem)
    x = np.log(size) - np.mean(np.log(size))
    design = np.vander(x, 3)
    theta = np.linalg.lstsq(design, f, rcond=None)[0]
    freedom, residual = len(f) - 3, f - design @ theta
    error = np.sqrt(residual @ residual / freedom * np.linalg.inv(design.T @ design)[0, 0])
    half = float(stats.t.ppf(0.5 + level / 2, freedom) * error)
    return Estimate(float(theta[0]), float(theta[0]) - half, float(theta[0]) + half)


def family_level(num_tasks: int, level: float = 0.95) -> float:
    """Level of each of num_tasks intervals that makes all hold together at `level` (Bonferroni)."""
    check_level(level)
    return 1 - (1 - level) / num_tasks


def growth_kinds(bends: Mapping[str, Estimate], margin: float) -> dict[str, str]:
    """Kind of growth of each task from its family-wise interval: "accelerated" (below -margin), "sub-scaling" (above
    margin), "straight" (inside), "open", or the failure."""
    if not margin > 0:
        raise ValueError(f"margin: got {margin}, needs to be above 0")

    def kind(one: Estimate) -> str:
        if not one.ok:
            return one.status
        if one.high < -margin:
            return "accelerated"
        if one.low > margin:
            return "sub-scaling"
        return "straight" if -margin < one.low and one.high < margin else "open"

    return {task: kind(one) for task, one in bends.items()}


def held_out_mean_f(
    law: TaskLawFit, num_parameters: float, num_runs: int, seed: int = 0, level: float = 0.95
) -> Estimate:
    """Mean of F over num_runs new runs of this size, answers of length 1: parameters and run effect of SD tau /
    sqrt(num_runs). `TaskLawFit.predict` is that of one run, too wide for the mean of several."""
    if not len(law.draws) or not law.status.startswith("ok"):
        return failed(law.status)
    if num_runs < 1 or not num_parameters > 0:
        raise ValueError(f"num_runs {num_runs}, num_parameters {num_parameters}: need 1 or more and above 0")
    log_c, alpha, _, noise = law.draws.T
    shift = np.random.default_rng(seed).normal(size=len(noise)) * noise / np.sqrt(num_runs)
    replicates = log_c - alpha * np.log(num_parameters) + shift
    estimate = law.log_c.estimate - law.alpha.estimate * np.log(num_parameters)
    return from_replicates(float(estimate), replicates, level, freedom=law.freedom)
