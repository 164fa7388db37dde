"""The steepest window does not depend on where checkpoints lie, and finds planted shapes."""

import numpy as np
import pytest

from analysis.run_curves.steepest import steepest_mean, steepest_share

WINDOW = 0.1


def curve(kind: str, loss: np.ndarray) -> np.ndarray:
    """A rise of one over losses 2 to 1: even, or within a twentieth."""
    return 2 - loss if kind == "even" else np.clip((1.525 - loss) / 0.05, 0, 1)


@pytest.mark.parametrize("num_checkpoints", [11, 24, 200])
def test_an_even_rise_gains_the_windows_share_whatever_the_grid(num_checkpoints):
    loss = np.linspace(2, 1, num_checkpoints)
    assert steepest_share(-loss, loss, curve("even", loss), WINDOW) == pytest.approx(0.1)


def test_a_jump_gains_all_within_a_window_once_checkpoints_are_as_dense():
    for num_checkpoints, expected in ((400, 1.0), (21, 1.0), (6, 0.5)):
        loss = np.linspace(2, 1, num_checkpoints)
        assert steepest_share(-loss, loss, curve("jump", loss), WINDOW) == pytest.approx(expected, abs=0.02)


def planted(kind: str, noise_seed: int, num_runs: int = 9, num_items: int = 500):
    rng, rows = np.random.default_rng(noise_seed), []
    for run in range(num_runs):
        loss = np.linspace(2, 1, 24) + rng.normal(0, 0.02)
        share = rng.binomial(num_items, 0.05 + 0.85 * np.clip(curve(kind, loss), 0, 1)) / num_items
        rows += list(
            zip([run] * 24, range(24), loss, share, np.sqrt(np.clip(share * (1 - share), 1e-3, 1) / num_items))
        )
    return (np.array(column) for column in zip(*rows))


def test_the_mean_over_runs_tells_even_rises_from_jumps():
    even, jump = (steepest_mean(*planted(kind, 0), WINDOW) for kind in ("even", "jump"))
    assert even.ok and even.high < 0.25
    assert jump.ok and jump.low > 0.8


def test_runs_that_gain_nothing_are_not_judged():
    runs, tokens, loss, value, error = planted("even", 1)
    flat = steepest_mean(runs, tokens, loss, np.full_like(value, 0.25), error, WINDOW)
    assert flat.status == "not reached: 0 of 9 runs gain more than 5 standard errors"
    one = np.where(runs == 0, 0.25, value)
    assert steepest_mean(runs, tokens, loss, one, error, WINDOW).status == "ok: 1 of 9 runs left out"


def test_wrong_input_is_named():
    assert np.isnan(steepest_share([1, 2], [2.0, 1.0], [0.5, 0.5], WINDOW))
    with pytest.raises(ValueError, match="window_nats"):
        steepest_share([1, 2], [2.0, 1.0], [0.1, 0.5], 0.0)
    assert "tokens_seen" in steepest_mean([0, 0], [1, 1], [2, 1.0], [0, 1.0], [0.1, 0.1], WINDOW).status
