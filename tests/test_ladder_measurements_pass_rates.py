"""Files of runs: reused while recipe, questions and code are today's, whole on any machine, and joined into tables that
their readers accept."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ladder.campaign import (
    accept_code,
    engine_files,
    engine_hash,
    join_runs,
    merge_run,
    read_run_file,
    run_file,
    series_campaign,
    tasks_left,
    tidy_journals,
)
from ladder.series import losses_job, measure_job

from experiments.tables.passes import PASS_COLUMNS, load_pass_rates
from profiles.paths import ROOT
from tests import tiny_series
from tests.tiny_series import LARGE, NUM_ITEMS, SMALL, TASKS


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Two of the three tiny runs trained; one of them measured."""
    with pytest.MonkeyPatch.context() as patch:
        tiny_series.use_root(tmp_path_factory.mktemp("campaign"), patch)
        campaign = series_campaign(tiny_series.profile())
    tiny_series.train_here(campaign, SMALL, LARGE)
    measure(campaign, LARGE)
    return campaign


def measure(campaign, name, tasks=TASKS):
    losses_job((campaign, name), lambda fraction: None, 0)
    for task in tasks:
        measure_job((campaign, name, task), lambda fraction: None, 0)
    merge_run(campaign, name)


@pytest.fixture
def campaign(measured, tmp_path):
    """A copy, to change."""
    paths = replace(measured.ladder.paths, root=tmp_path)
    shutil.copytree(measured.ladder.paths.results, paths.results, symlinks=True)
    return replace(
        measured,
        ladder=replace(measured.ladder, paths=paths),
        folder=paths.run_tables("pass_rates"),
        table=paths.pass_rates,
    )


def test_methods_follow_the_checkers(measured):
    assert measured.methods["emoji_movie"] == (("shared", 1.0), ("shared", 0.5), ("beam", 1.0), ("exact", 1.0))
    assert measured.methods["maths"] == (("shared", 1.0),)
    assert len(measured.checkpoints(LARGE)) == 1 and measured.checkpoints("series_prose_b_s0") == []


def test_a_task_without_samples_takes_more_items(measured):
    exact = replace(
        measured, methods={"emoji_movie": (("exact", 1.0),), "maths": (("shared", 1.0),)}, exact_items=NUM_ITEMS + 7
    )
    assert exact.asked(LARGE, "emoji_movie").sampling == measured.sampling.model_copy(
        update={"num_items": NUM_ITEMS + 7}
    )
    assert exact.asked(LARGE, "maths").sampling == measured.sampling
    fewer = replace(exact, exact_items=NUM_ITEMS)
    assert fewer.stamp(LARGE, "emoji_movie") != exact.stamp(LARGE, "emoji_movie") and fewer.stamp(
        LARGE, "maths"
    ) == exact.stamp(LARGE, "maths")


def test_a_measured_run_is_left_alone(measured):
    assert tasks_left(measured, LARGE) == [] and tasks_left(measured, SMALL) == list(TASKS)
    assert not measured.journal(LARGE, "maths").parent.parent.exists()


def test_a_file_has_the_columns_that_are_read(measured):
    rows = pd.read_parquet(run_file(measured, LARGE))
    assert tuple(rows.columns) == PASS_COLUMNS and len(rows) == NUM_ITEMS * 5
    assert (
        (rows.recipe_hash == measured.ladder.recipe_hash(LARGE)).all()
        and rows.is_held_out.all()
        and (rows.series == "prose").all()
    )
    losses = read_run_file(run_file(measured, LARGE)).losses
    assert (
        len(losses) == tiny_series.NUM_CHECKPOINTS
        and np.isclose(rows.loss_nats.unique(), losses[-1]["loss_nats"]).all()
    )
    assert rows.tokens_seen.unique() == [losses[-1]["tokens_seen"]] and rows.weight_hash.unique() == [
        losses[-1]["weight_hash"]
    ]


def test_joined_tables_are_accepted_and_name_what_is_absent(campaign):
    losses, absent = join_runs(campaign)
    assert absent == [SMALL, "series_prose_b_s0"]
    assert len(load_pass_rates(campaign.table)) == NUM_ITEMS * 5 and len(losses) == tiny_series.NUM_CHECKPOINTS
    measure(campaign, SMALL)
    assert join_runs(campaign)[1] == ["series_prose_b_s0"]
    assert list(load_pass_rates(campaign.table).run.unique()) == [SMALL, LARGE]


def test_a_file_is_the_same_bytes_again_but_for_the_clock(campaign):
    before = pd.read_parquet(run_file(campaign, LARGE)).drop(columns="seconds")
    run_file(campaign, LARGE).unlink()
    measure(campaign, LARGE)
    pd.testing.assert_frame_equal(pd.read_parquet(run_file(campaign, LARGE)).drop(columns="seconds"), before)


def test_a_task_that_is_added_later_is_measured_alone(campaign):
    alone = replace(campaign, methods={"maths": campaign.methods["maths"]})
    run_file(campaign, LARGE).unlink()
    measure(alone, LARGE, ["maths"])
    kept = pd.read_parquet(run_file(campaign, LARGE))
    assert tasks_left(campaign, LARGE) == ["emoji_movie"]
    measure(campaign, LARGE, ["emoji_movie"])
    assert tasks_left(campaign, LARGE) == []
    rows = pd.read_parquet(run_file(campaign, LARGE))
    assert (
        list(rows.task.unique()) == list(TASKS) and rows[rows.task == "maths"].seconds.tolist() == kept.seconds.tolist()
    )


def test_other_settings_or_another_recipe_are_measured_again(campaign):
    asked = replace(campaign, sampling=campaign.sampling.model_copy(update={"cap": 41}))
    assert tasks_left(asked, LARGE) == list(TASKS) and join_runs(asked)[1] == list(campaign.names)
    recipes = campaign.ladder.recipes | {LARGE: campaign.ladder.recipes[LARGE] | {"stream": "other"}}
    assert tasks_left(replace(campaign, ladder=replace(campaign.ladder, recipes=recipes)), LARGE) == list(TASKS)


def test_other_code_measures_again_where_the_checkpoints_are(campaign):
    campaign = replace(campaign, code="other code")
    assert tasks_left(campaign, LARGE) == list(TASKS)
    shutil.rmtree(campaign.ladder.folder(LARGE))
    assert tasks_left(campaign, LARGE) == []
    assert LARGE not in join_runs(campaign)[1]


def test_rows_of_code_that_changed_nothing_can_be_kept(campaign):
    before = pd.read_parquet(run_file(campaign, LARGE))
    campaign = replace(campaign, code="other code")
    assert accept_code(campaign) == [LARGE] and accept_code(campaign) == []
    assert tasks_left(campaign, LARGE) == []
    pd.testing.assert_frame_equal(pd.read_parquet(run_file(campaign, LARGE)), before)


def test_half_measured_tasks_are_not_taken(campaign):
    run_file(campaign, LARGE).unlink()
    measure_job((campaign, LARGE, "maths"), lambda fraction: None, 0)
    journal = campaign.journal(LARGE, "maths")
    journal.write_text("".join(line + "\n" for line in journal.read_text().splitlines()[:-1]))
    losses_job((campaign, LARGE), lambda fraction: None, 0)
    merge_run(campaign, LARGE)
    assert read_run_file(run_file(campaign, LARGE)) is None and journal.exists()


def doubled(lines):
    """Each row twice, as an orphan and the start after it wrote them."""
    return [lines[0], *(line for pair in zip(lines[1:], lines[1:], strict=True) for line in pair)]


def contradicted(lines):
    """The last row once more with another number."""
    return [*lines, json.dumps(json.loads(lines[-1]) | {"attempts": 10**6})]


@pytest.mark.parametrize(
    ("damage", "num_faults"), [(doubled, 0), (contradicted, 1), (lambda lines: [*lines, lines[1][:50] + lines[2]], 1)]
)
def test_a_damaged_journal_ends_with_the_rows_of_a_whole_one(campaign, damage, num_faults):
    before = pd.read_parquet(run_file(campaign, LARGE)).drop(columns="seconds")
    run_file(campaign, LARGE).unlink()
    losses_job((campaign, LARGE), lambda fraction: None, 0)
    for task in TASKS:
        measure_job((campaign, LARGE, task), lambda fraction: None, 0)
    journal = campaign.journal(LARGE, "maths")
    journal.write_text("".join(line + "\n" for line in damage(journal.read_text().splitlines())))
    faults = tidy_journals(campaign, LARGE)
    assert len(faults) == num_faults and all(str(journal) in fault and "measured again" in fault for fault in faults)
    merge_run(campaign, LARGE)
    assert tasks_left(campaign, LARGE) == (["maths"] if damage is contradicted else [])
    for task in tasks_left(campaign, LARGE):
        measure_job((campaign, LARGE, task), lambda fraction: None, 0)
    merge_run(campaign, LARGE)
    assert tasks_left(campaign, LARGE) == []
    pd.testing.assert_frame_equal(pd.read_parquet(run_file(campaign, LARGE)).drop(columns="seconds"), before)


def test_damaged_losses_are_written_anew(campaign):
    run_file(campaign, LARGE).unlink()
    losses = campaign.journal(LARGE, "losses")
    losses.parent.mkdir(parents=True, exist_ok=True)
    for damaged in ("", "{", "[]", '{"recipe": "other"}'):
        losses.write_text(damaged)
        merge_run(campaign, LARGE)
        assert not run_file(campaign, LARGE).exists()
    measure(campaign, LARGE)
    assert tasks_left(campaign, LARGE) == []


def test_a_damaged_file_is_one_clear_line(campaign):
    path = run_file(campaign, LARGE)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"not a table of pass rates .* restore it from git or delete it") as caught:
        tasks_left(campaign, LARGE)
    assert "\n" not in str(caught.value)


def test_the_engine_is_told_from_what_only_uses_it():
    files = {path.relative_to(ROOT).as_posix() for path in engine_files()}
    assert {
        "evaluation/passuntil/estimates.py",
        "evaluation/passuntil/exact.py",
        "evaluation/readers/next_token.py",
        "models/sampling.py",
        "tasks/checkers.py",
    } <= files
    assert not {"ladder/series.py", "evaluation/passuntil/__main__.py", "corpus/mixture.py"} & files
    assert len(engine_hash()) == 16
