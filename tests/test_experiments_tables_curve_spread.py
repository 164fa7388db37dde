"""How closely runs keep to one curve: planted agreement and planted differences between sizes, series, languages and
against compute."""

import numpy as np
import pandas as pd
import pytest

from experiments.tables import curve_spread
from experiments.tables.scores import final_checkpoints, select
from tests.planted_scores import Plant, scores_table


def rows_of(task: str, **plant) -> pd.DataFrame:
    """All checkpoints of one task of a planted table."""
    return select(scores_table(Plant(**({"num_checkpoints": 12} | plant)), tasks=(task,)), (task,))


@pytest.fixture(scope="module")
def recall() -> pd.DataFrame:
    return rows_of("recall")


def finals_of(rows: pd.DataFrame) -> pd.DataFrame:
    return final_checkpoints(rows[rows.series == "small"])


def test_size_adds_nothing_where_loss_is_all(recall):
    partial, points = curve_spread.size_statistics(finals_of(recall), "recall")
    assert partial["metric"] == "partial_r2" and partial["value"] < 0.05
    assert -5 < points["low"] < points["high"] < 5


def test_size_effect_is_found_where_it_is_planted():
    partial, points = curve_spread.size_statistics(finals_of(rows_of("recall", size_effect=0.05)), "recall")
    assert partial["low"] > 0.05
    assert (
        points["low"] < 0.05 * 5 * 100 * (0.95 - 1 / 12) < points["high"] + 5
    )  # five doublings of five hundredths of the gain each


def test_final_checkpoints_lie_on_the_long_runs_curve(recall):
    def distance(rows):
        return curve_spread.curve_distance(pd.concat([rows[rows.series == "long"], finals_of(rows)]), "recall", 1 / 12)

    row, curve = distance(recall)
    assert row["high"] < 0.10
    assert (np.diff(curve.sort_values("loss_nats").value) <= 0).all()
    assert distance(rows_of("recall", small_shift=-0.2))[0]["low"] > 0.10


def test_distance_needs_finals_within_the_long_runs_losses(recall):
    few = pd.concat([recall[recall.series == "long"], finals_of(recall).iloc[:3]])
    assert curve_spread.curve_distance(few, "recall", 1 / 12)[0]["status"].startswith("failed: 3 final checkpoints")


def test_monotone_curve_never_falls_as_the_loss_falls():
    losses, values = curve_spread.monotone_curve(np.array([3.0, 2.0, 2.0, 1.0]), np.array([0.1, 0.6, 0.4, 0.3]))
    assert list(losses) == [1.0, 2.0, 3.0]
    assert values == pytest.approx([(0.3 + 2 * 0.5) / 3] * 2 + [0.1])


def test_compute_ratio_is_above_one_only_where_loss_is_the_cause(recall):
    assert curve_spread.compute_ratio(recall, "recall")["low"] > 1
    assert curve_spread.compute_ratio(rows_of("recall", from_compute=True), "recall")["high"] < 1


def test_mixed_loss_predicts_unless_the_languages_part(recall):
    assert curve_spread.mixed_loss_ratio(recall, "recall", "en")["high"] < 1.25
    # A Chinese task that follows the Chinese loss, which here depends on the run and not on the mixed loss.
    shift = recall.groupby("run").ngroup() % 5 * 0.3
    own = recall.loss_nats + shift
    parted = recall.assign(loss_nats_zh=own, value=1 / (1 + np.exp((own - 2.6) / 0.5)))
    assert curve_spread.mixed_loss_ratio(parted, "recall_zh", "zh")["low"] > 1.25


def test_intermediate_scatter_is_compared_among_equal_losses(recall):
    small = recall[recall.series == "small"].reset_index(drop=True)
    same = curve_spread.intermediate_ratio(small, "recall")
    assert same["low"] < 1.0 < same["high"] or abs(same["value"] - 1) < 0.3
    is_final = small.tokens_seen == small.groupby("run").tokens_seen.transform("max")
    noise = np.random.default_rng(0).normal(0, 0.15, len(small))
    assert curve_spread.intermediate_ratio(small.assign(value=small.value + noise * ~is_final), "recall")["low"] > 1
