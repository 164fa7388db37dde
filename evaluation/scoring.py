"""Log-likelihoods and greedy answers of the items of one task.

Every distinct context is computed once, in groups of one length (no padding), and its keys and values are shared by the choices that follow it,
by the reference answer and by the generation. A score depends on its item alone: not on the batch, nor on the order of the items.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer

from corpus.tokenizer import BOS_ID
from evaluation import forward, metrics
from models.gpt import GPT
from tasks.base import Item, Task

BATCH_TOKENS = 2048  # the fastest of 512 to 16384 at 0.05M to 1.6M parameters: the activations of a block stay in the second-level cache
DECODE_ROWS = 128  # contexts answered together: enough to hide the cost of a step, few enough to hold their caches (100 MB at 1.6M parameters)


@dataclass
class _Context:
    """A distinct context: its ids with the document start, the continuations asked of it, and what was found."""

    ids: list[int]
    place: str  # names an item that has it, for messages
    continuations: list[list[int]] = field(default_factory=list)
    log_likelihoods: list[float] = field(default_factory=list)
    generated: list[int] = field(default_factory=list)


def score_items(model: GPT, tokenizer: Tokenizer, items: Sequence[Item], task: Task, batch_tokens: int = BATCH_TOKENS) -> pd.DataFrame:
    """One row per item, in the order given.

    Columns: task, item_id, answer (text or index as text), prediction (the same), generated (open form: text before the stop),
    log_likelihoods (nats, one per choice; open form: one, of the reference solution), num_tokens and num_bytes (same order; bytes without the
    leading space), correct (0.0 or 1.0, by the task's metric), answer_log_likelihood (nats per token of the right choice or of the reference solution);
    choice form also correct_choice_prob and brier_score.
    ValueError with one line for an item of another task, a prompt longer than the model's context, a continuation without tokens, a stop text
    that is not one token, logits that are not finite.
    """
    contexts, places = _distinct_contexts(tokenizer, items, task)
    _check_lengths(contexts, task, model.config.max_sequence_length)
    stop_id = _stop_id(tokenizer, task) if task.answer_form == "open" else None
    with torch.inference_mode():
        _score_contexts(forward.pack_linears(model), contexts, task, stop_id, batch_tokens)
    if task.answer_form == "open":
        return _open_table(tokenizer, items, task, contexts, places)
    return _choice_table(items, task, contexts, places)


def validation_losses(model: GPT, tokens: np.ndarray, batch_tokens: int = BATCH_TOKENS) -> np.ndarray:
    """Cross-entropy in nats of each target [S, T] (fp32) of validation sequences [S, T + 1]. ValueError where it is not finite."""
    num_rows = max(1, batch_tokens // tokens.shape[1])
    device = model.embedding.weight.device
    losses = []
    with torch.inference_mode():
        packed = forward.pack_linears(model)
        for start in range(0, len(tokens), num_rows):
            rows = torch.from_numpy(tokens[start : start + num_rows].astype(np.int64)).to(device)
            losses.append(packed.per_token_loss(rows[:, :-1], rows[:, 1:]).cpu().numpy())
    joined = np.concatenate(losses)
    if not np.isfinite(joined).all():
        raise ValueError("validation loss is NaN or infinite: the weights are damaged or their training diverged; delete the checkpoint and rerun the training")
    return joined


def _distinct_contexts(tokenizer: Tokenizer, items: Sequence[Item], task: Task) -> tuple[list[_Context], list[list[tuple[int, int]]]]:
    """The contexts, and for each item and request the index of its context and of its continuation there."""
    texts = {text for item in items for request in item.requests for text in request}
    ids = {text: encoding.ids for text, encoding in zip(texts, tokenizer.encode_batch(list(texts), add_special_tokens=False), strict=True)}
    contexts: dict[str, _Context] = {}
    index_of: dict[str, int] = {}
    known: dict[tuple[str, str], int] = {}
    places = []
    for item in items:
        place = f"items of task {task.name}, item {item.item_id}"
        if item.task != task.name:
            raise ValueError(f"{place}: field task is {item.task!r}: a foreign item file; rebuild it with `python -m corpus`")
        for context, continuation in item.requests:
            if (context, continuation) in known:
                continue
            if not ids[continuation]:
                raise ValueError(f"{place}: field requests: continuation {continuation!r} has no tokens; rebuild the items with `python -m corpus`")
            index_of.setdefault(context, len(index_of))
            entry = contexts.setdefault(context, _Context([BOS_ID, *ids[context]], place))
            known[context, continuation] = len(entry.continuations)
            entry.continuations.append(ids[continuation])
        places.append([(index_of[context], known[context, continuation]) for context, continuation in item.requests])
    return list(contexts.values()), places


def _check_lengths(contexts: list[_Context], task: Task, max_sequence_length: int) -> None:
    for context in contexts:
        longest = max(task.max_new_tokens, *(len(continuation) for continuation in context.continuations))
        needed = len(context.ids) + longest - 1
        if needed > max_sequence_length:
            raise ValueError(f"{context.place}: field requests: prompt and answer take {needed} tokens, "
                             f"the model's max_sequence_length is {max_sequence_length}; "
                             "raise training.sequence_length in the profile or lower num_shots of the task")


def _stop_id(tokenizer: Tokenizer, task: Task) -> int:
    ids = tokenizer.encode(task.stop, add_special_tokens=False).ids
    if len(ids) != 1:
        raise ValueError(f"task {task.name}: field stop is {task.stop!r}, {len(ids)} tokens; give a text of one token")
    return ids[0]


def _batches(contexts: list[_Context], batch_tokens: int) -> Iterator[list[_Context]]:
    """Contexts of one length at a time, at most `batch_tokens` tokens (one context at least)."""
    by_length: dict[int, list[_Context]] = defaultdict(list)
    for context in contexts:
        by_length[len(context.ids)].append(context)
    for length, group in sorted(by_length.items()):
        num_rows = max(1, batch_tokens // length)
        for start in range(0, len(group), num_rows):
            yield group[start : start + num_rows]


def _score_contexts(model: GPT, contexts: list[_Context], task: Task, stop_id: int | None, batch_tokens: int) -> None:
    """Fills log_likelihoods, and for open form `generated`, of every context."""
    device = model.embedding.weight.device
    waiting: list[tuple[_Context, int, forward.Cache]] = []
    for batch in _batches(contexts, batch_tokens):
        state_RD, cache = forward.prefill(model, torch.tensor([context.ids for context in batch], device=device))
        first_RV = forward.log_probabilities(model, state_RD)
        is_greedy = _score_continuations(model, batch, first_RV, cache, batch_tokens)
        if stop_id is None:
            continue
        likeliest = first_RV.argmax(-1).tolist()
        for row, context in enumerate(batch):
            reference = context.continuations[0]
            if is_greedy[row] and reference[-1] == stop_id and stop_id not in reference[:-1] and len(reference) <= task.max_new_tokens + 1:
                context.generated = reference[:-1]  # each token of the reference was the likeliest one: this is the greedy answer
            else:
                waiting.append((context, likeliest[row], [(k[row].clone(), v[row].clone()) for k, v in cache]))
        while len(waiting) >= DECODE_ROWS:
            _answer(model, waiting[:DECODE_ROWS], task, stop_id)
            del waiting[:DECODE_ROWS]
    if waiting:
        _answer(model, waiting, task, stop_id)


def _score_continuations(model: GPT, batch: list[_Context], first_RV: torch.Tensor, cache: forward.Cache, batch_tokens: int) -> list[bool]:
    """Log-likelihoods of the continuations of one batch; returns for each context whether its first continuation is the greedy path."""
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
            targets_RS = torch.tensor([batch[row].continuations[column] for row, column in part], device=first_RV.device)
            rows = torch.tensor([row for row, _ in part], device=first_RV.device)
            log_probabilities_RSV = first_RV[rows][:, None]
            if length > 1:
                states_RSD = forward.extend(model, targets_RS[:, :-1], [(k[rows], v[rows]) for k, v in cache])
                log_probabilities_RSV = torch.cat([log_probabilities_RSV, forward.log_probabilities(model, states_RSD)], 1)
            sums = log_probabilities_RSV.gather(-1, targets_RS[..., None])[..., 0].double().sum(-1).tolist()
            agrees = (log_probabilities_RSV.argmax(-1) == targets_RS).all(-1).tolist()
            for (row, column), log_likelihood, agreed in zip(part, sums, agrees, strict=True):
                batch[row].log_likelihoods[column] = log_likelihood
                is_greedy[row] |= agreed and column == 0
    return is_greedy


def _answer(model: GPT, waiting: list[tuple[_Context, int, forward.Cache]], task: Task, stop_id: int) -> None:
    contexts, likeliest, caches = zip(*waiting)
    first_R = torch.tensor(likeliest, device=model.embedding.weight.device)
    for context, generated in zip(contexts, forward.greedy_from_cache(model, first_R, list(caches), task.max_new_tokens, stop_id), strict=True):
        context.generated = generated


def _choice_table(items: Sequence[Item], task: Task, contexts: list[_Context], places: list[list[tuple[int, int]]]) -> pd.DataFrame:
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
    return pd.DataFrame({
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
        "answer_log_likelihood": metrics.answer_log_likelihood(log_likelihoods_IC[rows_I, answers_I], num_tokens_IC[rows_I, answers_I]),
    })


def _open_table(tokenizer: Tokenizer, items: Sequence[Item], task: Task, contexts: list[_Context], places: list[list[tuple[int, int]]]) -> pd.DataFrame:
    found = [(contexts[context], continuation) for ((context, continuation),) in places]
    generated = [tokenizer.decode(context.generated) for context, _ in found]
    predictions = [task.extract(text) for text in generated]
    answers = [str(item.answer) for item in items]
    sums = np.array([context.log_likelihoods[continuation] for context, continuation in found])
    lengths = np.array([len(context.continuations[continuation]) for context, continuation in found])
    return pd.DataFrame({
        "task": task.name,
        "item_id": [item.item_id for item in items],
        "answer": answers,
        "prediction": predictions,
        "generated": generated,
        "log_likelihoods": [[value] for value in sums.tolist()],
        "num_tokens": [[length] for length in lengths.tolist()],
        "num_bytes": [[len(item.requests[0][1].strip().encode())] for item in items],
        "correct": metrics.exact_match(predictions, answers),
        "answer_log_likelihood": metrics.answer_log_likelihood(sums, lengths),
    })
