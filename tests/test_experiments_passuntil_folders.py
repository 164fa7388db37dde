"""The folders of paper P, figures 1 to 4 and table 1, end to end on planted pass rates: measure, plot, bytes, two
series, and series that show nothing."""

import ast
import importlib

import numpy as np
import pandas as pd
import pytest

from experiments.style.stage import plot_stage
from experiments.tables.names import LAW_TASKS
from experiments.tables.passes import series_pass_rates
from experiments.tables.results import RESULT_COLUMNS
from experiments.tables.stage import measure_stage
from profiles.paths import PAPERS, ROOT, Paths
from tests.planted_pass_rates import HELD_OUT, SIZES, PassPlant, losses_table, pass_table, rates_of, runs_of

STEMS = (
    "passuntil_fig1_resolution",
    "passuntil_fig2_decoding",
    "passuntil_fig3_loss_law",
    "passuntil_fig4_task_law",
    "passuntil_tab1_prediction",
)
PROFILE = "smoke"
PLANT = PassPlant(num_items=24)


def folder(path, plant: PassPlant) -> Paths:
    paths = Paths(PROFILE, path)
    for paper in PAPERS:
        (paths.results / paper).mkdir(parents=True)
    pass_table(plant).to_parquet(paths.pass_rates)
    losses_table(plant).to_csv(paths.losses, index=False)
    return paths


@pytest.fixture(scope="module", autouse=True)
def few_bootstraps():
    """The bootstrap over items refits both laws each time; its interval is tested with the verdicts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("experiments.passuntil_tab1_prediction.measure"), "NUM_BOOTSTRAPS", 5)
        yield


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Paths:
    """One series, one seed."""
    return folder(tmp_path_factory.mktemp("planted"), PLANT)


@pytest.fixture(scope="module")
def two_series(tmp_path_factory) -> Paths:
    """Two series, few items."""
    return folder(tmp_path_factory.mktemp("two"), PassPlant(series=("prose", "code"), num_items=12))


@pytest.fixture(scope="module")
def silent(tmp_path_factory) -> Paths:
    """Nothing ever passes."""
    return folder(tmp_path_factory.mktemp("silent"), PassPlant(num_items=5, sudden_at=1e12, cap=200))


def run(paths: Paths, stem: str) -> tuple[pd.DataFrame, list]:
    measure, plot = (importlib.import_module(f"experiments.{stem}.{part}") for part in ("measure", "plot"))
    assert measure.STEM == plot.STEM == stem
    return measure_stage(paths, stem, measure.measure, series_pass_rates), plot_stage(
        paths, stem, plot.draw, getattr(plot, "table", None)
    )


@pytest.fixture(scope="module")
def results(planted) -> dict[str, pd.DataFrame]:
    return {stem: run(planted, stem)[0] for stem in STEMS}


def statistic(table: pd.DataFrame, task: str, metric: str, kind: str = "statistic") -> pd.Series:
    return table[(table.kind == kind) & (table.task == task) & (table.metric == metric)].iloc[0]


@pytest.mark.parametrize("stem", STEMS)
def test_folder_measures_and_plots(planted, results, stem):
    table = results[stem]
    assert list(table.columns[: len(RESULT_COLUMNS)]) == list(RESULT_COLUMNS)
    statistics = table[table.kind == "statistic"]
    assert (
        not statistics.duplicated(["task", "metric"]).any()
        and not (statistics.status.isna() | (statistics.status == "")).any()
    )
    plot = importlib.import_module(f"experiments.{stem}.plot")
    first = [path.read_bytes() for path in plot_stage(planted, stem, plot.draw, getattr(plot, "table", None))]
    files = plot_stage(planted, stem, plot.draw, getattr(plot, "table", None))
    assert [path.name for path in files] == [f"{stem}.png", f"{stem}.md"]
    assert all(path.stat().st_size > 100 and path.is_relative_to(planted.figures) for path in files)
    assert [path.read_bytes() for path in files] == first, "equal results, equal bytes"


@pytest.mark.parametrize("stem", STEMS)
def test_folder_joins_two_series(two_series, stem):
    table, _ = run(two_series, stem)
    single, joined = (table[table.kind == kind] for kind in ("series_statistic", "statistic"))
    assert set(single.series) == {"prose", "code"} and not joined.duplicated(["task", "metric"]).any()
    assert (joined.seed == "0").all()


@pytest.mark.parametrize("stem", STEMS)
def test_folder_survives_series_that_never_pass(silent, stem):
    table, files = run(silent, stem)
    assert all(path.stat().st_size > 100 for path in files)
    left = table[(table.metric == "left_chance") & (table.kind == "statistic")]
    assert (left.value == 0).all() and len(left) >= 2


@pytest.mark.parametrize("stem", STEMS)
def test_plot_computes_nothing(stem):
    source = (ROOT / "experiments" / stem / "plot.py").read_text(encoding="utf-8")
    modules = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert not [
        name for name in modules if name.split(".")[0] in ("analysis", "scipy", "corpus", "evaluation", "models")
    ]


def test_absent_pass_rates_are_one_clear_line(tmp_path):
    measure = importlib.import_module("experiments.passuntil_fig1_resolution.measure")
    with pytest.raises(ValueError, match="pass_rates.parquet: not found; run `dvc repro`"):
        measure_stage(Paths(PROFILE, tmp_path), measure.STEM, measure.measure, series_pass_rates)


def test_hidden_runs_are_those_a_test_would_score_zero(results):
    table = results[STEMS[0]]
    points = table[
        (table.kind == "checkpoint") & (table.metric == "pass_rate") & (table.task == "program_synthesis")
    ].set_index("size")
    rates = pd.DataFrame(rates_of(PLANT, "program_synthesis", runs_of(PLANT))[0], index=list(SIZES))
    clear = rates.apply(lambda row: np.prod(1 - row), axis=1)
    assert (
        bool(points.is_hidden["0.02M"])
        and clear["0.02M"] > 0.8
        and not bool(points.is_hidden["2.5M"])
        and clear["2.5M"] < 0.2
    )


def test_costs_fall_below_a_test_of_more_items_where_passes_are_rare(results):
    costs = results[STEMS[0]].query("kind == 'cost'")
    alike, new = (
        costs[costs.metric == metric].set_index(["task", "run"]) for metric in ("cost_ratio", "cost_ratio_new_items")
    )
    assert (new.value >= alike.value * 0.999).all(), "new items average out more, so as many of them are worth more"
    rare, common = alike[alike.pass_rate < 1e-3], alike[alike.pass_rate > 0.1]
    assert rare.value.median() < 1 < common.attempt_ratio.median()


def test_samples_pass_more_items_the_more_there_are(results):
    table = results[STEMS[1]].query("kind == 'checkpoint'")
    shares = table[table.task == "emoji_movie"].pivot(index="run", columns="metric", values="value")
    assert (shares.samples_1 <= shares.samples_100).all() and (shares.samples_100 <= shares.samples_10000).all()
    assert (shares.samples_10000 <= shares.samples_100000).all() and shares.samples_10000.max() > 0.9


def test_loss_law_predicts_what_was_planted(results):
    predictions = results[STEMS[2]].query("kind == 'prediction'")
    assert list(predictions["size"]) == list(HELD_OUT) and (predictions.num_inside == predictions.num_runs).all()
    assert ((predictions.value - predictions.measured).abs() < 0.02).all()


def test_law_rows_hold_predictions_of_both_held_out_sizes_and_a_corrected_test(results):
    table = results[STEMS[3]]
    for task in LAW_TASKS:
        assert list(table[(table.kind == "prediction") & (table.task == task)]["size"]) == list(HELD_OUT)
    growth = table[table.kind == "growth"]
    assert len(growth) == 5 and (growth.p_holm.astype(float) >= growth.p_value.astype(float)).all()
    assert statistic(table, "emoji_movie", "alpha", "series_statistic").value == pytest.approx(0.4, abs=0.15)
    exact = table[(table.metric == "exact_pass_rate") & (table.task == "emoji_movie")].set_index("run")
    sampled = table[(table.metric == "pass_rate") & (table.task == "emoji_movie")].set_index("run")
    assert (exact.value.between(sampled.low, sampled.high)).sum() >= 5 and "program_synthesis" not in set(
        table[table.metric == "exact_pass_rate"].task
    )


def test_prediction_table_shows_three_levels_beside_the_paper(planted, results):
    table = results[STEMS[4]]
    rows = table[(table.kind == "prediction") & (table.task == "program_synthesis")]
    assert set(rows.metric) == {"dataset", "length", "instance"} and set(rows["size"]) == set(HELD_OUT)
    instance = rows[rows.metric == "instance"]
    assert (instance.deviation_percent.abs() < 30).all() and (instance.deviation_low < instance.deviation_high).all()
    text = planted.figure(STEMS[4]).with_suffix(".md").read_text()
    assert "0.05987 (-0.05 %)" in text and "0.002381 (-8.7 %)" in text
    assert len({line.count("|") for line in text.splitlines()}) == 1, "every line has the same number of cells"


def test_items_that_one_run_lacks_are_refused():
    measure = importlib.import_module("experiments.passuntil_tab1_prediction.measure")
    passes = pass_table(PassPlant(num_items=5), ("program_synthesis",))
    with pytest.raises(ValueError, match="task program_synthesis: a run lacks an item"):
        measure.ItemTable(passes.iloc[1:])
