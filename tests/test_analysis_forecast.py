"""Curves of F against loss and forecasts from above: planted shapes are told apart, crossings recovered and covered,
flat data forecast nothing."""

import numpy as np
import pytest

from analysis.forecast import CURVES, compare_loss_curves, fit_loss_curve, forecast_crossing, forecast_lead, row_noise

RUNS = np.repeat(["a", "b", "c"], 24)
LOSS = np.tile(np.geomspace(1.7, 0.7, 24), 3) + np.repeat([0.0, 0.01, -0.01], 24)
ATTEMPTS = 20_000.0


def _counts(f, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    return rng.binomial(int(ATTEMPTS), np.exp(-np.exp(f + noise * rng.normal(size=len(f))))).astype(float), np.full(
        len(f), ATTEMPTS
    )


def _hinge(loss, eta=1.0, floor=1.1, rise=6.0):
    return floor - rise * np.maximum(eta - loss, 0.0)


def _line(loss):
    return -2.2 + 2.6 * loss


def test_a_threshold_and_a_slope_are_told_apart():
    flat = compare_loss_curves(RUNS, LOSS, *_counts(_hinge(LOSS)))
    slope = compare_loss_curves(RUNS, LOSS, *_counts(_line(LOSS)))
    assert flat.status == "ok" and flat.hinge_advantage > 0 and flat.table.curve[0] == "hinge"
    assert slope.status == "ok" and slope.hinge_advantage < -5 and not slope.table.is_hinge[0]


def test_a_soft_shoulder_is_smooth():
    soft = 1.1 - 6 * 0.12 * np.logaddexp(0, (1.0 - LOSS) / 0.12)
    assert compare_loss_curves(RUNS, LOSS, *_counts(soft, noise=0.02)).hinge_advantage < -2


def test_planted_hinge_and_noise_are_recovered():
    passes, attempts = _counts(_hinge(LOSS))
    noise = row_noise(LOSS, passes, attempts)
    fit = fit_loss_curve("hinge", LOSS, passes, attempts, 0.05)
    assert (
        fit.shape[0] == pytest.approx(1.0, abs=0.04)
        and fit.theta[0] == pytest.approx(1.1, abs=0.03)
        and fit.theta[1] == pytest.approx(-6, rel=0.1)
    )
    assert 0.03 < noise < 0.25
    assert set(CURVES) == {"line", "quadratic", "cubic", "soft_hinge", "hinge", "hinge_curve"}


def test_crossing_of_a_slope_is_forecast_from_above_and_covered():
    level, inside, errors = 0.4, [], []
    truth = (np.log(-np.log(level)) + 2.2) / 2.6
    for seed in range(40):
        forecast = forecast_crossing(LOSS, *_counts(_line(LOSS), seed), level, above=1.15, lowest_loss=0.3)
        errors.append(forecast.estimate - truth if forecast.ok else np.inf)
        inside.append(forecast.low <= truth <= forecast.high)
    assert np.median(np.abs(errors)) < 0.06
    assert np.mean(inside) >= 0.88


def test_rows_below_the_cut_are_never_used():
    passes, attempts = _counts(_line(LOSS))
    other = np.where(LOSS <= 1.15, attempts, passes)
    first, second = (
        forecast_crossing(LOSS, counts, attempts, 0.4, above=1.15, lowest_loss=0.3) for counts in (passes, other)
    )
    assert first == second


def test_a_flat_stretch_forecasts_no_onset():
    seen = [
        forecast_crossing(LOSS, *_counts(_hinge(LOSS), seed), 0.3, above=1.2, lowest_loss=0.3) for seed in range(20)
    ]
    assert np.mean([abs(forecast.estimate - 0.953) < 0.05 if forecast.ok else False for forecast in seen]) < 0.3
    assert any(forecast.status.startswith("not in sight") for forecast in seen)


def test_counts_without_a_pass_take_part():
    f = 0.2 + 2.2 * LOSS  # 1e-26 at the first checkpoint
    passes, attempts = _counts(f)
    assert (passes == 0).any()
    forecast = forecast_crossing(LOSS, passes, attempts, 0.02, above=0.75, lowest_loss=0.2)
    assert forecast.estimate == pytest.approx((np.log(-np.log(0.02)) - 0.2) / 2.2, abs=0.08)


def test_lead_ends_at_the_first_wrong_forecast():
    above = np.array([1.5, 1.4, 1.3, 1.2, 1.1, 0.9])
    assert forecast_lead(above, np.array([0.0, 0.2, 0.04, -0.02, 0.01, 9.0]), 1.0, 0.05) == pytest.approx(0.3)
    assert forecast_lead(above, np.array([0.0, 0.0, 0.0, 0.0, np.nan, 0.0]), 1.0, 0.05) == 0.0


def test_failures_are_told():
    passes, attempts = _counts(_line(LOSS))
    assert compare_loss_curves(RUNS, LOSS, 0 * passes, attempts).status.startswith("failed: 0 checkpoints")
    assert forecast_crossing(LOSS, passes, attempts, 0.4, above=1.68, lowest_loss=0.3).status.startswith("failed:")
