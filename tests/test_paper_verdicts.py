"""A verdict comes out replicated where the claim is planted, not replicated where its opposite is, and never by lack of
data."""

import json

import numpy as np
import pandas as pd
import pytest

from experiments.loss_eq5_size_threshold import measure as size_threshold
from experiments.loss_fig1_model_sizes.measure import common_threshold
from experiments.loss_fig5_intermediate.measure import onset_statistics
from experiments.loss_tab2_correlations.measure import spearman
from experiments.tables import curve_spread, task_statistics
from experiments.tables.names import THRESHOLD
from experiments.tables.results import write_results
from experiments.tables.scores import final_checkpoints, select, statistic_row
from paper.claims import CLAIMS_V1_FILE, Claim, Criterion, load_claims
from paper.verdicts import Statistics, all_verdicts, judge, verdict_of, write_verdicts
from profiles.paths import Paths
from tasks import TASKS
from tests.planted_scores import Plant, scores_table

CLAIMS = {claim.id: claim for claim in load_claims(CLAIMS_V1_FILE)}
NAN = float("nan")


@pytest.mark.parametrize(
    ("criterion", "interval", "verdict"),
    [
        (Criterion("at_most", -0.9), (-0.97, -0.99, -0.93), "replicated"),
        (Criterion("at_most", -0.9), (-0.92, -0.95, -0.88), "inconclusive"),
        (Criterion("at_most", -0.9), (-0.5, -0.6, -0.4), "not replicated"),
        (Criterion("at_least", 30.0), (50, 45, 55), "replicated"),
        (Criterion("at_least", 30.0), (31, 29, 33), "inconclusive"),
        (Criterion("at_least", 30.0), (12, 8, 16), "not replicated"),
        (Criterion("at_least", 30.0), (50, NAN, NAN), "replicated"),
        (Criterion("at_least", 30.0), (NAN, NAN, NAN), "inconclusive"),
        (Criterion("within", 5.0), (1, -2, 4), "replicated"),
        (Criterion("within", 5.0), (4, 2, 6), "inconclusive"),
        (Criterion("within", 5.0), (-9, -12, -6), "not replicated"),
    ],
)
def test_judgement(criterion, interval, verdict):
    assert judge(criterion, *interval) == verdict


@pytest.mark.parametrize(
    ("value", "reference", "loss_range", "verdict"),
    [
        ((1.5, 1.45, 1.55), (1.48, 1.4, 1.56), 2.0, "replicated"),
        ((1.5, 1.45, 1.55), (1.7, 1.6, 1.8), 2.0, "not replicated"),
        ((1.5, 1.4, 1.6), (1.6, 1.55, 1.65), 2.0, "inconclusive"),
        ((1.5, 1.45, 1.55), (1.5, 1.0, 2.0), 2.0, "inconclusive"),  # so vague that anything would lie inside
        ((1.5, 1.45, 1.55), (NAN, NAN, NAN), 2.0, "inconclusive"),
        ((1.5, 1.45, 1.55), (1.48, 1.4, 1.56), NAN, "inconclusive"),
    ],
)
def test_judgement_inside_another_interval(value, reference, loss_range, verdict):
    assert judge(Criterion("inside", reference="onset", resolution=0.2), *value, reference, loss_range) == verdict


def rows_of(task: str, series: str | None = None, metric: str | None = None, **plant) -> pd.DataFrame:
    """All checkpoints of one task of a planted table."""
    wanted = ("long", "small") if series is None else (series,)
    return select(
        scores_table(Plant(**({"num_checkpoints": 14} | plant)), tasks=(task,), series_wanted=wanted), (task,), metric
    )


def statistic_of(claim: str, task: str, **plant) -> list[dict]:
    """The statistic rows that a claim is judged by, of one task of a planted table."""
    if claim.endswith("_correlation"):
        rows = rows_of(task, "long", **plant)
        return [
            statistic_row(rows, task, "spearman", spearman(rows.run, rows.loss_nats, rows.value, num_replicates=200))
        ]
    if claim in ("smooth_no_jump", "threshold_flat", "threshold_gain", "bigbench_flat", "bigbench_gain"):
        rows = rows_of(task, "long", **plant)
        measures = {
            "jump": task_statistics.largest_jump,
            "flat": task_statistics.flat_part,
            "gain": task_statistics.gain_points,
        }
        return [measures[claim.split("_")[-1]](rows, task), task_statistics.left_chance(rows, task)]
    if claim == "threshold_hinge":
        return task_statistics.hinge(rows_of(task, "long", **plant), task, TASKS[task].metric)[1]
    if claim == "shared_threshold":
        return onset_statistics(rows_of(task, **plant), task)
    if claim.startswith("continuous"):
        metric = CLAIMS[claim].statistic.removeprefix("onset_loss_")
        accuracy, other = (rows_of(task, "long", name, **plant) for name in ("accuracy", metric))
        high, low = task_statistics.loss_range(accuracy)
        onsets = [
            task_statistics.hinge(rows, task, name)[1][0] | {"metric": f"onset_loss_{name}"}
            for rows, name in ((accuracy, "accuracy"), (other, metric))
        ]
        return [
            *onsets,
            {
                "kind": "statistic",
                "task": task,
                "metric": "loss_range_nats",
                "seed": "0",
                "value": high - low,
                "status": "ok",
            },
        ]
    rows = rows_of(task, **plant)
    finals = final_checkpoints(rows[rows.series == "small"])
    if claim in ("loss_suffices", "size_effect_small"):
        return curve_spread.size_statistics(finals, task)
    if claim == "loss_suffices_intermediate":
        return curve_spread.size_statistics(rows[rows.series == "small"], task)
    if claim == "budgets_on_curve":
        return [
            curve_spread.curve_distance(pd.concat([rows[rows.series == "long"], finals]), task, TASKS[task].chance)[0]
        ]
    assert claim == "compute_does_not_suffice"
    return [curve_spread.compute_ratio(rows, task)]


def verdict(tmp_path, claim: Claim, task: str, rows: list[dict]) -> str:
    """The verdict through a real results.csv."""
    if not any(row["metric"] == "left_chance" for row in rows):
        rows = [
            *rows,
            {"kind": "statistic", "task": task, "metric": "left_chance", "seed": "0", "value": 1.0, "status": "ok"},
        ]
    write_results(tmp_path / "results.csv", [rows])
    return verdict_of(claim, task, Statistics(tmp_path / "results.csv"), "smoke")["verdict"]


@pytest.mark.parametrize(
    ("claim", "task", "opposite"),
    [
        ("smooth_correlation", "recall", {"unreached": ("recall",)}),
        ("smooth_no_jump", "recall", {"stepwise": True}),
        ("threshold_flat", "exam", {"gradual": True}),
        ("threshold_gain", "maths", {"onset": 1.34}),
        ("threshold_hinge", "exam", {"gradual": True}),
        ("shared_threshold", "exam", {"onset": 2.2, "onset_by_size": -0.3}),
        ("loss_suffices_intermediate", "recall", {"size_effect": 0.06}),
        ("size_effect_small", "recall", {"size_effect": 0.06}),
        ("budgets_on_curve", "recall", {"small_shift": -0.25}),
        ("compute_does_not_suffice", "recall", {"from_compute": True}),
        ("continuous_choice_prob", "exam", {"continuous_onset": 0.8}),
        ("continuous_brier", "exam", {"continuous_onset": 0.8}),
        ("bigbench_flat", "unscramble", {"gradual": True}),
        ("bigbench_gain", "unscramble", {"onset": 1.34}),
    ],
)
def test_verdict_follows_what_is_planted(tmp_path, claim, task, opposite):
    assert verdict(tmp_path, CLAIMS[claim], task, statistic_of(claim, task)) == "replicated"
    assert verdict(tmp_path, CLAIMS[claim], task, statistic_of(claim, task, **opposite)) == "not replicated"


def test_partial_r2_of_the_final_checkpoints_needs_many_runs_to_be_small_for_sure(tmp_path):
    assert (
        verdict(
            tmp_path,
            CLAIMS["loss_suffices"],
            "recall",
            statistic_of("loss_suffices", "recall", seeds=(0,), num_checkpoints=3),
        )
        == "inconclusive"
    )
    assert (
        verdict(
            tmp_path,
            CLAIMS["loss_suffices"],
            "recall",
            statistic_of("loss_suffices", "recall", size_effect=0.06, num_checkpoints=3),
        )
        == "not replicated"
    )


def test_common_threshold_of_the_tasks(tmp_path):
    for by_task, expected in ((0.0, "replicated"), (-0.5, "not replicated")):
        scores = scores_table(Plant(onset=2.6, onset_by_task=by_task), tasks=THRESHOLD, series_wanted=("long",))
        rows = select(scores, THRESHOLD)
        fits = {
            task: task_statistics.hinge(rows[rows.task == task], task, TASKS[task].metric, shape="hinge_ramp")[0]
            for task in THRESHOLD
        }
        assert verdict(tmp_path, CLAIMS["common_threshold"], "all", [common_threshold(rows, fits)]) == expected


def test_size_threshold_follows_the_law_unless_size_helps_by_itself(tmp_path, monkeypatch):
    tasks = ("exam", "maths")
    monkeypatch.setattr(size_threshold, "THRESHOLD", tasks)
    long = scores_table(Plant(onset=1.75, num_checkpoints=12), tasks=tasks, series_wanted=("long",))
    for by_size, expected in (
        (0.0, "replicated"),
        (0.3, "not replicated"),
    ):  # the long runs say 1.75 both times, so only the prediction is wrong
        small = scores_table(
            Plant(onset=1.75, onset_by_size=by_size, num_checkpoints=2), tasks=tasks, series_wanted=("small",)
        )
        write_results(
            tmp_path / "results.csv", size_threshold.measure(pd.concat([long, small]), Paths("smoke", tmp_path))
        )
        statistics = Statistics(tmp_path / "results.csv")
        assert [verdict_of(CLAIMS["size_threshold"], task, statistics, "smoke")["verdict"] for task in tasks] == [
            expected
        ] * 2


def test_a_task_that_never_leaves_chance_is_not_reached(tmp_path):
    assert (
        verdict(tmp_path, CLAIMS["threshold_gain"], "exam", statistic_of("threshold_gain", "exam", unreached=("exam",)))
        == "not reached"
    )


def test_a_statistic_that_failed_is_inconclusive_and_an_absent_one_an_error(tmp_path):
    failed = {
        "kind": "statistic",
        "task": "exam",
        "metric": "gain_points",
        "seed": "0",
        "value": 90.0,
        "low": 80.0,
        "high": 99.0,
        "status": "failed: 2 runs",
    }
    assert verdict(tmp_path, CLAIMS["threshold_gain"], "exam", [failed]) == "inconclusive"
    with pytest.raises(ValueError, match="no statistic chance_share for task exam"):
        verdict(tmp_path, CLAIMS["threshold_flat"], "exam", [failed])


def test_verdicts_file_holds_the_promised_fields(tmp_path):
    paths, both = Paths("smoke", tmp_path), [*load_claims(), *CLAIMS.values()]
    for folder in {claim.folder for claim in both}:
        rows = [
            {
                "kind": "statistic",
                "task": task,
                "metric": name,
                "seed": "0 1",
                "value": 1.0,
                "low": np.nan,
                "high": np.nan,
                "status": "ok",
            }
            for claim in both
            if claim.folder == folder
            for task in claim.tasks
            for name in (claim.statistic, claim.criterion.reference, "left_chance", "loss_range_nats")
            if name
        ]
        write_results(paths.results_csv(folder), [pd.DataFrame(rows).drop_duplicates(["task", "metric"])])
    write_verdicts(paths)
    verdicts = json.loads(paths.verdicts.read_text(encoding="utf-8"))
    assert len(verdicts) == sum(len(claim.tasks) for claim in load_claims())
    first = json.loads(paths.verdicts_v1.read_text(encoding="utf-8"))
    assert len(first) == sum(len(claim.tasks) for claim in CLAIMS.values()) and {row["version"] for row in first} == {1}
    for entry in verdicts:
        assert {
            "id",
            "paper",
            "claim",
            "statistic",
            "value",
            "low",
            "high",
            "criterion",
            "verdict",
            "seeds",
            "profile",
            "version",
            "power",
            "mixtures",
        } <= set(entry)
        assert (entry["power"] is None) == (entry["version"] == 1)
        assert entry["seeds"] == [0, 1] and entry["profile"] == "smoke" and entry["low"] is None
    assert len({entry["id"] for entry in verdicts}) == len(verdicts)


def test_a_figure_that_is_not_measured_makes_no_verdict(tmp_path):
    paths = Paths("smoke", tmp_path)
    with pytest.raises(ValueError, match="no figure of profile smoke is measured"):
        all_verdicts(paths)
    claim = CLAIMS["threshold_gain"]
    rows = [
        {
            "kind": "statistic",
            "task": task,
            "metric": name,
            "seed": "0",
            "value": 90.0,
            "low": 80.0,
            "high": 99.0,
            "status": "ok",
        }
        for task in claim.tasks
        for name in (claim.statistic, "left_chance")
    ]
    write_results(paths.results_csv(claim.folder), [rows])
    other = next(entry for entry in CLAIMS.values() if entry.folder != claim.folder)
    found = {entry["id"].split(".")[0]: entry["verdict"] for entry in all_verdicts(paths, [claim, other])}
    assert found == {claim.id: "replicated", other.id: "not measured"}


@pytest.mark.parametrize("word", ["not reached", "premise not met"])
def test_a_statistic_says_itself_what_was_not_there(tmp_path, word):
    claim = next(claim for claim in load_claims() if claim.version == 2 and claim.paper == "L")
    row = {"kind": "statistic", "task": "recall", "metric": claim.statistic, "seed": "0", "status": f"{word}: why"}
    assert verdict(tmp_path, claim, "recall", [row | {"value": NAN}]) == word
