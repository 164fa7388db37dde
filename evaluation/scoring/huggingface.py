"""Log-likelihoods and greedy answers by any causal language model of `transformers`, as lm-evaluation-harness takes
them: of a request the sum of the log-probabilities of its continuation's tokens behind its context.

Requests that differ in their last token alone (the letters of an exam) are read once. Rows of a batch are filled up on
the right, where nothing that is asked can see it, and stand beside rows of about their length. Answers are generated
for contexts of one length at a time, without filling, so that an answer does not depend on its batch but for rounding.
Shape suffixes: R rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import inspect
import math
from collections import defaultdict
from collections.abc import Callable, Iterator

import torch
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList

from evaluation.readers.contexts import Context
from evaluation.readers.model_huggingface import LoadedModel
from tasks.base import Task

Progress = Callable[[int], None]  # is told how many requests or contexts are done
GENERATED_ROWS = 32  # contexts answered together


class _Row:
    """Tokens that are read together, and what is asked of them: (context, continuation, its tokens)."""

    def __init__(self, ids: list[int]):
        self.ids = ids
        self.asked: list[tuple[Context, int, list[int]]] = []


def _rows(contexts: list[Context]) -> list[_Row]:
    rows: dict[tuple[int, tuple[int, ...]], _Row] = {}
    for number, context in enumerate(contexts):
        context.log_likelihoods = [0.0] * len(context.continuations)
        for place, continuation in enumerate(context.continuations):
            read = tuple(continuation[:-1])
            row = rows.setdefault((number, read), _Row([*context.ids, *read]))
            row.asked.append((context, place, continuation))
    return sorted(rows.values(), key=lambda row: -len(row.ids))  # the largest first: what does not fit fails at once


def _batches(rows: list[_Row], batch_tokens: int) -> Iterator[list[_Row]]:
    """Neighbours of at most batch_tokens tokens, filling included; one row at least."""
    batch: list[_Row] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(batch[0].ids) > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@torch.inference_mode()
def score_contexts(
    model: PreTrainedModel, contexts: list[Context], batch_tokens: int, on_progress: Progress = lambda done: None
) -> None:
    """Fills in the log_likelihoods (nats) of all contexts. batch_tokens: of one forward pass. ValueError where logits
    are not finite."""
    takes_last = "logits_to_keep" in inspect.signature(model.forward).parameters
    done = 0
    for batch in _batches(_rows(contexts), batch_tokens):
        longest, device = len(batch[0].ids), model.device
        ids_RT = torch.zeros(len(batch), longest, dtype=torch.int64)
        mask_RT = torch.zeros_like(ids_RT)
        for number, row in enumerate(batch):
            ids_RT[number, : len(row.ids)] = torch.tensor(row.ids)
            mask_RT[number, : len(row.ids)] = 1
        # Positions before the first that is asked of any row: their logits would be the most of the memory.
        first = min(len(context.ids) - 1 for row in batch for context, _, _ in row.asked)
        kept = {"logits_to_keep": longest - first} if takes_last else {}
        logits_RTV = model(
            input_ids=ids_RT.to(device), attention_mask=mask_RT.to(device), use_cache=False, **kept
        ).logits
        skipped = longest - logits_RTV.shape[1]
        for number, row in enumerate(batch):
            for context, place, continuation in row.asked:
                begin = len(context.ids) - 1 - skipped
                asked_TV = logits_RTV[number, begin : begin + len(continuation)].float()
                total = _log_likelihood(asked_TV, continuation)
                context.log_likelihoods[place] = total
                done += 1
        on_progress(done)


def _log_likelihood(logits_TV: torch.Tensor, targets: list[int]) -> float:
    targets_T1 = torch.tensor(targets, device=logits_TV.device)[:, None]
    log_probabilities_T = logits_TV.gather(-1, targets_T1)[:, 0].double() - logits_TV.logsumexp(-1).double()
    total = float(log_probabilities_T.sum())
    if math.isnan(total) or total == math.inf:
        raise ValueError("logits are NaN or infinite: the weights are damaged or the number format is too small")
    return total


class _Stop(StoppingCriteria):
    """Ends a row whose text holds the stop."""

    def __init__(self, texts: list[bytes], stop: bytes, prompt_length: int):
        self._texts, self._stop, self._prompt_length = texts, stop, prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        ended = [self._stop in b"".join(self._texts[token] for token in row) for row in self._said(input_ids)]
        return torch.tensor(ended, device=input_ids.device)

    def _said(self, input_ids: torch.Tensor) -> list[list[int]]:
        return input_ids[:, self._prompt_length :].tolist()


@torch.inference_mode()
def answers(
    loaded: LoadedModel, contexts: list[Context], task: Task, on_progress: Progress = lambda done: None
) -> list[str]:
    """The greedy answer to each context: its text up to the task's stop, an end-of-text token or max_new_tokens."""
    texts, stop = loaded.texts, task.stop.encode()
    by_length: dict[int, list[int]] = defaultdict(list)
    for number, context in enumerate(contexts):
        by_length[len(context.ids)].append(number)
    out, done = [""] * len(contexts), 0
    for length, numbers in sorted(by_length.items()):
        for start in range(0, len(numbers), GENERATED_ROWS):
            part = numbers[start : start + GENERATED_ROWS]
            ids = torch.tensor([contexts[number].ids for number in part], device=loaded.model.device)
            criteria = StoppingCriteriaList([_Stop(texts, stop, length)] if stop else [])
            said = loaded.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                num_beams=1,
                max_new_tokens=task.max_new_tokens,
                eos_token_id=list(loaded.ends) or None,
                pad_token_id=(loaded.ends or (0,))[0],
                stopping_criteria=criteria,
            )
            for number, row in zip(part, said[:, length:].tolist(), strict=True):
                out[number] = _answer(row, loaded, stop)
            done += len(part)
            on_progress(done)
    return out


def _answer(ids: list[int], loaded: LoadedModel, stop: bytes) -> str:
    end = next((place for place, token in enumerate(ids) if token in loaded.ends), None)
    said = b"".join(loaded.texts[token] for token in ids[:end])
    return (said.split(stop)[0] if stop else said).decode(errors="replace")
