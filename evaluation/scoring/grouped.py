"""Scores of contexts on any device: contexts of one length at a time (no padding), keys and values shared by all that
follows a context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import torch

from evaluation.readers import forward
from evaluation.readers.contexts import Context, Questions
from models.gpt import GPT
from tasks.base import Task

# contexts answered together: enough to hide the cost of a step, few enough to hold their caches (100 MB at 1.6M
# parameters)
DECODE_ROWS = 128


def _batches(contexts: list[Context], batch_tokens: int) -> Iterator[list[Context]]:
    """Contexts of one length at a time, at most `batch_tokens` tokens (one context at least)."""
    by_length: dict[int, list[Context]] = defaultdict(list)
    for context in contexts:
        by_length[len(context.ids)].append(context)
    for length, group in sorted(by_length.items()):
        num_rows = max(1, batch_tokens // length)
        for start in range(0, len(group), num_rows):
            yield group[start : start + num_rows]


def score_contexts(
    model: GPT, questions: Questions, task: Task, stop_id: int | None, batch_tokens: int
) -> list[Context]:
    """The contexts with their log_likelihoods, and for open form `generated`."""
    contexts = questions.fresh_contexts()
    device = model.embedding.weight.device
    waiting: list[tuple[Context, int, forward.Cache]] = []
    for batch in _batches(contexts, batch_tokens):
        state_RD, cache = forward.prefill(model, torch.tensor([context.ids for context in batch], device=device))
        first_RV = forward.log_probabilities(model, state_RD)
        is_greedy = _score_continuations(model, batch, first_RV, cache, batch_tokens)
        if stop_id is None:
            continue
        likeliest = first_RV.argmax(-1).tolist()
        for row, context in enumerate(batch):
            reference = context.continuations[0]
            if (
                is_greedy[row]
                and reference[-1] == stop_id
                and stop_id not in reference[:-1]
                and len(reference) <= task.max_new_tokens + 1
            ):
                context.generated = reference[
                    :-1
                ]  # each token of the reference was the likeliest one: this is the greedy answer
            else:
                waiting.append((context, likeliest[row], [(k[row].clone(), v[row].clone()) for k, v in cache]))
        while len(waiting) >= DECODE_ROWS:
            _answer(model, waiting[:DECODE_ROWS], task, stop_id)
            del waiting[:DECODE_ROWS]
    if waiting:
        _answer(model, waiting, task, stop_id)
    return contexts


def _score_continuations(
    model: GPT, batch: list[Context], first_RV: torch.Tensor, cache: forward.Cache, batch_tokens: int
) -> list[bool]:
    """Log-likelihoods of the continuations of one batch; returns for each context whether its first continuation is the
    greedy path."""
    rows_by_length: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row, context in enumerate(batch):
        context.log_likelihoods = [0.0] * len(context.continuations)
        for column, continuation in enumerate(context.continuations):
            rows_by_length[len(continuation)].append((row, column))
    is_greedy = [False] * len(batch)
    for length, places in sorted(rows_by_length.items()):
        num_rows = max(1, batch_tokens // length)
        for start in range(0, len(places), num_rows):
            part = places[start : start + num_rows]
            targets_RS = torch.tensor(
                [batch[row].continuations[column] for row, column in part], device=first_RV.device
            )
            rows = torch.tensor([row for row, _ in part], device=first_RV.device)
            log_probabilities_RSV = first_RV[rows][:, None]
            if length > 1:
                states_RSD = forward.extend(model, targets_RS[:, :-1], [(k[rows], v[rows]) for k, v in cache])
                log_probabilities_RSV = torch.cat(
                    [log_probabilities_RSV, forward.log_probabilities(model, states_RSD)], 1
                )
            sums = log_probabilities_RSV.gather(-1, targets_RS[..., None])[..., 0].double().sum(-1).tolist()
            agrees = (log_probabilities_RSV.argmax(-1) == targets_RS).all(-1).tolist()
            for (row, column), log_likelihood, agreed in zip(part, sums, agrees, strict=True):
                batch[row].log_likelihoods[column] = log_likelihood
                is_greedy[row] |= agreed and column == 0
    return is_greedy


def _answer(model: GPT, waiting: list[tuple[Context, int, forward.Cache]], task: Task, stop_id: int) -> None:
    contexts, likeliest, caches = zip(*waiting)
    first_R = torch.tensor(likeliest, device=model.embedding.weight.device)
    for context, generated in zip(
        contexts, forward.greedy_from_cache(model, first_R, list(caches), task.max_new_tokens, stop_id), strict=True
    ):
        context.generated = generated


def sequence_losses(model: GPT, tokens_RT1: np.ndarray) -> np.ndarray:
    """Cross-entropy in nats of the targets [R, T] of sequences [R, T + 1], fp32."""
    rows = torch.from_numpy(tokens_RT1).to(model.embedding.weight.device)
    return model.per_token_loss(rows[:, :-1], rows[:, 1:]).cpu().numpy()
