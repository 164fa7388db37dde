"""Log-likelihoods and greedy answers of the items of one task.

Every distinct context is computed once and shared by the choices that follow it, by the reference answer and by the
generation; on a CPU, so is every beginning that contexts have in common (evaluation/scoring/packed.py). A score depends
on its item alone: not on the batch, nor on the order of the items.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer

from evaluation.readers import forward
from evaluation.readers.contexts import Context, check_lengths, find_stop_id, read_questions
from evaluation.scoring import grouped, metrics, packed
from evaluation.scoring.packed_forward import PackedGPT
from models.gpt import GPT
from tasks.base import Item, Task

# the fastest of 512 to 16384 at 0.05M to 1.6M parameters: the activations of a block stay in the second-level cache
BATCH_TOKENS = 2048


def prepare(model: GPT | PackedGPT, precision: str = "fp32") -> GPT | PackedGPT:
    """The model laid out for scoring, once for many tasks. On a CPU with oneDNN a PackedGPT whose products run in
    `precision`, "fp32" or "bf16"; elsewhere a copy in fp32. ValueError for another precision, for bf16 elsewhere, and
    for weights that are not finite.
    """
    if isinstance(model, PackedGPT) or isinstance(model.head, forward.PackedLinear):
        return model
    if model.embedding.weight.device.type == "cpu" and torch.backends.mkldnn.is_available():
        return PackedGPT(model, precision)
    if precision != "fp32":
        raise ValueError(f"evaluation precision is {precision!r}; off a CPU with oneDNN only 'fp32' is there")
    return forward.pack_linears(model)


def score_items(
    model: GPT | PackedGPT,
    tokenizer: Tokenizer,
    items: Sequence[Item],
    task: Task,
    batch_tokens: int = BATCH_TOKENS,
    end_ids: Collection[int] = (),
) -> pd.DataFrame:
    """One row per item, in the order given. `model` as it is or as `prepare` gives it. `tokenizer` is ours or, with the
    weights of another model (models.huggingface.from_llama), its own; then `end_ids` are its end-of-text tokens, which
    end an answer as the stop does.

    Columns: task, item_id, answer (text or index as text), prediction (the same), generated (open form: text before the
    stop), log_likelihoods (nats, one per choice; open form: one, of the reference solution), num_tokens and num_bytes
    (same order; bytes without the leading space), correct (0.0 or 1.0, by the task's metric), answer_log_likelihood
    (nats per token of the right choice or of the reference solution); choice form also correct_choice_prob and
    brier_score. ValueError with one line for an item of another task, a token that the model does not know, a prompt
    longer than the model's context, a continuation without tokens, a stop text that is not one token, logits that are
    not finite.
    """
    questions = read_questions(tokenizer, tuple(items), task)
    check_lengths(questions.contexts, task, model.config.max_sequence_length)
    if questions.largest_id >= model.config.vocab_size:
        raise ValueError(
            f"items of task {task.name} hold token id {questions.largest_id}, the model knows ids 0 to"
            f" {model.config.vocab_size - 1}: a checkpoint of another tokenizer; give the one it was trained with"
        )
    stop_id = find_stop_id(tokenizer, task) if task.answer_form == "open" else None
    with torch.inference_mode():
        prepared = prepare(model)
        room = packed if isinstance(prepared, PackedGPT) else grouped
        contexts = room.score_contexts(prepared, questions, task, stop_id, batch_tokens)
    for context in contexts:
        # Greedy decoding is prefix-closed: what it would have said had it ended there.
        ended = next((place for place, token in enumerate(context.generated) if token in end_ids), None)
        context.generated = context.generated[:ended]
    if task.answer_form == "open":
        return _open_table(tokenizer, items, task, contexts, questions.places)
    return _choice_table(items, task, contexts, questions.places)


def validation_losses(model: GPT | PackedGPT, tokens: np.ndarray, batch_tokens: int = BATCH_TOKENS) -> np.ndarray:
    """Cross-entropy in nats of each target [S, T] (fp32) of validation sequences [S, T + 1]. ValueError where it is not
    finite."""
    num_rows = max(1, batch_tokens // tokens.shape[1])
    with torch.inference_mode():
        prepared = prepare(model)
        losses = packed.sequence_losses if isinstance(prepared, PackedGPT) else grouped.sequence_losses
        parts = [
            losses(prepared, tokens[start : start + num_rows].astype(np.int64))
            for start in range(0, len(tokens), num_rows)
        ]
    joined = np.concatenate(parts)
    if not np.isfinite(joined).all():
        raise ValueError(
            "validation loss is NaN or infinite: the weights are damaged or their training diverged; delete the"
            " checkpoint and rerun the training"
        )
    return joined


def _choice_table(
    items: Sequence[Item], task: Task, contexts: list[Context], places: list[list[tuple[int, int]]]
) -> pd.DataFrame:
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


def _open_table(
    tokenizer: Tokenizer,
    items: Sequence[Item],
    task: Task,
    contexts: list[Context],
    places: list[list[tuple[int, int]]],
) -> pd.DataFrame:
    found = [(contexts[context], continuation) for ((context, continuation),) in places]
    generated = [tokenizer.decode(context.generated) for context, _ in found]
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
