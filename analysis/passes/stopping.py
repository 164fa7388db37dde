"""Pass rates from stopped sampling: attempts until the r-th pass, or until the cap (paper P, 4.1 and Theorem 1).

An outcome is (passes, attempts): passes = r with attempts K <= cap, or passes < r with attempts = cap (censored). Since
the stopping rule looks at nothing but the outcomes so far, the likelihood is p^passes (1 - p)^(attempts - passes) in
both cases: censoring needs no more.

Estimators. r / K is the maximum-likelihood estimate that the paper calls PassUntil; it is biased upwards (about r/(r-1)
for small p, for r = 1 by -p ln p / (1 - p), six-fold at p = 0.001). (r - 1) / (K - 1) is unbiased, and with passes /
cap at the cap it stays so (Girshick, Mosteller and Savage 1946: paths to the outcome that begin with a pass, over all
paths).

Intervals order outcomes by evidence for a high p: fewer attempts to r first, then the cap with r - 1, ..., 0 passes.
`exact` inverts that order's tails (never below its level), `mid_p_stopped` counts half of the observed outcome.
Recommended: analysis/passes/likelihood_interval.py.
"""

import numpy as np
from scipy import special, stats

from analysis.intervals import Estimate, failed
from analysis.rows import check_level


def ratio_estimate(passes: np.ndarray, attempts: np.ndarray) -> np.ndarray:
    """r / K, the paper's PassUntil (maximum likelihood); passes / cap where censored."""
    passes, attempts = np.broadcast_arrays(np.asarray(passes, float), np.asarray(attempts, float))
    if not (
        np.all(passes >= 0) and np.all(passes <= attempts) and np.all(attempts >= 1) and np.isfinite(attempts).all()
    ):
        raise ValueError("passes, attempts: need 0 <= passes <= attempts and attempts >= 1; check the counts")
    return passes / attempts


def unbiased_estimate(passes: np.ndarray, attempts: np.ndarray, num_target: int) -> np.ndarray:
    """(r - 1) / (K - 1) where num_target = r was reached, passes / cap where not. r = 1 gives 0 unless K = 1: use r >=
    2."""
    passes, attempts, reached = _checked(passes, attempts, num_target)
    return np.where(reached, _ratio(passes - 1, attempts - 1), passes / attempts)


def unbiased_variance(passes: np.ndarray, attempts: np.ndarray, num_target: int) -> np.ndarray:
    """Unbiased estimate of the variance of unbiased_estimate: its square minus the unbiased estimate of p^2. Needs r >=
    3, else it is degenerate where r was reached (nan)."""
    passes, attempts, reached = _checked(passes, attempts, num_target)
    estimate = unbiased_estimate(passes, attempts, num_target)
    with_stop = _ratio((passes - 1) * (passes - 2), (attempts - 1) * (attempts - 2))
    without = _ratio(passes * (passes - 1), attempts * (attempts - 1))
    variance = np.maximum(estimate**2 - np.where(reached, with_stop, without), 0.0)
    return np.where(reached & (num_target < 3), np.nan, variance)


def exact_stopped(
    passes: np.ndarray, attempts: np.ndarray, num_target: int, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Exact interval of p under stopped sampling with a cap; arrays broadcast."""
    check_level(level)
    passes, attempts, reached = _checked(passes, attempts, num_target)
    tail = (1 - level) / 2
    (a, b), (c, d) = _tail_shapes(passes, attempts, reached)
    return _beta_quantile(tail, a, b, 0.0), _beta_quantile(1 - tail, c, d, 1.0)


def mid_p_stopped(
    passes: np.ndarray, attempts: np.ndarray, num_target: int, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Mid-P interval of p under stopped sampling with a cap (coverage near its level where neither tail is nearly
    empty)."""
    check_level(level)
    passes, attempts, reached = _checked(passes, attempts, num_target)
    tail = (1 - level) / 2
    (a, b), (c, d) = _tail_shapes(passes, attempts, reached)
    ends = []
    for share in (tail, 1 - tail):
        # The mid-P tail is the mean of two beta distribution functions, so its root lies between their quantiles.
        low, high = _beta_quantile(share, a, b, 0.0), _beta_quantile(share, c, d, 1.0)
        for _ in range(30):
            middle = (low + high) / 2
            above = (_beta_cdf(middle, a, b, 1.0) + _beta_cdf(middle, c, d, 0.0)) / 2 > share
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        ends.append((low + high) / 2)
    nothing, everything = passes == 0, passes == attempts
    return np.where(nothing, 0.0, ends[0]), np.where(everything, 1.0, ends[1])


def upper_tail(
    passes: np.ndarray, attempts: np.ndarray, num_target: int, p: np.ndarray, is_mid: bool = False
) -> np.ndarray:
    """P(an outcome at least as much in favour of a high p | p); is_mid counts half of the observed outcome's own
    probability.

    p is inside the mid-P interval when the mid value lies in [tail, 1 - tail].
    """
    passes, attempts, reached = _checked(passes, attempts, num_target)
    (a, b), (c, d) = _tail_shapes(passes, attempts, reached)
    at_least = _beta_cdf(p, a, b, 1.0)
    return (at_least + _beta_cdf(p, c, d, 0.0)) / 2 if is_mid else at_least


def simulate_stopped(
    p: float, num_target: int, cap: int, num_replicates: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(passes, attempts) of num_replicates independent stopped samplings: the negative binomial law, cut at the cap."""
    if not (0 < p <= 1 and num_target >= 1 and cap >= 1 and num_replicates >= 1):
        raise ValueError(
            f"p {p}, num_target {num_target}, cap {cap}, num_replicates {num_replicates}: need 0 < p <= 1 and counts of"
            " 1 or more"
        )
    attempts = num_target + rng.negative_binomial(num_target, p, size=num_replicates)
    beyond = attempts > cap
    passes = np.full(num_replicates, num_target)
    # Given that the r-th pass comes after the cap, the passes up to the cap are binomial below r: invert its
    # distribution function.
    below = stats.binom.cdf(num_target - 1, cap, p)
    passes[beyond] = np.clip(stats.binom.ppf(rng.uniform(size=beyond.sum()) * below, cap, p), 0, num_target - 1)
    return passes, np.where(beyond, cap, attempts)


def pooled_pass_rate(passes: np.ndarray, attempts: np.ndarray, num_target: int, level: float = 0.95) -> Estimate:
    """Mean pass rate over items [n] (each sampled by stopping), with the interval of the sampling noise for these very
    items.

    Mean of the unbiased estimates; gamma interval of a weighted sum of counts (Fay and Feuer 1997), which holds for few
    passes and gives an upper end when there are none. The status counts censored items. "failed" for r < 3 (no
    variance) or no items; ValueError for counts that stopped sampling cannot give.
    """
    check_level(level)
    if np.size(passes) == 0 or np.size(attempts) == 0:
        return failed("no items, needs 1")
    passes, attempts, reached = _checked(np.atleast_1d(passes), np.atleast_1d(attempts), num_target)
    if num_target < 3:
        return failed(f"num_target {num_target}: the variance needs r >= 3")
    mean = float(np.mean(unbiased_estimate(passes, attempts, num_target)))
    variance = float(np.sum(unbiased_variance(passes, attempts, num_target))) / len(passes) ** 2
    step = float(np.max(1 / attempts)) / len(passes)
    tail = (1 - level) / 2
    low = (
        stats.gamma.ppf(tail, mean**2 / variance, scale=variance / mean) if variance > 0 else (0.0 if mean < 1 else 1.0)
    )
    high = stats.gamma.ppf(
        1 - tail, (mean + step) ** 2 / (variance + step**2), scale=(variance + step**2) / (mean + step)
    )
    censored = int(np.sum(~reached))
    status = f"ok: {censored} of {len(passes)} items censored at the cap" if censored else "ok"
    return Estimate(mean, float(low), float(min(high, 1.0)), status)


def _checked(passes, attempts, num_target):
    passes, attempts = np.broadcast_arrays(np.asarray(passes, float), np.asarray(attempts, float))
    # Written so that nan, which is neither above nor below, is refused too.
    within = (
        np.all(passes >= 0) and np.all(passes <= num_target) and np.all(passes <= attempts) and np.all(attempts >= 1)
    )
    if not (num_target >= 1 and within and np.isfinite(attempts).all()):
        raise ValueError(
            f"passes, attempts: need 0 <= passes <= min(num_target = {num_target}, attempts) and attempts >= 1"
        )
    return passes, attempts, passes == num_target


def _ratio(above, below):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / np.where(below > 0, below, 1.0), 1.0)


def _tail_shapes(passes, attempts, reached):
    """Beta parameters of P(at least this outcome | p) and of P(more than this outcome | p), as functions of p."""
    at_least = (passes, attempts - passes + 1)
    return at_least, (np.where(reached, passes, passes + 1), attempts - passes)


def _beta_cdf(p, a, b, without_a):
    """Beta distribution function; a = 0 gives without_a (certain), b = 0 gives 0 (impossible)."""
    safe = special.betainc(np.maximum(a, 1), np.maximum(b, 1), p)
    return np.where(a == 0, without_a, np.where(b == 0, 0.0, safe))


def _beta_quantile(share, a, b, edge):
    safe = special.betaincinv(np.maximum(a, 1), np.maximum(b, 1), share)
    return np.where(a == 0, 0.0, np.where(b == 0, 1.0, safe))
