"""Verdicts on paper P, figures 1 to 4 and table 1: replicated where the claim is planted, not replicated where its
opposite is, and not by lack of data."""

import numpy as np
import pandas as pd
import pytest

from analysis.intervals import Estimate
from analysis.task_law.fit import curvature_test
from experiments.passuntil_fig1_resolution import measure as resolution
from experiments.passuntil_fig2_decoding import measure as decoding
from experiments.passuntil_fig3_loss_law import measure as loss_law
from experiments.passuntil_fig4_task_law import measure as task_law
from experiments.passuntil_tab1_prediction import measure as prediction
from experiments.tables.pass_statistics import DatasetLaw, LengthLaw, joined_statistic, too_far, too_high
from experiments.tables.passes import has_passed, pooled_rates, select_passes
from experiments.tables.results import write_results
from experiments.tables.scores import final_checkpoints, statistic_row
from paper.claims import CLAIMS_V1_FILE, load_claims
from paper.verdicts import Statistics, verdict_of
from tests.planted_pass_rates import PassPlant, losses_table, pass_table

CLAIMS = {claim.id: claim for claim in load_claims(CLAIMS_V1_FILE) if claim.paper == "P"}
TASK = "emoji_movie"
ALIKE = {
    "item_spread": 0.05,
    "alpha_spread": 0.0,
    "length_exponent": 0.0,
    "run_noise": 0.01,
    "item_noise": 0.02,
}  # items that bend no mean
UNLIKE = {"item_spread": 0.6, "alpha_spread": 0.12, "run_noise": 0.01, "num_items": 150}  # items whose mean bends
# Every item bends one way as much as the mean over unlike items bends the other: the data set keeps the law and no item
# does.
BENT = UNLIKE | {"seeds": (0, 1, 2), "bends": {TASK: 0.05}, "log_hazard": 2.9}
LOW = {"log_hazard": 2.4, "alpha": 0.3}


def statistics_of(claim: str, **plant) -> list[dict]:
    """The statistic rows of the claim's folder on one planted task."""
    plant = PassPlant(**plant)
    if claim.startswith("series_loss"):
        finals = final_checkpoints(losses_table(plant))
        law = loss_law.SizeLaw(finals[~finals.is_held_out])
        estimate = loss_law.unexplained_share(finals) if claim == "series_loss_law" else law.held_out_error(finals)
        return joined_statistic(finals, "all", CLAIMS[claim].statistic, {"prose": estimate}, too_far)
    passes = pass_table(plant, (TASK,))
    rows = select_passes(passes, TASK)
    pooled = pooled_rates(rows)
    left = statistic_row(rows, TASK, "left_chance", has_passed(pooled, TASK))
    if claim == "answer_loss_no_floor":
        return [row for part in loss_law.answer_loss_parts(passes, TASK) if isinstance(part, list) for row in part]
    estimates = {
        "pass_resolution": lambda: resolution.decades_resolved(pooled[pooled.run.map(resolution.hidden_runs(rows))]),
        "pass_hidden_growth": lambda: resolution.hidden_rise(pooled, resolution.hidden_runs(rows)),
        "decoding_most_pass": lambda: decoding.share_of(
            decoding.passed_within(rows, 10_000)[pooled.run.iloc[-1]], plant.cap
        ),
        "task_law_held_out": lambda: task_law.held_out_error(DatasetLaw(pooled), pooled),
        "task_law_straight": lambda: task_law.bend_share(
            curvature_test(
                *(pooled[column].to_numpy() for column in ("num_nonembedding_parameters", "passes", "attempts"))
            ),
            DatasetLaw(pooled),
            pooled,
        ),
        "prediction_dataset": lambda: prediction.last_deviation(
            pooled, prediction.level_predictions(rows, pooled), "dataset"
        ),
        "prediction_instance": lambda: prediction.last_deviation(
            pooled, prediction.level_predictions(rows, pooled), "instance"
        ),
        "instance_beats_dataset": lambda: prediction.instance_advantage(
            rows, pooled, prediction.level_predictions(rows, pooled)
        ),
    }
    if claim == "task_law_length":
        exponent = LengthLaw(rows, "free").exponent
        return [
            left,
            statistic_row(
                rows,
                TASK,
                "length_exponent_excess",
                Estimate(*(end - 1 for end in (exponent.estimate, exponent.low, exponent.high))),
            ),
        ]
    return [left, *joined_statistic(rows, TASK, CLAIMS[claim].statistic, {"prose": estimates[claim]()}, too_high)]


def verdict(tmp_path, claim: str, rows: list[dict]) -> str:
    """The verdict through a real results.csv."""
    write_results(tmp_path / "results.csv", [rows])
    task = "all" if CLAIMS[claim].tasks == ("all",) else TASK
    return verdict_of(CLAIMS[claim], task, Statistics(tmp_path / "results.csv"), "smoke")["verdict"]


@pytest.mark.parametrize(
    ("claim", "truth", "opposite"),
    [
        ("pass_resolution", {}, {"sudden_at": 3e5}),
        ("pass_hidden_growth", {}, {"log_hazard": 2.3, "alpha": 0.01, "item_spread": 0.0}),
        ("decoding_most_pass", {}, {"share_unpassable": 0.8}),
        ("series_loss_law", {}, {"loss_break": 0.4}),
        ("series_loss_held_out", {}, {"loss_break": 0.4}),
        ("answer_loss_no_floor", {}, {"answer_floor": 6.0, "seeds": (0, 1, 2)}),
        ("task_law_held_out", ALIKE, ALIKE | {"held_out_shift": 1.0}),
        ("task_law_straight", ALIKE, ALIKE | {"bends": {TASK: -0.09}}),
        (
            "task_law_length",
            {"item_spread": 0.02, "alpha_spread": 0.0, "num_items": 100},
            {"item_spread": 0.02, "alpha_spread": 0.0, "length_exponent": 0.0},
        ),
        ("prediction_dataset", ALIKE | LOW | {"seeds": (0, 1, 2)}, ALIKE | {"held_out_shift": 1.0}),
        (
            "prediction_instance",
            LOW | {"run_noise": 0.005, "num_items": 100, "seeds": (0, 1, 2)},
            {"held_out_shift": 1.0},
        ),
        ("instance_beats_dataset", UNLIKE | {"seeds": (0, 1, 2)}, BENT),
    ],
)
def test_verdict_follows_what_is_planted(tmp_path, monkeypatch, claim, truth, opposite):
    monkeypatch.setattr(prediction, "NUM_BOOTSTRAPS", 40)
    assert verdict(tmp_path, claim, statistics_of(claim, **truth)) == "replicated"
    assert verdict(tmp_path, claim, statistics_of(claim, **opposite)) == "not replicated"


@pytest.mark.parametrize(("plant", "expected"), [({}, "replicated"), ({"beam_passes_from": 0.0}, "not replicated")])
def test_beam_search_passes_few_items_or_as_many(tmp_path, plant, expected):
    plant = PassPlant(**plant)
    passes = pass_table(plant, decoding.TASKS_SHOWN)
    table = write_results(tmp_path / "results.csv", decoding.measure(passes, None))
    found = Statistics(tmp_path / "results.csv")
    assert [
        verdict_of(CLAIMS["decoding_beam_few"], task, found, "smoke")["verdict"] for task in decoding.TASKS_SHOWN
    ] == [expected] * 2
    assert (table[table.metric == "beam_gap"].low <= table[table.metric == "beam_gap"].value).all()


@pytest.mark.parametrize(("spread", "expected"), [(0.0, "replicated"), (0.5, "not replicated")])
def test_one_exponent_for_all_tasks(tmp_path, spread, expected):
    values = 0.4 * (1 + spread * np.array((-1.4, -1, -0.5, 0, 0, 0.5, 1, 1.4) * 2))
    alphas = {str(place): Estimate(alpha, alpha - 0.04, alpha + 0.04) for place, alpha in enumerate(values)}
    rows = joined_statistic(
        pd.DataFrame({"series": ["prose"], "seed": [0]}),
        "all",
        "alpha_spread_share",
        {"prose": task_law.alpha_spread(alphas)},
        too_high,
    )
    assert verdict(tmp_path, "task_law_one_alpha", rows) == expected


def test_spread_of_exponents_covers_the_planted_one():
    rng, hits = np.random.default_rng(0), []
    for _ in range(200):
        true = rng.normal(0.4, 0.1, 13)
        found = {
            str(place): Estimate(value, value - 1.96 * 0.05, value + 1.96 * 0.05)
            for place, value in enumerate(true + 0.05 * rng.normal(size=13))
        }
        spread = task_law.alpha_spread(found)
        hits.append(spread.low <= 0.25 <= spread.high)
    assert 0.91 <= np.mean(hits) <= 0.99


def test_a_task_that_no_run_passes_is_not_reached(tmp_path):
    assert (
        verdict(tmp_path, "task_law_held_out", statistics_of("task_law_held_out", sudden_at=1e12, cap=100))
        == "not reached"
    )


def test_without_a_hidden_run_the_resolution_stays_open(tmp_path):
    rows = statistics_of("pass_resolution", log_hazard=0.0, alpha=0.1)
    assert rows[1]["status"] == "failed: no run is hidden from a conventional test"
    assert verdict(tmp_path, "pass_resolution", rows) == "inconclusive"


def test_a_loss_that_size_does_not_move_is_no_missing_number():
    finals = final_checkpoints(losses_table(PassPlant()))
    estimate = loss_law.unexplained_share(finals.assign(loss_nats=[1.2, 1.1, 1.3, 1.2, 1.25, 1.15, 1.2]))
    assert estimate.estimate == 1.0 and estimate.ok


def test_too_few_passes_for_a_law_leave_its_claims_open(tmp_path):
    for claim in ("task_law_held_out", "prediction_dataset", "prediction_instance", "instance_beats_dataset"):
        assert (
            verdict(tmp_path, claim, statistics_of(claim, log_hazard=3.6, alpha=0.3, cap=300, num_items=10))
            == "inconclusive"
        ), claim
