"""Metrics at hand-computed values, and coverage of their intervals."""

import numpy as np
import pytest

from evaluation.scoring import metrics


def log(*rows: tuple[float, ...]) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.array(rows))


def test_accuracy_takes_the_likeliest_choice_and_the_first_of_a_tie():
    log_likelihoods = log((0.1, 0.2, 0.3, 0.4), (0.4, 0.4, 0.1, 0.1), (0.4, 0.4, 0.1, 0.1))
    assert metrics.accuracy(log_likelihoods, np.array([3, 0, 1])).tolist() == [1.0, 1.0, 0.0]


def test_accuracy_per_byte_prefers_the_longer_choice_that_is_likelier_per_byte():
    log_likelihoods = np.array([[-4.0, -6.0]])  # per byte: -4/2 = -2 and -6/6 = -1
    num_bytes = np.array([[2, 6]])
    assert metrics.accuracy(log_likelihoods, np.array([1])).tolist() == [0.0]
    assert metrics.accuracy(log_likelihoods, np.array([1]), num_bytes).tolist() == [1.0]


def test_missing_choices_are_never_predicted_and_hold_no_probability():
    log_likelihoods = np.array([[-5.0, -5.0, -np.inf, -np.inf]])
    assert metrics.choice_probabilities(log_likelihoods).tolist() == [[0.5, 0.5, 0.0, 0.0]]
    assert metrics.predicted_choice(log_likelihoods, np.array([[3, 3, 0, 0]])).tolist() == [0]
    assert metrics.brier_score(log_likelihoods, np.array([0])).tolist() == [0.5]


def test_correct_choice_prob_renormalises_over_the_choices():
    log_likelihoods = log((0.02, 0.02, 0.02, 0.14), (0.1, 0.1, 0.1, 0.1))
    assert metrics.correct_choice_prob(log_likelihoods, np.array([3, 2])) == pytest.approx([0.7, 0.25])


def test_probabilities_survive_log_likelihoods_below_the_range_of_exp():
    assert metrics.correct_choice_prob(np.array([[-2000.0, -2000.0 + np.log(3.0)]]), np.array([1])) == pytest.approx(
        [0.75]
    )


def test_brier_score_is_a_sum_over_choices():
    log_likelihoods = log((0.25, 0.25, 0.25, 0.25), (1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.7, 0.1, 0.1, 0.1))
    # uniform over four: 0.75^2 + 3 * 0.25^2; a sure hit; a sure miss; 0.3^2 + 3 * 0.1^2
    assert metrics.brier_score(log_likelihoods, np.array([2, 0, 1, 0])) == pytest.approx([0.75, 0.0, 2.0, 0.12])


def test_constant_predictor_scores_one_and_a_half_on_balanced_answers():
    # paper L section 3.2: always (1, 0, 0, 0) on four balanced answers
    log_likelihoods = log(*[(1.0, 0.0, 0.0, 0.0)] * 4)
    assert metrics.brier_score(log_likelihoods, np.arange(4)).mean() == pytest.approx(1.5)


def test_exact_match_ignores_outer_white_space_only():
    assert metrics.exact_match([" 17", "17", "1 7", ""], ["17", "18", "17", "17"]).tolist() == [1.0, 0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="1 predictions for 2 answers"):
        metrics.exact_match(["1"], ["1", "2"])


def test_answer_log_likelihood_is_per_token():
    assert metrics.answer_log_likelihood(np.array([-6.0, -1.0]), np.array([3, 1])).tolist() == [-2.0, -1.0]


def test_wilson_interval_at_known_values():
    # Wilson 1927 by hand with z = 1.959964: 8 of 10 and 0 of 10
    estimate = metrics.proportion(np.array([1.0] * 8 + [0.0] * 2))
    assert estimate == pytest.approx((0.8, 0.490162, 0.943318, 10), abs=1e-6)
    assert metrics.proportion(np.zeros(10)) == pytest.approx((0.0, 0.0, 0.277533, 10), abs=1e-6)
    assert all(
        metrics.proportion(np.zeros(n)).low == 0.0 and metrics.proportion(np.ones(n)).high == 1.0 for n in range(1, 60)
    )


def test_t_interval_at_known_values():
    # values 1..5: mean 3, standard error sqrt(2.5 / 5), t(0.975, 4) = 2.776445
    assert metrics.mean(np.arange(1.0, 6.0)) == pytest.approx(
        (3.0, 3 - 2.776445 * 0.5**0.5, 3 + 2.776445 * 0.5**0.5, 5), abs=1e-5
    )
    assert metrics.mean(np.array([4.0])) == (4.0, float("-inf"), float("inf"), 1)


@pytest.mark.parametrize("kind", ["proportion", "mean"])
def test_intervals_cover_the_truth_about_95_times_of_100(kind):
    generator = np.random.default_rng(0)
    trials, hits = 1000, 0
    for _ in range(trials):
        if kind == "proportion":
            truth, estimate = 0.25, metrics.proportion((generator.random(200) < 0.25).astype(float))
        else:
            truth, estimate = -1.0, metrics.mean(-generator.exponential(1.0, 200))
        hits += estimate.low <= truth <= estimate.high
    assert 0.925 <= hits / trials <= 0.975


@pytest.mark.parametrize("condense", [metrics.proportion, metrics.mean])
def test_no_items_is_an_error(condense):
    with pytest.raises(ValueError, match="no item"):
        condense(np.array([]))
