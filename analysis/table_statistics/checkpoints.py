"""The numbers that paper L's claims are judged by, on checkpoints of one task.

rows: columns run, loss_nats (falling), value (rising), and what the statistic needs of tokens_seen, num_items,
num_parameters, compute_flops. Each entry calls the estimator of the ladder's own figures; nothing is estimated here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.correlation import spearman
from analysis.growth import jump_share
from analysis.intervals import Estimate, failed, wilson
from analysis.onset.fit import onset_by_run
from analysis.onset.shapes import compare_shapes
from analysis.onset.size_effect import residual_spread_ratio, size_effect
from analysis.onset.spread import OnsetSpread, onset_spread
from analysis.onset.threshold import fit_hinge
from analysis.run_curves.mean import flat_share, run_mean
from analysis.run_curves.monotone import monotone_share
from analysis.run_curves.size_shift import size_shift
from analysis.run_curves.steepest import steepest_mean

FLOPS_PER_TOKEN = 6  # and parameter (Kaplan et al. 2020)
EFFECT_BOUND = 0.05  # five points from the smallest to the largest size at equal loss count as none
UNDECIDED_AICC = 2.0  # below, AICc does not tell models apart (Burnham and Anderson 2002, section 2.6)
NUM_REPLICATES = 300
# Where the question is whether a score is at chance, no finer than the ladder's own 500 items: two standard errors of
# 14,000 items are 0.7 points, and the prior of a letter or the length of an answer wanders by more.
RESOLUTION_ITEMS = 500
WINDOW_SHARE = 0.1  # of the loss range: the window within which a rise counts as sudden


@dataclass(frozen=True)
class TableStatistic:
    """unit: what the number is; needs: columns beyond run, loss_nats and value; compute: (rows, chance) -> Estimate."""

    unit: str
    needs: tuple[str, ...]
    compute: Callable[[pd.DataFrame, float], Estimate]


def _rank(rows: pd.DataFrame, chance: float) -> Estimate:
    return spearman(rows.run, rows.loss_nats, rows.value)


def _gain(rows: pd.DataFrame, chance: float) -> Estimate:
    best = rows.loc[rows.loss_nats.idxmin()]
    low, high = wilson(np.array([best.value * best.num_items]), np.array([best.num_items]))
    return _points(Estimate(best.value - chance, float(low[0]) - chance, float(high[0]) - chance))


def _hinge_advantage(rows: pd.DataFrame, chance: float) -> Estimate:
    shapes = compare_shapes(rows.run, rows.loss_nats, rows.value, chance, rows.num_items)
    if shapes.status != "ok":
        return failed(shapes.status.removeprefix("failed: "))
    middle = shapes.hinge_advantage_aicc
    return Estimate(middle, middle - UNDECIDED_AICC, middle + UNDECIDED_AICC, f"ok: best shape {shapes.best}")


def _onset_loss(rows: pd.DataFrame, chance: float) -> Estimate:
    return fit_hinge(rows.run, rows.loss_nats, rows.value, chance, rows.num_items, num_replicates=NUM_REPLICATES).eta


def onsets_of_runs(rows: pd.DataFrame, chance: float) -> OnsetSpread:
    """Mean and spread over runs of the loss at which a task lastingly leaves chance, from the brackets that the
    checkpoints leave; RESOLUTION_ITEMS at most."""
    onsets = onset_by_run(_at_resolution(rows), chance)
    usable = onsets[~onsets.status.str.startswith("failed")]
    return onset_spread(usable.low.to_numpy(), usable.high.to_numpy(), np.subtract(*loss_span(rows)))


def loss_span(rows: pd.DataFrame) -> tuple[float, float]:
    """(loss of the first checkpoint, mean over runs; lowest loss): the loss range of the claims."""
    first = rows.sort_values("tokens_seen").groupby("run").loss_nats.first()
    return float(first.mean()), float(rows.loss_nats.min())


def _at_resolution(rows: pd.DataFrame) -> pd.DataFrame:
    kept = rows.drop(columns=[name for name in ("low", "high") if name in rows])
    return kept.assign(num_items=np.minimum(kept.num_items, RESOLUTION_ITEMS))


def _onset_spread(rows: pd.DataFrame, chance: float) -> Estimate:
    return onsets_of_runs(rows, chance).ratio


def _flat(rows: pd.DataFrame, chance: float) -> Estimate:
    found = flat_share(_at_resolution(rows), chance, loss_span(rows))
    if found.status.startswith("failed: all") and "runs give 0," in found.status:
        return Estimate(0.0, 0.0, 0.0, "ok: every run is beyond chance from its first checkpoint on")
    return found


def _monotone(rows: pd.DataFrame, chance: float) -> Estimate:
    return monotone_share(rows.run, rows.loss_nats, rows.value, rows.num_items)


def _steepest(rows: pd.DataFrame, chance: float) -> Estimate:
    share = rows.value.to_numpy()
    error = np.sqrt(np.maximum(share * (1 - share), 1 / rows.num_items) / rows.num_items)
    window = WINDOW_SHARE * np.subtract(*loss_span(rows))
    return steepest_mean(rows.run, rows.tokens_seen, rows.loss_nats, rows.value, error, window)


def _largest_jump(rows: pd.DataFrame, chance: float) -> Estimate:
    jumps = [
        jump_share(run.tokens_seen, run.loss_nats, run.value, num_items=run.num_items, num_replicates=NUM_REPLICATES)
        for _, run in rows.groupby("run")
    ]
    shares = np.array([jump.share.estimate for jump in jumps if jump.share.ok])
    return run_mean(shares).noted(f"{len(shares)} of {len(jumps)} runs") if len(shares) else failed("no run gains")


def _effect(rows: pd.DataFrame, chance: float) -> Estimate:
    return _points(size_effect(rows.run, rows.loss_nats, rows.num_parameters, rows.value, EFFECT_BOUND).effect)


def _partial_r2(rows: pd.DataFrame, chance: float) -> Estimate:
    return size_effect(rows.run, rows.loss_nats, rows.num_parameters, rows.value, EFFECT_BOUND).partial_r2


def _shift(rows: pd.DataFrame, chance: float) -> Estimate:
    """Over the longest stretch of neighbouring sizes whose runs cross half gain; the status names it."""
    sizes, span = np.unique(rows.num_parameters), float(np.ptp(rows.loss_nats))
    stretches = [(first, last) for first in range(len(sizes)) for last in range(first + 1, len(sizes))]
    found = failed("one size only")
    for first, last in sorted(stretches, key=lambda ends: ends[0] - ends[1]):
        kept = rows[rows.num_parameters.between(sizes[first], sizes[last])]
        found = size_shift(kept.run, kept.loss_nats, kept.value, kept.num_parameters, chance, span).equivalence
        if found.ok:
            return found.noted(f"sizes {sizes[first]:.3g} to {sizes[last]:.3g}")
    return found


def _compute_over_loss(rows: pd.DataFrame, chance: float) -> Estimate:
    return residual_spread_ratio(
        rows.run, rows.loss_nats, rows.compute_flops, rows.value, num_replicates=NUM_REPLICATES
    )


def _points(share: Estimate) -> Estimate:
    return Estimate(*(100 * number for number in (share.estimate, share.low, share.high)), share.status)


# Names as in claims.yaml; both versions of a claim may ask for one number.
CHECKPOINT_STATISTICS: Mapping[str, TableStatistic] = {
    "monotone_share": TableStatistic(
        "rank correlation of falling loss and performance, over what the items allow", ("num_items",), _monotone
    ),
    "steepest_share": TableStatistic(
        "largest share of a run's gain within a tenth of the loss range", ("num_items", "tokens_seen"), _steepest
    ),
    "flat_share": TableStatistic("share of the loss range spent at chance", ("num_items", "tokens_seen"), _flat),
    "onset_spread_share": TableStatistic(
        "SD over runs of the onset loss, share of the loss range", ("num_items", "tokens_seen"), _onset_spread
    ),
    "size_shift_share": TableStatistic(
        "shift of the loss at half gain from smallest to largest size, share of the loss range",
        ("num_parameters",),
        _shift,
    ),
    "spread_ratio": TableStatistic(
        "residual spread on compute over that on loss", ("compute_flops",), _compute_over_loss
    ),
    "spearman": TableStatistic("rank correlation of loss and performance", (), _rank),
    "gain_points": TableStatistic("points above chance at the lowest loss", ("num_items",), _gain),
    "hinge_advantage": TableStatistic(
        "AICc of the best smooth curve minus the hinge's", ("num_items",), _hinge_advantage
    ),
    "onset_loss": TableStatistic("loss at the threshold, nats", ("num_items",), _onset_loss),
    "largest_jump_share": TableStatistic(
        "largest rise between checkpoints, share of the run's gain", ("num_items", "tokens_seen"), _largest_jump
    ),
    "size_effect_points": TableStatistic(
        "points from smallest to largest size at equal loss", ("num_parameters",), _effect
    ),
    "partial_r2": TableStatistic("partial R^2 of log size given the loss", ("num_parameters",), _partial_r2),
}


def checkpoint_statistic(name: str, rows: pd.DataFrame, chance: float) -> Estimate:
    """One statistic of CHECKPOINT_STATISTICS. compute_flops are 6 N D where the table has sizes and tokens but no
    compute. ValueError for an unknown name, and names the columns that are missing."""
    if name not in CHECKPOINT_STATISTICS:
        raise ValueError(f"{name}: no statistic of a table of checkpoints; use {', '.join(CHECKPOINT_STATISTICS)}")
    if "compute_flops" not in rows and {"num_parameters", "tokens_seen"} <= set(rows):
        rows = rows.assign(compute_flops=FLOPS_PER_TOKEN * rows.num_parameters * rows.tokens_seen)
    wanted = CHECKPOINT_STATISTICS[name]
    if absent := [column for column in wanted.needs if column not in rows]:
        raise ValueError(f"{wanted.unit} needs the column {', '.join(absent)}, which this table was not given")
    return wanted.compute(rows, chance)
