"""Jumps and spans at chance: coverage on planted curves, refusal where nothing grows."""

import numpy as np
import pytest

from analysis.growth import chance_span, jump_share

CURVES = {
    "even": np.linspace(0.0, 0.9, 25),
    "late": np.r_[np.full(12, 0.25), np.linspace(0.25, 0.75, 13)],
    "sudden": np.r_[np.full(13, 0.25), 0.3, 0.6, 0.7, 0.72, 0.73, 0.75],
}


@pytest.mark.parametrize("name", CURVES)
def test_jump_share_is_covered(name):
    curve = CURVES[name]
    truth = np.diff(curve).max() / (curve[-1] - curve[0])
    loss = np.linspace(4, 1, len(curve))
    shares = []
    for seed in range(40):
        value = np.random.default_rng(seed).binomial(500, curve) / 500
        jump = jump_share(np.arange(len(curve)), loss, value, 500, num_replicates=200, seed=seed)
        assert jump.status.startswith("ok") and jump.loss_share == pytest.approx(1 / (len(curve) - 1))
        shares.append(jump.share)
    # The even split is the smallest possible share, reached up to rounding.
    assert np.mean([share.low - 1e-9 <= truth <= share.high for share in shares]) >= 0.88
    if name == "sudden":
        assert np.mean([share.estimate for share in shares]) == pytest.approx(truth, abs=0.03)


def test_jump_names_its_place():
    value = np.array([0.0, 0.01, 0.02, 0.9, 0.91])
    jump = jump_share(np.arange(5), [5.0, 4.0, 3.0, 2.5, 1.0], value, standard_error=0.001)
    assert (jump.from_loss_nats, jump.to_loss_nats, jump.loss_share) == (3.0, 2.5, 0.125)
    assert jump.share.estimate == pytest.approx(0.88 / 0.91, abs=0.01)


def test_few_items_widen_the_interval():
    """Score 0 and 1 of a handful of items is not certain: half an item is kept free at both ends."""
    value = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    few, many = (jump_share(np.arange(6), np.linspace(3, 1, 6), value, num_items).share for num_items in (20, 2000))
    assert few.low < many.low < many.high <= 1.0 and few.low < 0.98


def test_no_gain_is_told():
    value = np.random.default_rng(0).binomial(500, 0.25, size=20) / 500
    assert jump_share(np.arange(20), np.linspace(4, 1, 20), value, 500).status == "not reached: no gain"
    assert jump_share([0, 1], [2.0, 1.0], [0.0, 1.0], 500).status.startswith("failed")
    with pytest.raises(ValueError, match="exactly one"):
        jump_share(np.arange(3), np.arange(3), np.arange(3))


def test_span_at_chance_and_gain():
    loss = np.linspace(4, 1, 31)
    spans = []
    for seed in range(40):
        value = np.random.default_rng(seed).binomial(1000, 0.25 + 0.5 * np.maximum(2.0 - loss, 0)) / 1000
        spans.append(chance_span(np.arange(31), loss, value, 0.25, 1000))
    assert sum(span.status == "ok" for span in spans) >= 38
    # Rises at 2.0 nats (2/3 of the range); the rise is seen within a checkpoint or two.
    assert 0.66 <= np.median([span.span_share.estimate for span in spans]) <= 0.74
    assert np.mean([span.gain.low <= 0.5 <= span.gain.high for span in spans]) >= 0.85
    assert abs(np.mean([span.departure.estimate for span in spans])) < 0.006


def test_span_of_runs_that_never_leave_or_never_were_at_chance():
    loss = np.linspace(4, 1, 20)
    flat = np.random.default_rng(1).binomial(500, 0.25, size=20) / 500
    never = chance_span(np.arange(20), loss, flat, 0.25, 500)
    assert never.status == "ok: not reached" and never.span_share.estimate == 1.0
    assert chance_span(
        np.arange(20), loss, flat, 0.25, 500, loss_range=(4.0, 0.0)
    ).span_share.estimate == pytest.approx(0.75)
    always = chance_span(np.arange(20), loss, flat + 0.4, 0.25, 500)
    assert always.span_share.estimate == 0.0 and "not before first" in always.status
    # Far below chance is not "at chance".
    below = chance_span(np.arange(20), loss, np.r_[np.full(15, 0.05), np.full(5, 0.9)], 0.25, 500)
    assert below.status.startswith("failed: not at chance") and below.num_outside == 15
