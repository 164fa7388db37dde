"""Do two groups of runs score alike at equal loss? (paper L, 2.2: "for fixed corpus, tokenizer and architecture".)

A group is anything that a run has: a corpus, a family, a band of sizes. Two groups are compared where their losses
overlap and nowhere else:
outside, a difference at equal loss is an extrapolation of the curve (over 18 choices of curve and range the difference
between the smallest and the largest models of one public table moved between -3.9 and +7.4 points, because only one
checkpoint of the large ones lay in the overlap). The effect is that of `size_effect` with the group in place of log
size.
"""

from dataclasses import dataclass

import numpy as np

from analysis.intervals import Estimate, failed
from analysis.onset.size_effect import size_effect
from analysis.rows import float_columns, positive_problem, run_labels

# Runs and rows that each group must have inside the overlap before the comparison is made.
MIN_RUNS, MIN_ROWS = 2, 6
MIN_OVERLAP = 0.1


@dataclass(frozen=True)
class GroupEffect:
    """effect: value of `second` minus value of `first` at equal loss, inside (loss_low, loss_high), where both have
    rows; verdict as in size_effect ("equivalent", "different", "undecided"); num_runs of both inside the overlap."""

    first: str
    second: str
    effect: Estimate
    verdict: str
    loss_low: float
    loss_high: float
    num_runs: tuple[int, int]


def group_effects(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    groups: np.ndarray,
    reference: str | None = None,
    bound: float = 0.05,
    num_replicates: int = 300,
    seed: int = 0,
    level: float = 0.95,
) -> list[GroupEffect]:
    """Each group against the reference (the one with most rows where none is named), rows [n]. A comparison with too
    little overlap has an effect that says "failed: ..."; ValueError for an unknown reference."""
    (loss, value), problem = float_columns(1, loss_nats=loss_nats, value=value)
    runs, unlabelled = run_labels(runs, len(value))
    groups, ungrouped = run_labels(groups, len(value))
    if problem or unlabelled or ungrouped:
        raise ValueError(problem or unlabelled or ungrouped.replace("runs", "groups").replace("run", "group"))
    groups = groups.astype(str)
    names, counts = np.unique(groups, return_counts=True)
    reference = str(names[np.argmax(counts)]) if reference is None else str(reference)
    if reference not in names:
        raise ValueError(f"reference: {reference!r} is no group; use one of {list(names)}")
    return [
        _pair(runs, loss, value, groups, reference, str(name), bound, num_replicates, seed, level)
        for name in names
        if name != reference
    ]


def size_band_effects(
    runs: np.ndarray,
    loss_nats: np.ndarray,
    value: np.ndarray,
    num_parameters: np.ndarray,
    num_bands: int = 3,
    bound: float = 0.05,
    num_replicates: int = 300,
    seed: int = 0,
    level: float = 0.95,
) -> list[GroupEffect]:
    """Neighbouring bands of size at equal loss, smaller first. Sizes are split into num_bands bands of about as many
    sizes each."""
    (loss, value, size), problem = float_columns(1, loss_nats=loss_nats, value=value, num_parameters=num_parameters)
    runs, unlabelled = run_labels(runs, len(value))
    problem = problem or unlabelled or positive_problem(num_parameters=size)
    if problem:
        raise ValueError(problem)
    bands = [band for band in np.array_split(np.unique(size), num_bands) if len(band)]
    labels = [_band_label(band) for band in bands]
    of_row = np.empty(len(size), object)
    for band, label in zip(bands, labels):
        of_row[(size >= band[0]) & (size <= band[-1])] = label
    of_row = of_row.astype(str)
    return [
        _pair(runs, loss, value, of_row, first, second, bound, num_replicates, seed, level)
        for first, second in zip(labels, labels[1:])
    ]


def _band_label(sizes: np.ndarray) -> str:
    ends = [_count(size) for size in (sizes[0], sizes[-1])]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _count(number: float) -> str:
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.3g}{letter}"
    return f"{number:.3g}"


def _pair(runs, loss, value, groups, first, second, bound, num_replicates, seed, level) -> GroupEffect:
    inside_first, inside_second = groups == first, groups == second
    low = max(loss[inside_first].min(), loss[inside_second].min())
    high = min(loss[inside_first].max(), loss[inside_second].max())
    kept = (inside_first | inside_second) & (loss >= low) & (loss <= high)
    num_runs = tuple(len(np.unique(runs[kept & side])) for side in (inside_first, inside_second))
    num_rows = [int(np.sum(kept & side)) for side in (inside_first, inside_second)]
    span = float(np.ptp(loss[inside_first | inside_second]))
    problem = ""
    if high <= low or high - low < MIN_OVERLAP * span:
        problem = (
            f"losses overlap over {max(high - low, 0) / span if span > 0 else 0:.0%} of their range, needs"
            f" {MIN_OVERLAP:.0%}"
        )
    elif min(num_runs) < MIN_RUNS or min(num_rows) < MIN_ROWS:
        problem = (
            f"{num_runs[0]} and {num_runs[1]} runs with {num_rows[0]} and {num_rows[1]} checkpoints where the losses"
            f" overlap, needs {MIN_RUNS} and {MIN_ROWS} of each"
        )
    if problem:
        return GroupEffect(first, second, failed(problem), "undecided", float(low), float(high), num_runs)
    # A size of e against 1 makes the coefficient of log size the difference between the groups.
    found = size_effect(
        runs[kept],
        loss[kept],
        np.where(groups[kept] == second, np.e, 1.0),
        value[kept],
        bound,
        num_replicates,
        seed,
        level,
    )
    return GroupEffect(first, second, found.effect, found.verdict, float(low), float(high), num_runs)
