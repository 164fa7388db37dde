"""How closely points keep to one common curve, whatever the run: the numbers behind "same loss, same performance"
(paper L, 2.3-2.4, Appendices D and E).

The resampled unit is the run throughout. `rows` is one task under its own metric.
"""

import numpy as np
import pandas as pd
from scipy import optimize

from analysis.intervals import bootstrap_runs, failed
from analysis.onset.size_effect import residual_spread_ratio, size_effect
from experiments.tables.scores import fit_rows, statistic_row

NUM_REPLICATES = 1000
NUM_CURVE_REPLICATES = 500  # each one refits a monotone curve
MIN_POINTS = 6  # fewer points around a curve give no spread worth an interval
EFFECT_BOUND = 0.05  # a difference of five points over the whole ladder of sizes counts as none


def size_statistics(rows: pd.DataFrame, task: str) -> list[dict]:
    """Statistic rows `partial_r2` of log size given the loss, and `size_effect_points`: smallest to largest size at
    equal loss, in points."""
    effect = size_effect(
        rows.lineage,
        rows.loss_nats,
        rows.num_nonembedding_parameters,
        rows.value,
        bound=EFFECT_BOUND,
        num_replicates=NUM_REPLICATES,
    )
    points = statistic_row(rows, task, "size_effect_points", effect.effect, len(rows))
    return [
        statistic_row(rows, task, "partial_r2", effect.partial_r2, len(rows)),
        points | {name: 100 * points[name] for name in ("value", "low", "high")},
    ]


def compute_ratio(rows: pd.DataFrame, task: str, num_replicates: int = NUM_REPLICATES) -> dict:
    """Statistic row `spread_ratio`: residual spread against compute over that against loss."""
    ratio = residual_spread_ratio(
        rows.lineage, rows.loss_nats, rows.compute_flops, rows.value, num_replicates=num_replicates
    )
    return statistic_row(rows, task, "spread_ratio", ratio, len(rows))


def mixed_loss_ratio(rows: pd.DataFrame, task: str, language: str) -> dict:
    """Statistic row `mixed_loss_ratio`: residual spread against the loss of the whole mixture over that against the
    loss of the task's language."""
    ratio = residual_spread_ratio(
        rows.lineage, rows[f"loss_nats_{language}"], rows.loss_nats, rows.value, num_replicates=NUM_REPLICATES
    )
    return statistic_row(rows, task, "mixed_loss_ratio", ratio, len(rows))


def monotone_curve(loss_nats: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(losses [k] rising, values [k] not rising): the least-squares curve under which performance never falls as the
    loss falls. Tied losses are averaged."""
    losses, index, counts = np.unique(loss_nats, return_inverse=True, return_counts=True)
    means = np.bincount(index, weights=value) / counts
    return losses, optimize.isotonic_regression(means, weights=counts, increasing=False).x


def curve_distance(rows: pd.DataFrame, task: str, chance: float) -> tuple[dict, pd.DataFrame]:
    """Statistic row `curve_distance_share` and the curve: root mean square distance of the small runs' final
    checkpoints from the monotone curve of the long runs, binomial item noise removed, as a share of the gain. `rows`:
    all checkpoints of the long runs and the final ones of the small.

    Finals outside the long runs' losses have no curve to be compared with; the status counts them."""
    long, small = rows[rows.series == "long"], rows[rows.series == "small"]
    inside = small[small.loss_nats.between(long.loss_nats.min(), long.loss_nats.max())]
    losses, curve = monotone_curve(long.loss_nats.to_numpy(), long.value.to_numpy())
    drawn = fit_rows(task, long.metric.iloc[0], losses, curve, series="long")
    gain = curve.max() - chance
    if len(inside) < MIN_POINTS or gain <= 0:
        reason = f"{len(inside)} final checkpoints within the long runs' losses, gain {gain:.2f}"
        return statistic_row(rows, task, "curve_distance_share", failed(reason)), drawn
    both = pd.concat([long, inside])
    estimate = bootstrap_runs(
        lambda is_long, loss, value, items: _distance(is_long, loss, value, items, chance),
        both.lineage.to_numpy(),
        (both.series == "long").to_numpy(),
        both.loss_nats.to_numpy(),
        both.value.to_numpy(),
        both.num_items.to_numpy(),
        num_replicates=NUM_CURVE_REPLICATES,
        strata=both.series.to_numpy(),
    )
    row = statistic_row(rows, task, "curve_distance_share", estimate, len(inside))
    if left_out := len(small) - len(inside):
        row["status"] += (
            f"{',' if ':' in row['status'] else ':'} {left_out} of {len(small)} finals outside the long runs' losses"
        )
    return row, drawn


def _distance(is_long: np.ndarray, loss: np.ndarray, value: np.ndarray, items: np.ndarray, chance: float) -> float:
    losses, curve = monotone_curve(loss[is_long], value[is_long])
    expected = np.interp(loss[~is_long], losses, curve)
    noise = expected * (1 - expected) / items[~is_long]
    gain = curve.max() - chance
    return float(np.sqrt(max(np.mean((value[~is_long] - expected) ** 2 - noise), 0.0)) / gain) if gain > 0 else np.nan


def intermediate_ratio(rows: pd.DataFrame, task: str) -> dict:
    """Statistic row `spread_ratio`: residual spread of intermediate checkpoints over that of final ones, around the
    monotone curve of both, among the losses that final checkpoints reach (elsewhere intermediate points sit at chance
    and spread nothing)."""
    is_final = rows.tokens_seen == rows.groupby("run").tokens_seen.transform("max")
    near = rows[rows.loss_nats <= rows.loss_nats[is_final].max()]
    is_final = is_final[near.index].to_numpy()
    if min(is_final.sum(), (~is_final).sum()) < MIN_POINTS:
        return statistic_row(
            rows,
            task,
            "spread_ratio",
            failed(f"{(~is_final).sum()} intermediate and {is_final.sum()} final checkpoints share their losses"),
        )
    losses, curve = monotone_curve(near.loss_nats.to_numpy(), near.value.to_numpy())
    squared = (near.value.to_numpy() - np.interp(near.loss_nats, losses, curve)) ** 2

    def ratio(squares: np.ndarray, finals: np.ndarray) -> float:
        if finals.all() or not finals.any():
            return np.nan
        final = np.mean(squares[finals])
        return float(np.sqrt(np.mean(squares[~finals]) / final)) if final > 0 else np.nan

    estimate = bootstrap_runs(ratio, near.lineage.to_numpy(), squared, is_final, num_replicates=NUM_REPLICATES)
    return statistic_row(rows, task, "spread_ratio", estimate, len(near))
