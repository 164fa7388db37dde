"""Where a score rises: planted rises are found, their widths covered, and rows that hold none are named."""

import numpy as np
import pytest

from analysis.onset.rise import rise_span

CHANCE, GAIN = 0.25, 0.5


def planted(start: float, end: float, num_runs: int = 6, noise: float = 0.01, seed: int = 0):
    """Runs of 40 checkpoints from 4 to 2 nats: at chance above `start`, then straight up to CHANCE + GAIN at `end`,
    each run shifted a little."""
    rng = np.random.default_rng(seed)
    loss = np.tile(np.linspace(4, 2, 40), num_runs)
    runs = np.repeat(np.arange(num_runs), 40)
    shift = rng.normal(0, 0.02, num_runs)[runs]
    value = CHANCE + GAIN * np.clip((start - loss + shift) / (start - end), 0, 1) + rng.normal(0, noise, len(loss))
    return runs, loss, value


@pytest.mark.parametrize(("start", "end"), [(3.0, 2.5), (3.8, 2.2), (2.6, 2.4)])
def test_a_planted_rise_is_found(start, end):
    found = rise_span(*planted(start, end), CHANCE, seed=1)
    width = start - end
    assert found.status.startswith("ok")
    assert found.start.estimate == pytest.approx(start - 0.1 * width, abs=0.08)
    assert found.end.estimate == pytest.approx(end + 0.1 * width, abs=0.08)
    assert found.width.low <= 0.8 * width + 0.05 and found.width.high >= 0.8 * width - 0.05
    assert found.gain.estimate == pytest.approx(GAIN, abs=0.03)


def test_the_interval_covers_the_planted_width():
    inside = 0
    for seed in range(40):
        found = rise_span(*planted(3.2, 2.4, seed=seed), CHANCE, num_replicates=200, seed=seed)
        inside += found.width.low <= 0.64 <= found.width.high
    assert inside >= 32


def test_a_steeper_rise_is_narrower_whatever_the_number_of_checkpoints():
    runs, loss, value = planted(2.6, 2.4)
    wide = rise_span(*planted(3.8, 2.2), CHANCE).width.estimate
    half = slice(None, None, 2)
    assert rise_span(runs, loss, value, CHANCE).width.estimate < wide / 4
    assert rise_span(runs[half], loss[half], value[half], CHANCE).width.estimate < wide / 4


def test_the_same_seed_gives_the_same_numbers():
    first, second = (rise_span(*planted(3.0, 2.5), CHANCE, seed=3) for _ in range(2))
    assert first.width == second.width and np.array_equal(first.draws, second.draws)


def test_what_cannot_be_judged_is_named():
    runs, loss, value = planted(3.0, 2.5)
    assert "rises above chance" in rise_span(runs, loss, np.zeros(len(loss)), CHANCE).status
    assert "1 run" in rise_span(np.zeros(len(loss)), loss, value, CHANCE).status
    assert "constant" in rise_span(runs, np.ones(len(loss)), value, CHANCE).status
    assert "nan" in rise_span(runs, loss, np.where(np.arange(len(loss)) == 7, np.nan, value), CHANCE).status
    with pytest.raises(ValueError, match="shares"):
        rise_span(runs, loss, value, CHANCE, (0.9, 0.1))
