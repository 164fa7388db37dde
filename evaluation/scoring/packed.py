"""Scores of contexts on a CPU: whole requests packed without padding, in sorted order, so that what they begin with in
common is computed once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from evaluation.readers.contexts import Context, Questions
from evaluation.scoring.packed_forward import Begun, PackedGPT, Rows
from evaluation.scoring.token_tree import TokenTree, packed
from tasks.base import Task

# contexts of one pass answered together: enough to hide the cost of a step, few enough to hold their keys and values
# (80 MB at 3M parameters)
DECODE_ROWS = 64


@dataclass(frozen=True)
class _Batch:
    """One pass: its rows, which of them are asked, and the questions, each a token at an asked row, in the order of
    their requests and of the rows."""

    rows: Rows
    asked_A: np.ndarray
    nodes_Q: np.ndarray
    targets_Q: np.ndarray
    by_node_Q: np.ndarray
    requests: list[tuple[int, int, int, int]]  # context, continuation, its first and last question
    paths: dict[int, np.ndarray]  # open form: the rows of a context and its first continuation


@lru_cache(maxsize=64)
def _plan(questions: Questions, is_open: bool, batch_tokens: int) -> list[_Batch]:
    """The passes over a task's questions, the same for every checkpoint."""
    sequences: list[list[int]] = []
    owners: list[tuple[int, list[int]]] = []
    for index, context in enumerate(questions.contexts):
        columns_by_read: dict[tuple[int, ...], list[int]] = {}
        for column, continuation in enumerate(context.continuations):
            columns_by_read.setdefault(tuple(continuation[:-1]), []).append(column)
        for read, columns in columns_by_read.items():
            sequences.append([*context.ids, *read])
            owners.append((index, columns))
    return [
        _batch(questions, tree, [owners[member] for member in members], rows, is_open)
        for tree, members, rows in packed(sequences, batch_tokens)
    ]


def _batch(
    questions: Questions, tree: TokenTree, owners: list[tuple[int, list[int]]], rows: list[np.ndarray], is_open: bool
) -> _Batch:
    rows_Q, targets_Q, requests, at = [], [], [], 0
    for (index, columns), path in zip(owners, rows, strict=True):
        context = questions.contexts[index]
        for column in columns:
            rows_Q.append(path[len(context.ids) - 1 :])
            targets_Q += context.continuations[column]
            requests.append((index, column, at, len(targets_Q)))
            at = len(targets_Q)
    asked_A, nodes_Q = np.unique(np.concatenate(rows_Q), return_inverse=True)
    paths = {index: path for (index, columns), path in zip(owners, rows, strict=True) if is_open and 0 in columns}
    return _Batch(
        Rows.of_tree(tree), asked_A, nodes_Q, np.array(targets_Q), np.argsort(nodes_Q, kind="stable"), requests, paths
    )


def score_contexts(
    model: PackedGPT, questions: Questions, task: Task, stop_id: int | None, batch_tokens: int
) -> list[Context]:
    """The contexts with their log_likelihoods, and for open form `generated`."""
    contexts = questions.fresh_contexts()
    for context in contexts:
        context.log_likelihoods = [0.0] * len(context.continuations)
    for batch in _plan(questions, stop_id is not None, batch_tokens):
        kept: list[np.ndarray] | None = None if stop_id is None else []
        states_AD = model.states(batch.rows, batch.asked_A, kept=kept)
        found_Q = np.empty(len(batch.nodes_Q))
        found_Q[batch.by_node_Q] = model.log_probabilities(
            states_AD, batch.nodes_Q[batch.by_node_Q], batch.targets_Q[batch.by_node_Q]
        )
        for index, column, first, last in batch.requests:
            contexts[index].log_likelihoods[column] = math.fsum(found_Q[first:last])
        if stop_id is None:
            continue
        waiting = _begin_answers(
            contexts, batch, model.likeliest(states_AD)[batch.nodes_Q], task.max_new_tokens, stop_id
        )
        for start in range(0, len(waiting), DECODE_ROWS):
            owners, begun = zip(*waiting[start : start + DECODE_ROWS], strict=True)
            for context, generated in zip(owners, model.greedy(kept, begun, task.max_new_tokens, stop_id), strict=True):
                context.generated = generated
    return contexts


def _begin_answers(
    contexts: list[Context], batch: _Batch, likeliest_Q: np.ndarray, max_new_tokens: int, stop_id: int
) -> list[tuple[Context, Begun]]:
    """Fills the greedy answers that a batch's reference solutions already tell; returns the contexts whose answer must
    go on, with what is known of it."""
    waiting = []
    for index, column, first, last in batch.requests:
        if column > 0:
            continue
        context = contexts[index]
        num_read, context.generated, token = _begin(
            context.continuations[0], likeliest_Q[first:last], max_new_tokens, stop_id
        )
        if token is not None:
            read = batch.paths[index][: len(context.ids) + num_read]
            waiting.append((context, Begun(context.generated, read, token)))
    return waiting


def _begin(
    reference: list[int], likeliest: np.ndarray, max_new_tokens: int, stop_id: int
) -> tuple[int, list[int], int | None]:
    """The greedy answer as far as the reference solution goes with it: how many of its tokens were read, the answer so
    far, and the next token, None where the answer is whole."""
    agrees = np.append(likeliest == reference, False)[: len(reference)]
    agrees[-1] = (
        False  # the last token of a reference is not read, so the answer is known up to and with the token in its place
    )
    num_read = int(agrees.argmin())
    greedy = [*reference[:num_read], int(likeliest[num_read])]
    if stop_id in greedy:
        return num_read, greedy[: min(greedy.index(stop_id), max_new_tokens)], None
    if len(greedy) >= max_new_tokens:
        return num_read, greedy[:max_new_tokens], None
    return num_read, greedy[:-1], greedy[-1]


def sequence_losses(model: PackedGPT, tokens_RT1: np.ndarray) -> np.ndarray:
    """Cross-entropy in nats of the targets [R, T] of sequences [R, T + 1], fp32."""
    R, T = len(tokens_RT1), tokens_RT1.shape[1] - 1
    first_R = np.arange(R) * T
    segments = np.stack([first_R, np.full(R, T), np.arange(R), np.arange(R) + 1], 1)
    rows = Rows(
        tokens_RT1[:, :-1].reshape(-1), np.tile(np.arange(T), R), segments, np.stack([first_R, np.full(R, T)], 1), T
    )
    nodes_M = np.arange(R * T)
    return (
        -model.log_probabilities(model.states(rows, nodes_M), nodes_M, tokens_RT1[:, 1:].reshape(-1))
        .reshape(R, T)
        .astype(np.float32)
    )
