"""One ladder on several mixtures of the second world: each run reads its own stream and its own validation set, all
are asked the same items, and every row says which mixture it is of."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from corpus.build import build_corpus
from experiments.loss_tab1_tasks import measure as tab1
from experiments.tables.scores import load_scores
from ladder import __main__ as command
from ladder import work
from ladder.cost import Machine
from ladder.measurements.scores import scores_of
from ladder.measurements.thresholds import THRESHOLD_TASKS
from ladder.runs_table import committed_runs, read_runs_table
from profiles.paths import Paths
from profiles.schema import Corpus, Evaluation
from tasks.graded import GRADED_TASKS
from tests import tiny_ladder, tiny_mixtures
from tests.tiny_mixtures import LONG, MIXTURES


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The whole ladder by its command: trained, scored, pass rates measured, and joined."""
    root = tmp_path_factory.mktemp("mixtures")
    ladder = tiny_mixtures.ladder(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "Paths", lambda name: Paths(tiny_mixtures.NAME, root))
        patch.setattr(command, "load_profile", lambda name: tiny_mixtures.profile())
        patch.setattr(work, "probe_machine", lambda *_: Machine(1.0, 500.0))
        assert command.main(command.parser().parse_args(["run", "loss", "--profile", "cpu"])) == 0
    return ladder


def test_every_run_is_planned_once_per_mixture_and_named_by_it(trained):
    runs = trained.runs.values()
    assert len(trained.runs) == len(runs) == 2 * 3
    for mixture in MIXTURES:
        own = [run for run in runs if run.mixture == mixture]
        assert len(own) == 3 and all(f"_{mixture}_s0" in run.name for run in own)
        assert all(trained.runs[run.parent].mixture == mixture for run in own if run.parent)
    recipes = {name: trained.recipe_hash(name) for name in trained.runs}
    assert len(set(recipes.values())) == len(recipes)


def test_mixtures_share_tokenizer_and_items_and_differ_in_stream_and_validation_set(trained):
    first, second = (trained.data(LONG[mixture]) for mixture in MIXTURES)
    assert first.fingerprint == second.fingerprint and first.manifest == second.manifest
    assert first.stream_hash(0) != second.stream_hash(0)
    assert not np.array_equal(first.validation().tokens, second.validation().tokens)
    assert first.mixture == "v2a" and second.mixture == "v2b"


def test_rows_say_their_mixture_and_hold_its_tasks(trained):
    rows = load_scores(trained.paths.scores)
    assert {run: set(part.mixture) for run, part in rows.groupby("run")} == {
        run.name: {run.mixture} for run in trained.runs.values()
    }
    assert (
        set(rows.task) == set(GRADED_TASKS)
        and rows[rows.series == "long"].groupby("run").loss_nats.min().nunique() == 2
    )
    table = read_runs_table(trained.paths.runs_table("loss"))
    assert {row["run"]: row["mixture"] for row in table.values()} == {
        run.name: run.mixture for run in trained.runs.values()
    }
    assert committed_runs(trained) == set(trained.runs)


def test_the_last_checkpoint_is_asked_more_items_and_products_are_in_the_stated_format(trained):
    rows = load_scores(trained.paths.scores)
    is_last = rows.tokens_seen == rows.groupby("run").tokens_seen.transform("max")
    assert (rows[is_last].num_items == tiny_mixtures.NUM_ITEMS_LAST).all() and is_last.any()
    assert (rows[~is_last].num_items == tiny_mixtures.NUM_ITEMS).all() and not is_last.all()
    assert (rows.precision == "bf16").all()


def test_number_format_and_items_are_part_of_what_scores_answer(trained):
    evaluation, hashes = trained.profile.evaluation, set()
    for changes in ({}, {"precision": "fp32"}, {"num_items_last": None}):
        changed = evaluation.model_copy(update=changes)
        profile = trained.profile.model_copy(update={"evaluation": changed})
        hashes.add(scores_of(replace(trained, profile=profile)).request_hash(LONG["v2a"], "scores"))
    assert len(hashes) == 3


def test_fewer_items_at_the_last_checkpoint_is_one_line():
    with pytest.raises(ValueError, match="num_items_last 3 is below num_items 4; raise it or leave it out"):
        Evaluation(num_items=4, num_items_last=3, batch_tokens=1)


def test_scores_of_another_validation_set_are_not_current(trained):
    scores = scores_of(trained)
    hashes = {mixture: scores.request_hash(name, "scores") for mixture, name in LONG.items()}
    assert hashes["v2a"] != hashes["v2b"]
    assert all(scores.is_measured(name) for name in LONG.values())


def test_pass_rates_are_measured_on_items_of_the_second_world(trained):
    rows = pd.read_parquet(trained.paths.threshold_pass_rates)
    assert set(rows.task) == set(THRESHOLD_TASKS) and set(rows.run) == set(LONG.values())
    assert rows.groupby(["run", "task"]).tokens_seen.nunique().eq(tiny_ladder.NUM_CHECKPOINTS).all()


def test_the_table_of_tasks_holds_those_of_the_second_world(trained):
    declared, _ = tab1.measure(load_scores(trained.paths.scores), trained.paths)
    assert {row["task"]: row["value"] for row in declared} == {name: task.chance for name, task in GRADED_TASKS.items()}


def test_a_mixture_of_another_edition_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"corpus.further_mixtures: 'v1' is not of the edition of v2a; choose among"):
        build_corpus(tmp_path, 0, "v2a", {}, 8, 64, further_mixtures=("v1",))
    assert not list(tmp_path.iterdir())


def test_a_mixture_twice_is_one_line():
    with pytest.raises(ValueError, match="further_mixtures: a mixture of v2a, v2a stands twice; remove one"):
        Corpus(world_seed=0, mixture="v2a", further_mixtures=["v2a"], train_tokens=0, validation_sequences=1)


def test_a_manifest_without_the_mixture_is_one_line(trained, tmp_path):
    data = trained.data(LONG["v2b"])
    content = json.loads((data.folder / "manifest.json").read_text())
    del content["further_mixtures"]
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="field mixture is 'v2a', profile tiny_mixtures says 'v2b'; build it with"):
        _ = type(data)(data.profile, tmp_path, further="v2b").manifest
