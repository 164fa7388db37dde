"""Intervals: bootstrap over runs, items or pairs, and exact or score intervals for a proportion.

A run's checkpoints are not independent of each other, so the unit of resampling is the run (cluster bootstrap: a drawn
run brings all of its checkpoints). Everything random is seeded by argument: the same arguments give the same numbers.
Every result says how it went in `status`: it starts with "ok" where the numbers may be used, else with "failed" or
"not".
Stopped sampling (r passes in K attempts) is in analysis/passes/stopping.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from analysis.rows import check_level, check_replicates, run_labels

# Below this number of runs a cluster bootstrap is known to be too narrow; the estimate stays, its status says so.
FEW_RUNS = 5
# More failed replicates than this share and the interval is not to be trusted.
MAX_FAILED_SHARE = 0.1


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; `low` and `high` are nan where there is none. A status of "ok..." comes with a finite
    estimate."""

    estimate: float
    low: float
    high: float
    status: str = "ok"

    def __post_init__(self) -> None:
        assert np.isfinite(self.estimate) or not self.ok, f"status {self.status!r} with the estimate {self.estimate}"

    @property
    def ok(self) -> bool:
        """Whether the numbers may be used."""
        return self.status.startswith("ok")

    def noted(self, note: str) -> "Estimate":
        """The same with a remark in its status; what failed stays failed."""
        return (
            replace(self, status=f"{self.status}, {note}" if ":" in self.status else f"{self.status}: {note}")
            if self.ok
            else self
        )


def failed(reason: str) -> Estimate:
    """An estimate that says why there is none; the status of another failure may be passed on as the reason."""
    return Estimate(np.nan, np.nan, np.nan, f"failed: {reason.removeprefix('failed: ')}")


def run_counts(
    runs: np.ndarray, num_replicates: int, seed: int, strata: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """How often each run is drawn in each bootstrap replicate.

    runs [n] labels of the rows; strata [n] (for example the size of each row's run) are resampled each on its own, so
    that no replicate loses a size. Returns (distinct runs [G] sorted, counts int [num_replicates, G]).
    """
    labels, first = np.unique(np.asarray(runs), return_index=True)
    stratum = (
        np.zeros(len(labels), int) if strata is None else np.unique(np.asarray(strata)[first], return_inverse=True)[1]
    )
    rng = np.random.default_rng(seed)
    counts = np.zeros((num_replicates, len(labels)), int)
    for value in np.unique(stratum):
        member = np.flatnonzero(stratum == value)
        # Counts, not drawn indices: most statistics need only weighted sums, and a table of [replicates, runs] is small
        # whatever the number of checkpoints.
        counts[:, member] = rng.multinomial(len(member), np.full(len(member), 1 / len(member)), size=num_replicates)
    return labels, counts


def run_replicates(
    statistic: Callable[..., float],
    runs: np.ndarray,
    *arrays: np.ndarray,
    num_replicates: int = 1000,
    seed: int = 0,
    strata: np.ndarray | None = None,
) -> np.ndarray:
    """The statistic on each cluster-bootstrap replicate, [num_replicates]; nan where it is undefined there."""
    runs = np.asarray(runs)
    labels, counts = run_counts(runs, num_replicates, seed, strata)
    rows_of = [np.flatnonzero(runs == label) for label in labels]
    single = np.concatenate(rows_of) if len(labels) == len(runs) else None
    arrays = tuple(np.asarray(array) for array in arrays)
    replicates = np.empty(num_replicates)
    for index, count in enumerate(counts):
        drawn = np.repeat(np.arange(len(labels)), count)
        rows = single[drawn] if single is not None else np.concatenate([rows_of[group] for group in drawn])
        replicates[index] = statistic(*(array[rows] for array in arrays))
    return replicates


def bootstrap_runs(
    statistic: Callable[..., float],
    runs: np.ndarray,
    *arrays: np.ndarray,
    num_replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    method: str = "percentile",
    strata: np.ndarray | None = None,
) -> Estimate:
    """Cluster bootstrap: statistic(*arrays) with an interval over runs (rows of one run stay together).

    runs [n] and each array [n, ...]; method "percentile" or "bca" (bias-corrected and accelerated, Efron 1987, the
    acceleration by leaving out one run at a time). ValueError for an unknown method or arrays of another length.
    """
    check_level(level)
    check_replicates(num_replicates)
    if method not in ("percentile", "bca"):
        raise ValueError(f"method: unknown value {method!r}; use 'percentile' or 'bca'")
    runs, problem = run_labels(runs, len(runs))
    arrays = tuple(np.asarray(array) for array in arrays)
    for position, array in enumerate(arrays):
        if len(array) != len(runs):
            raise ValueError(f"array {position} has {len(array)} rows, runs has {len(runs)}; pass one label per row")
    if problem:
        return failed(problem)
    labels = np.unique(runs)
    if len(labels) < 2:
        return failed(f"{len(labels)} run(s), a bootstrap over runs needs 2")
    estimate = statistic(*arrays)
    replicates = run_replicates(statistic, runs, *arrays, num_replicates=num_replicates, seed=seed, strata=strata)
    jackknife = None
    if method == "bca":
        jackknife = np.array([statistic(*(array[runs != label] for array in arrays)) for label in labels])
    return from_replicates(estimate, replicates, level, method, jackknife, len(labels))


def bootstrap_items(
    statistic: Callable[..., float],
    *arrays: np.ndarray,
    num_replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    method: str = "percentile",
) -> Estimate:
    """Bootstrap over items (rows). Several arrays are resampled together, which makes the comparison of two of them
    paired."""
    return bootstrap_runs(
        statistic,
        np.arange(len(arrays[0])),
        *arrays,
        num_replicates=num_replicates,
        seed=seed,
        level=level,
        method=method,
    )


def from_replicates(
    estimate: float,
    replicates: np.ndarray,
    level: float = 0.95,
    method: str = "percentile",
    jackknife: np.ndarray | None = None,
    num_runs: int | None = None,
    freedom: int | None = None,
) -> Estimate:
    """Turn bootstrap replicates into an Estimate; failed replicates (not finite) are counted, and named in the status.

    Percentile intervals from few runs are too narrow by about the ratio of t to normal and by sqrt(G/(G-1)); with
    num_runs = G given the quantiles are moved outwards by both (Hesterberg 2015, expanded percentile). freedom does so
    for residual bootstraps, t only.
    status "failed: ..." where replicates are undefined or all alike: an interval of width zero would claim certainty.
    """
    finite = np.isfinite(replicates)
    lost = int((~finite).sum())
    if not np.isfinite(estimate):
        return failed("the statistic is undefined on these rows")
    if lost > MAX_FAILED_SHARE * len(replicates):
        return Estimate(estimate, np.nan, np.nan, f"failed: {lost} of {len(replicates)} bootstrap replicates undefined")
    replicates = replicates[finite]
    tail = _expanded_tail((1 - level) / 2, num_runs, freedom)
    if method == "percentile":
        shares = (tail, 1 - tail)
    elif method == "bca":
        shares = _bca_shares(estimate, replicates, jackknife, tail)
    else:
        raise ValueError(f"method: unknown value {method!r}; use 'percentile' or 'bca'")
    low, high = np.quantile(replicates, shares)
    if low == high:
        # All replicates alike (runs that all score the same, one loss, a bound): the spread is unknown, not zero.
        return Estimate(
            float(estimate), np.nan, np.nan, f"failed: every replicate gives {low:.6g}, which is no interval"
        )
    notes = [f"{lost} of {lost + len(replicates)} replicates undefined"] * bool(lost)
    if num_runs is not None and num_runs < FEW_RUNS:
        notes.append(f"few runs ({num_runs})")
    return Estimate(float(estimate), float(low), float(high), "ok" + (": " + ", ".join(notes) if notes else ""))


def at_bound(interval: Estimate, replicates: np.ndarray, bound: float) -> Estimate:
    """The interval, or where estimate and every replicate lie at the bound of a parameter, the bound without an
    interval: what the rows say is only that they show nothing beyond it."""
    finite = replicates[np.isfinite(replicates)]
    if interval.estimate == bound and len(finite) and np.all(finite == bound):
        return Estimate(float(bound), np.nan, np.nan, f"ok: at its bound, {bound:g}, in every replicate")
    return interval


def _expanded_tail(tail: float, num_runs: int | None, freedom: int | None) -> float:
    if num_runs is not None and num_runs > 1:
        return float(stats.norm.cdf(stats.t.ppf(tail, num_runs - 1) * np.sqrt(num_runs / (num_runs - 1))))
    return float(stats.norm.cdf(stats.t.ppf(tail, freedom))) if freedom is not None else tail


def _bca_shares(
    estimate: float, replicates: np.ndarray, jackknife: np.ndarray | None, tail: float
) -> tuple[float, float]:
    """Quantiles of the replicates that a BCa interval uses (Efron 1987, eq. 2.3)."""
    if jackknife is None:
        raise ValueError("jackknife: method 'bca' needs the leave-one-out values; pass them or use 'percentile'")
    # A replicate that drew every unit once is the estimate but for rounding.
    is_same = np.isclose(replicates, estimate, rtol=1e-9, atol=0.0)
    below = np.mean((replicates < estimate) & ~is_same) + np.mean(is_same) / 2
    bias = stats.norm.ppf(np.clip(below, 0.5 / len(replicates), 1 - 0.5 / len(replicates)))
    # Acceleration: how the statistic's standard error changes with its value, from the skewness of its leave-one-out
    # values.
    centred = np.mean(jackknife) - jackknife
    spread = np.sum(centred**2) ** 1.5
    acceleration = np.sum(centred**3) / (6 * spread) if spread > 0 else 0.0
    # Median bias and acceleration move both quantiles, so the interval is right to second order for skewed statistics
    # too.
    corner = bias + stats.norm.ppf([tail, 1 - tail])
    shares = stats.norm.cdf(bias + corner / (1 - acceleration * corner))
    return float(shares[0]), float(shares[1])


def wilson(num_passes: np.ndarray, num_items: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson score interval of a proportion; arrays broadcast, result has their shape."""
    check_level(level)
    passes, items = _checked_counts(num_passes, num_items)
    z2 = stats.norm.ppf(0.5 + level / 2) ** 2
    share = passes / items
    centre = (share + z2 / (2 * items)) / (1 + z2 / items)
    half = np.sqrt(z2 * (share * (1 - share) / items + z2 / (4 * items**2))) / (1 + z2 / items)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def mid_p(num_passes: np.ndarray, num_items: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Mid-P interval of a proportion: the exact one (Clopper-Pearson) that counts half of the observed outcome's
    probability; close to its level."""
    check_level(level)
    passes, items = _checked_counts(num_passes, num_items)
    tail = (1 - level) / 2

    def upper_tail(p: np.ndarray) -> np.ndarray:
        return stats.binom.sf(passes, items, p) + stats.binom.pmf(passes, items, p) / 2

    low = np.where(passes > 0, bisect(lambda p: upper_tail(p) - tail, passes.shape), 0.0)
    high = np.where(passes < items, bisect(lambda p: upper_tail(p) - (1 - tail), passes.shape), 1.0)
    return low, high


def bisect(increasing: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], num_steps: int = 60) -> np.ndarray:
    """Root in p of a function that increases in p on (0, 1), for a whole array at once; searched in log-odds, so 1e-15
    is resolved."""
    low, high = np.full(shape, -40.0), np.full(shape, 40.0)
    for _ in range(num_steps):
        middle = (low + high) / 2
        above = increasing(1 / (1 + np.exp(-middle))) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 1 / (1 + np.exp(-(low + high) / 2))


def _checked_counts(num_passes: np.ndarray, num_items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    passes, items = np.broadcast_arrays(np.asarray(num_passes, float), np.asarray(num_items, float))
    # Written so that nan, which is neither above nor below, is refused too.
    if not (np.isfinite(items).all() and np.all(items > 0) and np.all(passes >= 0) and np.all(passes <= items)):
        raise ValueError("num_passes: needs 0 <= num_passes <= num_items and num_items > 0; check the counts")
    return passes, items
