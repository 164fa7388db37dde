"""Truths planted on the runs of a table: the planted shift, flat part, law or loss is what the statistics find."""

import numpy as np
import pytest

from analysis.table_statistics.checkpoints import checkpoint_statistic
from analysis.table_statistics.losses import loss_statistic
from analysis.table_statistics.passes import pass_statistic, pass_table
from paper.planted_public import PlantedLaw, PlantedLosses, PlantedTruth, planted_losses, planted_passes, planted_scores
from tests.test_analysis_table_statistics_checkpoints import CHANCE, planted, smooth
from tests.test_analysis_table_statistics_losses import planted as loss_rows
from tests.test_analysis_table_statistics_passes import planted as pass_rows

ROWS = planted(smooth).assign(series="long", compute_flops=lambda table: table.num_parameters * table.tokens_seen)
TABLE = pass_table(pass_rows(), 2)


def scores(**truth):
    return planted_scores(np.random.default_rng(0), ROWS, CHANCE, 0.4, PlantedTruth(scatter=0.0, **truth))


def test_the_runs_stay_and_the_scores_change():
    made = scores()
    assert made[["run", "loss_nats", "num_items"]].equals(ROWS[["run", "loss_nats", "num_items"]])
    assert made.value.between(0, 1).all() and not np.allclose(made.value, ROWS.value)


def test_planted_shift_flat_part_jump_and_points_are_found():
    assert abs(checkpoint_statistic("size_shift_share", scores(), CHANCE).estimate) < 0.02
    # A curve that lies deeper for larger models: they need a lower loss.
    assert checkpoint_statistic("size_shift_share", scores(by_size=0.12), CHANCE).estimate < -0.08
    assert checkpoint_statistic("flat_share", scores(flat=0.5), CHANCE).estimate == pytest.approx(0.5, abs=0.08)
    sudden, even = (checkpoint_statistic("steepest_share", scores(jump=jump), CHANCE).estimate for jump in (0.8, 0.0))
    assert sudden > 0.5 > even
    assert checkpoint_statistic("size_effect_points", scores(points=10), CHANCE).estimate == pytest.approx(10, abs=2)
    assert checkpoint_statistic("spread_ratio", scores(by_compute=True), CHANCE).high < 1


def test_planted_laws_bend_wander_and_hide():
    def made(**law):
        return planted_passes(np.random.default_rng(0), TABLE, PlantedLaw(scatter=0.0, **law))

    assert pass_statistic("item_law_r2", made(wander=0.02)).low > pass_statistic("item_law_r2", made(wander=0.6)).high
    assert pass_statistic("bend_share", made(bend=1.0)).estimate > pass_statistic("bend_share", made()).estimate + 0.1
    deep = made(decades=1.3, rise=0.8)
    assert pass_statistic("decades_resolved", deep).estimate == pytest.approx(1.3, abs=0.1)
    assert pass_statistic("hidden_rise_decades", deep).estimate == pytest.approx(0.8, abs=0.1)
    assert deep.attempts is TABLE.attempts and (deep.passes <= deep.attempts).all()


def test_planted_losses_follow_a_law_or_leave_it():
    rng = np.random.default_rng(0)
    assert loss_statistic("unexplained_share", planted_losses(rng, loss_rows(), PlantedLosses())).high < 0.02
    off = planted_losses(rng, loss_rows(), PlantedLosses(last=0.25))
    assert loss_statistic("loss_held_out_error_share", off).estimate == pytest.approx(0.25, abs=0.1)
