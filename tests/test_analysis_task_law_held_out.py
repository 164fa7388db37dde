"""Held-out sizes: each method is exact on the series that is straight on its own scale, and errors are relative."""

import numpy as np
import pytest
from scipy import special

from analysis.task_law.held_out import METHODS, log_error, predict_largest

SIZE = np.array([1e8, 3e8, 1e9, 3e9, 1e10])
X = np.log(SIZE)
STRAIGHT = {
    "law": np.exp(-np.exp(5.5 - 0.25 * X)),
    "logistic": special.expit(-12 + 0.5 * X),
    "linear": -0.9 + 0.05 * X,
    "log": np.exp(-9 + 0.35 * X),
}


@pytest.mark.parametrize("name", STRAIGHT)
def test_each_method_continues_its_own_line(name):
    rate = STRAIGHT[name]
    assert ((rate > 0) & (rate < 1)).all()
    found = predict_largest(SIZE[::-1], rate[::-1], 1000)
    assert set(found) == set(METHODS) and found[name] == pytest.approx(rate[-1], rel=1e-9)
    errors = {method: log_error(value, rate[-1], 1000) for method, value in found.items()}
    assert min(errors, key=errors.get) == name and found["no change"] == rate[-2]


def test_rates_of_nothing_enter_with_half_a_pass():
    found = predict_largest(SIZE, [0, 0, 0.01, 0.02, 0.03], 100)
    assert all(np.isfinite(value) for value in found.values())
    assert log_error(-0.2, 0.03, 100) == pytest.approx(np.log(0.03 / 0.005))


def test_what_cannot_be_judged_is_an_error():
    with pytest.raises(ValueError, match="3 sizes, needs 4"):
        predict_largest(SIZE[:3], [0.1, 0.2, 0.3], 100)
    with pytest.raises(ValueError, match="one size"):
        predict_largest([1, 1, 2, 3], [0.1, 0.2, 0.3, 0.4], 100)
    with pytest.raises(ValueError, match="percent"):
        predict_largest(SIZE, [10, 20, 30, 40, 50], 100)
