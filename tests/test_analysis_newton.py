"""Newton steps inside bounds: minima to rounding error, parameters exactly on their bound, ties that no last bit
decides."""

import numpy as np

from analysis.newton import SAME_VALUE, Minimum, best_of, first_best, minimise

FREE = ([-np.inf] * 2, [np.inf] * 2)


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Bent valley with its minimum 0 at (1, 1)."""
    away = x[1] - x[0] ** 2
    return (
        100 * away**2 + (1 - x[0]) ** 2,
        np.array([-400 * x[0] * away - 2 * (1 - x[0]), 200 * away]),
        np.array([[1200 * x[0] ** 2 - 400 * x[1] + 2, -400 * x[0]], [-400 * x[0], 200.0]]),
    )


def test_the_minimum_is_found_to_rounding_error():
    end = minimise(rosenbrock, (-1.2, 1.0), *FREE)
    assert end.is_converged
    np.testing.assert_allclose(end.x, 1.0, rtol=1e-13)


def test_starts_that_differ_in_a_last_bit_end_in_the_same_ten_digits():
    rng = np.random.default_rng(0)
    for start in rng.normal(size=(20, 2)) * 2:
        ends = [minimise(rosenbrock, start * (1 + nudge), *FREE).x for nudge in (0, 1e-15, -1e-12)]
        assert {tuple(float(f"{number:.10g}") for number in end) for end in ends} == {(1.0, 1.0)}


def test_a_parameter_driven_to_its_bound_is_the_bound():
    end = minimise(rosenbrock, (0.1, 0.3), [-np.inf, 0.0], [0.5, np.inf])
    assert end.is_converged
    assert end.x[0] == 0.5
    np.testing.assert_allclose(end.x[1], 0.25, rtol=1e-12)


def test_steps_go_down_from_a_saddle():
    """x^4 / 4 - x^2 / 2 + y^2 has a maximum along x at 0."""
    end = minimise(
        lambda x: (
            x[0] ** 4 / 4 - x[0] ** 2 / 2 + x[1] ** 2,
            np.array([x[0] ** 3 - x[0], 2 * x[1]]),
            np.array([[3 * x[0] ** 2 - 1, 0.0], [0.0, 2.0]]),
        ),
        (0.01, 1.0),
        *FREE,
    )
    assert end.is_converged
    np.testing.assert_allclose(end.x, (1.0, 0.0), atol=1e-12)


def test_a_search_that_finds_nan_or_no_end_says_so():
    nan = np.full(2, np.nan)
    assert not minimise(lambda x: (np.nan, nan, np.eye(2)), (0.0, 0.0), *FREE).is_converged
    falling = minimise(lambda x: (-x[0], np.array([-1.0, 0.0]), np.zeros((2, 2))), (0.0, 0.0), *FREE)
    assert not falling.is_converged


def test_of_minima_with_one_value_the_first_comes_first():
    values = (2.0, 1.0 + SAME_VALUE / 2, 1.0, 1.5)
    minima = [Minimum(np.array([place]), value, True) for place, value in enumerate(values)]
    ordered = best_of([*minima, Minimum(np.zeros(1), 0.0, False)])
    assert [int(end.x[0]) for end in ordered] == [1, 2, 3, 0]


def test_the_first_of_level_values_is_taken_whatever_their_last_bits():
    values = np.array(
        [[1.0, 3.0, 3.0 * (1 + 1e-15), 2.0], [1.0, 3.0 * (1 + 1e-15), 3.0, 2.0], [np.nan, 1.0, np.nan, 5.0]]
    )
    assert first_best(values).tolist() == [1, 1, 3]
    assert first_best(np.array([-np.inf, np.nan])) == 0
