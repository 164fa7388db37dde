"""Instance law: planted distribution of items recovered, mean pass rate of held-out sizes covered, noise refused."""

import numpy as np
import pytest

from analysis.task_law.instance_law import fit_instance_law

SIZE = np.repeat(3e4 * 2.0 ** np.arange(8), 2)
FITTED = SIZE < 1.5e6
CENTRE = np.log(SIZE[FITTED]).mean()


def _items(seed, num_items=60, attempts=20_000):
    rng = np.random.default_rng(seed)
    place, alpha = np.log(5) + 0.4 * rng.normal(size=num_items), 0.3 + 0.08 * rng.normal(size=num_items)
    f = place[:, None] - alpha[:, None] * (np.log(SIZE) - CENTRE) + 0.1 * rng.normal(size=(num_items, len(SIZE)))
    return rng.binomial(attempts, np.exp(-np.exp(f))), np.exp(-np.exp(f)), np.column_stack([place, alpha])


def test_held_out_sizes_are_covered():
    hits, errors = [], []
    for seed in range(20):
        passes, rate, _ = _items(seed)
        fit = fit_instance_law(SIZE[FITTED], passes[:, FITTED], 20_000)
        assert fit.status == "ok"
        for column in (12, 14):
            forecast = fit.predict(SIZE[column])
            hits.append(forecast.low <= rate[:, column].mean() <= forecast.high)
            errors.append(forecast.estimate / rate[:, column].mean() - 1)
    assert np.mean(hits) >= 0.85 and abs(np.mean(errors)) < 0.02 and np.std(errors) < 0.05


def test_items_and_their_distribution_are_recovered():
    passes, rate, theta = _items(1, num_items=150)
    fit = fit_instance_law(SIZE[FITTED], passes[:, FITTED], 20_000)
    np.testing.assert_allclose(fit.mean, [np.log(5), 0.3], atol=0.09)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.spread)), [0.4, 0.08], rtol=0.25)
    assert fit.noise == pytest.approx(0.1, rel=0.25)
    assert np.corrcoef(fit.theta[:, 0], theta[:, 0])[0, 1] > 0.98
    assert np.corrcoef(np.log(fit.predict_items(SIZE[14])), np.log(rate[:, 14]))[0, 1] > 0.9


def test_items_without_passes_stay_in():
    passes, rate, _ = _items(2, attempts=200)
    passes = np.where(rate < 0.02, np.minimum(passes, 0), passes)
    fit = fit_instance_law(SIZE[FITTED], passes[:, FITTED], 200)
    assert fit.status == "ok" and len(fit.theta) == 60 and fit.num_without_pass > 0
    hard = ~(passes[:, FITTED] > 0).any(axis=1)
    assert fit.predict_items(SIZE[14])[hard].max() < np.median(fit.predict_items(SIZE[14])[~hard])


def test_failures_are_told():
    nothing = fit_instance_law(SIZE, np.zeros((5, 16)), 100)
    assert (
        nothing.status.startswith("failed: 0 items") and nothing.num_without_pass == 5 and not nothing.predict(1e6).ok
    )
    with pytest.raises(ValueError, match="passes: shape"):
        fit_instance_law(SIZE, np.zeros((5, 3)), 100)
