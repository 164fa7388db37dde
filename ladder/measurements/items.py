"""Pass rates of one run on one task: one row per checkpoint, item and method, kept line by line as they are found.

Each finished row is a line of a journal, and the item under way leaves its counts beside it every few seconds: a worker
that is killed goes on from there and ends with the same numbers (all but the seconds).
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus.tokenizer import BOS_ID
from evaluation.passuntil.estimates import Decoding, count_until, pass_probability
from evaluation.readers.next_token import GPTReader, NextToken, token_pieces
from evaluation.scoring.log_likelihoods import validation_losses
from evaluation.scoring.runner import summarize_losses
from ladder.data import Data
from ladder.measurements.journal import Journal
from ladder.plan import Run
from models import checkpoint
from models.gpt import GPT
from models.sampling import beam_search
from profiles.schema import Sampling
from tasks.base import Item, load_items
from tasks.checkers import attempt_limits, checker


@dataclass(frozen=True)
class ItemRequest:
    """What is measured of one run on one task: which checkpoints, how many items, by which methods.

    methods: (name, temperature) pairs. stamp: names items, settings and code; a journal with another one is thrown
    away.
    """

    task: str
    checkpoints: tuple[Path, ...]
    sampling: Sampling
    methods: tuple[tuple[str, float], ...]
    stamp: str


def measure_task(
    data: Data, run: Run, request: ItemRequest, journal_path: Path, report: Callable[[float], None], device: str = "cpu"
) -> int:
    """Measure what the journal does not hold yet; the number of rows in all. ValueError in one line naming checkpoint
    or items where they do not fit."""
    items = load_items(data.folder / "items" / f"{request.task}.jsonl")[: request.sampling.num_items]
    if len(items) < request.sampling.num_items:
        raise ValueError(
            f"items/{request.task}.jsonl: holds {len(items)} items, {request.sampling.num_items} are to be measured;"
            " rebuild it with `python -m corpus`"
        )
    journal = Journal(journal_path, request.stamp)
    wanted = len(request.checkpoints) * len(items) * len(request.methods)
    for path in request.checkpoints:
        model, header = checkpoint.load(path, data.fingerprint)
        measurer = _Measurer(model.to(device), data, run.name, request, journal, header["tokens_seen"])
        for item in items:
            try:
                for row in measurer.rows(item):
                    journal.add(row)
                    report(len(journal.rows) / wanted)
            except ValueError as error:
                raise ValueError(f"{path}, task {request.task}, item {item.item_id}: {error}") from error
    return len(journal.rows)


class _Measurer:
    """Measures the items of one task on one checkpoint."""

    def __init__(self, model: GPT, data: Data, run: str, request: ItemRequest, journal: Journal, tokens_seen: int):
        self._model, self._reader, self._tokenizer, self._pieces = (
            model,
            GPTReader(model),
            data.tokenizer,
            token_pieces(data.tokenizer),
        )
        self._run, self._request, self._journal, self._tokens_seen = run, request, journal, tokens_seen
        self._stop, self._max_new_tokens = attempt_limits(request.task)

    def rows(self, item: Item) -> Iterator[dict]:
        """The rows of an item that are not in the journal yet, one after another."""
        keys = {(self._tokens_seen, item.item_id, *method): method for method in self._request.methods}
        missing = {key: method for key, method in keys.items() if key not in self._journal.rows}
        if not missing:
            return
        context, reference = item.requests[item.answer if isinstance(item.answer, int) else 0]
        prompt_ids, answer_ids = [BOS_ID, *self._encode(context)], self._encode(reference + self._stop)
        sampling = self._request.sampling
        shared = {
            "item_id": item.item_id,
            "tokens_seen": self._tokens_seen,
            "task": self._request.task,
            "top_p": sampling.top_p,
        }
        shared |= {
            "target": sampling.target,
            "cap": sampling.cap,
            "passes": 0,
            "attempts": 0,
            "is_reached": False,
            "pass_positions": [],
        }
        shared |= {"log_pass_low": math.nan, "log_pass_high": math.nan, "answer_tokens": len(answer_ids)}
        shared["answer_log_likelihood"] = reference_log_likelihood(self._reader, prompt_ids, answer_ids)
        for key, (method, temperature) in missing.items():
            before, start = self._reader.num_evaluated, time.perf_counter()
            decoding = Decoding(self._max_new_tokens, self._stop, temperature, sampling.top_p)
            found = {"num_evaluated": 0, "seconds": 0.0} | self._measure(method, prompt_ids, item, decoding, key)
            if not found["num_evaluated"]:
                found |= {"num_evaluated": self._reader.num_evaluated - before, "seconds": time.perf_counter() - start}
            yield shared | {"method": method, "temperature": temperature} | found

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def _measure(self, method: str, prompt_ids: list[int], item: Item, decoding: Decoding, key: tuple) -> dict:
        sampling, judge = self._request.sampling, checker(self._request.task, item)
        if method == "exact":
            bounds = pass_probability(
                self._reader,
                prompt_ids,
                self._pieces,
                judge,
                decoding,
                sampling.exact_tolerance,
                sampling.exact_evaluations,
            )
            return {"log_pass_low": bounds.log_low, "log_pass_high": bounds.log_high}
        if method == "beam":
            passes = int(judge.passes(self._beam_text(prompt_ids)))
            return {"passes": passes, "attempts": 1, "is_reached": passes >= sampling.target}
        # Attempts of another temperature or checkpoint are drawn anew.
        name = (f"{self._run}/{self._tokens_seen}/{decoding.temperature:g}", self._request.task, item.item_id)
        state = self._journal.state(key)
        count = count_until(
            self._reader,
            prompt_ids,
            self._pieces,
            judge,
            decoding,
            sampling.target,
            sampling.cap,
            name,
            state=state,
            on_progress=lambda state: self._journal.keep_state(key, state),
        )
        return {
            "passes": count.passes,
            "attempts": count.attempts,
            "is_reached": count.is_reached,
            "pass_positions": list(count.pass_positions),
            "num_evaluated": count.num_evaluated,
            "seconds": count.seconds,
        }

    def _beam_text(self, prompt_ids: list[int]) -> str:
        """What beam search answers, up to its stop; every beam may end at every token, so the search always ends with
        one."""
        stop_ids = [index for index, piece in enumerate(self._pieces) if piece.startswith(self._stop.encode())]
        ids, _ = beam_search(self._model, prompt_ids, self._request.sampling.beam_width, self._max_new_tokens, stop_ids)
        return b"".join(self._pieces[index] for index in ids).decode(errors="replace")


def reference_log_likelihood(reader: NextToken, prompt_ids: list[int], answer_ids: list[int]) -> float:
    """Sum over the answer's tokens of their log-probability after the prompt, in nats (teacher-forced)."""
    log_probabilities, frontier = reader.start(prompt_ids)
    total = float(log_probabilities[0, answer_ids[0]])
    for token, following in zip(answer_ids, answer_ids[1:]):
        log_probabilities, frontier = reader.extend(frontier, np.zeros(1, np.int64), np.array([token]))
        total += float(log_probabilities[0, following])
    return total


def rows_of_checkpoints(run: Run, is_held_out: bool, losses: dict[int, tuple[float, str]]) -> list[dict]:
    """One row per checkpoint of a run: what every row that measures it says about it. losses: tokens_seen -> (nats per
    token, weight hash)."""
    about = {"run": run.name, "series": run.series, "size": run.size, "seed": run.seed, "is_held_out": is_held_out}
    counts = {
        "num_parameters": run.model.num_parameters,
        "num_nonembedding_parameters": run.model.num_nonembedding_parameters,
    }
    return [
        about
        | {"tokens_seen": tokens_seen}
        | counts
        | {
            "compute_flops": float(run.model.flops_per_token) * tokens_seen,
            "loss_nats": loss_nats,
            "weight_hash": weight_hash,
        }
        for tokens_seen, (loss_nats, weight_hash) in sorted(losses.items())
    ]


def validation_loss(data: Data, path: Path, device: str = "cpu") -> tuple[int, float, str]:
    """(tokens_seen, nats per token on the validation set of the data, weight hash) of a checkpoint."""
    model, header = checkpoint.load(path, data.fingerprint)
    validation = data.validation()
    try:
        losses = summarize_losses(validation_losses(model.to(device), validation.tokens), validation)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return header["tokens_seen"], losses["loss_nats"], header["weight_hash"]
