"""Onsets as brackets: planted means and spreads are recovered from coarse checkpoints, the criterion decides both ways,
and what cannot be judged is named."""

import numpy as np
import pytest
from scipy import optimize, stats

from analysis.onset.fit import shared_threshold
from analysis.onset.spread import onset_spread

MEAN, LOSS_RANGE, BOUND = 1.1, 0.93, 0.10


def planted(sd: float, num_runs: int, seed: int, mean: float = MEAN, last: float = 0.7):
    """Brackets of runs with onsets of this mean and SD: every third run has checkpoints 0.05 nats apart, the others
    0.3, from 2 nats down to `last`."""
    rng = np.random.default_rng(seed)
    ends = []
    for run, onset in enumerate(rng.normal(mean, sd, num_runs)):
        step = 0.3 if run % 3 else 0.05
        grid = np.arange(2.0 - rng.uniform(0, step), last, -step)
        above, below = grid[grid > onset], grid[grid <= onset]
        ends.append((below.max() if len(below) else -np.inf, above.min() if len(above) else np.inf))
    return np.array(ends).T


def test_the_fit_is_the_maximum_of_the_likelihood():
    low, high = planted(0.07, 27, 3)
    low[4], high[5] = -np.inf, np.inf

    def minus(theta):
        z = (np.array([low, high]) - theta[0]) / np.exp(theta[1])
        return -np.sum(np.log(np.diff(stats.norm.cdf(z), axis=0)))

    best = optimize.minimize(minus, (MEAN, np.log(0.07)), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    found = onset_spread(low, high, LOSS_RANGE, num_replicates=2)
    assert found.location.estimate == pytest.approx(best.x[0], abs=1e-5)
    assert found.spread_nats.estimate == pytest.approx(np.exp(best.x[1]) * np.sqrt(27 / 26), rel=1e-4)
    assert (found.num_reached, found.num_not_reached, found.num_before_first) == (25, 1, 1)
    assert "1 not reached, 1 before first" in found.status


def test_planted_onsets_are_recovered_and_covered():
    found = [onset_spread(*planted(0.07, 27, seed), LOSS_RANGE, num_replicates=40, seed=seed) for seed in range(30)]
    assert all(one.ratio.ok for one in found)
    assert abs(np.mean([one.location.estimate for one in found]) - MEAN) < 0.01
    assert abs(np.mean([one.spread_nats.estimate for one in found]) - 0.07) < 0.012
    assert sum(one.location.low <= MEAN <= one.location.high for one in found) >= 25
    assert sum(one.spread_nats.low <= 0.07 <= one.spread_nats.high for one in found) >= 25


def test_the_criterion_decides_both_ways():
    """True: SD 4 % of the loss range. False: 20 %, and at the bound itself."""

    def decided(share, num_seeds=30):
        found = [
            onset_spread(*planted(share * LOSS_RANGE, 27, seed), LOSS_RANGE, num_replicates=10).ratio
            for seed in range(num_seeds)
        ]
        return np.mean([one.high < BOUND for one in found]), np.mean([one.low > BOUND for one in found])

    true, false = decided(0.04), decided(0.20)
    assert true[0] >= 0.8 and true[1] <= 0.05
    assert false[0] <= 0.05 and false[1] >= 0.8
    assert max(decided(BOUND)) <= 0.075


def test_runs_that_never_got_there_are_not_dropped():
    """Many onsets lie below the last checkpoint: the mean of those that were seen would be too high."""
    low, high = planted(0.1, 60, 1, mean=0.92, last=0.7)
    found = onset_spread(low, high, LOSS_RANGE, num_replicates=60)
    seen = np.isfinite(low)
    assert 30 <= seen.sum() < 50 and np.mean((low + high)[seen]) / 2 > 0.95
    assert found.location.low <= 0.92 <= found.location.high
    assert found.location.estimate == pytest.approx(0.92, abs=0.03)


def test_the_interpolated_point_would_say_more_than_the_brackets():
    """Runs that agree but for their grids: points at the upper ends scatter, the brackets do not."""
    low, high = planted(0.02, 27, 5)
    by_points = shared_threshold(high, low, high, LOSS_RANGE).ratio
    assert by_points.estimate > 0.07 and onset_spread(low, high, LOSS_RANGE, num_replicates=20).ratio.estimate < 0.04


def test_few_that_reached_it_are_said_to_be_few():
    low, high = planted(0.07, 9, 0)
    low[:7] = -np.inf
    found = onset_spread(low, high, LOSS_RANGE)
    assert found.status == "not reached: 2 of 9 runs reached the onset" and np.isnan(found.location.estimate)
    more, _ = planted(0.07, 9, 0)
    more[:5] = -np.inf
    assert onset_spread(more, high, LOSS_RANGE).ratio.ok


def test_the_same_seed_gives_the_same_numbers():
    first, second, other = (onset_spread(*planted(0.07, 9, 0), LOSS_RANGE, 40, seed) for seed in (1, 1, 2))
    assert first.location == second.location != other.location and np.array_equal(first.draws, second.draws)


def test_brackets_that_share_a_point_have_a_bound_of_their_spread_and_no_more():
    found = onset_spread(np.full(9, 1.0), np.full(9, 1.3), LOSS_RANGE, num_replicates=20)
    assert found.spread_nats.estimate == found.spread_nats.low == 0 and 0.1 < found.spread_nats.high < 0.5


def test_what_cannot_be_judged_is_named():
    low, high = planted(0.07, 9, 0)
    assert "row 2" in onset_spread(np.where(np.arange(9) == 2, np.nan, low), high, LOSS_RANGE).status
    assert "needs low < high" in onset_spread(high, low, LOSS_RANGE).status
    assert "2 runs" in onset_spread(low[:2], high[:2], LOSS_RANGE).status
    with pytest.raises(ValueError, match="one of each"):
        onset_spread(low, high[1:], LOSS_RANGE)
    with pytest.raises(ValueError, match="loss_range_nats"):
        onset_spread(low, high, 0.0)
