"""Which shapes the rows support: a planted hinge, a planted smooth curve, and the loss at which the smooth one leaves
its floor."""

import numpy as np
import pytest

from analysis.onset.threshold_shape import weigh_shapes


def _weigh(curve, seed=0, num_items=2000):
    rng = np.random.default_rng(seed)
    runs, loss = np.arange(240) % 8, rng.uniform(1, 4, size=240)
    p = curve(loss)
    value = rng.binomial(num_items, 0.25 + p) / num_items
    return weigh_shapes(runs, loss, value - 0.25, np.full(240, 0.25 * 0.75 / num_items))


def test_a_planted_hinge_is_supported_and_beats_every_smooth_curve():
    evidence = [_weigh(lambda loss: 0.4 * np.maximum(2.2 - loss, 0), seed) for seed in range(5)]
    assert all(shapes.advantage > 2 and "hinge_linear" in shapes.hinges and shapes.is_flat_first for shapes in evidence)


@pytest.mark.parametrize(
    "curve", [lambda loss: 0.15 * (4.2 - loss), lambda loss: 0.6 / (1 + np.exp((loss - 2.4) / 0.6))]
)
def test_a_curve_that_rises_from_the_start_leaves_its_floor_at_once(curve):
    for seed in range(5):
        shapes = _weigh(curve, seed)
        assert shapes.advantage < 2 and not shapes.is_flat_first and shapes.departure > 3.25


def test_the_departure_of_a_late_logistic_lies_at_five_per_cent_of_its_rise():
    def curve(loss):
        return 0.6 / (1 + np.exp((loss - 1.8) / 0.1))

    shapes = _weigh(curve, num_items=20_000)
    grid = np.linspace(4, 1, 30_001)
    rise = curve(grid) - curve(4.0)
    assert shapes.advantage < -2 and shapes.rival in ("logistic", "richards") and shapes.is_flat_first
    assert shapes.departure == pytest.approx(grid[np.argmax(rise >= 0.05 * rise[-1])], abs=0.05)


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(3)
    loss, runs = rng.uniform(1, 4, size=60), np.arange(60) % 6
    rise = 0.3 * np.maximum(2.4 - loss, 0) + 0.01 * rng.normal(size=60)
    order = rng.permutation(60)
    first, second = (
        weigh_shapes(runs[rows], loss[rows], rise[rows], np.full(60, 1e-4)) for rows in (np.arange(60), order)
    )
    assert first.hinges == second.hinges and first.departure == pytest.approx(second.departure)
    assert first.advantage == pytest.approx(second.advantage, abs=1e-6)
