"""Every curve recovers planted parameters; hinges are at chance above eta."""

import numpy as np
import pytest

from analysis.onset.curves import SHAPES, deviance, eta_candidates, fit_curve

PLANTED = {
    "hinge_linear": ((2.0,), 0.5),
    "hinge_power": ((2.0, 1.5), 0.5),
    "hinge_ramp": ((2.0, 0.5), 0.6),
    "hinge_saturating": ((2.0, 0.5, 1.4), 0.6),
    "constant": ((), 0.3),
    "linear": ((4.5,), 0.1),
    "exponential": ((0.5,), 0.6),
    "power_law": ((2.0,), 0.6),
    "logistic": ((1.7, 0.15), 0.6),
    "richards": ((1.7, 0.15, 3.0), 0.6),
}


@pytest.mark.parametrize("name", SHAPES)
def test_planted_curve_is_recovered_from_counts(name):
    rng = np.random.default_rng(0)
    loss = np.sort(rng.uniform(1, 4, size=120))
    theta, amplitude = PLANTED[name]
    truth = 0.25 + amplitude * SHAPES[name].basis(loss, np.array([theta]))[0]
    fit = fit_curve(loss, rng.binomial(2000, truth) / 2000, name, 0.25, np.full(120, 2000.0))
    assert fit.status == "ok"
    # The asymmetry and exponent trade against place and width; the curve itself is what the data determine.
    assert np.max(np.abs(fit.fitted - truth)) < 0.025
    if theta and name not in ("richards", "hinge_saturating"):
        assert fit.theta[0] == pytest.approx(theta[0], rel=0.03)
    # 120 rows of true binomial noise: the deviance is about chi-square with 120 degrees of freedom.
    assert 75 < fit.deviance < 175


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.is_hinge])
def test_hinges_are_flat_above_eta_and_rise_below(name):
    loss = np.linspace(1, 4, 61)
    basis = SHAPES[name].basis(loss, np.array([PLANTED[name][0]]))[0]
    assert np.all(basis[loss >= 2] == 0) and np.all(np.diff(basis[loss <= 2]) <= 0) and basis[0] > 0


def test_num_params_counts_theta_and_amplitude():
    for name, (theta, _) in PLANTED.items():
        assert SHAPES[name].num_params == len(theta) + 1
        assert len(SHAPES[name].bounds(1.0, 4.0)) == len(theta)


def test_gaussian_fit_of_a_metric_without_counts():
    rng = np.random.default_rng(1)
    loss = rng.uniform(1, 4, size=100)
    fit = fit_curve(loss, -0.75 + 0.3 * np.maximum(2.2 - loss, 0) + 0.005 * rng.normal(size=100), "hinge_linear", -0.75)
    assert fit.status == "ok" and fit.theta[0] == pytest.approx(2.2, abs=0.03)


def test_one_lucky_pass_above_eta_is_not_impossible():
    value, fitted = np.array([0.002, 0.5]), np.array([0.0, 0.5])
    assert np.isfinite(deviance(value, fitted, np.array([500.0, 500.0])))


def test_candidates_are_sorted_and_inside():
    eta = eta_candidates(np.array([1.0, 1.0, 1.1, 1.2, 4.0]))
    assert np.all(np.diff(eta) > 0) and eta[0] == 1.0 and eta[-1] == 4.0
