"""Shared numbers of the pass-rate figures: differences cover, the answer's length is found where it is planted, and the
weakest series is the one judged."""

import numpy as np
import pandas as pd
import pytest

from analysis.intervals import Estimate, failed
from experiments.tables import pass_statistics
from experiments.tables.passes import pooled_rates, select_passes
from tests.planted_pass_rates import SIZES, PassPlant, pass_table, rates_of, runs_of

TASK = "program_synthesis"
NOISE_FREE = {"run_noise": 0.0, "item_noise": 0.0, "item_spread": 0.0, "alpha_spread": 0.0}


def counts(plant: PassPlant) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = select_passes(pass_table(plant, (TASK,)), TASK)
    return rows, pooled_rates(rows)


def test_a_difference_has_the_interval_of_independent_errors():
    first, second = Estimate(5.0, 2.0, 9.0), Estimate(1.0, -3.0, 2.0)
    gap = pass_statistics.difference(first, second)
    assert (
        gap.estimate == 4.0
        and gap.low == pytest.approx(4 - np.hypot(3, 1))
        and gap.high == pytest.approx(4 + np.hypot(4, 4))
    )
    assert pass_statistics.difference(first, failed("no pass")).status == "failed: no pass"


def test_differences_cover_at_their_level():
    rng = np.random.default_rng(0)
    draws = rng.normal([2.0, 0.5], [0.3, 0.7], size=(2000, 2))
    hits = []
    for a, b in draws:
        gap = pass_statistics.difference(
            Estimate(a, a - 1.96 * 0.3, a + 1.96 * 0.3), Estimate(b, b - 1.96 * 0.7, b + 1.96 * 0.7)
        )
        hits.append(gap.low <= 1.5 <= gap.high)
    assert 0.93 < np.mean(hits) < 0.97


def test_f_falls_as_the_rate_rises_and_zero_has_none():
    f = pass_statistics.to_f(Estimate(0.1, 0.05, 0.2, "ok"))
    assert f.low < f.estimate < f.high and (f.low, f.high) == (
        pytest.approx(np.log(-np.log(0.2))),
        pytest.approx(np.log(-np.log(0.05))),
    )
    assert (
        not pass_statistics.to_f(Estimate(0.0, 0.0, 0.1)).ok and not pass_statistics.to_log(Estimate(0.0, 0.0, 0.1)).ok
    )
    assert pass_statistics.to_f(Estimate(0.1, 0.0, 0.2)).high == np.inf


def test_mean_and_scale():
    mean = pass_statistics.mean_of([Estimate(1.0, 0.0, 2.0), Estimate(3.0, 2.0, 5.0)])
    assert (mean.estimate, mean.low, mean.high) == (
        2.0,
        pytest.approx(2 - np.sqrt(2) / 2),
        pytest.approx(2 + np.sqrt(5) / 2),
    )
    assert pass_statistics.scaled(Estimate(1.0, 0.0, 3.0), -2.0) == Estimate(-2.0, -6.0, -0.0)


def test_dataset_law_predicts_items_that_are_alike():
    plant = PassPlant(length_exponent=0.0, **NOISE_FREE, num_items=40)
    _, pooled = counts(plant)
    law = pass_statistics.DatasetLaw(pooled)
    assert law.fit.alpha.low <= 0.5 <= law.fit.alpha.high
    truth = rates_of(plant, TASK, runs_of(plant))[0].mean(axis=1)[-1]
    at = law.predict(SIZES["2.5M"])
    assert at.low <= truth <= at.high and at.estimate == pytest.approx(truth, rel=0.25)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_length_exponent_is_the_planted_one(exponent):
    rows, _ = counts(PassPlant(length_exponent=exponent, item_spread=0.02, alpha_spread=0.0, num_items=80))
    fitted = pass_statistics.LengthLaw(rows, "free").exponent
    assert fitted.ok and abs(fitted.estimate - exponent) < 0.15


def test_length_groups_split_no_length_and_are_few():
    rows, _ = counts(PassPlant(num_items=80))
    groups = pass_statistics.length_groups(rows)
    lengths = rows.drop_duplicates("item_id").set_index("item_id").answer_tokens
    assert groups.nunique() == 4 and groups.groupby(lengths).nunique().max() == 1
    assert sorted(groups.unique()) == [0, 1, 2, 3] and (lengths.groupby(groups).max().diff().dropna() > 0).all()


def test_one_answer_length_is_a_failure_that_says_so():
    rows, _ = counts(PassPlant(num_items=20))
    law = pass_statistics.LengthLaw(rows.assign(answer_tokens=5), "free")
    assert law.exponent.status == "failed: all answers have one length" and not law.predict(1e6).ok


def test_the_series_that_meets_the_criterion_least_is_judged():
    by_series = {"prose": Estimate(0.1, 0.0, 0.2), "code": Estimate(-0.4, -0.5, -0.3)}
    assert pass_statistics.least_met(by_series, pass_statistics.too_far).estimate == -0.4
    assert pass_statistics.least_met(by_series, pass_statistics.too_high).status == "ok: series prose"
    assert pass_statistics.least_met(by_series, pass_statistics.too_low).estimate == -0.4
    lost = pass_statistics.least_met({**by_series, "third": failed("no law")}, pass_statistics.too_far)
    assert lost.status == "failed: no law (series third)"
    assert pass_statistics.least_met({"prose": by_series["prose"]}, pass_statistics.too_far) == by_series["prose"]


def test_joined_statistic_keeps_every_series_beside_the_judged_one():
    rows = pd.DataFrame({"series": ["prose", "code"], "seed": [0, 1]})
    joined = pass_statistics.joined_statistic(
        rows, TASK, "x", {"prose": Estimate(1.0, 0, 2), "code": Estimate(3.0, 2, 4)}, pass_statistics.too_high
    )
    assert [row["kind"] for row in joined] == ["statistic", "series_statistic", "series_statistic"]
    assert (
        joined[0]["value"] == 3.0
        and joined[0]["seed"] == "0 1"
        and joined[1]["seed"] == "0"
        and joined[2]["series"] == "code"
    )
