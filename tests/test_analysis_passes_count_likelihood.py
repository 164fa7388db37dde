"""The likelihood of counts with run noise: exact where the binomial is far narrower than the noise, far wider,
one-sided or far away."""

import numpy as np
import pytest
from scipy import integrate, special

from analysis.passes.count_likelihood import LARGEST_F, SMALLEST_F, CountLikelihood, row_log_likelihood

ATTEMPTS = (50.0, 1e3, 1e5, 3e7)
SHARES = (0.0, 1e-3, 0.01, 0.5, 0.9, 0.99, 1.0)


def by_quadrature(f: float, passes: float, attempts: float, noise: float) -> float:
    """The same integral over 200,000 equal steps of F."""
    at = np.linspace(f - 14 * noise, f + 14 * noise, 200_001)
    rate = np.exp(-np.exp(at))
    log_term = special.xlogy(passes, rate) + special.xlog1py(attempts - passes, -rate) - 0.5 * ((at - f) / noise) ** 2
    best = special.xlogy(passes, passes / attempts) + special.xlog1py(attempts - passes, -passes / attempts)
    top = log_term.max()
    return top + np.log(integrate.trapezoid(np.exp(log_term - top), at)) - np.log(noise * np.sqrt(2 * np.pi)) - best


@pytest.mark.parametrize("noise", [0.05, 0.3, 1.5])
@pytest.mark.parametrize("attempts", ATTEMPTS)
def test_equals_fine_quadrature(noise, attempts):
    f = np.array([-3.0, -0.5, 0.7, 2.0, 2.6])
    for passes in {float(round(share * attempts)) for share in SHARES}:
        expected = [by_quadrature(value, passes, attempts, noise) for value in f]
        near = np.array(expected) > -60  # beyond, the mode lies outside the window of the reference
        np.testing.assert_allclose(
            row_log_likelihood(f, passes, attempts, noise)[near], np.array(expected)[near], rtol=1e-3, atol=2e-3
        )


def test_row_likelihood_is_binomial_without_noise_and_wider_with_it():
    f, passes, attempts = np.log([2.0, 3.0]), np.array([10.0, 0.0]), np.array([100.0, 50.0])
    p = np.exp(-np.exp(f))
    expected = passes * np.log(p) + (attempts - passes) * np.log1p(-p)
    expected[0] -= 10 * np.log(0.1) + 90 * np.log(0.9)
    np.testing.assert_allclose(row_log_likelihood(f, passes, attempts, 1e-9), expected, rtol=1e-6)
    far = np.log([4.0]), np.array([5000.0]), np.array([100_000.0])
    assert row_log_likelihood(*far, 0.3)[0] > row_log_likelihood(*far, 0.01)[0]


def test_is_smooth_in_f_where_the_noise_dwarfs_the_binomial():
    """A fixed grid over the noise misses a narrow binomial between its nodes, so that every fit finds another false
    minimum."""
    f = np.linspace(-3.5, -1.0, 2001)
    values = row_log_likelihood(f, 90_000.0, 100_000.0, 1.0)
    assert np.all(np.diff(values, 2) < 0), "log-concave, hence one maximum"
    assert f[np.argmax(values)] == pytest.approx(np.log(-np.log(0.9)), abs=0.01)


def test_splines_equal_the_likelihood():
    passes, attempts = np.array([0.0, 3.0, 100.0, 50_000.0, 90_000.0, 100_000.0]), np.full(6, 1e5)
    rng = np.random.default_rng(0)
    for noise in (0.01, 0.3, 2.0):
        likelihood = CountLikelihood(passes, attempts, noise)
        for _ in range(50):
            f = rng.uniform(-9, 5, 6)
            expected = row_log_likelihood(f, passes, attempts, noise)
            np.testing.assert_allclose(likelihood(f), expected, rtol=1e-3, atol=5e-3)


def test_splines_end_where_the_rates_do():
    passes, attempts = np.array([1.0, 40.0]), np.array([50.0, 50.0])
    likelihood = CountLikelihood(passes, attempts, 0.5)
    for f in (-80.0, SMALLEST_F, LARGEST_F, 80.0):
        ends = row_log_likelihood(np.full(2, f), passes, attempts, 0.5)
        np.testing.assert_allclose(likelihood(np.full(2, f)), ends, rtol=1e-6)
    np.testing.assert_array_equal(likelihood(np.full(2, 80.0)), likelihood(np.full(2, LARGEST_F)))
