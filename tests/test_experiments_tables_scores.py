"""Reading scores and writing results.csv: checks, selections, chance levels and a round trip."""

import numpy as np
import pandas as pd
import pytest

from analysis.intervals import Estimate, failed
from experiments.tables import names
from experiments.tables import results as results_table
from experiments.tables import scores as score_table
from profiles.paths import ROOT, Paths
from tasks import TASKS
from tasks.graded import GRADED_TASKS
from tests.planted_scores import Plant, runs_table, scores_table

PLANT = Plant(seeds=(0,), num_checkpoints=4)


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    return scores_table(PLANT, tasks=("exam", "recall"))


def test_scores_come_back_from_disk(tmp_path, scores):
    scores.to_parquet(tmp_path / "scores.parquet")
    assert len(score_table.load_scores(tmp_path / "scores.parquet")) == len(scores)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda table: table.drop(columns="loss_nats"), "column loss_nats is missing"),
        (lambda table: table.iloc[:0], "holds no rows"),
        (lambda table: table.assign(value=np.nan), "column value holds nan"),
    ],
)
def test_damaged_scores_are_refused_in_one_line(tmp_path, scores, damage, message):
    damage(scores).to_parquet(tmp_path / "scores.parquet")
    with pytest.raises(ValueError, match=message) as caught:
        score_table.load_scores(tmp_path / "scores.parquet")
    assert "scores.parquet" in str(caught.value) and "\n" not in str(caught.value)


def test_a_branch_belongs_to_its_trunk(tmp_path, scores):
    runs = runs_table(scores)
    trunk, branch = runs.run[:2]
    runs.loc[runs.run == branch, "parent"] = trunk
    runs.to_csv(tmp_path / "runs.csv", index=False)
    with_lineage = score_table.add_lineage(scores, tmp_path / "runs.csv")
    assert set(with_lineage.lineage[with_lineage.run.isin([trunk, branch])]) == {trunk}
    assert with_lineage.lineage.nunique() == scores.run.nunique() - 1


def test_a_run_without_a_row_is_named(tmp_path, scores):
    runs_table(scores).iloc[1:].to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(ValueError, match=f"runs.csv: has no row of run {scores.run[0]}"):
        score_table.add_lineage(scores, tmp_path / "runs.csv")


def test_absent_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not found; run `dvc repro`"):
        score_table.load_scores(tmp_path / "scores.parquet")
    (tmp_path / "scores.parquet").write_text("not a table")
    with pytest.raises(ValueError, match="not readable as parquet"):
        score_table.load_scores(tmp_path / "scores.parquet")


def test_select_takes_the_tasks_own_metric_in_the_order_asked_for(scores):
    rows = score_table.select(scores, ("recall", "exam"))
    assert list(dict.fromkeys(zip(rows.task, rows.metric))) == [("recall", "exact_match"), ("exam", "accuracy")]
    assert set(score_table.select(scores, ("exam",), series="long").series) == {"long"}


def test_select_names_what_is_absent(scores):
    with pytest.raises(ValueError, match="no row has task maths"):
        score_table.select(scores, ("maths",))
    with pytest.raises(ValueError, match="no run of the series long"):
        score_table.select(scores[scores.series == "small"], ("exam",), series="long")


def test_final_checkpoints_are_the_last_of_each_run(scores):
    rows = score_table.select(scores, ("exam",))
    finals = score_table.final_checkpoints(rows)
    assert len(finals) == rows.run.nunique()
    assert finals.set_index("run").tokens_seen.to_dict() == rows.groupby("run").tokens_seen.max().to_dict()


def test_chance_of_each_metric():
    assert names.chance_of("exam", "accuracy") == names.chance_of("exam", "correct_choice_prob") == 0.25
    assert names.chance_of("exam", "brier_score") == 0.75  # paper L, section 3.2
    assert names.chance_of("coreference", "brier_score") == 0.5


def test_tasks_are_those_of_the_edition_that_the_models_trained_on(scores):
    second = scores.assign(mixture="v2b")
    assert names.asked(scores) is names.asked(scores.assign(mixture="v1")) is TASKS
    assert names.asked(second) is GRADED_TASKS
    chance = names.chance_of("recall", "exact_match", names.asked(second))
    assert chance == GRADED_TASKS["recall"].chance != names.chance_of("recall", "exact_match")
    assert names.asked(pd.DataFrame({"mixture": [None, "v2a", "", "v2c"]})) is GRADED_TASKS
    with pytest.raises(ValueError, match="column mixture: v1, v2a are of two editions; take one at a time"):
        names.asked(pd.DataFrame({"mixture": ["v2a", "v1"]}))


def test_points_of_a_results_table_name_their_mixture_where_it_is_not_the_first(scores):
    assert "mixture" not in score_table.checkpoint_rows(scores.assign(mixture="v1"))
    assert (score_table.checkpoint_rows(scores.assign(mixture="v2c"))["mixture"] == "v2c").all()


def test_task_lists_are_the_papers():
    assert set(names.TWELVE) == set(names.SMOOTH) | set(names.THRESHOLD)
    assert len(names.TWELVE) == 12 and set(names.TWELVE) | set(names.BIGBENCH) <= set(TASKS)


def test_results_round_trip_with_equal_bytes(tmp_path, scores):
    rows = score_table.select(scores, ("exam",))
    statistics = [
        score_table.statistic_row(rows, "exam", "number", Estimate(0.5, 0.25, 0.75)),
        score_table.statistic_row(rows, "exam", "none", failed("no data")),
    ]
    parts = [
        score_table.size_rows(scores),
        score_table.checkpoint_rows(rows),
        score_table.fit_rows("exam", "accuracy", np.array([2.0, 1.0]), np.array([0.2, 0.8])),
        statistics,
    ]
    for name in ("a", "b"):
        results_table.write_results(tmp_path / name / "results.csv", parts)
    assert (tmp_path / "a/results.csv").read_bytes() == (tmp_path / "b/results.csv").read_bytes()
    back = results_table.read_results(tmp_path / "a/results.csv")
    assert list(back.columns[: len(results_table.RESULT_COLUMNS)]) == list(results_table.RESULT_COLUMNS)
    number = back[back.metric == "number"].iloc[0]
    assert (number.value, number.low, number.high, number.seed) == (0.5, 0.25, 0.75, "0")
    assert back[back.metric == "none"].iloc[0].status == "failed: no data" and np.isnan(
        back[back.metric == "none"].value.iloc[0]
    )
    sizes = back[back.kind == "size"]
    assert list(sizes["size"]) == ["0.05M", "0.1M", "0.2M", "0.4M", "0.8M", "1.6M"]


def test_numbers_are_written_with_the_digits_that_hold(tmp_path):
    """Every numeric column, also one that only some rows have; counts whole, no negative zero, five digits of what was
    fitted."""
    rows = [
        {"kind": "checkpoint", "value": 0.123456789, "loss_nats": 1.0, "num_attempts": 123456789, "word": "7"},
        {
            "kind": "prediction",
            "value": 0.123456789,
            "low": -0.0,
            "high": np.inf,
            "predicted_f": -1.98765432109876,
            "flag": True,
        },
        {"kind": "prediction", "value": np.nan, "predicted_f": 2.0, "flag": False},
    ]
    table = results_table.write_results(tmp_path / "results.csv", [rows])
    back = pd.read_csv(tmp_path / "results.csv", dtype=str, keep_default_na=False)
    assert back.value.tolist() == ["0.123457", "0.12346", ""]
    assert (back.low[1], back.high[1], back.predicted_f.tolist()) == ("0", "inf", ["", "-1.9877", "2"])
    assert back.num_attempts.tolist() == ["123456789", "", ""]
    assert back.word[0] == "7" and back.flag.tolist() == ["", "True", "False"]
    assert table.value[1] == 0.12346, "the table in memory is the one in the file"


def test_a_last_bit_changes_no_byte(tmp_path):
    rows = pd.DataFrame(
        {"kind": "fit", "value": np.random.default_rng(0).normal(size=500), "other": np.arange(1, 501) / 7}
    )
    other = rows.assign(value=rows.value * (1 + 2e-16), other=np.nextafter(rows.other, 100))
    for name, table in (("a", rows), ("b", other)):
        results_table.write_results(tmp_path / f"{name}.csv", [table])
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_absent_results_name_the_folder(tmp_path):
    with pytest.raises(ValueError, match="run the measure step of loss_x"):
        results_table.read_results(tmp_path / "loss_x.csv")


COMMITTED = sorted(path.stem for path in (ROOT / "results" / "cpu").glob("*.csv"))


@pytest.mark.parametrize("stem", COMMITTED)
def test_committed_tables_are_read_and_refused_without_their_numbers(tmp_path, stem):
    source = Paths("cpu").results_csv(stem)
    assert len(results_table.read_results(source)) > 0
    path = tmp_path / f"{stem}.csv"
    table = pd.read_csv(source, dtype={"seed": str})
    table.assign(value=np.nan, loss_nats=np.nan).to_csv(path, index=False, lineterminator="\n")
    with pytest.raises(ValueError, match=f"rows hold no finite value or loss .line .* run the measure step of {stem}"):
        results_table.read_results(path)
    text = source.read_text()
    for length in (1, len(text) // 3, len(text) - 1):
        path.write_text(text[:length])
        with pytest.raises(ValueError, match=f"{stem}.csv: .*; run the measure step of {stem} again") as caught:
            results_table.read_results(path)
        assert "\n" not in str(caught.value)


def test_a_word_in_a_column_of_numbers_is_named_with_its_line(tmp_path, scores):
    path = tmp_path / "results.csv"
    results_table.write_results(path, [score_table.size_rows(scores)])
    pd.read_csv(path).assign(num_items="many").to_csv(path, index=False)
    with pytest.raises(
        ValueError, match=r"results.csv, line 2: column num_items is 'many', no number; run the measure step"
    ):
        results_table.read_results(path)
