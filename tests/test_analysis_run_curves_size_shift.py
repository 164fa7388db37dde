"""Shift between sizes: planted shifts are decided both ways, covered, and refused where sizes do not overlap."""

import numpy as np
import pytest

from analysis.run_curves.size_shift import half_gain_loss, size_shift

CHANCE, LOSS_RANGE = 0.25, 1.0
SIZES = (4e5, 1e6, 3e6)


def planted(shift: float, seed: int, sd: float = 0.015, seeds: int = 6, ends: tuple = (1.0, 1.0, 1.0)):
    """Three sizes, `seeds` runs each, 30 checkpoints from 2 nats down: a rise around 1.4 nats moved by `shift` from the
    smallest to the largest size, each run's scattered by sd, each seed's block by 0.05; scored on 500 items."""
    rng = np.random.default_rng(seed)
    rows = []
    blocks = rng.normal(0, 0.05, seeds)
    for size, end in zip(SIZES, ends):
        for block in range(seeds):
            loss = np.linspace(2.0, end, 30)
            middle = 1.4 + shift * np.log(size / SIZES[0]) / np.log(SIZES[-1] / SIZES[0]) + blocks[block]
            rate = CHANCE + 0.6 / (1 + np.exp((loss - middle - rng.normal(0, sd)) / 0.06))
            value = rng.binomial(500, rate) / 500
            rows += [(f"{size:g}_{block}", x, y, size, block) for x, y in zip(loss, value)]
    runs, loss, value, size, block = zip(*rows)
    return np.array(runs), np.array(loss), np.array(value), np.array(size), np.array(block)


def shifted(*args, **options):
    runs, loss, value, size, block = planted(*args, **options)
    return size_shift(runs, loss, value, size, CHANCE, LOSS_RANGE, block)


def test_the_criterion_decides_both_ways():
    def verdicts(shift):
        return [shifted(shift, seed).verdict for seed in range(40)]

    same, other, edge = verdicts(0.0), verdicts(-0.10), verdicts(-0.05)
    assert same.count("equivalent") >= 32 and same.count("different") <= 2
    assert other.count("different") >= 32 and other.count("equivalent") <= 2
    assert edge.count("equivalent") <= 4 and edge.count("different") <= 3


@pytest.mark.parametrize("shift", [0.0, -0.2, 0.1])
def test_a_planted_shift_is_covered(shift):
    found = [shifted(shift, seed).shift for seed in range(40)]
    assert abs(np.mean([one.estimate for one in found]) - shift) < 0.01
    assert sum(one.low <= shift <= one.high for one in found) >= 35


def test_blocks_take_the_scatter_of_seeds_out():
    runs, loss, value, size, block = planted(0.0, 1)
    with_blocks = size_shift(runs, loss, value, size, CHANCE, LOSS_RANGE, block).shift
    without = size_shift(runs, loss, value, size, CHANCE, LOSS_RANGE).shift
    assert without.high - without.low > 1.5 * (with_blocks.high - with_blocks.low)


def test_sizes_that_do_not_overlap_are_refused():
    found = shifted(0.0, 0, ends=(1.7, 1.0, 1.0))
    assert "sizes do not overlap" in found.status and found.verdict == found.status and found.num_left_out >= 6


def test_a_run_with_a_wide_gap_is_left_out_and_counted():
    runs, loss, value, size, block = planted(0.0, 0)
    kept = (runs != "1e+06_0") | (abs(loss - 1.4) > 0.25)
    found = size_shift(runs[kept], loss[kept], value[kept], size[kept], CHANCE, LOSS_RANGE, block[kept])
    assert found.num_left_out == 1 and found.num_runs == 17 and "1 runs left out" in found.status


def test_half_gain_is_read_between_checkpoints():
    assert half_gain_loss(np.array([2.0, 1.9, 1.8]), np.array([0.2, 0.4, 0.8]), 0.5, 0.2) == pytest.approx(1.875)
    assert np.isnan(half_gain_loss(np.array([2.0, 1.9]), np.array([0.2, 0.4]), 0.5, 0.2))
    assert np.isnan(half_gain_loss(np.array([2.0, 1.0]), np.array([0.2, 0.9]), 0.5, 0.2))


def test_what_cannot_be_judged_is_named():
    runs, loss, value, size, _ = planted(0.0, 0)
    assert "above chance" in size_shift(runs, loss, 0 * value, size, CHANCE, LOSS_RANGE).status
    assert "nan" in size_shift(runs, loss, np.where(loss == loss[3], np.nan, value), size, CHANCE, LOSS_RANGE).status
    assert "one size" in size_shift(runs, loss, value, 0 * size + 1e6, CHANCE, LOSS_RANGE).status
    with pytest.raises(ValueError, match="margin"):
        size_shift(runs, loss, value, size, CHANCE, LOSS_RANGE, margin=5)
