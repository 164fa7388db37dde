"""Scores of contexts on a CPU: whole requests packed without padding, in sorted order, so that what they begin with in common is computed once."""

from __future__ import annotations

import numpy as np

from evaluation.contexts import Context
from evaluation.packed import Begun, PackedGPT, Rows
from evaluation.token_tree import TokenTree, packed
from tasks.base import Task

DECODE_ROWS = 128  # contexts answered together: enough to hide the cost of a step, few enough to hold their keys and values


def score_contexts(model: PackedGPT, contexts: list[Context], task: Task, stop_id: int | None, batch_tokens: int) -> None:
    """Fills log_likelihoods, and where there is a stop token `generated`, of every context."""
    requests = [(context, column) for context in contexts for column in range(len(context.continuations))]
    waiting: list[tuple[Context, Begun]] = []
    for context in contexts:
        context.log_likelihoods = [0.0] * len(context.continuations)
    for tree, members, rows in packed([context.ids + context.continuations[column][:-1] for context, column in requests], batch_tokens):
        asked = [(*requests[index], path_rows) for index, path_rows in zip(members, rows, strict=True)]
        waiting += _score_tree(model, tree, asked, task, stop_id)
        while len(waiting) >= DECODE_ROWS:
            _answer(model, waiting[:DECODE_ROWS], task, stop_id)
            del waiting[:DECODE_ROWS]
    if waiting:
        _answer(model, waiting, task, stop_id)


def _score_tree(
    model: PackedGPT, tree: TokenTree, asked: list[tuple[Context, int, np.ndarray]], task: Task, stop_id: int | None
) -> list[tuple[Context, Begun]]:
    """Scores the requests of one tree; returns the contexts whose greedy answer is not known yet."""
    rows_Q = np.concatenate([rows[len(context.ids) - 1 :] for context, _, rows in asked])
    targets_Q = np.concatenate([context.continuations[column] for context, column, _ in asked])
    asked_A, nodes_Q = np.unique(rows_Q, return_inverse=True)
    kept: list[np.ndarray] | None = None if stop_id is None else []
    states_AD = model.states(Rows.of_tree(tree), asked_A, kept=kept)
    order_Q, found_Q = np.argsort(nodes_Q, kind="stable"), np.empty(len(nodes_Q))
    found_Q[order_Q] = model.log_probabilities(states_AD, nodes_Q[order_Q], targets_Q[order_Q])
    likeliest_Q = None if stop_id is None else model.likeliest(states_AD)[nodes_Q]
    waiting, at = [], 0
    for context, column, rows in asked:
        length = len(context.continuations[column])
        context.log_likelihoods[column] = float(found_Q[at : at + length].sum())
        if stop_id is not None and column == 0:
            num_read, context.generated, token = _begin(context.continuations[0], likeliest_Q[at : at + length], task.max_new_tokens, stop_id)
            if token is not None:
                read = rows[: len(context.ids) + num_read]
                waiting.append((context, Begun(context.generated, [kv[read] for kv in kept], token)))
        at += length
    return waiting


def _begin(reference: list[int], likeliest: np.ndarray, max_new_tokens: int, stop_id: int) -> tuple[int, list[int], int | None]:
    """The greedy answer as far as the reference solution goes with it: how many of its tokens were read, the answer so far, and the next token,
    None where the answer is whole."""
    agrees = np.append(likeliest == reference, False)[: len(reference)]
    agrees[-1] = False  # the last token of a reference is not read, so the answer is known up to and with the token in its place
    num_read = int(agrees.argmin())
    greedy = [*reference[:num_read], int(likeliest[num_read])]
    if stop_id in greedy:
        return num_read, greedy[: min(greedy.index(stop_id), max_new_tokens)], None
    if len(greedy) >= max_new_tokens:
        return num_read, greedy[:max_new_tokens], None
    return num_read, greedy[:-1], greedy[-1]


def _answer(model: PackedGPT, waiting: list[tuple[Context, Begun]], task: Task, stop_id: int) -> None:
    contexts, begun = zip(*waiting, strict=True)
    for context, generated in zip(contexts, model.greedy(begun, task.max_new_tokens, stop_id), strict=True):
        context.generated = generated


def sequence_losses(model: PackedGPT, tokens_RT1: np.ndarray) -> np.ndarray:
    """Cross-entropy in nats of the targets [R, T] of sequences [R, T + 1], fp32."""
    R, T = len(tokens_RT1), tokens_RT1.shape[1] - 1
    first_R = np.arange(R) * T
    segments = np.stack([first_R, np.full(R, T), np.arange(R), np.arange(R) + 1], 1)
    rows = Rows(tokens_RT1[:, :-1].reshape(-1), np.tile(np.arange(T), R), segments, np.stack([first_R, np.full(R, T)], 1), T)
    nodes_M = np.arange(R * T)
    return -model.log_probabilities(model.states(rows, nodes_M), nodes_M, tokens_RT1[:, 1:].reshape(-1)).reshape(R, T).astype(np.float32)
