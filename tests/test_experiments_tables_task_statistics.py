"""Threshold, flat part, gain and largest jump of one task: what is planted comes out, and so does its opposite."""

import numpy as np
import pandas as pd
import pytest

from experiments.tables import task_statistics
from experiments.tables.scores import select
from tasks import TASKS
from tests.planted_scores import Plant, scores_table


def rows_of(task: str, metric: str | None = None, **plant) -> pd.DataFrame:
    """All checkpoints of one task along the long runs of a planted table."""
    return select(scores_table(Plant(**plant), tasks=(task,), series_wanted=("long",)), (task,), metric)


@pytest.fixture(scope="module")
def exam() -> pd.DataFrame:
    return rows_of("exam")


def test_planted_threshold_lies_in_its_interval(exam):
    fit, (onset, advantage) = task_statistics.hinge(exam, "exam", "accuracy")
    assert onset["metric"] == "onset_loss" and onset["low"] - 0.01 < 1.9 < onset["high"] + 0.01
    assert advantage["metric"] == "hinge_advantage" and advantage["low"] > 0
    curve = task_statistics.hinge_curve(fit, exam, "exam", "accuracy")
    assert curve.value.iloc[0] == pytest.approx(0.25) and curve.value.iloc[-1] > 0.8


def test_a_smooth_task_has_no_hinge():
    rows = rows_of("endings")
    assert task_statistics.hinge(rows, "endings", "accuracy")[1][1]["high"] < 0


def test_flat_part_and_gain(exam):
    flat = task_statistics.flat_part(exam, "exam")
    high, low = task_statistics.loss_range(exam)
    assert flat["low"] <= (high - 1.9) / (high - low) <= flat["high"]
    assert task_statistics.gain_points(exam, "exam")["low"] > 60
    assert task_statistics.left_chance(exam, "exam")["value"] == 1


def test_a_gradual_rise_has_no_flat_part():
    assert task_statistics.flat_part(rows_of("exam", gradual=True), "exam")["high"] < 0.5


def test_a_task_at_chance_is_not_reached():
    rows = rows_of("exam", unreached=("exam",))
    assert task_statistics.left_chance(rows, "exam")["value"] == 0
    fit, statistics = task_statistics.hinge(rows, "exam", "accuracy")
    assert statistics[0]["status"].startswith("not reached") and np.isnan(statistics[0]["low"])
    assert task_statistics.hinge_curve(fit, rows, "exam", "accuracy").empty
    assert task_statistics.largest_jump(rows, "exam")["status"].startswith("failed")


def test_largest_jump_tells_a_step_from_a_slope():
    slope, step = (
        task_statistics.largest_jump(rows_of("recall", stepwise=stepwise), "recall") for stepwise in (False, True)
    )
    assert slope["high"] < 0.35 < 0.8 < step["low"]


def test_open_answers_under_chance_count_as_chance_and_choices_do_not():
    value = pd.DataFrame({"value": [0.0, 0.9]})
    assert list(task_statistics.above_chance(value, "recall")) == [TASKS["recall"].chance, 0.9]
    assert list(task_statistics.above_chance(value, "exam")) == [0.0, 0.9]


def test_brier_counts_only_below_an_even_guess():
    rows = rows_of("exam", "brier_score")
    worse = rows.assign(
        value=rows.value.where(rows.loss_nats < 2.5, rows.value + 0.4)
    )  # far worse than a guess before the threshold
    before, after = (
        task_statistics.hinge(table, "exam", "brier_score", shape="hinge_linear")[0].eta.estimate
        for table in (rows, worse)
    )
    assert after == pytest.approx(before, abs=0.02)


def test_one_checkpoint_per_run_leaves_chance_only_with_two_runs(exam):
    last = exam[exam.tokens_seen == exam.tokens_seen.max()]
    assert task_statistics.left_chance_at_the_end(last, "exam")["value"] == 1
    assert task_statistics.left_chance_at_the_end(last.iloc[:1], "exam")["value"] == 0


def test_a_task_that_saturates_keeps_its_onset_with_three_runs():
    loss = np.tile(np.geomspace(1.7, 0.7, 22), 3) + np.repeat([0.0, 0.008, -0.008], 22)
    rng = np.random.default_rng(0)
    passes = rng.binomial(150, np.clip(0.25 + 0.75 * (1.16 - loss) / 0.16, 0.25, 1.0))
    rows = pd.DataFrame(
        {
            "run": np.repeat(["a", "b", "c"], 22),
            "lineage": np.repeat(["a", "b", "c"], 22),
            "loss_nats": loss,
            "value": passes / 150,
            "num_items": 150,
            "seed": 0,
        }
    )
    fit, _ = task_statistics.hinge(rows, "exam_cloze", "accuracy")
    assert fit.eta.estimate == pytest.approx(1.16, abs=0.05)
