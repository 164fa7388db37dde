"""The pass-rate table: what is damaged is refused in one line, what is pooled is the mean over items with its interval
and its censoring."""

import numpy as np
import pandas as pd
import pytest

from experiments.tables import passes as pass_table
from experiments.tables.results import RESULT_COLUMNS, write_results
from profiles.paths import PAPERS, Paths
from tests.planted_pass_rates import EXACT_TASKS, HELD_OUT, SIZES, PassPlant, losses_table, rates_of, runs_of
from tests.planted_pass_rates import pass_table as planted_table

TASKS = ("program_synthesis", "emoji_movie")
PLANT = PassPlant(seeds=(0, 1))


@pytest.fixture(scope="module")
def passes() -> pd.DataFrame:
    return planted_table(PLANT, TASKS)


def test_planted_tables_are_read_back(tmp_path, passes):
    paths = Paths("smoke", tmp_path)
    for paper in PAPERS:
        (paths.results / paper).mkdir(parents=True)
    passes.to_parquet(paths.pass_rates)
    losses_table(PLANT).to_csv(paths.losses, index=False)
    assert len(pass_table.series_pass_rates(paths)) == len(passes)
    losses = pass_table.checkpoint_losses(paths)
    assert pass_table.series_names(losses) == ["prose"] and losses[losses.is_held_out][
        "size"
    ].unique().tolist() == list(HELD_OUT)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.drop(columns="cap"), "column cap is missing"),
        (lambda t: t.iloc[:0], "holds no rows"),
        (lambda t: t.assign(loss_nats=np.nan), "column loss_nats holds nan or inf"),
        (
            lambda t: t.assign(passes=t.attempts + 1),
            "2 passes in 1 attempts|passes in .* attempts; sample that item again",
        ),
        (lambda t: pd.concat([t, t.iloc[:1]]), "item 0 stands twice with method shared"),
    ],
)
def test_damaged_tables_are_refused_in_one_line(tmp_path, passes, damage, message):
    path = tmp_path / "pass_rates.parquet"
    damage(passes).to_parquet(path)
    with pytest.raises(ValueError, match=message) as caught:
        pass_table.load_pass_rates(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_absent_and_unreadable_tables_are_refused_in_one_line(tmp_path):
    for load, name in ((pass_table.load_pass_rates, "pass_rates.parquet"), (pass_table.load_losses, "losses.csv")):
        with pytest.raises(ValueError, match="not found; run `dvc repro`"):
            load(tmp_path / name)
    (tmp_path / "pass_rates.parquet").write_text("no table")
    with pytest.raises(ValueError, match="not readable as parquet"):
        pass_table.load_pass_rates(tmp_path / "pass_rates.parquet")


def test_selection_takes_one_method_at_one_temperature_and_says_what_is_absent(passes):
    rows = pass_table.select_passes(passes, "emoji_movie", "prose")
    assert set(rows.method) == {"shared"} and len(rows) == len(SIZES) * 2 * PLANT.num_items
    assert rows.num_nonembedding_parameters.is_monotonic_increasing
    with pytest.raises(ValueError, match="no row of series code has task emoji_movie, method shared"):
        pass_table.select_passes(passes, "emoji_movie", "code")
    with pytest.raises(ValueError, match="temperature 0.5; measure the runs on that task"):
        pass_table.select_passes(passes, "emoji_movie", temperature=0.5)
    assert pass_table.has_method(passes, "emoji_movie", "exact") and not pass_table.has_method(
        passes, "program_synthesis", "exact"
    )


def test_pooled_rates_hold_the_planted_truth_in_their_interval(passes):
    truth = rates_of(PLANT, "program_synthesis", runs_of(PLANT))[0].mean(axis=1)
    pooled = pass_table.pooled_rates(pass_table.select_passes(passes, "program_synthesis"))
    assert len(pooled) == len(truth) == 14
    inside = (pooled.low <= truth) & (truth <= pooled.high)
    assert inside.sum() >= 12
    np.testing.assert_allclose(pooled.passes / pooled.attempts, pooled.value)
    smallest = pooled[pooled["size"] == "0.02M"].iloc[0]
    assert smallest.num_censored > 10 and "censored" in smallest.status and smallest.num_attempts > 1e6
    rows = pass_table.select_passes(passes, "program_synthesis")
    assert smallest.num_censored == (rows[rows.run == smallest.run].attempts == PLANT.cap).sum()


def test_exact_rates_are_the_planted_ones(passes):
    rows = pass_table.select_passes(passes, "emoji_movie", method="exact")
    truth = rates_of(PLANT, "emoji_movie", runs_of(PLANT))[0].ravel()
    np.testing.assert_allclose(pass_table.exact_rates(rows), truth, rtol=1e-5)
    assert "emoji_movie" in EXACT_TASKS
    never = rows.head(2).assign(log_pass_low=-np.inf, log_pass_high=[-np.inf, -20.0])
    np.testing.assert_allclose(pass_table.exact_rates(never), [0.0, np.exp(-20.0) / 2])


def test_points_fit_into_a_results_table(tmp_path, passes):
    pooled = pass_table.pooled_rates(pass_table.select_passes(passes, "program_synthesis"))
    table = write_results(tmp_path / "results.csv", [pass_table.point_rows(pooled)])
    assert list(table.columns[: len(RESULT_COLUMNS)]) == list(RESULT_COLUMNS) and {
        "num_parameters",
        "is_held_out",
        "num_censored",
    } <= set(table.columns)


def test_a_task_has_passed_once_one_run_passes_an_item(passes):
    pooled = pass_table.pooled_rates(pass_table.select_passes(passes, "program_synthesis"))
    assert pass_table.has_passed(pooled, "program_synthesis").estimate == 1.0
    never = pass_table.pooled_rates(
        pass_table.select_passes(planted_table(PassPlant(sudden_at=1e9), TASKS[:1]), TASKS[0])
    )
    assert pass_table.has_passed(never, "program_synthesis").estimate == 0.0 and (never.high > 0).all()


def test_mixed_targets_are_refused(passes):
    rows = pass_table.select_passes(passes, "program_synthesis")
    with pytest.raises(ValueError, match="2 different targets"):
        pass_table.pooled_rates(rows.assign(target=np.where(np.arange(len(rows)) % 2, 10, 5)))
