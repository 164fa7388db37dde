"""Scores of contexts as rows of items: which choice or text was said, whether it is right, and how likely it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evaluation.readers.contexts import Context
from evaluation.scoring import metrics
from tasks.base import Item, Task


def choice_table(
    items: Sequence[Item], task: Task, contexts: list[Context], places: list[list[tuple[int, int]]]
) -> pd.DataFrame:
    """One row per item of choice form; columns as score_items says. places: of each item and request its context and
    the continuation there."""
    num_choices = max(len(item.requests) for item in items)
    log_likelihoods_IC = np.full((len(items), num_choices), -np.inf)
    num_tokens_IC = np.zeros((len(items), num_choices), np.int64)
    num_bytes_IC = np.zeros((len(items), num_choices), np.int64)
    for row, (item, found) in enumerate(zip(items, places, strict=True)):
        for column, (context, continuation) in enumerate(found):
            log_likelihoods_IC[row, column] = contexts[context].log_likelihoods[continuation]
            num_tokens_IC[row, column] = len(contexts[context].continuations[continuation])
            num_bytes_IC[row, column] = len(item.requests[column][1].strip().encode())
    answers_I = np.array([item.answer for item in items])
    rows_I = np.arange(len(items))
    weights = num_bytes_IC if task.length_normalized else None
    predictions_I = metrics.predicted_choice(log_likelihoods_IC, weights)
    sizes = [len(item.requests) for item in items]
    return pd.DataFrame(
        {
            "task": task.name,
            "item_id": [item.item_id for item in items],
            "answer": answers_I.astype(str),
            "prediction": predictions_I.astype(str),
            "generated": "",
            "log_likelihoods": [row[:size].tolist() for row, size in zip(log_likelihoods_IC, sizes)],
            "num_tokens": [row[:size].tolist() for row, size in zip(num_tokens_IC, sizes)],
            "num_bytes": [row[:size].tolist() for row, size in zip(num_bytes_IC, sizes)],
            "correct": metrics.accuracy(log_likelihoods_IC, answers_I, weights),
            "correct_choice_prob": metrics.correct_choice_prob(log_likelihoods_IC, answers_I),
            "brier_score": metrics.brier_score(log_likelihoods_IC, answers_I),
            "answer_log_likelihood": metrics.answer_log_likelihood(
                log_likelihoods_IC[rows_I, answers_I], num_tokens_IC[rows_I, answers_I]
            ),
        }
    )


def open_table(
    texts: list[str], items: Sequence[Item], task: Task, contexts: list[Context], places: list[list[tuple[int, int]]]
) -> pd.DataFrame:
    """One row per item of open form; columns as score_items says. texts: what was answered to each context."""
    found = [(contexts[context], continuation) for ((context, continuation),) in places]
    generated = [texts[context] for ((context, _),) in places]
    predictions = [task.extract(text) for text in generated]
    answers = [str(item.answer) for item in items]
    sums = np.array([context.log_likelihoods[continuation] for context, continuation in found])
    lengths = np.array([len(context.continuations[continuation]) for context, continuation in found])
    return pd.DataFrame(
        {
            "task": task.name,
            "item_id": [item.item_id for item in items],
            "answer": answers,
            "prediction": predictions,
            "generated": generated,
            "log_likelihoods": [[value] for value in sums.tolist()],
            "num_tokens": [[length] for length in lengths.tolist()],
            "num_bytes": [[len(item.requests[0][1].strip().encode())] for item in items],
            "correct": [float(task.is_right(item, said)) for item, said in zip(items, predictions, strict=True)],
            "answer_log_likelihood": metrics.answer_log_likelihood(sums, lengths),
        }
    )
