"""Does performance follow the loss, as far as so few items can show? A rank correlation against its own ceiling.

Even a performance that rises with every step of falling loss is ranked imperfectly when it is seen through some hundred
items, and stretches at chance or at the top rank by noise alone. So the correlation is divided by what the best
monotone curve (isotonic regression on loss) would give with the same items: 1 means that nothing but item noise
disturbs the order.
"""

import numpy as np
from scipy import optimize, stats

from analysis.intervals import Estimate, failed, from_replicates, run_counts
from analysis.rows import check_level, check_replicates, float_columns, run_labels

MIN_CEILING = 0.2
NUM_DRAWS = 20  # of the items, to know the ceiling; its mean over draws and runs is sure to a hundredth


def monotone_share(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    num_items: np.ndarray,
    num_replicates: int = 300,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Spearman correlation of falling loss and value over all rows [n], as a share of its ceiling; value is a share of
    num_items right answers. Interval over runs. status "failed: ..." for rows that cannot be judged, below 2 runs, and
    where the ceiling itself lies below 0.2: a value that hardly moves has no order."""
    check_level(level)
    check_replicates(num_replicates)
    (loss, value, items), problem = float_columns(4, loss_nats=loss_nats, value=value, num_items=num_items)
    runs, unlabelled = run_labels(runs, len(loss))
    if problem or unlabelled:
        return failed(problem or unlabelled)
    labels, counts = run_counts(runs, num_replicates, seed)
    if len(labels) < 2:
        return failed(f"{len(labels)} run(s), an interval over runs needs 2")
    order = np.argsort(-loss, kind="stable")
    expected = np.empty(len(value))
    expected[order] = optimize.isotonic_regression(value[order]).x
    rng = np.random.default_rng(seed)
    drawn = rng.binomial(np.round(items).astype(int), np.clip(expected, 0, 1), (NUM_DRAWS, len(value))) / items
    rows_of = [np.flatnonzero(runs == label) for label in labels]

    def share(rows: np.ndarray, draws: np.ndarray) -> float:
        ceiling = np.mean([_rank(-loss[rows], one[rows]) for one in draws])
        return _rank(-loss[rows], value[rows]) / ceiling if ceiling >= MIN_CEILING else np.nan

    point = share(np.arange(len(value)), drawn)
    if not np.isfinite(point):
        return failed(f"the ceiling of the correlation lies below {MIN_CEILING:g}: the value hardly moves")
    # One draw of the items a replicate: the ceiling's own error is part of the interval.
    replicates = np.array(
        [
            share(np.concatenate([np.repeat(rows_of[g][None], n, 0).ravel() for g, n in enumerate(count) if n]), one)
            for count, one in zip(counts, drawn[rng.integers(NUM_DRAWS, size=num_replicates)][:, None])
        ]
    )
    return from_replicates(float(point), replicates, level, num_runs=len(labels))


def _rank(falling: np.ndarray, value: np.ndarray) -> float:
    if np.ptp(value) == 0 or np.ptp(falling) == 0:
        return np.nan
    return float(stats.spearmanr(falling, value).statistic)
