"""Training of a ladder: what is finished is skipped, what is wrong is trained again, and a killed run ends with the same weights."""

import io
import json
import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from multiprocessing import forkserver

import pytest

from experiments.sweep_pool import Job, run_jobs
from experiments.sweep_progress import Progress
from experiments.sweep_train import COLUMNS, drop_spent_states, prepare_folder, read_runs_table, runs_to_train, train_run, write_runs_table
from tests import tiny_ladder
from tests.tiny_ladder import BRANCH, LONG, TRUNK


def train_here(ladder, *names):
    """Train runs in this process, one after another."""
    for name in names:
        prepare_folder(ladder, name)
        train_run((ladder, name), lambda fraction: None, 0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The whole ladder, trained without a stop."""
    ladder = tiny_ladder.ladder(tmp_path_factory.mktemp("trained"))
    train_here(ladder, *runs_to_train(ladder, set()))
    write_runs_table(ladder)
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
    assert runs_to_train(tiny_ladder.ladder(tmp_path), set()) == [LONG, TRUNK, BRANCH]
    assert runs_to_train(trained, set()) == []


def test_a_run_whose_scores_are_at_hand_needs_no_checkpoints(ladder):
    shutil.rmtree(ladder.folder(LONG))
    assert runs_to_train(ladder, {LONG}) == []
    assert runs_to_train(ladder, set()) == [LONG]


def test_another_recipe_is_trained_again_and_its_scores_go(ladder):
    run = ladder.runs[LONG]
    changed = replace(ladder, recipes=ladder.recipes | {LONG: ladder.recipes[LONG] | {"stream": "other"}})
    assert run.name in runs_to_train(changed, set())
    score = ladder.paths.run_scores / f"{LONG}.parquet"
    score.parent.mkdir(exist_ok=True)
    score.write_bytes(b"old")
    assert "removed" in prepare_folder(changed, LONG)
    assert prepare_folder(changed, LONG) == "new", "begun, and stopped before its first state"
    assert not score.exists() and not (ladder.folder(LONG) / "run.json").exists()


def test_other_code_is_trained_again(ladder):
    memory = ladder.folder(LONG) / "behaviour.json"
    losses = json.loads(memory.read_text())["losses_nats"]
    memory.write_text(json.dumps({"losses_nats": [loss + 0.05 for loss in losses]}))
    assert runs_to_train(ladder, {LONG, TRUNK, BRANCH}) == [LONG]


def test_a_branch_brings_back_its_parent_when_the_states_are_gone(ladder):
    drop_spent_states(ladder)
    assert not (ladder.folder(TRUNK) / "states").exists()
    assert runs_to_train(ladder, set()) == []
    shutil.rmtree(ladder.folder(BRANCH))
    assert runs_to_train(ladder, set()) == [TRUNK, BRANCH]
    before = weights(ladder, TRUNK)
    train_here(ladder, TRUNK)
    assert weights(ladder, TRUNK) == before


def test_states_stay_while_a_branch_needs_them(ladder):
    shutil.rmtree(ladder.folder(BRANCH))
    drop_spent_states(ladder)
    assert (ladder.folder(TRUNK) / "states").exists()


def kill_worker_at_first_state(state):
    """Kill -9 the one worker of the fork server as soon as it has left a state."""
    deadline = time.monotonic() + 60
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    server = forkserver._forkserver._forkserver_pid
    with open(f"/proc/{server}/task/{server}/children") as file:
        for pid in file.read().split():
            os.kill(int(pid), signal.SIGKILL)


def test_a_worker_killed_in_training_ends_with_the_same_weights(trained, tmp_path):
    ladder = tiny_ladder.ladder(tmp_path)
    prepare_folder(ladder, LONG)
    killer = threading.Thread(target=kill_worker_at_first_state, args=(ladder.folder(LONG) / "state.safetensors",))
    killer.start()
    stream = io.StringIO()
    outcome = run_jobs([Job(LONG, 1.0, train_run, (ladder, LONG))], 1, Progress("t", {LONG: 1.0}, stream, is_quiet=True))
    killer.join()
    assert f"{LONG}: its worker was killed (SIGKILL" in stream.getvalue() and list(outcome.finished) == [LONG]
    assert weights(ladder, LONG) == weights(trained, LONG)


def test_the_table_of_runs_keeps_rows_of_another_machine(ladder):
    table = read_runs_table(ladder.paths.runs_table)
    assert list(table) == list(ladder.runs) and tuple(table[LONG]) == COLUMNS
    assert table[BRANCH]["parent"] == TRUNK and table[LONG]["weight_hash"] == weights(ladder, LONG)
    shutil.rmtree(ladder.folder(LONG))
    write_runs_table(ladder)
    assert read_runs_table(ladder.paths.runs_table) == table
    changed = replace(ladder, recipes=ladder.recipes | {LONG: ladder.recipes[LONG] | {"stream": "other"}})
    write_runs_table(changed)
    assert LONG not in read_runs_table(ladder.paths.runs_table)


def test_a_foreign_table_of_runs_is_refused(ladder):
    ladder.paths.runs_table.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="columns are not those of a table of runs"):
        read_runs_table(ladder.paths.runs_table)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text[: len(text) // 2],
        lambda text: text + "<<<<<<< HEAD\n",
        lambda text: "\udcff" + text,
        lambda text: text + '"',
        lambda text: text.partition("\n")[2],
    ],
)
def test_a_damaged_table_of_runs_is_refused(tmp_path, damage):
    """Taken for an empty one, it would be written anew without the rows of runs that other machines trained."""
    path = tmp_path / "runs.csv"
    path.write_text(
        damage(
            "\n".join(
                [",".join(COLUMNS), *(",".join(f"{run}{place}" for place in range(len(COLUMNS))) for run in "ab")]
            )
            + "\n"
        ),
        errors="surrogateescape",
    )
    with pytest.raises(ValueError, match="restore the file from git or delete it") as caught:
        read_runs_table(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
