"""The rows of paper P: all sizes see the same batches, recipes distinguish series and seeds, and paper L stays as it
is."""

import numpy as np
import pytest

from ladder.ladder import open_ladder
from ladder.runs import plan_runs, profile_of_paper
from profiles.profile import load_profile
from tests import tiny_ladder


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """The tiny series, nothing trained."""
    return tiny_ladder.ladder(tmp_path_factory.mktemp("plan"), ("passuntil",))


def test_full_has_every_size_of_both_series_and_three_seeds():
    profile = load_profile("full")
    runs = plan_runs(profile, "passuntil", 1024)
    assert len(runs) == len({run.name for run in runs}) == 2 * 3 * 7
    assert {run.series for run in runs} == {"prose", "code"} and {run.seed for run in runs} == {0, 1, 2}
    assert all(
        run.train.seed == run.train.data_seed == run.seed and run.model.max_sequence_length == 192 for run in runs
    )


@pytest.mark.parametrize("name", ["cpu", "full"])
def test_sizes_span_two_decades_and_the_largest_two_are_held_out(name):
    section = load_profile(name).passuntil
    counts = {
        run.size: run.model.num_nonembedding_parameters for run in plan_runs(load_profile(name), "passuntil", 1024)
    }
    assert len(counts) == 7 and max(counts.values()) > 90 * min(counts.values())
    assert sorted(counts, key=counts.get)[-2:] == section.held_out


def test_checkpoints_are_log_spaced_and_end_with_the_run():
    for run in plan_runs(load_profile("cpu"), "passuntil", 1024):
        tokens = np.array(run.train.checkpoint_tokens)
        assert len(tokens) == run.num_checkpoints == 8 and tokens[-1] == run.train.num_steps * run.train.tokens_per_step
        assert np.allclose(np.diff(np.log(tokens)), np.log(64) / 7, atol=0.02)


def test_all_sizes_read_the_same_batches(ladder):
    batches = [next(ladder.data(name).batches(0, 4000)(3)) for name in ladder.runs]
    assert len(batches) == 3 and all(np.array_equal(batches[0], batch) for batch in batches)
    assert batches[0].shape == (2, 193)


def test_recipes_differ_by_size_and_by_stream(ladder):
    hashes = {name: ladder.recipe_hash(name) for name in ladder.runs}
    assert len(set(hashes.values())) == 3
    assert ladder.recipes[tiny_ladder.SMALL]["stream"] == ladder.data(tiny_ladder.SMALL).stream_hash(0)


def test_a_series_of_another_mixture_is_refused(ladder):
    section = tiny_ladder.profile().passuntil.model_copy(update={"series": {"prose": "code"}})
    with pytest.raises(
        ValueError, match=r"manifest.json: field mixture is 'prose', profile tiny says 'code'; build it"
    ):
        open_ladder(tiny_ladder.profile().model_copy(update={"passuntil": section}), ladder.paths, ("passuntil",))


def test_the_view_changes_sizes_and_context_only():
    profile = load_profile("cpu")
    view = profile_of_paper(profile, "passuntil")
    assert (view.training.sequence_length, view.training.batch_sequences) == (
        192,
        8,
    ) and view.sizes == profile.passuntil.sizes
    assert view.training.warmup_tokens == profile.training.warmup_tokens and view.corpus == profile.corpus
    assert load_profile("cpu") == profile
