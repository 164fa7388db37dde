"""Rows of kind "statistic" of the public folders: an estimate of the analysis room under the name of a claim."""

import pandas as pd

from analysis.correlation import spearman
from analysis.intervals import Estimate
from analysis.onset.group_effect import GroupEffect, group_effects, size_band_effects
from analysis.onset.size_effect import residual_spread_ratio, size_effect

BOUND = 0.05  # paper L's size_effect_small: five points at equal loss


def statistic(task: str, metric: str, estimate: Estimate, rows=None, **columns) -> dict:
    """One row; num_items is the number of checkpoints behind it where `rows` are given."""
    return {
        "kind": "statistic",
        "task": task,
        "metric": metric,
        "value": estimate.estimate,
        "low": estimate.low,
        "high": estimate.high,
        "num_items": None if rows is None else len(rows),
        "status": estimate.status,
    } | columns


def plain_number(task: str, metric: str, value: float, rows=None, status: str = "ok", **columns) -> dict:
    """A number without an interval, such as a difference of information criteria."""
    return statistic(task, metric, Estimate(float(value), float("nan"), float("nan"), status), rows, **columns)


def loss_claims(task: str, rows: pd.DataFrame, suffix: str = "") -> list[dict]:
    """What paper L says of a task that rises smoothly, on rows of one task: rank correlation with loss, size effect
    and partial R^2 at equal loss, residual spread on compute over that on loss."""
    effect = size_effect(rows.run, rows.loss_nats, rows.num_parameters, rows.value, BOUND)
    sized = effect.effect if not effect.effect.ok else effect.effect.noted(effect.verdict)
    ratio = residual_spread_ratio(rows.run, rows.loss_nats, rows.compute_flops, rows.value, num_replicates=300)
    return [
        statistic(task, f"rank_correlation{suffix}", spearman(rows.run, rows.loss_nats, rows.value), rows),
        statistic(task, f"size_effect{suffix}", sized, rows),
        statistic(task, f"size_partial_r2{suffix}", effect.partial_r2, rows),
        statistic(task, f"compute_over_loss_spread{suffix}", ratio, rows),
    ]


def band_claims(task: str, rows: pd.DataFrame, num_bands: int = 3) -> list[dict]:
    """Neighbouring bands of size at equal loss, only where their losses overlap."""
    found = size_band_effects(rows.run, rows.loss_nats, rows.value, rows.num_parameters, num_bands, BOUND)
    return [effect_row(task, "size_band_effect", effect, rows) for effect in found]


def group_claims(task: str, rows: pd.DataFrame, reference: str, metric: str = "group_effect") -> list[dict]:
    """Each group of the column `group` against the reference, at equal loss."""
    found = group_effects(rows.run, rows.loss_nats, rows.value, rows.group, reference, BOUND)
    return [effect_row(task, metric, effect, rows) for effect in found]


def effect_row(task: str, metric: str, effect: GroupEffect, rows: pd.DataFrame) -> dict:
    """Difference of two groups at equal loss; `series` names them, loss_nats is the middle of their overlap."""
    found = effect.effect
    if found.ok:
        found = found.noted(f"{effect.verdict}, losses {effect.loss_low:.3f} to {effect.loss_high:.3f}")
    return statistic(task, metric, found, rows, series=f"{effect.first} -> {effect.second}")
