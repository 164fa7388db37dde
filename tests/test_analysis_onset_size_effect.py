"""Size effect given loss: planted effects covered, no effect called none, compute told apart from loss."""

import numpy as np
import pytest

from analysis.onset.size_effect import choose_spline, residual_spread_ratio, size_effect, spline_basis


def _rows(seed, effect, num_runs=12):
    rng = np.random.default_rng(seed)
    runs = np.repeat(np.arange(num_runs), 25)
    loss = 1 + 3.5 * rng.beta(1, 2.5, size=len(runs))
    size = 10.0 ** (5 + np.arange(num_runs) % 3)[runs]
    noise = 0.02 * rng.normal(size=num_runs)[runs] + 0.02 * rng.normal(size=len(runs))
    return runs, loss, size, 0.25 + 0.5 * np.maximum(2 - loss, 0) + noise + effect * (np.log10(size) - 5) / 2


# Size takes 0, 1/2, 1 of the ladder: variance effect^2 / 6 against 2 x 0.02^2 of noise.
@pytest.mark.parametrize("effect, partial_r2", [(0.0, 0.0), (0.08, 0.08**2 / 6 / (0.08**2 / 6 + 8e-4))])
def test_coverage_of_effect_and_partial_r2(effect, partial_r2):
    results = [size_effect(*_rows(seed, effect), num_replicates=100, seed=seed) for seed in range(60)]
    assert np.mean([r.effect.low <= effect <= r.effect.high for r in results]) >= 0.88
    assert np.mean([r.partial_r2.low <= partial_r2 <= r.partial_r2.high for r in results]) >= 0.85
    rejected = np.mean([r.p_value < 0.05 for r in results])
    assert rejected <= 0.15 if effect == 0 else rejected >= 0.8


def test_verdicts():
    none, large = size_effect(*_rows(0, 0.0, 24), bound=0.05), size_effect(*_rows(0, 0.2, 24), bound=0.05)
    assert (none.verdict, large.verdict) == ("equivalent", "different")
    assert none.partial_r2.estimate < 0.05 < large.partial_r2.low
    assert size_effect(*_rows(0, 0.0, 24), bound=1e-4).verdict == "undecided"


def test_spread_against_compute_is_larger_when_loss_decides():
    runs, loss, size, value = _rows(0, 0.0)
    compute = size * np.exp(-2 * loss)
    ratio = residual_spread_ratio(runs, loss, compute, value)
    assert ratio.status == "ok" and ratio.low > 1
    # The same axis on both sides gives exactly 1.
    same = residual_spread_ratio(runs, loss, np.exp(loss), value)
    assert same.estimate == pytest.approx(1, abs=1e-6)


def test_noise_has_ratio_about_one():
    rng = np.random.default_rng(0)
    ratio = residual_spread_ratio(
        np.arange(300) // 25, rng.normal(size=300), np.exp(rng.normal(size=300)), rng.normal(size=300)
    )
    assert ratio.low < 1 < ratio.high


def test_spline_sums_to_one_and_grows_with_need():
    x = np.random.default_rng(0).uniform(1, 4, size=400)
    np.testing.assert_allclose(spline_basis(x, 8).sum(axis=1), 1, atol=1e-12)
    assert spline_basis(np.r_[np.ones(300), x[:20]], 8).shape == (320, 8)
    runs = np.arange(400) // 20
    assert choose_spline(runs, x, np.sin(6 * x)) > choose_spline(runs, x, x + 0.1 * np.sin(1e4 * x))


def test_failures_are_told():
    runs, loss, size, value = _rows(0, 0.0)
    assert size_effect(runs, loss, np.ones_like(size), value).status == "failed: one size only"
    assert size_effect(runs[:75], loss[:75], size[:75], value[:75]).status == "failed: 3 runs, needs 4"
    assert not residual_spread_ratio(runs, loss, np.zeros_like(loss), value).ok
    assert size_effect(runs, loss, size, np.ones_like(value)).status.startswith("failed: value")
