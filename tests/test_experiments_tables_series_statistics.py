"""Seeds and series joined: more of them narrow an interval, seeds that are alike leave the items' uncertainty, and a
premise that no series meets stays a word of its own."""

import numpy as np
import pandas as pd
import pytest

from analysis.intervals import Estimate, failed, wilson
from experiments.tables import series_statistics
from experiments.tables.passes import pooled_rates, select_passes
from tests.planted_pass_rates import PassPlant, pass_table, rates_of, runs_of


def rows_of(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"seed": np.arange(len(values)), "value": values})


def width(values: list[float]) -> float:
    found = series_statistics.mean_over_seeds(lambda seed: float(seed.value.mean()), rows_of(values))
    return found.high - found.low


def test_more_seeds_narrow_the_interval_and_lost_ones_are_counted():
    assert width([1.0, 2.0, 3.0] * 3) < width([1.0, 2.0, 3.0]) / 2
    rows = rows_of([1.0, 2.0, np.nan])
    found = series_statistics.mean_over_seeds(lambda seed: float(seed.value.mean()), rows, needs="a law")
    assert found.status == "ok: 2 of 3 seeds have a law" and found.estimate == 1.5
    alone = series_statistics.mean_over_seeds(lambda seed: float(seed.value.mean()), rows[1:], needs="a law")
    assert alone.status == "failed: 1 of 2 seeds have a law, a mean over seeds needs 2"
    nothing = series_statistics.mean_over_seeds(lambda seed: 0.0, pd.DataFrame(), needs="a law")
    assert nothing.status == "failed: no seed has a law, a mean over seeds needs 2"


def test_seeds_that_are_alike_leave_the_uncertainty_of_the_items():
    alike = series_statistics.share_over_seeds(np.array([0.9, 0.9, 0.9]), 50)
    low, high = wilson(45, 50)
    assert (alike.low, alike.high) == pytest.approx((float(low), float(high)))
    apart = series_statistics.share_over_seeds(np.array([0.8, 0.9, 1.0]), 50)
    assert apart.low < alike.low and apart.high == 1.0
    assert series_statistics.share_over_seeds(np.array([np.nan, 1.0]), 50).status.startswith("failed")


def test_series_are_joined_by_their_mean_and_a_missing_premise_keeps_its_word():
    rows = pd.DataFrame({"series": ["prose", "code"], "seed": [0, 1], "run": ["a", "b"], "num_items": 5})
    both = {"prose": Estimate(1.0, 0.0, 2.0), "code": Estimate(3.0, 2.0, 4.0)}
    joined, *single = series_statistics.mean_over_series(rows, "all", "gain", both)
    assert joined["value"] == 2.0 and joined["high"] == pytest.approx(2 + np.sqrt(2) / 2)
    assert [row["series"] for row in single] == ["prose", "code"]
    none = {name: series_statistics.no_premise("no run is hidden") for name in both}
    assert series_statistics.mean_over_series(rows, "all", "gain", none)[0]["status"].startswith("premise not met")
    mixed = none | {"code": both["code"]}
    assert series_statistics.mean_over_series(rows, "all", "gain", mixed)[0]["value"] == 3.0
    lost = none | {"code": failed("no law")}
    assert series_statistics.mean_over_series(rows, "all", "gain", lost)[0]["status"].startswith("failed")


def test_exact_rates_replace_counted_ones_where_the_answers_can_be_listed():
    plant = PassPlant(num_items=20)
    passes = pass_table(plant, ("program_synthesis", "emoji_movie"))
    counted = series_statistics.run_rates(passes, "program_synthesis")
    assert counted.value.tolist() == pooled_rates(select_passes(passes, "program_synthesis")).value.tolist()
    exact = series_statistics.run_rates(passes, "emoji_movie")
    truth = rates_of(plant, "emoji_movie", runs_of(plant))[0].mean(axis=1)
    assert exact.value.to_numpy() == pytest.approx(np.sort(truth), rel=1e-3)


def test_f_is_that_of_the_runs_inside():
    rates = pd.DataFrame({"value": [0.0, np.exp(-1.0), 1.0]})
    assert series_statistics.with_f(rates).f.tolist() == [0.0]
