"""The ladder: rows, names, checkpoint places, branches of a shared trunk, and what makes two runs the same run."""

import csv
import json
from dataclasses import replace

import pytest

from ladder.plan import FORMAT_IN_RECIPE, checkpoint_schedule, recipe, recipe_hash, token_label, turns
from ladder.runs import plan_runs
from models.config import PRECISIONS
from models.optimizer import decay_start_step
from profiles.paths import PAPERS, Paths
from profiles.profile import load_profile, profile_names

NUM_PAPER_RUNS = {"long": 3, "small": 28}  # paper L, Tables 4 and 5


def test_turns_go_by_mixture_and_size_long_runs_last_and_all_seeds_together():
    profile = load_profile("full2")
    runs = {run.name: run for paper in PAPERS for run in plan_runs(profile, paper, 1549)}
    by_turn = {}
    for name, turn in turns(runs).items():
        run = runs[name]
        by_turn.setdefault(turn, set()).add((run.paper, run.mixture, run.series, run.size))
        assert turn == turns(runs)[run.lineage]
    small, long = profile.small_runs.budgets, profile.long_runs.sizes
    wanted = [
        [("loss", mixture, series, size)]
        for mixture in profile.corpus.mixtures
        for series, sizes in (("small", small), ("long", long))
        for size in sizes
    ]
    wanted += [[("passuntil", name, name, size) for name in ("prose", "code")] for size in profile.passuntil.sizes]
    assert [by_turn[turn] for turn in sorted(by_turn)] == [set(group) for group in wanted]


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_gives_a_ladder_of_uniquely_named_runs(name):
    profile = load_profile(name)
    runs = plan_runs(profile, "loss", 512)
    assert len({run.name for run in runs}) == len(runs)
    for run in runs:
        assert run.train.checkpoint_tokens[-1] == run.train.num_steps * run.train.tokens_per_step
        assert run.trained_tokens > 0


@pytest.mark.parametrize("name", ["cpu", "full", "h200", "paper"])
def test_ladder_has_the_paper_s_cells_per_seed(name):
    profile = load_profile(name)
    runs = plan_runs(profile, "loss", 512)
    for series, seeds in (("long", profile.long_runs.seeds), ("small", profile.small_runs.seeds)):
        for seed in seeds:
            assert sum(run.series == series and run.seed == seed for run in runs) == NUM_PAPER_RUNS[series]


def test_labels_are_exact():
    assert (
        token_label(600000) == "0.6M"
        and token_label(1250000) == "1.25M"
        and token_label(10000000) == "10M"
        and token_label(312500) == "0.3125M"
    )


@pytest.mark.parametrize("spacing", ["log", "linear"])
def test_checkpoints_are_whole_steps_to_the_end(spacing):
    tokens = checkpoint_schedule(1_000_500, 1000, 8, spacing)
    assert len(tokens) == 8 and tokens[-1] == 1_000_000 and all(count % 1000 == 0 for count in tokens)
    gaps = [after - before for before, after in zip(tokens, tokens[1:])]
    ratios = [after / before for before, after in zip(tokens, tokens[1:])]
    assert max(gaps) - min(gaps) <= 1000 if spacing == "linear" else max(ratios) / min(ratios) < 1.05


def test_checkpoints_by_loss_begin_at_the_end_of_the_warm_up_whatever_the_length():
    long, short = (checkpoint_schedule(total, 1000, 12, "loss", 100_000) for total in (10_000_000, 500_000))
    assert long[0] == short[0] == 100_000
    assert (long[-1], short[-1]) == (10_000_000, 500_000)
    for tokens in (long, short):
        ratios = [after / before for before, after in zip(tokens, tokens[1:])]
        assert len(tokens) == 12 and max(ratios) / min(ratios) < 1.03


def test_a_trunk_is_scored_where_its_branches_leave_it():
    profile = load_profile("smoke")
    small = profile.small_runs.model_copy(update={"score_before_decay": True})
    for one, is_scored in ((profile, False), (profile.model_copy(update={"small_runs": small}), True)):
        runs = {run.name: run for run in plan_runs(one, "loss", 512)}
        for run in runs.values():
            if run.parent:
                assert (run.branch_tokens in runs[run.parent].train.checkpoint_tokens) or not is_scored
            if run.series == "small" and not run.parent and is_scored:
                assert decay_start_step(run.train) * run.train.tokens_per_step in run.train.checkpoint_tokens


def test_checkpoints_of_a_run_shorter_than_their_number():
    assert checkpoint_schedule(3000, 1000, 8, "log") == (1000, 2000, 3000)
    assert checkpoint_schedule(3000, 1000, 1, "log") == (3000,)


def test_wsd_budgets_branch_where_they_begin_to_decay():
    profile = load_profile("smoke")
    assert profile.small_runs.schedule == "wsd"
    runs = {run.name: run for run in plan_runs(profile, "loss", 512)}
    branches = [run for run in runs.values() if run.parent]
    assert branches
    for run in branches:
        parent = runs[run.parent]
        assert parent.size == run.size and parent.seed == run.seed and parent.parent is None
        assert run.branch_tokens in parent.train.state_tokens
        assert (
            run.branch_tokens
            == decay_start_step(run.train) * run.train.tokens_per_step
            < decay_start_step(parent.train) * parent.train.tokens_per_step
        )
        assert all(tokens > run.branch_tokens for tokens in run.train.checkpoint_tokens)


def test_cosine_runs_stand_alone():
    profile = load_profile("smoke")
    profile = profile.model_copy(update={"small_runs": profile.small_runs.model_copy(update={"schedule": "cosine"})})
    assert not any(run.parent for run in plan_runs(profile, "loss", 512))


def test_data_order_depends_on_the_seed_alone():
    for run in plan_runs(load_profile("full"), "loss", 512):
        assert run.train.data_seed == run.seed == run.train.seed


def test_recipe_ignores_machine_and_pace_and_nothing_else():
    runs = {run.name: run for run in plan_runs(load_profile("smoke"), "loss", 512)}
    run = next(run for run in runs.values() if run.parent)

    hashes = dict.fromkeys(runs, "a stream")

    def digest(changed, hashes=hashes, parent=None):
        return recipe_hash(recipe(changed, runs | ({run.parent: parent} if parent else {}), hashes))

    same = [{"device": "cuda"}, {"resume_every_steps": 7}, {"state_tokens": (1,)}]
    other = [
        {"max_lr": 1.0},
        {"seed": 5},
        {"weight_decay": 0.0},
        {"checkpoint_tokens": (2048,)},
        {"total_tokens": 12345},
        {"precision": "fp32"},
    ]
    assert all(digest(replace(run, train=replace(run.train, **change))) == digest(run) for change in same)
    assert all(digest(replace(run, train=replace(run.train, **change))) != digest(run) for change in other)
    assert digest(replace(run, model=replace(run.model, d_ff=99))) != digest(run)
    assert digest(run, hashes | {run.name: "another stream"}) != digest(run)
    parent = runs[run.parent]
    assert digest(run, parent=replace(parent, train=replace(parent.train, max_lr=1.0))) != digest(run)


# stream_hash of each seed of the two papers' data, from data/ of profile full.
STREAMS = {
    "long": {0: "aca48775d4ae8e31", 1: "67dea3bfaa2e6a32", 2: "df678032177cfbae"},
    "prose": {0: "35da4ae5179f46f3", 1: "7015b13825a2609a", 2: "77102964b83aded0"},
}
STREAMS["small"] = STREAMS["long"]


@pytest.mark.parametrize(
    ("name", "paper", "num_hashes"),
    [("cpu", "loss", 31), ("full", "loss", 93), ("cpu", "passuntil", 7), ("full", "passuntil", 21)],
)
def test_committed_runs_are_those_of_the_profile_with_its_format_named(name, paper, num_hashes):
    """Rows of the time when profiles said "auto": bf16 all of them, and their recipe hashes are those of bf16 today."""
    profile = load_profile(name)
    runs = {run.name: run for run in plan_runs(profile, paper, 1024)}
    with open(Paths(name).runs_table(paper), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["run"] for row in rows} == set(runs)
    checked = 0
    for row in rows:
        run, stored = runs[row["run"]], json.loads(row["config"])["train"]
        assert row["precision"] == run.train.precision == profile.training.precision == "bf16"
        assert stored | {"precision": "bf16"} == json.loads(
            json.dumps(run.train.to_dict() | {"device": stored["device"]})
        )
        if run.series in STREAMS:
            streams = {other.name: STREAMS[run.series][run.seed] for other in runs.values()}
            assert recipe_hash(recipe(run, runs, streams)) == row["recipe_hash"], run.name
            checked += 1
    assert checked == num_hashes


def test_two_formats_are_two_recipes():
    assert set(FORMAT_IN_RECIPE) == set(PRECISIONS) and len(set(FORMAT_IN_RECIPE.values())) == len(PRECISIONS)
