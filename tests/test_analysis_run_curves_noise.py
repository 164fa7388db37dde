"""Each part of a noise budget finds the noise that was planted, and no other."""

import numpy as np
import pytest

from analysis.run_curves.noise import draw_noise, factor_noise, item_noise, neighbour_noise


def test_item_noise_is_that_of_drawn_items():
    rng = np.random.default_rng(0)
    drawn = rng.binomial(200, 0.3, 4000) / 200
    assert item_noise(np.full(5, 0.3), 200) == pytest.approx(drawn.std(), rel=0.03)
    assert item_noise([0.0, 1.0], 50) == 0.0


def test_draw_noise_is_that_of_sampled_answers():
    chances = np.linspace(0, 1, 60)
    drawn = np.random.default_rng(1).random((20_000, 60)) < chances
    assert draw_noise(chances) == pytest.approx(drawn.mean(axis=1).std(), rel=0.02)
    assert draw_noise(np.array([0.0, 1.0, 1.0])) == 0.0


def planted_seeds(seed: int, sd: float, num_sizes: int = 3, num_seeds: int = 3, num_checkpoints: int = 8):
    """Values of runs that a seed shifts as a whole, on curves that differ by size."""
    rng, rows = np.random.default_rng(seed), []
    for size in range(num_sizes):
        for run in range(num_seeds):
            shift = rng.normal(0, sd)
            rows += [(run, f"{size}/{k}", size, 0.1 * size + 0.05 * k + shift) for k in range(num_checkpoints)]
    return (np.array(column) for column in zip(*rows))


def test_seed_noise_is_found_and_its_interval_covers_it():
    found = [factor_noise(*planted_seeds(seed, 0.03)) for seed in range(200)]
    assert np.sqrt(np.mean([one.estimate**2 for one in found])) == pytest.approx(0.03, rel=0.08)
    covered = np.mean([one.low <= 0.03 <= one.high for one in found])
    assert covered == pytest.approx(0.95, abs=0.04)
    assert found[0].status == "ok: 6 degrees of freedom"


def test_more_checkpoints_of_the_same_runs_do_not_narrow_seed_noise():
    few, many = (factor_noise(*planted_seeds(3, 0.03, num_checkpoints=n)) for n in (2, 50))
    assert many.high / many.estimate == pytest.approx(few.high / few.estimate)


def test_one_seed_says_nothing():
    found = factor_noise(*planted_seeds(0, 0.03, num_seeds=1))
    assert found.status == "failed: no cell has two levels of the factor"
    assert factor_noise([0, 1], ["a", "a"], ["a", "a"], [0.1, np.nan]).status.startswith("failed: value")


@pytest.mark.parametrize("spacing", ["even", "uneven"])
def test_neighbour_noise_is_found_on_a_sloping_line(spacing):
    rng = np.random.default_rng(4)
    runs = np.repeat(np.arange(12), 25)
    position = np.tile(np.arange(25.0), 12) if spacing == "even" else rng.random(300)
    found = neighbour_noise(runs, position, 0.5 - 0.01 * position + rng.normal(0, 0.02, 300))
    assert found.estimate == pytest.approx(0.02, rel=0.1) and found.low < 0.02 < found.high


def test_neighbour_noise_does_not_count_differences_between_runs():
    runs, position = np.repeat(np.arange(6), 20), np.tile(np.arange(20.0), 6)
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.01, 120)
    alike, apart = (neighbour_noise(runs, position, noise + shift * runs).estimate for shift in (0.0, 0.2))
    assert alike == pytest.approx(apart)


def test_too_few_checkpoints_and_wrong_shares_are_refused():
    assert neighbour_noise([0, 0, 1, 1], [1, 2, 1, 2], [0.1, 0.2, 0.3, 0.4]).status.startswith("failed: no run has")
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        item_noise([1.2], 10)
    with pytest.raises(ValueError, match="probabilities from 0 to 1"):
        draw_noise([])
