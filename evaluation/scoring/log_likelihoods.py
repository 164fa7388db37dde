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
from evaluation.readers.contexts import check_lengths, find_stop_id, read_questions
from evaluation.scoring import grouped, packed
from evaluation.scoring.item_tables import choice_table, open_table
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
        texts = [tokenizer.decode(context.generated) for context in contexts]
        return open_table(texts, items, task, contexts, questions.places)
    return choice_table(items, task, contexts, questions.places)


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
