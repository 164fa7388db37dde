"""Statistics of version 2 on planted tables: what is planted comes out, mixtures are joined, and few runs are said."""

import numpy as np
import pandas as pd
import pytest

from experiments.tables import run_statistics as statistics
from paper.power import RANGE, Truth, planted

EVEN = Truth()


def rows(truth: Truth = EVEN, task: str = "exam", short: bool = False) -> pd.DataFrame:
    """Planted scores of one mixture."""
    table = planted(np.random.default_rng(0), task, truth, short)
    return table[table.mixture == "v2a"].reset_index(drop=True)


def test_the_flat_part_is_found():
    row = statistics.flat_row(rows(Truth(flat=0.6)), "exam")
    assert (
        row["metric"] == "flat_share"
        and row["low"] < 0.63 < row["high"] + 0.03
        and row["value"] == pytest.approx(0.62, abs=0.04)
    )


def test_the_shift_between_sizes_is_found():
    row = statistics.shift_row(rows(Truth(by_size=0.1), "recall"), "recall")
    assert row["value"] == pytest.approx(-0.1, abs=0.04) and row["num_items"] == 9


def test_onsets_of_short_runs_that_end_too_early_have_no_say():
    table = rows(Truth(flat=0.7, scatter=0.02), short=True).query("series == 'long' or loss_nats > 1.5")
    location, spread = statistics.onset_rows(table, "exam")
    assert location["value"] == pytest.approx(2.15 - 0.72 * RANGE, abs=0.06) and spread["value"] < 0.08
    assert location["num_items"] == 9 and table.run.nunique() == 30


def test_branches_are_left_out_of_onsets():
    table = rows(short=True)
    branch = table[table.run == "v2a_small_50000_s0"].assign(run="branch")
    kept = statistics.trunk_rows(pd.concat([table, branch], ignore_index=True))
    assert set(kept.run) == set(table.run)


def test_the_shift_of_short_runs_is_found_and_said_where_there_is_none():
    by_task = {"recall": rows(Truth(by_series=0.1), "recall", short=True)}
    assert statistics.budget_shift_row(by_task)["value"] == pytest.approx(-0.1, abs=0.03)
    late = {"exam": rows(Truth(flat=0.9), short=True).query("series == 'long' or loss_nats > 1.4")}
    assert statistics.budget_shift_row(late)["status"].startswith("not reached")


def test_mixtures_are_joined_by_their_mean():
    table = planted(np.random.default_rng(1), "exam", Truth(flat=0.6), short=False)
    (joined,) = statistics.by_mixture(statistics.flat_row, table, task="exam")
    alone = [statistics.flat_row(part, "exam")["value"] for _, part in table.groupby("mixture")]
    assert joined["value"] == pytest.approx(np.mean(alone)) and joined["mixture"] == "v2a v2b v2c"
    one = table[table.mixture == "v2a"]
    assert statistics.by_mixture(statistics.flat_row, one, task="exam") == [statistics.flat_row(one, "exam")]


def test_a_metric_that_turns_earlier_is_found():
    accuracy = rows(Truth(flat=0.6))
    early = np.clip((accuracy.depth + 0.1 - 0.6) / 0.35, 0, 1)
    other = accuracy.assign(value=0.25 + 0.7 * early)
    row = statistics.metric_shift_row(accuracy, other, "exam", "correct_choice_prob")
    assert row["value"] == pytest.approx(0.1, abs=0.02)
    brier = statistics.metric_shift_row(accuracy, accuracy.assign(value=0.75 * (1 - early)), "exam", "brier_score")
    assert brier["value"] == pytest.approx(0.1, abs=0.03)


def test_a_probability_that_rises_underneath_is_found():
    accuracy = rows(Truth(flat=0.6), short=True)
    long = accuracy[accuracy.series == "long"]
    rising = long.assign(value=0.2 * 10 ** (0.3 * (2.15 - long.loss_nats)))
    row = statistics.slope_underneath_row(accuracy, rising, "exam")
    assert row["value"] == pytest.approx(0.3, abs=0.01)


def test_ratios_over_tasks_are_joined_as_ratios():
    ratios = [{"value": value} for value in (0.5, 2.0, 1.0)]
    row = statistics.ratio_over_tasks(rows(), ratios, "spread_ratio")
    assert row["value"] == pytest.approx(1.0) and row["low"] * row["high"] == pytest.approx(1.0)
