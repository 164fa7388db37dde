"""Matrices of one task item by item: order, alignment, F where it is defined, and a missing cell told."""

import numpy as np
import pytest

from experiments.tables.item_counts import item_counts
from experiments.tables.names import ITEM_TASKS
from experiments.tables.passes import select_passes
from paper.claims import CLAIMS_V1_FILE, load_claims
from tests.planted_pass_rates import PassPlant, pass_table

ROWS = select_passes(pass_table(PassPlant(num_items=12, seeds=(0, 1)), ("emoji_movie",)), "emoji_movie", "prose")


def test_cells_stand_where_their_run_and_item_say():
    counts = item_counts(ROWS.sample(frac=1, random_state=0))
    assert counts.passes.shape == counts.answer_loss.shape == (12, 14) and np.all(np.diff(counts.sizes) >= 0)
    assert counts.is_held_out.sum() == 4 and counts.target == 10
    cell = ROWS[(ROWS.run == counts.runs.run[5]) & (ROWS.item_id == counts.item_ids[3])].iloc[0]
    assert (counts.passes[3, 5], counts.attempts[3, 5], counts.answer_loss[3, 5]) == (
        cell.passes,
        cell.attempts,
        -cell.answer_log_likelihood,
    )


def test_f_is_undefined_without_a_pass_or_a_failure():
    counts = item_counts(ROWS)
    assert np.isnan(counts.f[counts.passes == 0]).all() and np.isnan(counts.f[counts.rates >= 1]).all()
    seen = counts.passes == 10
    np.testing.assert_allclose(np.exp(-np.exp(counts.f[seen])), 9 / (counts.attempts[seen] - 1))


def test_a_missing_cell_is_told():
    with pytest.raises(ValueError, match="item 0 of task emoji_movie has no row for run series_prose_0.02M_s0"):
        item_counts(ROWS.iloc[1:])


def test_tasks_are_those_of_the_claims():
    assert {claim.tasks for claim in load_claims(CLAIMS_V1_FILE) if claim.folder == "passuntil_fig5_instances"} == {
        ITEM_TASKS
    }
