"""One row per checkpoint: exact tasks by their bounds, sampled ones by their counts, zeros kept, absent tables told."""

import numpy as np
import pytest

from experiments.tables.thresholds import EXACT_F_ERROR, checkpoint_rates, threshold_pass_rates
from profiles.paths import Paths
from tests.planted_threshold_rates import ThresholdPlant, expected_f, threshold_table

PLANT = ThresholdPlant(num_checkpoints=8, num_items=10, floor_rate=1e-3, run_noise=0.0, item_spread=0.0)
TABLE = threshold_table(PLANT, ("exam", "maths"))


@pytest.mark.parametrize(("task", "method"), [("exam", "exact"), ("maths", "shared")])
def test_every_checkpoint_has_one_row_with_its_rate(task, method):
    points = checkpoint_rates(TABLE, task)
    assert len(points) == 24 and set(points.method) == {method} and set(points.run) == set(TABLE.run)
    truth = np.exp(-np.exp(expected_f(PLANT, task, points.loss_nats.to_numpy())))
    assert np.all(points.low <= points.value) and np.all(points.value <= points.high)
    np.testing.assert_allclose(points.value, truth, rtol=1e-6 if method == "exact" else 0.6)


def test_exact_rates_enter_as_counts_that_know_f():
    points = checkpoint_rates(TABLE, "exam")
    rate = (points.passes / points.attempts).to_numpy(float)
    np.testing.assert_allclose(rate, points.value, rtol=1e-9)
    error_of_f = np.sqrt((1 - rate) / (points.attempts.to_numpy(float) * rate)) / np.abs(np.log(rate))
    np.testing.assert_allclose(error_of_f, EXACT_F_ERROR, rtol=1e-6)


def test_a_probability_of_zero_stays_a_row_without_a_pass():
    gone = TABLE.assign(log_pass_low=-np.inf, log_pass_high=-np.inf)
    points = checkpoint_rates(gone[gone.task == "exam"], "exam")
    assert (points.passes == 0).all() and (points.value == 0).all() and (points.attempts > 1e14).all()


def test_absent_and_foreign_tables_are_told(tmp_path):
    with pytest.raises(ValueError, match="threshold_pass_rates.parquet: not found"):
        threshold_pass_rates(Paths("smoke", tmp_path))
    with pytest.raises(ValueError, match="no row has task maths"):
        checkpoint_rates(TABLE[TABLE.task == "exam"].replace({"task": {"maths": "exam"}}), "maths")
