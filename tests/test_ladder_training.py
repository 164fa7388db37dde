"""Training of a ladder: what is finished is skipped, what is wrong is trained again, and a killed run ends with the
same weights."""

import io
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ladder import training
from ladder.runs_table import write_runs_tables
from ladder.training import drop_spent_states, prepare_folder, runs_to_train
from ladder.workers.pool import Job, run_jobs
from ladder.workers.progress import Progress
from tests import pool_jobs, tiny_ladder
from tests.tiny_ladder import BRANCH, LONG, TRUNK, train_here


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The whole ladder, trained without a stop."""
    ladder = tiny_ladder.ladder(tmp_path_factory.mktemp("trained"))
    train_here(ladder, *runs_to_train(ladder))
    write_runs_tables(ladder)
    return ladder


@pytest.fixture
def ladder(trained, tmp_path):
    """A copy of the trained ladder, to change."""
    paths = replace(trained.paths, root=tmp_path)
    shutil.copytree(trained.paths.results, paths.results, symlinks=True)
    return replace(trained, paths=paths)


def weights(ladder, name):
    return json.loads((ladder.folder(name) / "run.json").read_text())["weight_hash"]


def test_everything_is_trained_once_parents_first(tmp_path, trained):
    assert runs_to_train(tiny_ladder.ladder(tmp_path)) == [LONG, TRUNK, BRANCH]
    assert runs_to_train(trained) == []


def test_a_run_that_is_at_hand_needs_no_checkpoints(ladder):
    shutil.rmtree(ladder.folder(LONG))
    assert runs_to_train(ladder, {LONG}) == []
    assert runs_to_train(ladder) == [LONG]


def test_another_recipe_is_trained_again_and_what_was_measured_is_due_again(ladder):
    run = ladder.runs[LONG]
    changed = replace(ladder, recipes=ladder.recipes | {LONG: ladder.recipes[LONG] | {"stream": "other"}})
    assert run.name in runs_to_train(changed)
    score, due = ladder.paths.run_tables("scores") / f"{LONG}.parquet", ladder.paths.due("scores") / LONG
    score.parent.mkdir(exist_ok=True)
    score.write_bytes(b"old")
    assert "removed" in prepare_folder(changed, LONG)
    assert prepare_folder(changed, LONG) == "new", "begun, and stopped before its first state"
    assert score.read_bytes() == b"old", "what git holds stays until it is measured again"
    assert due.exists() and not (ladder.paths.due("threshold_pass_rates") / LONG).exists()
    assert not (ladder.folder(LONG) / "run.json").exists()


def test_a_part_of_the_ladder_brings_its_trunk(ladder):
    shutil.rmtree(ladder.folder(BRANCH))
    shutil.rmtree(ladder.folder(LONG))
    assert runs_to_train(ladder, only={LONG}) == [LONG]
    assert runs_to_train(ladder, only={BRANCH}) == [BRANCH], "the trunk's states are here"
    shutil.rmtree(ladder.folder(TRUNK))
    assert runs_to_train(ladder, only={BRANCH}) == [TRUNK, BRANCH]


def test_other_code_is_trained_again(ladder):
    memory = ladder.folder(LONG) / "behaviour.json"
    losses = json.loads(memory.read_text())["losses_nats"]
    memory.write_text(json.dumps({"losses_nats": [loss + 0.05 for loss in losses]}))
    assert runs_to_train(ladder, {LONG, TRUNK, BRANCH}) == [LONG]


def test_a_branch_brings_back_its_parent_when_the_states_are_gone(ladder):
    drop_spent_states(ladder)
    assert not (ladder.folder(TRUNK) / "states").exists()
    assert runs_to_train(ladder) == []
    shutil.rmtree(ladder.folder(BRANCH))
    assert runs_to_train(ladder) == [TRUNK, BRANCH]
    before = weights(ladder, TRUNK)
    train_here(ladder, TRUNK)
    assert weights(ladder, TRUNK) == before


def test_states_stay_while_a_branch_needs_them(ladder):
    shutil.rmtree(ladder.folder(BRANCH))
    drop_spent_states(ladder)
    assert (ladder.folder(TRUNK) / "states").exists()


def test_a_worker_killed_in_training_ends_with_the_same_weights(trained, tmp_path):
    ladder = tiny_ladder.ladder(tmp_path)
    prepare_folder(ladder, LONG)
    stream = io.StringIO()
    job = Job(LONG, 1.0, pool_jobs.train_and_be_killed_once, (ladder, LONG, tmp_path / "killed"))
    outcome = run_jobs([job], 1, Progress("t", {LONG: 1.0}, stream, is_quiet=True))
    assert f"{LONG}: its worker was killed (SIGKILL" in stream.getvalue() and list(outcome.finished) == [LONG]
    assert weights(ladder, LONG) == weights(trained, LONG)
    first = float((tmp_path / "killed").read_text())
    assert first > 0.3, "the second start went on from a state of the first"


@pytest.mark.parametrize("gone", ["checkpoints", "recipe.json", "behaviour.json", "run.json"])
def test_a_removal_that_was_cut_short_never_leaves_a_finished_run(ladder, monkeypatch, gone):
    """Whatever rmtree had removed by the time it was killed."""
    memory = ladder.folder(LONG) / "behaviour.json"
    memory.write_text(
        json.dumps({"losses_nats": [loss + 0.05 for loss in json.loads(memory.read_text())["losses_nats"]]})
    )

    def cut_short(folder):
        path = folder / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "shutil", SimpleNamespace(rmtree=cut_short))
    with pytest.raises(KeyboardInterrupt):
        prepare_folder(ladder, LONG)
    monkeypatch.undo()
    assert not ladder.is_trained(LONG) and LONG in runs_to_train(ladder)
    prepare_folder(ladder, LONG)
    assert sorted(path.name for path in ladder.folder(LONG).iterdir()) == ["behaviour.json", "recipe.json"]


def test_a_folder_that_cannot_be_removed_is_an_error_that_names_it(ladder, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(training, "shutil", SimpleNamespace(rmtree=refuse))
    changed = replace(ladder, recipes=ladder.recipes | {LONG: ladder.recipes[LONG] | {"stream": "other"}})
    with pytest.raises(PermissionError, match=LONG):
        prepare_folder(changed, LONG)


def test_the_state_of_a_run_that_was_killed_in_the_moment_of_its_end_goes(ladder):
    state = ladder.folder(LONG) / "state.safetensors"
    state.write_bytes(b"")
    drop_spent_states(ladder)
    assert not state.exists()
