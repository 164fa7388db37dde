"""Loss laws: planted parameters recovered and covered, the size threshold follows, noise refused."""

import numpy as np
import pytest

from analysis.intervals import Estimate
from analysis.task_law.joint_law import fit_joint_law
from analysis.task_law.loss_law import fit_loss_law, loss_at_size, observed_size_threshold, size_at_loss, size_threshold

SIZES = 5e4 * 2.0 ** np.arange(6)


def _fixed(seed, noise=0.01):
    size = np.repeat(SIZES, 3)
    return size, loss_at_size(size, 1.0, 3e4, 0.3) + noise * np.random.default_rng(seed).normal(size=len(size))


def test_equation_5_inverts_equation_4():
    assert size_at_loss(loss_at_size(SIZES, 1.0, 3e4, 0.3), 1.0, 3e4, 0.3) == pytest.approx(SIZES)
    assert np.isinf(size_at_loss(1.0, 1.0, 3e4, 0.3)) and np.isinf(size_at_loss(0.9, 1.0, 3e4, 0.3))


def test_noiseless_law_is_recovered():
    law = fit_loss_law(*_fixed(0, noise=1e-9), num_replicates=10)
    assert (law.l_inf.estimate, law.alpha.estimate) == pytest.approx((1.0, 0.3), abs=1e-4)
    assert law.n0.estimate == pytest.approx(3e4, rel=1e-3) and law.predict(1e5) == pytest.approx(
        loss_at_size(1e5, 1.0, 3e4, 0.3), abs=1e-6
    )


def test_law_and_size_threshold_are_covered():
    hits = []
    truth = (1.0, 3e4, 0.3, float(size_at_loss(1.6, 1.0, 3e4, 0.3)))
    for seed in range(80):
        law = fit_loss_law(*_fixed(seed), num_replicates=200, seed=seed)
        rng = np.random.default_rng(1000 + seed)
        eta = 1.6 + 0.03 * rng.normal()
        size = size_threshold(law, Estimate(eta, eta - 0.06, eta + 0.06), eta + 0.03 * rng.normal(size=200), seed)
        hits.append([e.low <= t <= e.high for e, t in zip((law.l_inf, law.n0, law.alpha, size), truth)])
    assert np.all(np.mean(hits, axis=0) >= 0.88), np.mean(hits, axis=0)


def test_law_refuses_noise_and_too_few_sizes():
    rng = np.random.default_rng(0)
    size = np.repeat(SIZES, 3)
    statuses = [fit_loss_law(size, 2 + 0.01 * rng.normal(size=18), num_replicates=5).status for _ in range(40)]
    assert sum(status.startswith("ok") for status in statuses) <= 2
    assert fit_loss_law(SIZES[:3], [3.0, 2.0, 1.5]).status == "failed: 3 sizes for 3 parameters, needs 4"
    assert fit_loss_law(SIZES, np.exp(-(np.linspace(0, 3, 6) ** 2) / 2)).status.startswith("failed")
    nothing = fit_loss_law(SIZES[:3], [3.0, 2.0, 1.5])
    assert size_threshold(nothing, Estimate(1.5, 1.4, 1.6), np.full(5, 1.5)).status.startswith("failed: loss law")


def test_threshold_below_the_floor_is_never():
    law = fit_loss_law(*_fixed(0), num_replicates=50)
    never = size_threshold(law, Estimate(0.5, 0.4, 0.6), np.full(50, 0.5))
    assert np.isinf(never.estimate) and never.status.startswith("not reached")
    assert size_threshold(law, Estimate(1.5, 1.4, 1.6, "not reached"), np.full(5, 1.5)).status.startswith(
        "failed: threshold"
    )


def _joint(seed, noise=0.005):
    size, tokens = (np.repeat(axis.ravel(), 2) for axis in np.meshgrid(SIZES, 1e6 * 2.0 ** np.arange(5)))
    loss = (0.9 + (3e4 / size) ** 0.3 + (2e5 / tokens) ** 0.5) * np.exp(
        noise * np.random.default_rng(seed).normal(size=60)
    )
    return np.arange(60), size, tokens, loss


def test_joint_law_is_recovered_and_gives_the_fixed_budget_law():
    law = fit_joint_law(*_joint(0), num_replicates=60)
    assert law.status == "ok"
    for estimate, truth in (
        (law.e, 0.9),
        (law.alpha, 0.3),
        (law.beta, 0.5),
        (law.at_tokens(4e6).l_inf, 0.9 + (2e5 / 4e6) ** 0.5),
    ):
        assert estimate.low <= truth <= estimate.high
    assert law.alpha.high - law.alpha.low < 0.15
    # One wild run hardly moves a Huber fit.
    runs, size, tokens, loss = _joint(0)
    loss[7] *= 1.5
    assert fit_joint_law(runs, size, tokens, loss, num_replicates=2).alpha.estimate == pytest.approx(
        law.alpha.estimate, abs=0.02
    )


def test_a_law_without_irreducible_loss_has_exactly_none():
    """E is driven to its bound, and the bound is 0: not 1.6e-9 on one CPU and 2.6e-20 on another."""
    runs, size, tokens, loss = _joint(0)
    law = fit_joint_law(runs, size, tokens, loss - 0.98, num_replicates=10)
    assert law.status == "ok"
    assert law.e.estimate == 0.0 and law.e.status == "ok: at its bound, 0, in every replicate" and np.isnan(law.e.low)


def test_joint_law_does_not_hang_on_the_last_bits_of_the_rows():
    """Rounding errors of the losses stay rounding errors in every draw; a search that stops early turns them into other
    fourth digits."""
    runs, size, tokens, loss = _joint(1)
    nudged = loss * (1 + 4e-16 * np.random.default_rng(0).normal(size=len(loss)))
    one, other = (fit_joint_law(runs, size, tokens, losses, num_replicates=20) for losses in (loss, nudged))
    np.testing.assert_allclose(one.draws, other.draws, rtol=1e-8)


def test_joint_law_refuses_noise():
    runs, size, tokens, _ = _joint(0)
    rng = np.random.default_rng(0)
    statuses = [
        fit_joint_law(runs, size, tokens, 2 * np.exp(0.01 * rng.normal(size=60)), num_replicates=2).status
        for _ in range(6)
    ]
    assert all(status.startswith("failed") for status in statuses)
    assert fit_joint_law(runs[:4], size[:4], tokens[:4], np.ones(4)).status.startswith("failed: 4 rows, needs 6")
    assert fit_joint_law(runs[:4], size[:4], tokens[:4], np.ones(4)).at_tokens(1e6).status.startswith("failed")


def test_observed_size_threshold():
    size = np.repeat(SIZES[:4], 2)
    seen = observed_size_threshold(size, [0, 0, 0, 0.3, 0.3, 0.3, 0.5, 0.5], 0.25)
    assert (seen.low, seen.high) == (SIZES[1], SIZES[2]) and seen.estimate == pytest.approx(
        np.sqrt(SIZES[1] * SIZES[2])
    )
    assert observed_size_threshold(size, np.zeros(8), 0.25).status == "not reached"
    assert observed_size_threshold(size, np.ones(8), 0.25).status.startswith("not before first")
