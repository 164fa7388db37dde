"""Delete-one-group jackknife: an interval for any statistic of several runs, a group (a seed) being what varies."""

from collections.abc import Callable

import numpy as np
from scipy import stats

from analysis.intervals import Estimate, failed
from analysis.rows import check_level, run_labels


def jackknife_runs(statistic: Callable[[np.ndarray], float], groups: np.ndarray, level: float = 0.95) -> Estimate:
    """statistic(kept) with kept bool [n]; Student's t interval of its jackknife error over the groups [n], their number
    minus 1 degrees of freedom (Tukey 1958). "failed: ..." below two groups and where leaving one out leaves no
    number."""
    check_level(level)
    groups, problem = run_labels(groups, len(groups))
    names = np.unique(groups)
    if not problem and len(names) < 2:
        problem = f"{len(names)} group(s), a jackknife needs 2"
    if problem:
        return failed(problem)
    whole = float(statistic(np.ones(len(groups), bool)))
    without = np.array([statistic(groups != name) for name in names], float)
    if not (np.isfinite(whole) and np.isfinite(without).all()):
        return failed(f"no number for all groups, or without one of {len(names)} of them")
    error = np.sqrt((len(names) - 1) / len(names) * np.sum((without - without.mean()) ** 2))
    half = float(stats.t.ppf(0.5 + level / 2, len(names) - 1) * error)
    return Estimate(whole, whole - half, whole + half)
