"""Scores, passes and losses planted on the runs, losses, sizes and items of a public table: where a claim is true, and
where it is false."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.table_statistics.checkpoints import loss_span
from analysis.table_statistics.passes import PassTable

CURVE_LAW = (2.0, 0.3)  # irreducible loss and exponent of planted loss laws
TOP = 0.95  # of the way down: where a planted curve is as high as it gets


@dataclass(frozen=True)
class PlantedTruth:
    """Shares are of the loss range, unless they say otherwise.

    flat: spent at chance before a straight rise; jump: part of the gain made within a twentieth of the range; scatter:
    SD over runs of where the curve lies; swing: SD of single checkpoints, a share of the gain; by_size, by_budget:
    shift from the smallest to the largest size, from the long to the small runs; by_compute: score follows compute;
    points: from the smallest to the largest size (or between two groups) at equal loss."""

    flat: float = 0.0
    jump: float = 0.0
    scatter: float = 0.01
    swing: float = 0.0
    by_size: float = 0.0
    by_budget: float = 0.0
    by_compute: bool = False
    points: float = 0.0


def planted_scores(
    rng: np.random.Generator, rows: pd.DataFrame, chance: float, gain: float, truth: PlantedTruth
) -> pd.DataFrame:
    """`rows` with scores of the planted curve and binomial noise of their items; runs, losses, sizes stay."""
    high, low = loss_span(rows)
    runs, index = np.unique(rows.run.to_numpy(str), return_inverse=True)
    size = np.log(rows.num_parameters.to_numpy(float))
    place = (size - size.min()) / max(np.ptp(size), 1e-9)
    if "group" in rows:  # two groups at equal loss, in place of sizes
        place = (rows.group == rows.group.max()).to_numpy(float)
    depth = (high - rows.loss_nats.to_numpy()) / (high - low)
    if truth.by_compute:
        compute = np.log(rows.compute_flops.to_numpy(float))
        depth = (compute - compute.min()) / np.ptp(compute)
    moved = rng.normal(0, truth.scatter, len(runs))[index] + truth.by_size * place
    moved = moved + truth.by_budget * (rows.series == "small").to_numpy()
    rise = np.clip((depth - moved - truth.flat) / (TOP - truth.flat), 0, 1)
    share = (1 - truth.jump) * rise + truth.jump * np.clip((depth - moved - 0.5) / 0.05, 0, 1)
    share = share + truth.swing * rng.normal(size=len(rows))
    expected = np.clip(chance + gain * np.clip(share, 0, 1) + truth.points / 100 * place, 0, 1)
    kept = rows.drop(columns=[name for name in ("low", "high") if name in rows])
    return kept.assign(value=rng.binomial(kept.num_items, expected) / kept.num_items)


@dataclass(frozen=True)
class PlantedLaw:
    """alpha: mean exponent; spread: SD over items of alpha over its mean; bend: excess of F at the largest size over
    the law; scatter: SD over sizes of F, shared by all items; wander: that of a single item; factor: on all rates;
    decades, rise: how far below one over the items the smallest size's rate lies, and how far the next size's lies
    above it; follows: correlation of an item's F and its answer's loss."""

    bend: float = 0.0
    scatter: float = 0.03
    spread: float = 0.5
    wander: float = 0.15
    factor: float = 1.0
    alpha: float = 0.15
    decades: float | None = None
    rise: float = 0.3
    follows: float = 1.0


def planted_passes(rng: np.random.Generator, table: PassTable, law: PlantedLaw) -> PassTable:
    """`table` with passes of items whose F is a straight line in log N, levels drawn from the measured ones of the
    largest size."""
    x = np.log(table.size) - np.log(table.size).mean()
    known = table.f[np.isfinite(table.f[:, -1]), -1]
    level = rng.choice(known, len(table.passes)) + law.alpha * x[-1]
    alpha = law.alpha * np.maximum(1 + law.spread * rng.normal(size=len(level)), 0)
    f = level[:, None] - alpha[:, None] * x + law.scatter * rng.normal(size=len(x))
    f = f + law.wander * rng.normal(size=f.shape) + law.bend * ((x - x[0]) / (x[-1] - x[0])) ** 2
    rate = np.exp(-np.exp(np.minimum(f, 6.0))) * law.factor
    if law.decades is not None:
        means = np.full(len(x), 5 / len(rate))  # nobody overlooks five passes
        means[0] = 10**-law.decades / len(rate)
        means[1] = means[0] * 10**law.rise
        rate = rate * means / rate.mean(axis=0)
    passes = rng.binomial(table.attempts.astype(np.int64), np.clip(rate, 0, 1)).astype(float)
    loss = law.follows * (f - f.mean(axis=0)) / f.std(axis=0)
    loss = loss + np.sqrt(max(1 - law.follows**2, 0)) * rng.normal(size=f.shape)
    return PassTable(table.size, passes, table.attempts, loss, table.num_held_out)


@dataclass(frozen=True)
class PlantedLosses:
    """noise: SD of a loss about the law, as a share of its range; last: the largest size's distance from it."""

    noise: float = 0.004
    last: float = 0.0


def planted_losses(rng: np.random.Generator, rows: pd.DataFrame, truth: PlantedLosses) -> pd.DataFrame:
    """`rows` (num_parameters, series) with losses of one power law."""
    size = rows.num_parameters.to_numpy(float)
    loss = CURVE_LAW[0] + (size.min() / size) ** CURVE_LAW[1]
    span = np.ptp(loss)
    loss = loss + span * (truth.noise * rng.normal(size=len(size)) + truth.last * (size == size.max()))
    return rows.assign(loss_nats=loss)
