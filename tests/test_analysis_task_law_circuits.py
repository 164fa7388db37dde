"""Growth curves: each family wins on the held-out sizes of its own data; the extra parameters alone win nothing."""

import numpy as np
import pytest

from analysis.task_law.circuits import compare_growth, fit_growth
from analysis.task_law.growth_curves import CURVES

SIZE = np.repeat(3e4 * 2.0 ** np.arange(7), 2)
X = np.log(SIZE) - np.log(SIZE).mean()
ATTEMPTS = 200_000
PLANTED = {"law": [np.log(5.0), 0.25], "circuits": [1.8, 0.1, 1.9, 0.7], "steps": [1.0, 0.15, 1.0, 0.5]}


def _passes(name, seed):
    rng = np.random.default_rng(seed)
    f = CURVES[name].curve(X, np.array(PLANTED[name])) + 0.02 * rng.normal(size=len(X))
    return rng.binomial(ATTEMPTS, np.exp(-np.exp(f)))


def test_formulas_by_hand():
    x = np.array([0.0, 1.0])
    first, second = np.exp(-np.exp(1.0 - 0.2 * x)), np.exp(-np.exp(0.5 - 0.6 * x))
    theta = np.array([1.0, 0.2, 0.5, 0.6])
    np.testing.assert_allclose(np.exp(-np.exp(CURVES["steps"].curve(x, theta))), first * second)
    np.testing.assert_allclose(
        np.exp(-np.exp(CURVES["circuits"].curve(x, theta))), (first**2 + second**2) / (first + second)
    )


def test_steps_are_convex_and_circuits_can_be_concave():
    """Theorems 2 and 3 of paper P, on a fine grid."""
    x = np.linspace(-3, 3, 61)
    assert np.all(np.diff(CURVES["steps"].curve(x, np.array(PLANTED["steps"])), 2) >= -1e-12)
    assert np.diff(CURVES["circuits"].curve(x, np.array(PLANTED["circuits"])), 2).min() < -1e-3


@pytest.mark.parametrize("name", ["law", "circuits"])
def test_planted_curve_is_recovered(name):
    fit = fit_growth(name, SIZE, _passes(name, 0), np.full(len(SIZE), ATTEMPTS), 0.02)
    assert fit.status == "ok"
    np.testing.assert_allclose(fit.predict_f(SIZE), CURVES[name].curve(X, np.array(PLANTED[name])), atol=0.05)


def test_held_out_sizes_decide():
    names = ("law", "circuits", "quadratic")
    circuits = compare_growth(SIZE, _passes("circuits", 1), ATTEMPTS, names=names).set_index("curve")
    assert circuits["status"].eq("ok").all() and circuits.loc["circuits", "difference"] > 50
    assert circuits.loc["circuits", "held_out_error_f"] < 0.1 < circuits.loc["law", "held_out_error_f"]
    law = compare_growth(SIZE, _passes("law", 1), ATTEMPTS, names=names).set_index("curve")
    # Two parameters more always fit at least as well, and must not win where the plain law made the data.
    assert law.loc["circuits", "deviance"] <= law.loc["law", "deviance"] + 0.1
    assert law["difference"].max() < 5
    with pytest.raises(ValueError, match="num_held_out"):
        compare_growth(SIZE, _passes("law", 1), ATTEMPTS, num_held_out=4)


@pytest.mark.parametrize("name", CURVES)
def test_derivatives_are_those_of_the_curve(name):
    growth, step = CURVES[name], 1e-5
    eta = np.random.default_rng(0).normal(size=(len(growth.designs(np.zeros(1))), 5))
    _, first, second = growth.jet(eta)
    for place in range(len(eta)):
        nudge = step * (np.arange(len(eta)) == place)[:, None]
        above, below = growth.jet(eta + nudge), growth.jet(eta - nudge)
        np.testing.assert_allclose((above[0] - below[0]) / (2 * step), first[place], atol=1e-7)
        np.testing.assert_allclose((above[1] - below[1]) / (2 * step), second[place], atol=1e-7)


@pytest.mark.parametrize("name", ["circuits", "steps", "richards"])
def test_parameters_that_no_row_knows_do_not_hang_on_last_bits(name):
    """The plain law has no second circuit: where it lies is decided by the prior, not by where a search gives up."""
    passes, attempts = _passes("law", 2), np.full(len(SIZE), ATTEMPTS)
    nudged = SIZE * (1 + 4e-16 * np.random.default_rng(0).normal(size=len(SIZE)))
    one, other = (fit_growth(name, size, passes, attempts, 0.02) for size in (SIZE, nudged))
    beyond = SIZE.max() * np.array([2.0, 8.0])
    np.testing.assert_allclose(one.predict_f(beyond), other.predict_f(beyond), rtol=1e-8)
