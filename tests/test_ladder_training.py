"""Training of a ladder: what is finished is skipped, what is wrong is trained again, and a killed run ends with the
same weights."""

import io
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ladder import training
from ladder.training import (
    COLUMNS,
    MACHINES,
    drop_spent_states,
    prepare_folder,
    read_runs_table,
    runs_to_train,
    train_run,
    write_runs_table,
)
from ladder.workers.pool import Job, run_jobs
from ladder.workers.progress import Progress
from tests import pool_jobs, tiny_ladder
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
    score = ladder.paths.run_tables("scores") / f"{LONG}.parquet"
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
    assert not ladder.is_trained(LONG) and LONG in runs_to_train(ladder, set())
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


def test_the_table_of_runs_keeps_rows_of_another_machine(ladder):
    table = read_runs_table(ladder.paths.runs_table("loss"))
    assert list(table) == list(ladder.runs) and tuple(table[LONG]) == (*COLUMNS, MACHINES)
    assert table[BRANCH]["parent"] == TRUNK and table[LONG]["weight_hash"] == weights(ladder, LONG)
    shutil.rmtree(ladder.folder(LONG))
    write_runs_table(ladder)
    assert read_runs_table(ladder.paths.runs_table("loss")) == table
    changed = replace(ladder, recipes=ladder.recipes | {LONG: ladder.recipes[LONG] | {"stream": "other"}})
    write_runs_table(changed)
    assert LONG not in read_runs_table(ladder.paths.runs_table("loss"))


def edit_record(ladder, name, **changes):
    """Change fields of a run's record."""
    path = ladder.folder(name) / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_rows_say_on_what_machines_a_run_was_trained(ladder):
    isa = json.loads((ladder.folder(LONG) / "run.json").read_text())["machines"][0]["isa"]
    assert read_runs_table(ladder.paths.runs_table("loss"))[LONG][MACHINES].startswith(f"{isa} bf16 ")
    kind = {"from_step": 0, "processor": "one", "isa": "AVX512", "bf16": "native"}
    edit_record(ladder, LONG, machines=[kind, kind | {"from_step": 40, "isa": "AVX2", "bf16": "emulated"}])
    write_runs_table(ladder)
    assert (
        read_runs_table(ladder.paths.runs_table("loss"))[LONG][MACHINES]
        == "AVX512 bf16 native, from step 40 AVX2 bf16 emulated"
    )


def test_a_table_of_before_stays_as_it_is(ladder):
    """Records without machines make a table without the column, byte for byte."""
    for name in ladder.runs:
        edit_record(ladder, name, machines=[])
    write_runs_table(ladder)
    before = ladder.paths.runs_table("loss").read_bytes()
    assert before.decode().splitlines()[0] == ",".join(COLUMNS)
    for name in ladder.runs:
        shutil.rmtree(ladder.folder(name))
    write_runs_table(ladder)
    assert ladder.paths.runs_table("loss").read_bytes() == before


def test_a_run_of_a_cpu_that_took_fp32_is_not_today_s(ladder):
    """Its recipe said "auto", as that of a bf16 run did; its record says what it was."""
    assert ladder.is_trained(LONG)
    edit_record(ladder, LONG, precision="fp32")
    assert not ladder.is_trained(LONG)
    ladder.paths.runs_table("loss").write_text(
        "\n".join(ladder.paths.runs_table("loss").read_text().splitlines()[:1]) + "\n"
    )
    assert runs_to_train(ladder, set()) == [LONG]


def test_a_row_of_another_format_is_refused_in_one_line(ladder):
    table = ladder.paths.runs_table("loss").read_text()
    ladder.paths.runs_table("loss").write_text(table.replace(",bf16,", ",fp32,", 1))
    with pytest.raises(
        ValueError, match=f"runs.csv: run {LONG}, field precision is 'fp32', profile tiny says 'bf16'; remove the row"
    ) as caught:
        runs_to_train(ladder, {LONG, TRUNK, BRANCH})
    assert "\n" not in str(caught.value)
    shutil.rmtree(ladder.folder(LONG))
    write_runs_table(ladder)
    assert LONG not in read_runs_table(ladder.paths.runs_table("loss"))


def test_a_foreign_table_of_runs_is_refused(ladder):
    ladder.paths.runs_table("loss").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="columns are not those of a table of runs"):
        read_runs_table(ladder.paths.runs_table("loss"))


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
