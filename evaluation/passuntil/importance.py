"""Rare passes by importance sampling: attempts are drawn from a model that passes more often and weighted back,
exactly.

The proposal is another reader (the largest checkpoint, say) or the same one at another temperature. A share of the
attempts is drawn from the target itself, and every attempt is weighted by target / mixture (the balance heuristic of
Veach and Guibas 1995): no weight exceeds 1 / share, so a poor proposal cannot hide a pass, and the estimate is
unbiased. Where texts are listed, evaluation/passuntil/exact.py is better still. Memory does not grow with the attempts:
sums of weights are kept, as fractions, so that no sum depends on the order or the batches of its parts. Shape suffixes:
n running attempts, V vocabulary.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from evaluation.passuntil.attempt import OPEN, PASSED, Decoding, Judge, attempt_log_weights, check_request
from evaluation.passuntil.randomness import attempt_uniforms, draw_tokens, stream_key
from evaluation.readers.next_token import NextToken
from tasks.checkers import Checker


@dataclass(frozen=True)
class WeightedCount:
    """Estimate of a pass probability from weighted attempts."""

    estimate: float
    standard_error: float
    effective_sample_size: float  # of the passes: squared sum over sum of squares of their weights; 0 where none passed
    attempts: int
    passes: int
    num_evaluated: int  # token positions that the models computed, the prompt's included
    seconds: float


def importance_estimate(
    reader: NextToken,
    proposal_reader: NextToken,
    prompt_ids: list[int],
    pieces: list[bytes],
    checker: Checker,
    decoding: Decoding,
    attempts: int,
    key: tuple[str, str, int],
    proposal_decoding: Decoding | None = None,
    target_share: float = 0.1,
    batch_rows: int = 256,
    state: dict | None = None,
    on_progress: Callable[[dict], None] | None = None,
) -> WeightedCount:
    """Pass probability of `reader` under `decoding`, from attempts of `proposal_reader` under `proposal_decoding` (the
    same one where None).

    Attempt i of `key` (run, task, item) is the same whatever the batches and the interruptions. `state`: what
    `on_progress` was last given (json-able). ValueError in one line for bad input, as attempt.check_request, and for a
    state of another measurement."""
    proposal_decoding = proposal_decoding or decoding
    for each in (reader, proposal_reader):
        check_request(each, prompt_ids, pieces, checker, decoding)
    if (proposal_decoding.max_new_tokens, proposal_decoding.stop) != (decoding.max_new_tokens, decoding.stop):
        raise ValueError(
            "proposal_decoding ends attempts otherwise than decoding; give the same max_new_tokens and stop"
        )
    # A fixed number from each, not a draw per attempt: the estimate is stratified, and the weights stay below 1 /
    # target_share (defensive mixture).
    num_target = round(target_share * attempts)
    if not 2 <= num_target <= attempts - 2:
        raise ValueError(
            f"target_share is {target_share} of {attempts} attempts; at least 2 attempts must come from the target and"
            " 2 from the proposal"
        )
    sums = _Sums(
        json.dumps([list(key), prompt_ids, asdict(decoding), asdict(proposal_decoding), attempts, num_target]),
        (num_target, attempts),
        state,
    )
    pair = _Pair(reader, proposal_reader, decoding, proposal_decoding, num_target / attempts)
    judge, start, stream = Judge(checker, pieces, decoding), pair.start(prompt_ids), stream_key("importance", *key)
    sums.num_evaluated = sums.num_evaluated or len(prompt_ids) * len(
        pair.readers
    )  # the prompt is counted once, however often it is read
    while sums.num_drawn < attempts:
        before, began = pair.num_evaluated, time.perf_counter()
        drawn = np.arange(sums.num_drawn, min(attempts, sums.num_drawn + batch_rows))
        weights = _passing_weights(pair, start, judge, decoding.max_new_tokens, stream, drawn, num_target)
        sums.add(weights, pair.num_evaluated - before, time.perf_counter() - began)
        if on_progress is not None:
            on_progress(sums.state())
    return sums.outcome()


class _Sums:
    """Sums of the weights and of their squares so far, of the attempts drawn from the target and of the others, and the
    state they go on from."""

    def __init__(self, settings: str, ends: tuple[int, int], state: dict | None):
        self._ends, self._settings = ends, hashlib.blake2b(settings.encode(), digest_size=16).hexdigest()
        state = state or {
            "settings": self._settings,
            "attempts": 0,
            "passes": 0,
            "sums": [[[0, 1], [0, 1]]] * 2,
            "num_evaluated": 0,
            "seconds": 0.0,
        }
        if state.get("settings") != self._settings:
            raise ValueError(
                "the state given is not of this measurement (importance sampling of other attempts); delete it to begin"
                " anew"
            )
        self.num_drawn, self._passes, self.num_evaluated, self._seconds = (
            state[name] for name in ("attempts", "passes", "num_evaluated", "seconds")
        )
        self._sums = [[Fraction(*parts) for parts in stratum] for stratum in state["sums"]]

    def add(self, weights: np.ndarray, num_evaluated: int, seconds: float) -> None:
        """Counts the next attempts, 0 being the weight of one that did not pass."""
        # Exact fractions: sums of floats would depend on where a batch or a restart has cut them.
        for stratum, part in zip(self._sums, np.split(weights, [max(0, self._ends[0] - self.num_drawn)]), strict=True):
            for weight in map(Fraction, part[part > 0].tolist()):
                stratum[0] += weight
                stratum[1] += weight * weight
        self.num_drawn, self._passes = self.num_drawn + len(weights), self._passes + int((weights > 0).sum())
        self.num_evaluated, self._seconds = self.num_evaluated + num_evaluated, self._seconds + seconds

    def state(self) -> dict:
        """What a later start goes on from; json-able."""
        sums = [[[part.numerator, part.denominator] for part in stratum] for stratum in self._sums]
        return {
            "settings": self._settings,
            "attempts": self.num_drawn,
            "passes": self._passes,
            "sums": sums,
            "num_evaluated": self.num_evaluated,
            "seconds": self._seconds,
        }

    def outcome(self) -> WeightedCount:
        """The estimate; its standard error is that of a sample stratified into the attempts of the target and those of
        the proposal."""
        num_target, attempts = self._ends
        variance = Fraction(0)
        for (total, squares), num in zip(self._sums, (num_target, attempts - num_target), strict=True):
            variance += num * (squares - total * total / num) / (num - 1)
        total, squares = (sum(stratum[place] for stratum in self._sums) for place in (0, 1))
        size = float(total * total / squares) if squares else 0.0
        return WeightedCount(
            float(total / attempts),
            float(variance) ** 0.5 / attempts,
            size,
            attempts,
            self._passes,
            self.num_evaluated,
            self._seconds,
        )


class _Pair:
    """Target and proposal, reading the same tokens; the model is asked once where both are the same reader."""

    def __init__(
        self,
        reader: NextToken,
        proposal_reader: NextToken,
        decoding: Decoding,
        proposal_decoding: Decoding,
        target_share: float,
    ):
        self.readers = (reader,) if proposal_reader is reader else (reader, proposal_reader)
        self._decodings, self._target_share = (decoding, proposal_decoding), target_share

    @property
    def num_evaluated(self) -> int:
        """Token positions that the models computed so far."""
        return sum(reader.num_evaluated for reader in self.readers)

    def start(self, prompt_ids: list[int]) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        """Log-weights of both after the prompt, and their frontiers."""
        return self._weighted([reader.start(prompt_ids) for reader in self.readers])

    def extend(
        self, frontiers: list[Any], rows: np.ndarray, tokens: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        """The same one token further."""
        return self._weighted(
            [reader.extend(frontier, rows, tokens) for reader, frontier in zip(self.readers, frontiers, strict=True)]
        )

    def _weighted(self, answers: list[tuple[np.ndarray, Any]]) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        target, proposal = (
            attempt_log_weights(answer[0], decoding)
            for answer, decoding in zip((answers[0], answers[-1]), self._decodings)
        )
        return target, proposal, [frontier for _, frontier in answers]

    def weights(self, log_target: np.ndarray, log_proposal: np.ndarray) -> np.ndarray:
        """target / (share * target + (1 - share) * proposal) of whole attempts that the target can draw."""
        return 1 / (
            self._target_share + (1 - self._target_share) * np.exp(np.minimum(log_proposal - log_target, 700.0))
        )


def _passing_weights(
    pair: _Pair,
    start: tuple[np.ndarray, np.ndarray, list[Any]],
    judge: Judge,
    max_new_tokens: int,
    stream: np.uint64,
    attempts: np.ndarray,
    num_target: int,
) -> np.ndarray:
    """Weight of each attempt that passes, 0 of the others; the first `num_target` attempts of all are drawn from the
    target."""
    out, (target, proposal, frontiers) = np.zeros(len(attempts)), start
    running, rows, prefixes = np.arange(len(attempts)), np.zeros(len(attempts), np.int64), [b""] * len(attempts)
    log_target, log_proposal = np.zeros(len(attempts)), np.zeros(len(attempts))
    for num_tokens in range(1, max_new_tokens + 1):
        is_target = attempts[running] < num_target
        drawn_from = np.where(is_target[:, None], target, proposal)
        tokens = draw_tokens(np.exp(drawn_from), attempt_uniforms(stream, attempts[running], num_tokens))
        # The root's single row serves all attempts.
        at = np.arange(len(running)) if len(target) == len(running) else np.zeros(len(running), np.int64)
        log_target[running] += target[at, tokens]
        log_proposal[running] += proposal[at, tokens]
        outcomes = judge.outcomes(prefixes, tokens.tolist(), num_tokens)
        # Where the target has probability 0 (top-p) the weight is 0, whatever the proposal has drawn.
        can_be_drawn = log_target[running] > -np.inf
        passed = running[(outcomes == PASSED) & can_be_drawn]
        out[passed] = pair.weights(log_target[passed], log_proposal[passed])
        is_open = (outcomes == OPEN) & can_be_drawn
        if not is_open.any():
            break
        prefixes = [
            prefix + judge.pieces[token]
            for prefix, token, goes_on in zip(prefixes, tokens.tolist(), is_open)
            if goes_on
        ]
        target, proposal, frontiers = pair.extend(frontiers, rows[is_open], tokens[is_open])
        running, rows = running[is_open], np.arange(int(is_open.sum()))
    return out
