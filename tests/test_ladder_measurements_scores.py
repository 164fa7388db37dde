"""Scores of a run are made once, reused while recipe, request and code are the same, and made again where one
changes."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from ladder.measurements.scores import Scores, score_run, scores_of, scoring_code
from tasks import TASKS
from tests import tiny_ladder
from tests.tiny_ladder import BRANCH, LONG, TRUNK


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A ladder with one run trained and scored."""
    scores = scores_of(tiny_ladder.ladder(tmp_path_factory.mktemp("scored")))
    tiny_ladder.train_here(scores.ladder, LONG)
    fractions = []
    score_run((scores, LONG), fractions.append, 0)
    assert fractions == [0.5, 1.0]
    return scores


@pytest.fixture
def scores(scored, tmp_path):
    """A copy, to change."""
    paths = replace(scored.ladder.paths, root=tmp_path)
    shutil.copytree(scored.ladder.paths.results, paths.results, symlinks=True)
    return Scores(replace(scored.ladder, paths=paths), scored.code)


def test_every_checkpoint_has_every_task_and_says_where_it_comes_from(scored):
    rows, ladder = pd.read_parquet(scored.path(LONG)), scored.ladder
    assert set(rows["task"]) == set(TASKS) and rows["tokens_seen"].nunique() == 2
    assert (rows["run"] == LONG).all() and (rows["series"] == "long").all() and (rows["size"] == "10k").all()
    assert (rows["recipe_hash"] == ladder.recipe_hash(LONG)).all() and rows["weight_hash"].nunique() == 2
    assert (rows["num_items"] == tiny_ladder.NUM_ITEMS).all()


def test_items_of_all_runs_read_as_one_table(scored):
    items = pd.read_parquet(scored.ladder.paths.items)
    counts = items.groupby(["run", "tokens_seen", "task", "metric"], observed=True).size()
    assert set(items["task"]) == set(TASKS) and counts.eq(tiny_ladder.NUM_ITEMS).all()


def test_the_last_scores_follow_from_the_items_that_git_keeps(scored):
    """What an outsider does: the score and its items, from committed tables alone."""
    rows, folder = pd.read_parquet(scored.path(LONG)), scored.ladder.paths.final_items
    last = rows[(rows["tokens_seen"] == rows["tokens_seen"].max()) & rows["metric"].isin(["accuracy", "exact_match"])]
    kept = pd.read_parquet(folder / f"{LONG}.parquet")
    assert (kept["tokens_seen"] == rows["tokens_seen"].max()).all() and (kept["run"] == LONG).all()
    again = kept.groupby("task", observed=True)["is_right"].mean()
    assert again.to_dict() == pytest.approx(last.set_index("task")["value"].to_dict())
    units = pd.read_parquet(folder / "item_units.parquet")
    joined = kept.astype({"task": str}).merge(units, on=["task", "item_id"], validate="one_to_one")
    assert len(joined) == len(kept) and joined["unit"].str.len().gt(0).all()


def test_scored_runs_are_left_alone(scores):
    assert scores.parts_left(LONG) == [] and scores.parts_left(TRUNK) == scores.parts_left(BRANCH) == [Scores.stem]


def test_other_questions_are_scored_again(scores):
    profile = scores.ladder.profile
    evaluation = profile.evaluation.model_copy(update={"num_items": 2})
    ladder = replace(scores.ladder, profile=profile.model_copy(update={"evaluation": evaluation}))
    assert Scores(ladder, scores.code).parts_left(LONG, any_code=True) == [Scores.stem]


def test_lost_items_are_made_again_where_the_checkpoints_are(scored, scores):
    lost = scores.ladder.paths.final_items / f"{LONG}.parquet"
    lost.unlink()
    assert scores.parts_left(LONG) == [Scores.stem]
    shutil.copytree(scored.ladder.paths.final_items, lost.parent, dirs_exist_ok=True)
    assert scores.parts_left(LONG) == []
    shutil.rmtree(scores.ladder.paths.items)
    assert scores.parts_left(LONG) == [Scores.stem]
    shutil.rmtree(scores.ladder.folder(LONG))
    assert scores.parts_left(LONG) == []


def test_joined_scores_name_the_runs_that_are_absent(scores):
    assert scores.join() == [TRUNK, BRANCH]
    assert pd.read_parquet(scores.table).equals(pd.read_parquet(scores.path(LONG)))


def test_the_code_that_scores_is_found_by_its_imports():
    assert len(scoring_code()) == 16 == len(scores_code_twice())


def scores_code_twice():
    return scoring_code()


def test_a_run_is_scored_on_the_device_of_its_worker(scores, monkeypatch):
    """On the meta device tensors have no values, so that scoring ends where the first one is read."""
    monkeypatch.setattr("ladder.measurements.scores.use_one_device", lambda *_: "meta")
    with pytest.raises(NotImplementedError, match="meta tensor"):
        score_run((scores, LONG), print, 0)
