"""Task law: planted parameters recovered and covered from counts with zeros, held-out sizes predicted, bends found only
where planted."""

import numpy as np
import pytest

from analysis.intervals import Estimate, failed
from analysis.task_law.counts import effective_counts, fit_counts
from analysis.task_law.fit import Curvature, curvature_test, fit_task_law, growth_table, holm, pass_rate

SIZES = 3e4 * 2.0 ** np.arange(6)
ALPHA, NOISE, ATTEMPTS = 0.25, 0.05, 20_000
LOG_C = np.log(9.0) + ALPHA * np.log(SIZES[0])


def _rows(seed, seeds_per_size=3, bend=0.0, attempts=ATTEMPTS, sizes=SIZES):
    rng = np.random.default_rng(seed)
    size = np.repeat(sizes, seeds_per_size)
    f = (
        LOG_C
        - ALPHA * np.log(size)
        + bend * (np.log(size) - np.log(SIZES).mean()) ** 2
        + NOISE * rng.normal(size=len(size))
    )
    return size, rng.binomial(attempts, np.exp(-np.exp(f))), attempts


def test_law_is_covered_and_predicts_a_held_out_size():
    hits, zeros, widths = [], 0, []
    for seed in range(40):
        size, passes, attempts = _rows(seed)
        zeros += np.sum(passes == 0)
        fit = fit_task_law(size, passes, attempts, num_replicates=100, seed=seed)
        assert fit.status.startswith("ok")
        far = 4 * SIZES[-1]
        new = pass_rate(far, LOG_C + NOISE * np.random.default_rng(900 + seed).normal(), ALPHA)
        forecast = fit.predict(far)
        hits.append(
            [
                e.low <= t <= e.high
                for e, t in ((fit.log_c, LOG_C), (fit.alpha, ALPHA), (fit.noise, NOISE), (forecast, new))
            ]
        )
        widths.append(np.log(-np.log(forecast.low)) - np.log(-np.log(forecast.high)))
    # In F the band holds the run noise of the new run and, four sizes of the ladder further, about as much from the
    # law.
    assert 2 * 1.96 * NOISE < np.mean(widths) < 2.5 * 2 * 1.96 * NOISE
    assert zeros > 10  # runs without a pass are in the fit
    assert np.all(np.mean(hits, axis=0) >= 0.85), np.mean(hits, axis=0)


def test_dropping_zero_rows_would_bias_the_law():
    """Rows with a pass at the smallest size are its lucky ones; zeros must count."""
    slopes = np.array(
        [
            [
                fit_task_law(size[keep], passes[keep], 3000, num_replicates=2).alpha.estimate
                for keep in (passes >= 0, passes > 0)
            ]
            for size, passes, _ in (_rows(seed, attempts=3000) for seed in range(25))
        ]
    )
    assert abs(slopes[:, 0].mean() - ALPHA) < 0.015 < ALPHA - slopes[:, 1].mean()


def test_answer_length_enters_as_derived_or_free():
    rng = np.random.default_rng(0)
    size, length = np.tile(np.repeat(SIZES, 2), 3), np.repeat([1.0, 2.0, 4.0], 12)
    rate = pass_rate(size, LOG_C - 1.5, ALPHA, length, 1.0)
    passes = rng.binomial(200_000, rate)
    free = fit_task_law(size, passes, 200_000, length, "free", num_replicates=100)
    assert free.length_exponent.low <= 1.0 <= free.length_exponent.high and free.length_exponent.low > 0.8
    derived = fit_task_law(size, passes, 200_000, length, 1.0, num_replicates=10)
    printed = fit_task_law(size, passes, 200_000, length, 0.0, num_replicates=10)
    assert derived.noise.estimate < 0.02 < 0.3 < printed.noise.estimate
    assert derived.predict(1e6, 4.0).estimate == pytest.approx(float(pass_rate(1e6, LOG_C - 1.5, ALPHA, 4.0)), rel=0.05)
    with pytest.raises(ValueError, match="answer_length"):
        fit_task_law(size, passes, 200_000, 1.0, "free")


def test_noise_is_no_law():
    statuses = []
    for seed in range(30):
        passes = np.random.default_rng(seed).binomial(20_000, 0.01, size=18)
        statuses.append(fit_task_law(np.repeat(SIZES, 3), passes, 20_000, num_replicates=5).status)
    assert sum(status.startswith("ok") for status in statuses) <= 2
    few = fit_task_law(SIZES, [0, 0, 0, 0, 3, 9], ATTEMPTS)
    assert few.status == "failed: 2 sizes with a pass, needs 3" and not few.predict(1e6).ok
    assert fit_task_law(SIZES, np.full(6, 11), 10).status.startswith("failed: num_parameters, passes, attempts")


def test_bend_is_found_where_planted_only():
    straight = [curvature_test(*_rows(seed), num_replicates=100, seed=seed) for seed in range(30)]
    bent = [curvature_test(*_rows(seed, bend=-0.1), num_replicates=100, seed=seed) for seed in range(10)]
    assert np.mean([test.p_value < 0.05 for test in straight]) <= 0.17
    assert np.mean([test.quadratic.low <= 0 <= test.quadratic.high for test in straight]) >= 0.85
    assert np.mean([test.p_value < 0.05 for test in bent]) >= 0.8
    assert np.mean([test.quadratic.low <= -0.1 <= test.quadratic.high for test in bent]) >= 0.7
    assert curvature_test(SIZES, [0, 0, 0, 2, 3, 9], ATTEMPTS).status.startswith("failed: 3 sizes")


def test_growth_is_corrected_for_the_number_of_tasks():
    tests = {
        "bent": Curvature(Estimate(-0.2, -0.3, -0.1), 0.001, 18, "ok"),
        "maybe": Curvature(Estimate(-0.1, -0.2, 0.0), 0.03, 18, "ok"),
        "slow": Curvature(Estimate(0.2, 0.1, 0.3), 0.004, 18, "ok"),
        "untested": Curvature(failed("3 sizes"), np.nan, 4, "failed: 3 sizes"),
        "straight": Curvature(Estimate(0.0, -0.1, 0.1), 0.9, 18, "ok"),
    }
    table = growth_table(tests).set_index("task")
    assert table["growth"].to_dict() == {
        "bent": "accelerated",
        "maybe": "scaling law not rejected",
        "slow": "sub-scaling",
        "untested": "failed: 3 sizes",
        "straight": "scaling law not rejected",
    }
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])


def test_effective_counts_keep_mean_and_variance():
    passes, attempts = effective_counts([0.1, 0.0], [0.001, 0.0], [500, 700])
    assert passes[0] / attempts[0] == pytest.approx(0.1) and 0.1 * 0.9 / attempts[0] == pytest.approx(0.001)
    assert (passes[1], attempts[1]) == (0, 700)


def test_prior_places_items_without_a_pass():
    x = np.log(SIZES) - np.log(SIZES).mean()
    design = np.column_stack([np.ones(6), -x])
    mean, precision = np.array([1.5, 0.3]), np.linalg.inv(np.diag([0.2, 0.01]))
    fits = fit_counts(
        design, np.zeros(6), np.zeros((2, 6)), np.array([[10.0] * 6, [1e6] * 6]), (mean, precision), noise=0.05
    )
    # Ten attempts say little; a million without a pass say that the item is hard.
    assert abs(fits.theta[0, 0] - 1.5) < 0.35 and fits.theta[1, 0] > 2.2
