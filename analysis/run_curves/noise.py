"""What a score's interval is made of: how far it moves with other items, another seed, another mixture, the next
checkpoint, another draw of the answers.

Each part is a standard deviation in the units of the score, so that parts compare. None contains another on purpose:
seeds are compared on the same items, and neighbouring checkpoints within one run.
"""

import numpy as np
from scipy import stats

from analysis.intervals import Estimate, bootstrap_runs, failed
from analysis.rows import check_level, check_replicates, float_columns, run_labels


def item_noise(share: np.ndarray, num_items: np.ndarray | float) -> float:
    """SD of a score by the choice of its items: root mean of p (1 - p) / n over checkpoints [n]. ValueError for shares
    outside 0 to 1 or no items."""
    share, items = np.broadcast_arrays(np.asarray(share, float), np.asarray(num_items, float))
    if not share.size or not (np.all(share >= 0) and np.all(share <= 1) and np.all(items > 0)):
        raise ValueError("share, num_items: need shares from 0 to 1 and more than 0 items in every row")
    return float(np.sqrt(np.mean(share * (1 - share) / items)))


def draw_noise(pass_probability: np.ndarray) -> float:
    """SD of a score when each item [I] is answered once by sampling: sqrt(sum p (1 - p)) / I. Items of probability 0 or
    1 add none. ValueError for probabilities that are none."""
    chance = np.asarray(pass_probability, float)
    if not chance.size or not (np.all(chance >= 0) and np.all(chance <= 1)):
        raise ValueError("pass_probability: needs probabilities from 0 to 1, one an item")
    return float(np.sqrt(np.sum(chance * (1 - chance))) / len(chance))


def factor_noise(
    factor: np.ndarray, cells: np.ndarray, blocks: np.ndarray, value: np.ndarray, level: float = 0.95
) -> Estimate:
    """SD of value [n] over the levels of a factor (seed, mixture) within cells that are alike in all else (size and
    tokens seen), pooled over cells.

    blocks [n] name what cells depend on together: all checkpoints of a size share their runs, so a size gives as many
    degrees of freedom as one of its cells, however many checkpoints it has. Interval by chi-square with those. status
    "failed: ..." where no cell has two levels, and for rows that cannot be judged.
    """
    check_level(level)
    (value,), problem = float_columns(1, value=value)
    labels = [run_labels(column, len(value)) for column in (factor, cells, blocks)]
    problem = problem or next((wrong for _, wrong in labels if wrong), "")
    if problem:
        return failed(problem)
    factor, cells, blocks = (column for column, _ in labels)
    squares, freedom, by_block = [], [], {}
    for cell in np.unique(cells):
        inside = cells == cell
        means = np.array([value[inside & (factor == one)].mean() for one in np.unique(factor[inside])])
        if len(means) > 1:
            squares.append(np.sum((means - means.mean()) ** 2))
            freedom.append(len(means) - 1)
            block = blocks[inside][0]
            by_block[block] = max(by_block.get(block, 0), len(means) - 1)
    if not freedom:
        return failed("no cell has two levels of the factor")
    sd = float(np.sqrt(np.sum(squares) / np.sum(freedom)))
    effective = sum(by_block.values())
    low, high = sd * np.sqrt(effective / stats.chi2.ppf([0.5 + level / 2, 0.5 - level / 2], effective))
    return Estimate(sd, float(low), float(high), f"ok: {effective} degrees of freedom")


def neighbour_noise(
    runs: np.ndarray,
    position: np.ndarray,
    value: np.ndarray,
    num_replicates: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """SD of one checkpoint's value [n] around its run's curve: from the distance of each checkpoint to the straight
    line between its two neighbours along position (loss or log tokens), interval over runs.

    Where the curve bends, its bend counts as noise: an upper bound. status "failed: ..." where no run has three
    checkpoints, and for rows that cannot be judged.
    """
    check_level(level)
    check_replicates(num_replicates)
    (position, value), problem = float_columns(3, position=position, value=value)
    runs, unlabelled = run_labels(runs, len(value))
    if problem or unlabelled:
        return failed(problem or unlabelled)
    owner, squares = [], []
    for run in np.unique(runs):
        order = np.flatnonzero(runs == run)[np.argsort(position[runs == run], kind="stable")]
        x, y = position[order], value[order]
        gap = x[2:] - x[:-2]
        # Two checkpoints at one place would make the line vertical; they say nothing about a third.
        inner = np.flatnonzero(gap > 0)
        weight = (x[1:-1][inner] - x[:-2][inner]) / gap[inner]
        distance = y[1:-1][inner] - (1 - weight) * y[:-2][inner] - weight * y[2:][inner]
        # Independent noise of variance s^2 at three checkpoints gives the distance the variance s^2 (1 + ...).
        squares.append(distance**2 / (1 + weight**2 + (1 - weight) ** 2))
        owner.append(np.repeat(run, len(inner)))
    owner, squares = np.concatenate(owner), np.concatenate(squares)
    if not len(squares):
        return failed("no run has three checkpoints")

    def root_mean(kept: np.ndarray) -> float:
        return float(np.sqrt(np.mean(kept)))

    return bootstrap_runs(root_mean, owner, squares, num_replicates=num_replicates, seed=seed, level=level)
