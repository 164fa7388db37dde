"""Agreement on items against the ceiling: seed noise alone is no disagreement, another order of the items is."""

import numpy as np
import pytest

from analysis.run_curves.rank_ceiling import rank_agreement

BOUND = 0.8
GROUPS = np.repeat([1, 2, 3, 4], 3)


def planted(same: float, seed: int, noise: float = 0.7, items: int = 150) -> np.ndarray:
    """Items' difficulties that correlate by `same` between any two sizes, and seed noise on top: [items, runs]."""
    rng = np.random.default_rng(seed)
    shared, own = rng.normal(size=(items, 1)), rng.normal(size=(items, 4))[:, GROUPS - 1]
    return np.sqrt(same) * shared + np.sqrt(1 - same) * own + noise * rng.normal(size=(items, len(GROUPS)))


def test_the_criterion_decides_both_ways():
    true, false, edge = (
        [rank_agreement(planted(same, seed), GROUPS, num_replicates=60).share for seed in range(30)]
        for same in (1.0, 0.5, BOUND)
    )
    assert np.mean([one.low > BOUND for one in true]) >= 0.8 and not any(one.high < BOUND for one in true)
    assert np.mean([one.high < BOUND for one in false]) >= 0.8 and not any(one.low > BOUND for one in false)
    assert np.mean([one.low > BOUND for one in edge]) <= 0.1
    assert abs(np.mean([one.estimate for one in true]) - 1) < 0.02


def test_seed_noise_lowers_the_agreement_and_the_ceiling_alike():
    found = rank_agreement(planted(1.0, 0, noise=1.2), GROUPS)
    assert found.agreement.estimate < 0.6 and found.ceiling.estimate < 0.6
    assert found.share.low < 1 < found.share.high


def test_the_same_seed_gives_the_same_numbers():
    values = planted(0.8, 0)
    assert rank_agreement(values, GROUPS, 40, 1) == rank_agreement(values, GROUPS, 40, 1)
    assert rank_agreement(values, GROUPS, 40, 1) != rank_agreement(values, GROUPS, 40, 2)


def test_what_cannot_be_judged_is_named():
    values = planted(1.0, 0)
    assert "items, needs 10" in rank_agreement(values[:9], GROUPS).status
    assert "groups with two runs" in rank_agreement(values, np.arange(12)).status
    noise = np.random.default_rng(0).normal(size=values.shape)
    assert "no ceiling" in rank_agreement(noise, GROUPS).status
    values[3, 2] = np.nan
    assert "item 3" in rank_agreement(values, GROUPS).status
    with pytest.raises(ValueError, match="values"):
        rank_agreement(values[0], GROUPS)
