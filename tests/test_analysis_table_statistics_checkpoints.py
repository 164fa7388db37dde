"""Statistics of paper L's claims on a table of checkpoints: each gives the planted number, and says what it lacks."""

import numpy as np
import pandas as pd
import pytest

from analysis.table_statistics.checkpoints import CHECKPOINT_STATISTICS, checkpoint_statistic

CHANCE, ITEMS = 0.25, 20_000
SIZES = (1e8, 4e8, 1.6e9)


def planted(curve, shift=0.0, per_size=3, points=16, seed=0):
    """Nine runs of three sizes on `curve` of the loss; `shift` moves the largest size's curve by that many nats."""
    rng, parts = np.random.default_rng(seed), []
    for place, size in enumerate(SIZES):
        for copy in range(per_size):
            tokens = np.geomspace(1e9, 1e11, points) * (1 + 0.03 * copy)
            loss = 2.0 + 60 * size**-0.25 + 2e4 * tokens**-0.45 + 0.01 * copy
            right = rng.binomial(ITEMS, curve(loss - shift * place / 2))
            parts.append(
                pd.DataFrame(
                    {
                        "run": f"{size:g} {copy}",
                        "loss_nats": loss,
                        "value": right / ITEMS,
                        "tokens_seen": tokens,
                        "num_parameters": size,
                        "num_items": ITEMS,
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def smooth(loss):
    return CHANCE + 0.6 / (1 + np.exp(3 * (loss - 3.2)))


def hinge(loss):
    return CHANCE + 0.3 * np.maximum(3.2 - loss, 0)


def test_a_smooth_task_follows_its_loss_alone():
    rows = planted(smooth)
    assert checkpoint_statistic("spearman", rows, CHANCE).high < -0.99
    assert checkpoint_statistic("spread_ratio", rows, CHANCE).low > 1
    assert abs(checkpoint_statistic("size_effect_points", rows, CHANCE).estimate) < 0.5
    assert checkpoint_statistic("partial_r2", rows, CHANCE).estimate < 0.2
    assert abs(checkpoint_statistic("size_shift_share", rows, CHANCE).estimate) < 0.01
    assert checkpoint_statistic("hinge_advantage", rows, CHANCE).high < 0


def test_a_planted_shift_between_sizes_is_found_with_its_sign():
    rows = planted(smooth, shift=-0.2)
    span = np.ptp(rows.loss_nats)
    found = checkpoint_statistic("size_shift_share", rows, CHANCE)
    assert found.low <= -0.2 / span <= found.high and "sizes" in found.status
    assert checkpoint_statistic("size_effect_points", rows, CHANCE).high < 0


def test_a_threshold_is_found_where_it_was_planted():
    rows = planted(hinge)
    eta = checkpoint_statistic("onset_loss", rows, CHANCE)
    assert eta.low <= 3.2 <= eta.high
    assert checkpoint_statistic("hinge_advantage", rows, CHANCE).low > 0
    highest, lowest = rows.groupby("run").loss_nats.max().mean(), rows.loss_nats.min()
    flat = checkpoint_statistic("flat_share", rows, CHANCE)
    assert flat.estimate == pytest.approx((highest - 3.2) / (highest - lowest), abs=0.1)
    assert checkpoint_statistic("onset_spread_share", rows, CHANCE).estimate < 0.03
    assert checkpoint_statistic("gain_points", rows, CHANCE).estimate == pytest.approx(30 * (3.2 - lowest), abs=1.0)


def test_a_single_jump_is_as_large_as_planted():
    rows = planted(lambda loss: np.where(loss < 3.0, 0.85, CHANCE))
    assert checkpoint_statistic("largest_jump_share", rows, CHANCE).estimate > 0.9


def test_what_is_missing_is_named():
    rows = planted(smooth)
    with pytest.raises(ValueError, match="needs the column num_parameters, which this table was not given"):
        checkpoint_statistic("size_shift_share", rows.drop(columns="num_parameters"), CHANCE)
    with pytest.raises(ValueError, match="needs the column compute_flops"):
        checkpoint_statistic("spread_ratio", rows.drop(columns="num_parameters"), CHANCE)
    with pytest.raises(ValueError, match="nonsense: no statistic of a table of checkpoints; use monotone_share"):
        checkpoint_statistic("nonsense", rows, CHANCE)


def test_every_statistic_says_what_it_needs_and_no_more():
    rows = planted(smooth).assign(compute_flops=lambda table: 6 * table.num_parameters * table.tokens_seen)
    for name, about in CHECKPOINT_STATISTICS.items():
        needed = rows[["run", "loss_nats", "value", *about.needs]]
        assert isinstance(checkpoint_statistic(name, needed, CHANCE).estimate, float), name
        assert about.unit


def test_one_size_has_no_shift():
    rows = planted(smooth)
    found = checkpoint_statistic("size_shift_share", rows[rows.num_parameters == SIZES[0]], CHANCE)
    assert found.status == "failed: one size only"
