"""Do runs of different sizes order the items alike? Held against the ceiling: how well runs of one size do.

Runs that differ only in their seed do not agree on the items perfectly; a rank correlation between sizes cannot exceed
what that leaves. So the agreement between two sizes is divided by the geometric mean of the agreement within each
(Spearman's correction for attenuation, 1904): 1 means that size changes nothing that seeds do not change too.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from analysis.intervals import Estimate, failed, from_replicates
from analysis.rows import check_level, check_replicates, run_labels

MIN_ITEMS, MIN_CEILING = 10, 0.1


@dataclass(frozen=True)
class RankAgreement:
    """agreement: mean rank correlation of the items between runs of different groups; ceiling: between runs of one
    group; share: agreement over what the two groups' ceilings allow, mean over pairs of groups. Intervals over
    items."""

    agreement: Estimate
    ceiling: Estimate
    share: Estimate

    @property
    def status(self) -> str:
        """How it went: that of the share."""
        return self.share.status


def rank_agreement(
    values: np.ndarray, groups: np.ndarray, num_replicates: int = 300, seed: int = 0, level: float = 0.95
) -> RankAgreement:
    """Agreement of runs on items: values [items, runs] (F, a loss, a rate), groups [runs] such as sizes.

    status "failed: ..." for values that are not finite, below 10 items, below two groups with two runs each, and where
    seeds agree on so little (ceiling below 0.1) that there is nothing to hold against. ValueError for another shape.
    """
    check_level(level)
    check_replicates(num_replicates)
    values = np.asarray(values, float)
    if values.ndim != 2:
        raise ValueError(f"values: has shape {values.shape}, needs one row per item and one column per run")
    groups, problem = run_labels(groups, values.shape[1])
    names, sizes = np.unique(groups, return_counts=True)
    if not problem and not np.isfinite(values).all():
        problem = f"value is not finite in item {int(np.argwhere(~np.isfinite(values))[0, 0])}; drop such items first"
    if not problem and len(values) < MIN_ITEMS:
        problem = f"{len(values)} items, needs {MIN_ITEMS}"
    if not problem and np.sum(sizes >= 2) < 2:
        problem = f"{int(np.sum(sizes >= 2))} groups with two runs, needs 2"
    if problem:
        return RankAgreement(*[failed(problem)] * 3)
    kept = np.isin(groups, names[sizes >= 2])
    member = (groups[kept][:, None] == names[sizes >= 2]).astype(float)

    values = values[:, kept]
    found = _parts(values, member)
    if not found[1] >= MIN_CEILING:
        return RankAgreement(*[failed(f"runs of one group agree to {found[1]:.2f}: seed noise leaves no ceiling")] * 3)
    drawn = np.random.default_rng(seed).integers(len(values), size=(num_replicates, len(values)))
    draws = np.array([_parts(values[rows], member) for rows in drawn])
    return RankAgreement(*(from_replicates(found[which], draws[:, which], level) for which in range(3)))


def _parts(rows: np.ndarray, member: np.ndarray) -> tuple[float, float, float]:
    """Agreement between groups, within them, and the share of the ceiling, of rows [items, runs]; member [runs,
    groups]."""
    ranks = stats.rankdata(rows, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.corrcoef(ranks.T)
    np.fill_diagonal(correlation, 0.0)
    count = member.sum(axis=0)
    total = member.T @ correlation @ member
    within = np.diag(total) / (count * (count - 1))
    one, other = np.triu_indices(len(count), 1)
    between = (total / np.outer(count, count))[one, other]
    allowed = np.sqrt(np.maximum(within[one], 0) * np.maximum(within[other], 0))
    share = float(np.mean(between) / np.mean(allowed)) if np.mean(allowed) > 0 else np.nan
    return float(np.mean(between)), float(np.mean(within)), share
