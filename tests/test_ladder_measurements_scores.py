"""Scores of a run are made once, reused while recipe, questions and code are the same, and made again where one
changes."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest
from ladder.scores import (
    code_hash,
    evaluate_run,
    evaluation_hash,
    join_scores,
    runs_to_evaluate,
    score_path,
    scored_runs,
    stamp_of,
    write_table,
)

from ladder import scores as sweep_evaluate
from ladder.data import Data
from ladder.training import prepare_folder, train_run
from tasks import TASKS
from tests import tiny_ladder
from tests.tiny_ladder import BRANCH, LONG, TRUNK


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A ladder with one run trained and scored, and the hash of what was asked."""
    ladder = tiny_ladder.ladder(tmp_path_factory.mktemp("scored"))
    asked = evaluation_hash(Data(ladder.profile, ladder.paths.data))
    prepare_folder(ladder, LONG)
    train_run((ladder, LONG), lambda fraction: None, 0)
    fractions = []
    evaluate_run((ladder, LONG, asked), fractions.append, 0)
    assert fractions == [0.5, 1.0]
    return ladder, asked


@pytest.fixture
def ladder(scored, tmp_path):
    """A copy, to change."""
    paths = replace(scored[0].paths, root=tmp_path)
    shutil.copytree(scored[0].paths.results, paths.results, symlinks=True)
    return replace(scored[0], paths=paths)


def test_every_checkpoint_has_every_task_and_says_where_it_comes_from(scored):
    ladder, _ = scored
    scores = pd.read_parquet(score_path(ladder.paths, LONG))
    assert set(scores["task"]) == set(TASKS) and scores["tokens_seen"].nunique() == 2
    assert (scores["run"] == LONG).all() and (scores["series"] == "long").all() and (scores["size"] == "10k").all()
    assert (scores["recipe_hash"] == ladder.recipe_hash(LONG)).all() and scores["weight_hash"].nunique() == 2
    assert (scores["num_items"] == tiny_ladder.NUM_ITEMS).all()


def test_items_of_all_runs_read_as_one_table(scored):
    items = pd.read_parquet(scored[0].paths.items)
    assert (
        set(items["task"]) == set(TASKS)
        and items.groupby(["run", "tokens_seen", "task", "metric"], observed=True)
        .size()
        .eq(tiny_ladder.NUM_ITEMS)
        .all()
    )


def test_scored_runs_are_left_alone(ladder, scored):
    said = []
    assert scored_runs(ladder, scored[1]) == {LONG}
    assert runs_to_evaluate(ladder, scored[1], said.append) == [TRUNK, BRANCH] and not said


def test_other_questions_or_another_recipe_are_scored_again(ladder, scored):
    assert scored_runs(ladder, "other questions") == set()
    assert LONG in runs_to_evaluate(ladder, "other questions", print)
    changed = replace(ladder, recipes=ladder.recipes | {LONG: ladder.recipes[LONG] | {"stream": "other"}})
    assert scored_runs(changed, scored[1]) == set()


def test_other_code_scores_again_where_the_checkpoints_are(ladder, scored, monkeypatch):
    monkeypatch.setattr(sweep_evaluate, "code_hash", lambda: "other code")
    said = []
    assert LONG in runs_to_evaluate(ladder, scored[1], said.append) and not said
    shutil.rmtree(ladder.folder(LONG))
    assert LONG not in runs_to_evaluate(ladder, scored[1], said.append)
    assert len(said) == 1 and "kept the scores of 1 runs that older code made" in said[0]


def test_lost_items_are_made_again_where_the_checkpoints_are(ladder, scored):
    shutil.rmtree(ladder.paths.items)
    assert LONG in runs_to_evaluate(ladder, scored[1], print)
    shutil.rmtree(ladder.folder(LONG))
    assert LONG not in runs_to_evaluate(ladder, scored[1], print)


def test_joined_scores_name_the_runs_that_are_absent(ladder, scored):
    assert join_scores(ladder, scored[1]) == [TRUNK, BRANCH]
    assert pd.read_parquet(ladder.paths.scores).equals(pd.read_parquet(score_path(ladder.paths, LONG)))


def test_a_damaged_table_is_one_clear_line(ladder, scored):
    path = score_path(ladder.paths, LONG)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(
        ValueError, match=r"truncated or not a parquet file; restore it from git or delete it"
    ) as caught:
        scored_runs(ladder, scored[1])
    assert "\n" not in str(caught.value)


def test_tables_are_the_same_bytes_again(tmp_path):
    table = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    for name in ("one", "two"):
        write_table(tmp_path / f"{name}.parquet", table, {"recipe_hash": "1"})
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert stamp_of(tmp_path / "one.parquet") == {"recipe_hash": "1", "evaluation_hash": "", "code_hash": ""}
    assert stamp_of(tmp_path / "none.parquet") is None


def make_rooms(root, text):
    for room in sweep_evaluate.CODE_ROOMS:
        (root / room).mkdir(parents=True, exist_ok=True)
        (root / room / "a.py").write_text(text)
    return code_hash(root)


def test_comments_and_docstrings_are_no_change_of_code(tmp_path):
    first = make_rooms(tmp_path, '"""About a."""\nx = 1  # one\n')
    assert make_rooms(tmp_path, '"""About a, longer."""\n\nx = 1\n') == first
    assert make_rooms(tmp_path, '"""About a."""\nx = 2  # one\n') != first
