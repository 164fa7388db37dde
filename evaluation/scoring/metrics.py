"""Metrics of paper L (arXiv 2403.15796, sections 2.2 and 3.2), each as one value per item, and their 95 % intervals
over items.

A choice task hands in `log_likelihoods_IC`: for each of I items the log-likelihood in nats of each of its C choices,
-inf where an item has fewer choices.
The predicted distribution over an item's choices is the softmax of these sums, i.e. the model's probability
renormalised over the choices.
Per-item values stay available because both papers' disputes are about metrics; `proportion` and `mean` condense them to
value and interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


class Score(NamedTuple):
    """A mean over items with its 95 % interval."""

    value: float
    low: float
    high: float
    num_items: int


def choice_probabilities(log_likelihoods_IC: np.ndarray) -> np.ndarray:
    """[I, C] probabilities over each item's choices: softmax of the choices' log-likelihoods."""
    largest_I1 = log_likelihoods_IC.max(axis=1, keepdims=True)
    weights_IC = np.exp(log_likelihoods_IC - largest_I1)
    return weights_IC / weights_IC.sum(axis=1, keepdims=True)


def predicted_choice(log_likelihoods_IC: np.ndarray, num_bytes_IC: np.ndarray | None = None) -> np.ndarray:
    """[I] index of the likeliest choice; with `num_bytes_IC`, of the choice likeliest per byte (the harness's
    acc_bytes). Ties go to the first choice."""
    if num_bytes_IC is None:
        return log_likelihoods_IC.argmax(axis=1)
    return (log_likelihoods_IC / np.maximum(num_bytes_IC, 1)).argmax(axis=1)


def accuracy(
    log_likelihoods_IC: np.ndarray, answers_I: np.ndarray, num_bytes_IC: np.ndarray | None = None
) -> np.ndarray:
    """[I] 1.0 where the likeliest choice (per byte if `num_bytes_IC` is given) is the right one, else 0.0."""
    return (predicted_choice(log_likelihoods_IC, num_bytes_IC) == answers_I).astype(np.float64)


def correct_choice_prob(log_likelihoods_IC: np.ndarray, answers_I: np.ndarray) -> np.ndarray:
    """[I] probability of the right choice among the item's choices (CorrectChoiceProb, paper L section 3.2); guessing
    over C choices gives 1/C."""
    return choice_probabilities(log_likelihoods_IC)[np.arange(len(answers_I)), answers_I]


def brier_score(log_likelihoods_IC: np.ndarray, answers_I: np.ndarray) -> np.ndarray:
    """[I] sum over choices of (y - p)^2 (Brier score, paper L Eq. 2): not divided by the number of choices, so uniform
    over 4 gives 0.75, a sure miss 2."""
    targets_IC = np.zeros_like(log_likelihoods_IC)
    targets_IC[np.arange(len(answers_I)), answers_I] = 1.0
    return ((targets_IC - choice_probabilities(log_likelihoods_IC)) ** 2).sum(axis=1)


def exact_match(predictions: Sequence[str], answers: Sequence[str]) -> np.ndarray:
    """[I] 1.0 where the extracted answer equals the reference answer, white space at both ends aside, else 0.0.

    Benchmarks that compare numbers or accept several texts say so themselves (tasks.base.Task.is_right)."""
    if len(predictions) != len(answers):
        raise ValueError(
            f"exact_match: {len(predictions)} predictions for {len(answers)} answers; give one of each per item"
        )
    return np.array([float(prediction.strip() == answer.strip()) for prediction, answer in zip(predictions, answers)])


def answer_log_likelihood(log_likelihoods_I: np.ndarray, num_tokens_I: np.ndarray) -> np.ndarray:
    """[I] log-likelihood of the right answer in nats per token of that answer, given its context (teacher forced)."""
    return log_likelihoods_I / num_tokens_I


def proportion(successes_I: np.ndarray) -> Score:
    """Share of 1.0 among 0/1 values, with the Wilson score interval, which stays sensible at 0 and 1."""
    num_items = _require_items(successes_I)
    share = float(successes_I.mean())
    z = stats.norm.ppf(0.5 + CONFIDENCE / 2)
    centre = (share + z * z / (2 * num_items)) / (1 + z * z / num_items)
    half = z / (1 + z * z / num_items) * np.sqrt(share * (1 - share) / num_items + z * z / (4 * num_items * num_items))
    # At 0 and 1 one end equals the share but for rounding, which must not push it inside.
    return Score(
        share, min(share, max(0.0, float(centre - half))), max(share, min(1.0, float(centre + half))), num_items
    )


def mean(values_I: np.ndarray) -> Score:
    """Mean of real values with Student's t interval (the item sets are large enough for it; a bootstrap would tie the
    interval to a seed)."""
    num_items = _require_items(values_I)
    centre = float(values_I.mean())
    if num_items == 1:
        return Score(centre, float("-inf"), float("inf"), 1)
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, num_items - 1) * float(values_I.std(ddof=1)) / np.sqrt(num_items)
    return Score(centre, centre - float(half), centre + float(half), num_items)


def _require_items(values_I: np.ndarray) -> int:
    if len(values_I) == 0:
        raise ValueError("metrics: no item to average over; give at least one item per task")
    return len(values_I)
