"""Onset: exact on hand-made runs, censored where not seen; spread of onsets covered."""

import numpy as np
import pandas as pd
import pytest

from analysis.onset.fit import onset_by_run, onset_loss, shared_threshold


def test_onset_by_hand():
    tokens, loss = np.arange(6), np.array([4.0, 3.0, 2.5, 2.0, 1.5, 1.0])
    bound = np.array([0.20, 0.30, 0.20, 0.22, 0.28, 0.40])  # one early fluke does not last
    onset = onset_loss(tokens, loss, bound, 0.25)
    assert onset.estimate == pytest.approx(1.75) and (onset.low, onset.high) == (1.5, 2.0)
    shuffled = np.array([3, 0, 5, 1, 4, 2])
    assert onset_loss(tokens[shuffled], loss[shuffled], bound[shuffled], 0.25) == onset
    assert onset_loss(tokens, loss, 0.5 - bound, 0.25, is_rising=False).estimate == pytest.approx(1.75)
    # A margin of 0.05 leaves one checkpoint beyond it: not lasting.
    late = onset_loss(tokens, loss, bound, 0.25, margin=0.05)
    assert (late.status, late.low, late.high) == ("not reached", -np.inf, 1.5), (
        "the onset may lie above the last checkpoint's loss, 1.0"
    )
    assert onset_loss(tokens, loss, bound, 0.25, margin=0.05, min_lasting=1).estimate == pytest.approx(
        1.5 - 0.5 * 0.02 / 0.12
    )


def test_onset_outside_the_run_is_censored_not_missing():
    tokens, loss = np.arange(3), np.array([3.0, 2.0, 1.0])
    never = onset_loss(tokens, loss, [0.1, 0.2, 0.2], 0.25)
    assert (never.status, never.low, never.high) == ("not reached", -np.inf, 1.0) and np.isnan(never.estimate)
    early = onset_loss(tokens, loss, [0.3, 0.4, 0.5], 0.25)
    assert early.status.startswith("not before first") and (early.low, early.high) == (3.0, np.inf)
    assert onset_loss(tokens, [3.0, np.nan, 1.0], [0.1, 0.2, 0.2], 0.25).status.startswith("failed")


def test_table_of_runs():
    frame = pd.DataFrame(
        {
            "run": ["b"] * 3 + ["a"] * 3,
            "size": ["s1"] * 3 + ["s2"] * 3,
            "seed": 0,
            "tokens_seen": [1, 2, 3] * 2,
            "loss_nats": [3.0, 2.0, 1.0] * 2,
            "low": [0.0, 0.3, 0.5, 0.0, 0.0, 0.0],
            "high": 1.0,
        }
    )
    table = onset_by_run(frame, 0.25).set_index("run")
    assert (
        table.loc["b", "onset_loss_nats"] == pytest.approx(3 - 0.25 / 0.3) and table.loc["a", "status"] == "not reached"
    )
    assert table.loc["b", "size"] == "s1" and table.loc["a", "num_checkpoints"] == 3


@pytest.mark.parametrize("is_censored", [False, True])
def test_spread_is_covered(is_censored):
    hits, centres = [], []
    for seed in range(40 if is_censored else 200):
        rng = np.random.default_rng(seed)
        onset = 2 + 0.1 * rng.normal(size=9)
        low, high = onset - 0.02, onset + 0.02
        if is_censored:
            last = rng.uniform(1.6, 2.1, size=9)
            hidden = onset < last
            onset, low, high = (
                np.where(hidden, np.nan, onset),
                np.where(hidden, -np.inf, low),
                np.where(hidden, last, high),
            )
        result = shared_threshold(onset, low, high, 3.0)
        if result.num_reached >= 3:
            hits.append(result.spread_nats.low <= 0.1 <= result.spread_nats.high)
            centres.append(result.centre.low <= 2.0 <= result.centre.high)
            assert result.ratio.estimate == pytest.approx(result.spread_nats.estimate / 3)
            assert result.num_not_reached == 9 - result.num_reached
    assert 0.88 <= np.mean(hits) <= 0.995 and np.mean(centres) >= 0.85


def test_dropping_unreached_runs_would_move_the_centre():
    onset = np.array([1.9, 2.0, 2.1, 2.05, np.nan, np.nan, np.nan])
    low, high = np.array([1.9, 2.0, 2.1, 2.05] + [-np.inf] * 3), np.array([1.9, 2.0, 2.1, 2.05] + [1.85] * 3)
    censored = shared_threshold(onset, low, high, 3.0)
    plain = shared_threshold(onset[:4], low[:4], high[:4], 3.0)
    assert censored.centre.estimate < plain.centre.estimate - 0.05 and "3 not reached" in censored.status


def test_groups_and_failures():
    onset = np.array([2.0, 2.0, 2.2, 2.2, 2.4, 2.4])
    result = shared_threshold(onset, onset, onset, 2.0, {"size": [1, 1, 2, 2, 3, 3], "seed": [0, 1] * 3})
    assert result.spread_by["size"] == pytest.approx(0.2) and result.spread_by["seed"] == pytest.approx(0.0)
    assert shared_threshold(onset[:2], onset[:2], onset[:2], 2.0).status.startswith("failed")
    assert shared_threshold(onset[:3], onset[:3], onset[:3], 2.0).status == "ok"
    with pytest.raises(ValueError, match="loss_range_nats"):
        shared_threshold(onset, onset, onset, 0.0)
