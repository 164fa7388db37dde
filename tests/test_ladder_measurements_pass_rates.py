"""Pass rates of runs: whole on any machine, taken from journals when a task is complete, joined into tables that their
readers accept."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from experiments.tables.passes import load_pass_rates
from ladder.code import reached_files
from ladder.measurements.columns import PASS_COLUMNS
from ladder.measurements.measurement import RunFile, read_run_file
from ladder.measurements.pass_rates import ENGINE, losses_job, measure_job, pass_rate_code, pass_rates_of
from ladder.measurements.scores import score_run, scores_of
from ladder.measurements.thresholds import ThresholdPassRates, threshold_pass_rates_of
from profiles.paths import ROOT
from tests import tiny_ladder
from tests.tiny_ladder import LARGE, LONG, MIDDLE, SMALL, TASKS
from tests.tiny_ladder import NUM_PASS_ITEMS as NUM_ITEMS


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two of the three runs of paper P trained; one of them measured."""
    with pytest.MonkeyPatch.context() as patch:
        tiny_ladder.two_tasks(patch)
        rates = pass_rates_of(tiny_ladder.ladder(tmp_path_factory.mktemp("rates"), ("passuntil",)))
    tiny_ladder.train_here(rates.ladder, SMALL, LARGE)
    measure(rates, LARGE)
    return rates


def measure(rates, name, tasks=TASKS):
    losses_job((rates, name), lambda fraction: None, 0)
    for task in tasks:
        measure_job((rates, name, task), lambda fraction: None, 0)
    rates.merge(name)


@pytest.fixture
def rates(whole, tmp_path):
    """A copy, to change."""
    paths = replace(whole.ladder.paths, root=tmp_path)
    shutil.copytree(whole.ladder.paths.results, paths.results, symlinks=True)
    return replace(whole, ladder=replace(whole.ladder, paths=paths))


def test_methods_follow_the_checkers(whole):
    assert whole.methods["emoji_movie"] == (("shared", 1.0), ("shared", 0.5), ("beam", 1.0), ("exact", 1.0))
    assert whole.methods["maths"] == (("shared", 1.0),)
    assert len(whole.checkpoints(LARGE)) == 1 and whole.checkpoints(MIDDLE) == []


def test_a_task_without_samples_takes_more_items(whole):
    exact = replace(
        whole, methods={"emoji_movie": (("exact", 1.0),), "maths": (("shared", 1.0),)}, exact_items=NUM_ITEMS + 7
    )
    assert exact.item_request(LARGE, "emoji_movie").sampling == whole.sampling.model_copy(
        update={"num_items": NUM_ITEMS + 7}
    )
    assert exact.item_request(LARGE, "maths").sampling == whole.sampling
    fewer = replace(exact, exact_items=NUM_ITEMS)
    assert fewer.stamp(LARGE, "emoji_movie") != exact.stamp(LARGE, "emoji_movie") and fewer.stamp(
        LARGE, "maths"
    ) == exact.stamp(LARGE, "maths")


def test_a_measured_run_is_left_alone(whole):
    assert whole.parts_left(LARGE) == [] and whole.parts_left(SMALL) == list(TASKS)
    assert not whole.journal(LARGE, "maths").parent.parent.exists()


def test_a_file_has_the_columns_that_are_read(whole):
    rows = pd.read_parquet(whole.path(LARGE))
    assert tuple(rows.columns) == PASS_COLUMNS and len(rows) == NUM_ITEMS * 5
    assert (
        (rows.recipe_hash == whole.ladder.recipe_hash(LARGE)).all()
        and rows.is_held_out.all()
        and (rows.series == "prose").all()
    )
    losses = read_run_file(whole.path(LARGE)).losses
    assert (
        len(losses) == tiny_ladder.NUM_CHECKPOINTS
        and np.isclose(rows.loss_nats.unique(), losses[-1]["loss_nats"]).all()
    )
    assert rows.tokens_seen.unique() == [losses[-1]["tokens_seen"]] and rows.weight_hash.unique() == [
        losses[-1]["weight_hash"]
    ]


def test_joined_tables_are_accepted_and_name_what_is_absent(rates):
    absent, losses = rates.join(), pd.read_csv(rates.ladder.paths.losses)
    assert absent == [SMALL, MIDDLE]
    assert len(load_pass_rates(rates.table)) == NUM_ITEMS * 5 and len(losses) == tiny_ladder.NUM_CHECKPOINTS
    measure(rates, SMALL)
    assert rates.join() == [MIDDLE]
    assert list(load_pass_rates(rates.table).run.unique()) == [SMALL, LARGE]


def test_a_file_is_the_same_bytes_again_but_for_the_clock(rates):
    before = pd.read_parquet(rates.path(LARGE)).drop(columns="seconds")
    rates.path(LARGE).unlink()
    measure(rates, LARGE)
    pd.testing.assert_frame_equal(pd.read_parquet(rates.path(LARGE)).drop(columns="seconds"), before)


def test_a_task_that_is_added_later_is_measured_alone(rates):
    alone = replace(rates, methods={"maths": rates.methods["maths"]})
    rates.path(LARGE).unlink()
    measure(alone, LARGE, ["maths"])
    kept = pd.read_parquet(rates.path(LARGE))
    assert rates.parts_left(LARGE) == ["emoji_movie"]
    measure(rates, LARGE, ["emoji_movie"])
    assert rates.parts_left(LARGE) == []
    rows = pd.read_parquet(rates.path(LARGE))
    assert (
        list(rows.task.unique()) == list(TASKS) and rows[rows.task == "maths"].seconds.tolist() == kept.seconds.tolist()
    )


def test_other_settings_or_another_recipe_are_measured_again(rates):
    changed = replace(rates, sampling=rates.sampling.model_copy(update={"cap": 41}))
    assert changed.parts_left(LARGE) == list(TASKS) and changed.join() == list(rates.names)
    recipes = rates.ladder.recipes | {LARGE: rates.ladder.recipes[LARGE] | {"stream": "other"}}
    assert replace(rates, ladder=replace(rates.ladder, recipes=recipes)).parts_left(LARGE) == list(TASKS)


def test_other_code_measures_again_where_the_checkpoints_are(rates):
    rates = replace(rates, code="other code")
    assert rates.parts_left(LARGE) == list(TASKS)
    shutil.rmtree(rates.ladder.folder(LARGE))
    assert rates.parts_left(LARGE) == []
    assert LARGE not in rates.join()


def test_rows_of_code_that_changed_nothing_can_be_kept(rates):
    before = pd.read_parquet(rates.path(LARGE))
    rates = replace(rates, code="other code")
    assert rates.accept() == [LARGE] and rates.accept() == []
    assert rates.parts_left(LARGE) == []
    pd.testing.assert_frame_equal(pd.read_parquet(rates.path(LARGE)), before)


def test_half_measured_tasks_are_not_taken(rates):
    rates.path(LARGE).unlink()
    measure_job((rates, LARGE, "maths"), lambda fraction: None, 0)
    journal = rates.journal(LARGE, "maths")
    journal.write_text("".join(line + "\n" for line in journal.read_text().splitlines()[:-1]))
    losses_job((rates, LARGE), lambda fraction: None, 0)
    rates.merge(LARGE)
    assert read_run_file(rates.path(LARGE)) == RunFile() and journal.exists()


def doubled(lines):
    """Each row twice, as an orphan and the start after it wrote them."""
    return [lines[0], *(line for pair in zip(lines[1:], lines[1:], strict=True) for line in pair)]


def contradicted(lines):
    """The last row once more with another number."""
    return [*lines, json.dumps(json.loads(lines[-1]) | {"attempts": 10**6})]


@pytest.mark.parametrize(
    ("damage", "num_faults"), [(doubled, 0), (contradicted, 1), (lambda lines: [*lines, lines[1][:50] + lines[2]], 1)]
)
def test_a_damaged_journal_ends_with_the_rows_of_a_whole_one(rates, damage, num_faults):
    before = pd.read_parquet(rates.path(LARGE)).drop(columns="seconds")
    rates.path(LARGE).unlink()
    losses_job((rates, LARGE), lambda fraction: None, 0)
    for task in TASKS:
        measure_job((rates, LARGE, task), lambda fraction: None, 0)
    journal = rates.journal(LARGE, "maths")
    journal.write_text("".join(line + "\n" for line in damage(journal.read_text().splitlines())))
    faults = []
    rates.prepare(faults.append)
    assert len(faults) == num_faults and all(str(journal) in fault and "measured again" in fault for fault in faults)
    rates.merge(LARGE)
    assert rates.parts_left(LARGE) == (["maths"] if damage is contradicted else [])
    for task in rates.parts_left(LARGE):
        measure_job((rates, LARGE, task), lambda fraction: None, 0)
    rates.merge(LARGE)
    assert rates.parts_left(LARGE) == []
    pd.testing.assert_frame_equal(pd.read_parquet(rates.path(LARGE)).drop(columns="seconds"), before)


def test_damaged_losses_are_written_anew(rates):
    rates.path(LARGE).unlink()
    losses = rates.journal(LARGE, "losses")
    losses.parent.mkdir(parents=True, exist_ok=True)
    for damaged in ("", "{", "[]", '{"recipe": "other"}'):
        losses.write_text(damaged)
        rates.merge(LARGE)
        assert not rates.path(LARGE).exists()
    measure(rates, LARGE)
    assert rates.parts_left(LARGE) == []


def test_the_engine_is_distinguished_from_what_only_uses_it():
    files = {path.relative_to(ROOT).as_posix() for path in reached_files(ENGINE, ("evaluation", "models", "tasks"))}
    assert {
        "evaluation/passuntil/estimates.py",
        "evaluation/passuntil/exact.py",
        "evaluation/readers/next_token.py",
        "models/sampling.py",
        "tasks/checkers.py",
    } <= files
    assert not {"ladder/work.py", "evaluation/passuntil/__main__.py", "corpus/mixture.py"} & files
    assert len(pass_rate_code()) == 16


def test_thresholds_take_the_losses_of_the_scores(tmp_path):
    ladder = tiny_ladder.ladder(tmp_path)
    tiny_ladder.train_here(ladder, LONG)
    scores, rates = scores_of(ladder), threshold_pass_rates_of(ladder)
    assert isinstance(rates, ThresholdPassRates) and rates.names == (LONG,) and rates.known_losses(LONG) == {}
    score_run((scores, LONG), lambda fraction: None, 0)
    rows = pd.read_parquet(scores.path(LONG))
    known = rates.known_losses(LONG)
    assert {tokens: loss for tokens, (loss, _) in known.items()} == dict(zip(rows.tokens_seen, rows.loss_nats))
    losses_job((rates, LONG), lambda fraction: None, 0)
    stored = json.loads(rates.journal(LONG, "losses").read_text())["rows"]
    assert {row["tokens_seen"]: (row["loss_nats"], row["weight_hash"]) for row in stored} == known


def test_losses_are_taken_on_the_device_of_the_worker(rates, monkeypatch):
    """On the meta device tensors have no values, so that the loss ends where the first one is read."""
    monkeypatch.setattr("ladder.measurements.pass_rates.use_one_device", lambda *_: "meta")
    with pytest.raises(NotImplementedError, match="meta tensor"):
        losses_job((rates, LARGE), print, 0)
