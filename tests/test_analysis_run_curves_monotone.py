"""A monotone performance reaches its ceiling however few the items; one that falls back does not."""

import numpy as np
import pytest

from analysis.run_curves.monotone import monotone_share


def planted(noise_seed: int, num_items: int, swing: float = 0.0, num_runs: int = 9, flat: float = 0.4):
    """Runs at chance for a part of the losses, then rising; `swing` moves whole checkpoints up and down."""
    rng, rows = np.random.default_rng(noise_seed), []
    for run in range(num_runs):
        loss = np.sort(rng.uniform(1, 2, 24))[::-1]
        truth = 0.25 + 0.7 * np.clip((2 - flat - loss) / (1 - flat), 0, 1)
        truth = np.clip(truth + swing * rng.normal(size=24), 0, 1)
        rows += list(zip([run] * 24, loss, rng.binomial(num_items, truth) / num_items, [num_items] * 24))
    return (np.array(column) for column in zip(*rows))


@pytest.mark.parametrize("num_items", [50, 150, 1000])
def test_a_monotone_curve_reaches_its_ceiling_with_any_number_of_items(num_items):
    found = [monotone_share(*planted(seed, num_items), num_replicates=50) for seed in range(20)]
    assert np.mean([one.estimate for one in found]) == pytest.approx(1.0, abs=0.02)
    assert np.mean([one.low <= 1.0 for one in found]) >= 0.9


def test_a_curve_that_swings_does_not():
    found = monotone_share(*planted(0, 500, swing=0.25))
    assert found.ok and found.high < 0.95


def test_a_value_that_hardly_moves_has_no_order():
    runs, loss, value, items = planted(0, 200)
    assert "hardly moves" in monotone_share(runs, loss, np.full_like(value, 0.25), items).status
    assert monotone_share(runs * 0, loss, value, items).status == "failed: 1 run(s), an interval over runs needs 2"


def test_same_seed_same_numbers():
    first, second = (monotone_share(*planted(3, 150), num_replicates=40, seed=5) for _ in range(2))
    assert first == second
