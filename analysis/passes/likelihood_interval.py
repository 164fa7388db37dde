"""Interval of a pass rate from stopped sampling by likelihood order: the recommended one (evenly close to its level,
where mid-P dips at the cap).

A pass rate p is rejected by the outcomes that the data's likelihood ratio against p calls at least as unlikely as the
observed one (Stein's and Sterne's order for the binomial; Fay 2010, R Journal 2), half of the observed outcome's own
probability counted as in mid-P. Both tails so share 1 - level instead of having half of it each, which is what costs
the mid-P interval its coverage where one tail is nearly empty.

Outcomes by evidence for a high p, as in analysis/passes/stopping.py: place t of [0, cap] has min(r, cap - t) passes in
min(r + t, cap) attempts. The deviance falls along t down to where passes / attempts = p and rises from there, so each
tail ends at a place that bisection finds.
"""

import numpy as np
from scipy import special

from analysis.passes.stopping import upper_tail
from analysis.rows import check_level


def likelihood_p_value(
    passes: np.ndarray, attempts: np.ndarray, num_target: int, cap: int, p: np.ndarray
) -> np.ndarray:
    """P(an outcome at least as unlikely against its best rate as the observed one | p), half of the observed one
    counted; arrays broadcast.

    p strictly between 0 and 1. With fixed K give num_target = K + 1 and cap = K. ValueError for counts that the design
    cannot give.
    """
    passes, attempts, p = np.broadcast_arrays(*(np.asarray(array, float) for array in (passes, attempts, p)))
    if not (np.all(p > 0) and np.all(p < 1)):
        raise ValueError("p: needs to lie strictly between 0 and 1")
    if np.any(attempts > cap) or np.any((passes < num_target) & (attempts != cap)):
        raise ValueError(
            f"passes, attempts: sampling to {num_target} passes or {cap} attempts ends at neither; check num_target"
            " and cap"
        )
    # Ties are ties whatever the rounding.
    observed, is_above = _deviance(passes, attempts, p) * (1 - 1e-9), passes > attempts * p
    near = upper_tail(passes, attempts, num_target, p, is_mid=True)
    place, exists = _matching_place(observed, is_above, num_target, cap, p)
    far_passes, far_attempts = _outcome(place, num_target, cap)
    at_least = upper_tail(far_passes, far_attempts, num_target, p)
    more = 2 * upper_tail(far_passes, far_attempts, num_target, p, is_mid=True) - at_least
    far = np.where(exists, np.where(is_above, 1 - more, at_least), 0.0)
    return np.where(is_above, near, 1 - near) + far


def likelihood_stopped(
    passes: np.ndarray, attempts: np.ndarray, num_target: int, cap: int, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of p [n]: where the p-value falls to 1 - level on either side of passes / attempts. Errors
    as likelihood_p_value."""
    check_level(level)
    passes, attempts = np.broadcast_arrays(*(np.asarray(array, float) for array in (passes, attempts)))
    if not (np.all(passes >= 0) and np.all(passes <= attempts) and np.all(attempts >= 1)):
        raise ValueError("passes, attempts: need 0 <= passes <= attempts and attempts >= 1; check the counts")
    # Rates are looked for from 1e-12 on; where there are more than 1e9 attempts, from a thousandth of a pass on.
    least = np.minimum(1e-12, 1e-3 / attempts)
    share = np.clip(passes / attempts, least, 1 - np.maximum(least, 1e-15))
    ends = []
    for edge in (np.where(least < 1e-12, 1e-3 * least, 1e-12), 1 - np.maximum(least, 1e-15)):
        inside, outside = special.logit(share), special.logit(edge)
        for _ in range(45):
            middle = (inside + outside) / 2
            is_kept = likelihood_p_value(passes, attempts, num_target, cap, special.expit(middle)) > 1 - level
            inside, outside = np.where(is_kept, middle, inside), np.where(is_kept, outside, middle)
        ends.append(special.expit(inside))
    return np.where(passes == 0, 0.0, ends[0]), np.where(passes == attempts, 1.0, ends[1])


def _outcome(place: np.ndarray, num_target: int, cap: int) -> tuple[np.ndarray, np.ndarray]:
    return np.minimum(num_target, cap - place), np.minimum(num_target + place, cap)


def _deviance(passes: np.ndarray, attempts: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Half the likelihood-ratio statistic against p."""
    failures = attempts - passes
    best = special.xlogy(passes, passes / attempts) + special.xlogy(failures, failures / attempts)
    return best - special.xlogy(passes, p) - special.xlog1py(failures, -p)


def _matching_place(
    observed: np.ndarray, is_above: np.ndarray, num_target: int, cap: int, p: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The outcome on the other side of p that is as unlikely as the observed one, nearest to p, and whether there is
    one."""
    low, high = np.full(observed.shape, -1), np.full(observed.shape, cap + 1)
    for _ in range(int(cap + 2).bit_length()):
        middle = np.clip((low + high) // 2, 0, cap)
        passes, attempts = _outcome(middle, num_target, cap)
        is_unlikely = _deviance(passes, attempts, p) >= observed
        # Where the observed outcome speaks for a higher p the search is for the first such place below p, else for the
        # last one above it.
        is_right = np.where(is_above, (passes <= attempts * p) & is_unlikely, ~((passes > attempts * p) & is_unlikely))
        is_open = high - low > 1
        low, high = np.where(is_open & ~is_right, middle, low), np.where(is_open & is_right, middle, high)
    place = np.where(is_above, high, low)
    return np.clip(place, 0, cap), (place >= 0) & (place <= cap)
