"""The rows of a table of pass rates: what is measured of one item, by which method, and what it can cost."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np

from evaluation.passuntil.attempt import Decoding
from evaluation.passuntil.estimates import count_until, sample_until
from evaluation.passuntil.exact import pass_probability
from evaluation.passuntil.importance import importance_estimate
from evaluation.passuntil.inputs import PassItem, PassItems, PassModel
from evaluation.passuntil.progress import rough_duration
from evaluation.readers.next_token import NextToken

COUNTING = {"shared": count_until, "sampled": sample_until}
METHODS = (*COUNTING, "exact", "importance")
TARGET_SHARE = 0.1  # of the attempts of `importance`, drawn from the model itself
TOLERANCE, MAX_EVALUATIONS = 1e-3, 10_000
PROBE_ROWS, PROBES = 64, 3
IDENTITY = ("run", "tokens_seen", "weight_hash", "config_hash", "tokenizer_hash")
NAMES = ("model", "proposal_model")  # of settings, for people


@dataclass(frozen=True)
class Plan:
    """One command, checked: everything that decides its numbers."""

    model: PassModel
    task: PassItems
    method: str
    decoding: Decoding
    target: int | None
    cap: int
    proposal: PassModel | None = None
    proposal_temperature: float = 1.0
    dtype: str = "float32"
    model_name: str = ""
    proposal_name: str = ""

    @property
    def settings(self) -> dict[str, object]:
        """What a state must agree on to be continued: model, tokenizer, items and all that decides what is drawn and
        counted. `model` and `proposal_model` are names for people, which a state need not agree on."""
        # The format first: it decides the weights as they are loaded.
        out = (
            {"run": self.model.about["run"], "dtype": self.dtype}
            | {name: self.model.about[name] for name in IDENTITY}
            | {"model": self.model_name}
        )
        if self.proposal:
            out |= {
                "proposal": [self.proposal.about[name] for name in IDENTITY],
                "proposal_model": self.proposal_name,
                "proposal_temperature": self.proposal_temperature,
            }
        decoding = {name: getattr(self.decoding, name) for name in ("stop", "max_new_tokens", "temperature", "top_p")}
        if not isinstance(self.decoding.stop, str):
            decoding["stop"] = list(self.decoding.stop)  # as json gives it back
        if self.task.chat_hash:
            decoding["chat_template"] = self.task.chat_hash
        return {
            **out,
            "task": self.task.name,
            "method": self.method,
            "items": [item.item_id for item in self.task.items],
            "items_hash": self.task.items_hash,
            "target": self.target,
            "cap": self.cap,
            **decoding,
        }

    @property
    def settings_hash(self) -> str:
        """sha256 of the settings but the items: rows of two tables with the same one may be joined."""
        settings = {name: value for name, value in self.settings.items() if name not in {*NAMES, "items"}}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def answer_ids(model: PassModel, item: PassItem, stop: str) -> list[int]:
    """The tokens of the reference answer and of what ends it, behind the item's context.

    A tokenizer that cannot write the stop (one that drops line breaks) ends the answer with an end-of-text token.
    No tokens where the item names no reference. ValueError in one line where the tokenizer cannot write the answer."""
    if item.reference is None:
        return []

    def accepts(written: str) -> bool:
        answer, found, _ = written.partition(stop) if stop else (written, True, "")
        return bool(found) and item.checker.passes(answer)

    try:
        return model.encode_answer(item.reference + stop, item.context, accepts)
    except ValueError:
        if not stop or not model.ends:
            raise
        return [*model.encode_answer(item.reference, item.context, item.checker.passes), model.ends[0]]


def answer_log_probability(reader: NextToken, prompt_ids: list[int], answer_ids: list[int]) -> float:
    """Sum over the answer's tokens of their log-probability behind the prompt, nats."""
    log_probabilities, frontier = reader.start(prompt_ids)
    total, root = 0.0, np.zeros(1, np.int64)
    for place, token in enumerate(answer_ids):
        total += float(log_probabilities[0, token])
        if place + 1 < len(answer_ids):
            log_probabilities, frontier = reader.extend(frontier, root, np.array([token]))
    return total


def measure_item(
    plan: Plan, item: PassItem, pieces: list[bytes], state: dict | None, on_progress: Callable[[dict], None]
) -> dict[str, object]:
    """The row of one item. ValueError in one line naming the item where the model or the checker fails."""
    model, decoding = plan.model, plan.decoding
    prompt_ids, answer = model.encode_prompt(item.context), answer_ids(model, item, decoding.first_stop)
    row: dict[str, object] = {
        **model.about,
        "number_format": plan.dtype,
        "settings_hash": plan.settings_hash,
        "task": plan.task.name,
        "item_id": item.item_id,
        "method": plan.method,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "target": plan.target or 0,
        "cap": plan.cap,
        "passes": 0,
        "attempts": 0,
        "is_reached": False,
        "pass_positions": [],
        "log_pass_low": math.nan,
        "log_pass_high": math.nan,
        "answer_tokens": len(answer),
    }
    # The reference may be absent or longer than the model can read: then its loss is unknown, and attempts can be drawn
    # all the same.
    if answer and len(prompt_ids) + len(answer) - 1 <= model.reader.max_sequence_length:
        row["answer_log_likelihood"] = answer_log_probability(model.reader, prompt_ids, answer)
    else:
        row["answer_log_likelihood"] = math.nan
    if plan.method == "exact":
        began = time.perf_counter()
        bounds = pass_probability(model.reader, prompt_ids, pieces, item.checker, decoding, TOLERANCE, MAX_EVALUATIONS)
        return row | {
            "target": 0,
            "cap": 0,
            "log_pass_low": bounds.log_low,
            "log_pass_high": bounds.log_high,
            "num_evaluated": bounds.num_evaluated,
            "seconds": time.perf_counter() - began,
        }
    return row | _counted(plan, item, prompt_ids, pieces, state, on_progress)


def _counted(plan: Plan, item: PassItem, prompt_ids: list[int], pieces: list[bytes], state, on_progress) -> dict:
    """What attempts at an item give: passes and attempts, or with a proposal a weighted estimate."""
    model, decoding = plan.model, plan.decoding
    # Random numbers depend on (run, task, item); a stream name lets two models share them for paired comparisons.
    key = (model.stream or str(model.about["run"]), plan.task.name, item.item_id)
    if plan.proposal is not None:
        weighted = importance_estimate(
            model.reader,
            plan.proposal.reader,
            prompt_ids,
            pieces,
            item.checker,
            decoding,
            plan.cap,
            key,
            replace(decoding, temperature=plan.proposal_temperature),
            TARGET_SHARE,
            state=state,
            on_progress=on_progress,
        )
        return asdict(weighted)
    count = COUNTING[plan.method](
        model.reader,
        prompt_ids,
        pieces,
        item.checker,
        decoding,
        plan.target,
        plan.cap,
        key,
        state=state,
        on_progress=on_progress,
    )
    return {
        "passes": count.passes,
        "attempts": count.attempts,
        "is_reached": count.is_reached,
        "pass_positions": list(count.pass_positions),
        "num_evaluated": count.num_evaluated,
        "seconds": count.seconds,
    }


def cost_line(plan: Plan, num_left: int) -> str:
    """The most that `num_left` items can cost, from the time of one wide step of the model."""
    reader, rows = plan.model.reader, np.zeros(PROBE_ROWS, np.int64)
    log_probabilities, frontier = reader.start(plan.model.encode_prompt(plan.task.items[0].context))
    tokens = np.argsort(-log_probabilities[0], kind="stable")[:PROBE_ROWS]
    moments = [time.perf_counter()]
    for _ in range(PROBES):  # the first one prepares things
        reader.extend(frontier, rows[: len(tokens)], tokens)
        moments.append(time.perf_counter())
    rate = len(tokens) / np.diff(moments).min()
    each = MAX_EVALUATIONS if plan.method == "exact" else plan.cap * plan.decoding.max_new_tokens
    usual = {
        "shared": "; shared prefixes and an early end usually leave a small part of it",
        "sampled": "; items that pass often end early",
    }
    most = f"{num_left} items, at most {num_left * each:,} tokens at {rate:,.0f} a second"
    return f"cost: {most}: at most {rough_duration(num_left * each / rate)}{usual.get(plan.method, '')}"
