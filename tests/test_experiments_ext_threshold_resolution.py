"""Thresholds at unlimited resolution: a planted threshold stays one, a planted slope is found underneath, and forecasts
are right only where they can be."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from analysis.intervals import Estimate
from experiments.ext_threshold_resolution import measure as ext
from experiments.ext_threshold_resolution import plot
from experiments.style.stage import plot_stage
from experiments.tables.results import write_results
from experiments.tables.stage import measure_stage
from experiments.tables.task_statistics import hinge
from experiments.tables.thresholds import checkpoint_rates, threshold_pass_rates
from paper.claims import CLAIMS_V1_FILE, load_claims
from paper.verdicts import Statistics, verdict_of
from profiles.paths import PAPERS, Paths
from tests.planted_scores import Plant, runs_table, scores_table
from tests.planted_threshold_rates import THRESHOLD_TASKS, ThresholdPlant, threshold_table

CLAIMS = {claim.id: claim for claim in load_claims(CLAIMS_V1_FILE) if claim.folder == ext.STEM}
ACCURACY = Estimate(1.9, 1.85, 1.95)
SLOPE = {"floor_rate": 1e-8, "slope_f": 0.65, "rise": 0.0}


def rows_of(task: str, forecasts: bool = False, **plant) -> list[dict]:
    points = checkpoint_rates(
        threshold_table(ThresholdPlant(**({"num_checkpoints": 16, "num_items": 15} | plant)), (task,)), task
    )
    comparison = ext.compare_loss_curves(points.run, points.loss_nats, points.passes, points.attempts)
    found = ext.forecast_rows(points, task) if forecasts else pd.DataFrame()
    return [
        ext.left_chance_row(points, task) | {"value": 1.0},
        ext.slope_above(points, task, ACCURACY),
        ext.plateau(points, task, ACCURACY),
        ext.log_hinge_advantage(comparison, points, task),
        ext.lead_statistic(found, points, task),
    ]


def verdict(folder, claim: str, task: str, rows: list[dict]) -> str:
    write_results(folder / "results.csv", [rows])
    return verdict_of(CLAIMS[claim], task, Statistics(folder / "results.csv"), "smoke")["verdict"]


@pytest.mark.parametrize("task", ["exam", "maths"])
def test_a_threshold_survives_the_resolution(tmp_path, task):
    rows = rows_of(task)
    assert verdict(tmp_path, "slope_underneath", task, rows) == "not replicated"
    assert verdict(tmp_path, "threshold_on_log_axis", task, rows) == "replicated"
    plateau = next(row for row in rows if row["metric"] == "plateau_over_chance")
    assert 0.8 < plateau["value"] < 1.3


@pytest.mark.parametrize("task", ["exam", "maths"])
def test_a_slope_is_found_underneath(tmp_path, task):
    rows = rows_of(task, **SLOPE)
    assert verdict(tmp_path, "slope_underneath", task, rows) == "replicated"
    assert verdict(tmp_path, "threshold_on_log_axis", task, rows) == "not replicated"


def test_onset_of_a_slope_is_forecast_and_that_of_a_threshold_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(ext, "NUM_CUTS", 8)
    slope = rows_of("maths", forecasts=True, **(SLOPE | {"slope_f": 0.75, "num_items": 40, "run_noise": 0.0}))
    assert verdict(tmp_path, "onset_forecast", "maths", slope) in ("replicated", "inconclusive")
    assert next(row for row in slope if row["metric"] == "forecast_lead_share")["value"] > 0.15
    threshold = rows_of("maths", forecasts=True)
    assert verdict(tmp_path, "onset_forecast", "maths", threshold) == "not replicated"


def test_forecasts_use_neither_the_run_left_out_nor_what_lies_below_the_cut(monkeypatch):
    monkeypatch.setattr(ext, "NUM_CUTS", 2)
    points = checkpoint_rates(
        threshold_table(ThresholdPlant(num_checkpoints=16, num_items=15, **SLOPE), ("maths",)), "maths"
    )
    used = []
    monkeypatch.setattr(
        ext,
        "forecast_crossing",
        lambda loss, passes, attempts, level, above, lowest: used.append((tuple(loss), above)) or Estimate(1, 1, 1),
    )
    rows = ext.forecast_rows(points, "maths")
    for (loss, above), row in zip(used, rows.itertuples()):
        assert set(loss) == set(points.loss_nats[points.run != row.run]) and above == row.loss_nats > row.observed


def test_slope_says_how_many_checkpoints_had_no_pass():
    points = checkpoint_rates(
        threshold_table(ThresholdPlant(num_checkpoints=16, num_items=5, floor_rate=1e-7, slope_f=0.4), ("maths",)),
        "maths",
    )
    points.loc[points.loss_nats.between(2.5, 3.0), "value"] = 0.0
    assert "without a pass left out" in ext.slope_above(points, "maths", ACCURACY)["status"]
    assert ext.slope_above(points, "maths", Estimate(np.nan, np.nan, np.nan, "not reached"))["status"].startswith(
        "failed: accuracy"
    )


@pytest.mark.parametrize("plant", [{}, {"floor_rate": 1e-4, "rise": 0.0}], ids=["threshold", "never leaves the floor"])
def test_folder_end_to_end(tmp_path, monkeypatch, plant):
    monkeypatch.setattr(ext, "NUM_CUTS", 3)
    monkeypatch.setattr(
        ext, "hinge", partial(hinge, shape="hinge_linear")
    )  # the comparison of shapes takes its time and has its own test
    paths = Paths("smoke", tmp_path)
    for paper in PAPERS:
        (paths.results / paper).mkdir(parents=True)
    threshold_table(ThresholdPlant(num_checkpoints=10, num_items=8, **plant)).to_parquet(paths.threshold_pass_rates)
    scores = scores_table(Plant(seeds=(0,), num_checkpoints=10), tasks=THRESHOLD_TASKS, series_wanted=("long",))
    scores.to_parquet(paths.scores)
    runs_table(scores).to_csv(paths.runs_table("loss"), index=False)
    table = measure_stage(paths, ext.STEM, ext.measure, threshold_pass_rates)
    statistics = table[table.kind == "statistic"]
    assert not statistics.status.isna().any()
    found = {
        verdict_of(claim, task, Statistics(paths.results_csv(ext.STEM)), "smoke")["verdict"]
        for claim in CLAIMS.values()
        for task in claim.tasks
    }
    assert found == {"not reached"} if plant else "not reached" not in found
    first = [path.read_bytes() for path in plot_stage(paths, ext.STEM, plot.draw)]
    assert [path.read_bytes() for path in plot_stage(paths, ext.STEM, plot.draw)] == first
