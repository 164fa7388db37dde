"""One checkpoint in, tidy rows out: its validation loss, every task's metrics with intervals, and the same metrics of
every item."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from corpus.token_file import LANGUAGE_CODES, ValidationSet
from corpus.tokenizer import fingerprint
from evaluation.scoring import metrics
from evaluation.scoring.log_likelihoods import BATCH_TOKENS, prepare, score_items, validation_losses
from models import checkpoint
from models.config import GPTConfig
from tasks.base import Item, Task

CHOICE_METRICS = ("accuracy", "correct_choice_prob", "brier_score", "answer_log_likelihood")
OPEN_METRICS = ("exact_match", "answer_log_likelihood")
LABELS = ("size", "series", "seed")
ITEM_LABELS = ("run", "seed", "tokens_seen", "compute_flops", "loss_nats")
_PROPORTIONS = ("accuracy", "exact_match")


def evaluate_checkpoint(
    checkpoint_path: str | Path,
    tasks: Mapping[str, Task],
    items_by_task: Mapping[str, Sequence[Item]],
    validation: ValidationSet,
    tokenizer: Tokenizer,
    labels: Mapping[str, object] | None = None,
    num_items: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    precision: str = "fp32",
    device: str = "cpu",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Aggregate rows (one per task and metric) and per-item rows (one per task, item and metric) of a checkpoint.

    Aggregate columns: run, size, series, seed, tokens_seen, num_parameters, num_nonembedding_parameters, compute_flops,
    loss_nats (nats per token on the validation set), bits_per_byte, both also _en and _zh, task, metric, value, low,
    high (95 % over items), num_items, weight_hash, precision (of the products: "fp32" or "bf16", see
    evaluation.scoring.log_likelihoods.prepare). Per-item columns: run, seed, tokens_seen, compute_flops, loss_nats,
    task, item_id, metric, value. `labels` gives size, series and seed (empty where absent; the run's name stands in the
    checkpoint). Only the first `num_items` items of a task are scored, on `device` (as torch names it). Loss and
    compute are of the checkpoint itself, not of the end of its run (paper L, section 2.3). ValueError with one line,
    naming the file, for a damaged or foreign checkpoint, one of another tokenizer, an absent, foreign or short item
    set, a prompt longer than the model's context, logits that are not finite.
    """
    labels = dict(labels or {})
    if unknown := sorted(set(labels) - set(LABELS)):
        raise ValueError(f"labels: unknown field {unknown[0]!r}; known are {', '.join(LABELS)}")
    chosen = {name: _checked_items(name, items_by_task, num_items) for name in tasks}
    model, header = checkpoint.load(checkpoint_path, fingerprint(tokenizer))
    config = model.config
    try:
        model = prepare(model.to(device), precision)  # once for all tasks
        losses = summarize_losses(validation_losses(model, validation.tokens, batch_tokens), validation)
        tables = {name: score_items(model, tokenizer, chosen[name], task, batch_tokens) for name, task in tasks.items()}
    except ValueError as error:
        raise ValueError(f"{checkpoint_path}: {error}") from error
    about = _about_checkpoint(header, config, labels) | losses
    rows, item_rows = [], []
    for name, task in tasks.items():
        for metric in CHOICE_METRICS if task.answer_form == "choice" else OPEN_METRICS:
            values_I = tables[name]["correct" if metric in _PROPORTIONS else metric].to_numpy()
            estimate = metrics.proportion(values_I) if metric in _PROPORTIONS else metrics.mean(values_I)
            rows.append(
                {
                    **about,
                    "task": name,
                    "metric": metric,
                    **estimate._asdict(),
                    "weight_hash": header["weight_hash"],
                    "precision": precision,
                }
            )
            item_rows.append(
                pd.DataFrame({"task": name, "item_id": tables[name]["item_id"], "metric": metric, "value": values_I})
            )
    return pd.DataFrame(rows), _item_table(item_rows, {name: about[name] for name in ITEM_LABELS})


def _about_checkpoint(header: dict, config: GPTConfig, labels: Mapping[str, object]) -> dict:
    return {
        "run": header["run"],
        **{name: labels.get(name) for name in LABELS},
        "tokens_seen": header["tokens_seen"],
        "num_parameters": config.num_parameters,
        "num_nonembedding_parameters": config.num_nonembedding_parameters,
        "compute_flops": float(config.flops_per_token) * header["tokens_seen"],
    }


def summarize_losses(losses_ST: np.ndarray, validation: ValidationSet) -> dict[str, float]:
    """loss_nats (mean per token) and bits_per_byte (all nats over all UTF-8 bytes of the targets), in total and per
    language (_en, _zh; nan where absent)."""
    out = {}
    members = {
        "": np.ones_like(validation.language, bool),
        **{f"_{code}": validation.language == index for index, code in enumerate(LANGUAGE_CODES)},
    }
    for suffix, is_member in members.items():
        total = losses_ST[is_member].sum(dtype=np.float64)
        num_tokens, num_bytes = int(is_member.sum()), int(validation.num_bytes[is_member].sum(dtype=np.int64))
        out[f"loss_nats{suffix}"] = total / num_tokens if num_tokens else math.nan
        out[f"bits_per_byte{suffix}"] = total / math.log(2) / num_bytes if num_bytes else math.nan
    return {name: float(out[name]) for name in sorted(out, key=lambda name: not name.startswith("loss"))}


def _checked_items(name: str, items_by_task: Mapping[str, Sequence[Item]], num_items: int | None) -> list[Item]:
    place = f"items/{name}.jsonl"
    items = list(items_by_task.get(name, ()))
    if not items:
        raise ValueError(f"{place}: no items of task {name} were given; build them with `python -m corpus`")
    if foreign := [item for item in items if item.task != name]:
        raise ValueError(
            f"{place}: field task of item {foreign[0].item_id} is {foreign[0].task!r}: a foreign item file; rebuild it"
            " with `python -m corpus`"
        )
    if [item.item_id for item in items] != list(range(len(items))):
        raise ValueError(
            f"{place}: field item_id does not run from 0 to {len(items) - 1}: lines are missing or doubled; rebuild it"
            " with `python -m corpus`"
        )
    if num_items is not None and len(items) < num_items:
        raise ValueError(
            f"{place}: holds {len(items)} items, evaluation.num_items asks for {num_items}: truncated; rebuild it with"
            " `python -m corpus`"
        )
    return items[:num_items]


def _item_table(parts: list[pd.DataFrame], about: dict[str, object]) -> pd.DataFrame:
    """Long table with texts as categories and small numbers: a whole sweep has millions of rows."""
    table = pd.concat(parts, ignore_index=True)
    for position, (name, value) in enumerate(about.items()):
        table.insert(position, name, value)
    return table.astype(
        {"run": "category", "task": "category", "metric": "category", "item_id": "int32", "value": "float32"}
    )
