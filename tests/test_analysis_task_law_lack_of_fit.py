"""Bends with a margin and held-out means: planted laws are decided both ways and covered."""

import numpy as np
import pytest

from analysis.intervals import failed
from analysis.task_law.fit import fit_task_law, pass_rate
from analysis.task_law.lack_of_fit import bend, family_level, growth_kinds, held_out_mean_f

SIZES = np.repeat(np.geomspace(5e4, 3e6, 7), 9)
MARGIN, LEVEL = 0.05, family_level(8)


def planted(curvature: float, seed: int) -> np.ndarray:
    x = np.log(SIZES / 4e5)
    return 1 - 0.5 * x + curvature * x**2 + np.random.default_rng(seed).normal(0, 0.08, len(x))


def test_the_criterion_decides_both_ways():
    def kinds(curvature):
        return list(
            growth_kinds({str(s): bend(SIZES, planted(curvature, s), LEVEL) for s in range(60)}, MARGIN).values()
        )

    assert kinds(0.0).count("straight") >= 48 and not {"accelerated", "sub-scaling"} & set(kinds(0.0))
    assert kinds(-0.12).count("accelerated") >= 48 and "straight" not in kinds(-0.12)
    assert kinds(0.12).count("sub-scaling") >= 48
    assert kinds(-MARGIN).count("straight") <= 3 and kinds(-MARGIN).count("accelerated") <= 3


def test_the_interval_for_the_mean_of_runs_covers_it_and_is_narrower():
    rng, inside, ratio = np.random.default_rng(0), 0, []
    size, new = np.repeat(np.geomspace(1e5, 1e6, 5), 3), 2e6
    for seed in range(60):
        f = 7 - 0.5 * np.log(size) + rng.normal(0, 0.15, len(size))
        passes = rng.binomial(20000, np.exp(-np.exp(f)))
        law = fit_task_law(size, passes, np.full(len(size), 20000), num_replicates=100, seed=seed)
        mean, one = held_out_mean_f(law, new, 3), held_out_mean_f(law, new, 1)
        truth = 7 - 0.5 * np.log(new) + rng.normal(0, 0.15, 3).mean()
        inside += mean.low <= truth <= mean.high
        ratio.append((mean.high - mean.low) / (one.high - one.low))
        assert np.exp(-np.exp(mean.estimate)) == pytest.approx(pass_rate(new, law.log_c.estimate, law.alpha.estimate))
    assert 51 <= inside and np.mean(ratio) < 0.85


def test_what_cannot_be_judged_is_named():
    assert "sizes, needs 4" in bend(np.repeat([1e5, 1e6], 4), np.arange(8.0)).status
    assert growth_kinds({"a": failed("none")}, MARGIN) == {"a": "failed: none"}
    with pytest.raises(ValueError, match="margin"):
        growth_kinds({}, 0.0)
