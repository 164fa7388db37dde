"""Rare passes by importance sampling: attempts are drawn from a model that passes more often and weighted back, exactly.

The proposal is another reader (the largest checkpoint, say) or the same one at another temperature. A share of the attempts is drawn from the
target itself, and every attempt is weighted by target / mixture (the balance heuristic of Veach and Guibas 1995): no weight exceeds 1 / share,
so a poor proposal cannot hide a pass, and the estimate is unbiased. Where texts are listed, pass_exact.py is better still.
Shape suffixes: n running attempts, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.attempt import OPEN, PASSED, Decoding, Judge, check_request, log_weights
from evaluation.next_token import NextToken
from evaluation.pass_random import attempt_uniforms, draw_tokens, stream_key
from tasks.checkers import Checker


@dataclass(frozen=True)
class WeightedCount:
    """Estimate of a pass probability from weighted attempts."""

    estimate: float
    standard_error: float
    effective_sample_size: float  # of the passes: squared sum over sum of squares of their weights; 0 where none passed
    attempts: int


def importance_estimate(
    reader: NextToken, proposal_reader: NextToken, prompt_ids: list[int], pieces: list[bytes], checker: Checker, decoding: Decoding,
    attempts: int, key: tuple[str, str, int], proposal_decoding: Decoding | None = None, target_share: float = 0.1, batch_rows: int = 256,
) -> WeightedCount:
    """Pass probability of `reader` under `decoding`, from attempts of `proposal_reader` under `proposal_decoding` (the same one where None).

    Attempt i of `key` (run, task, item) is the same whatever the batches. ValueError in one line for bad input, as attempt.check_request."""
    proposal_decoding = proposal_decoding or decoding
    for each in (reader, proposal_reader):
        check_request(each, prompt_ids, pieces, checker, decoding)
    if (proposal_decoding.max_new_tokens, proposal_decoding.stop) != (decoding.max_new_tokens, decoding.stop):
        raise ValueError("proposal_decoding ends attempts otherwise than decoding; give the same max_new_tokens and stop")
    num_target = round(target_share * attempts)
    if not 2 <= num_target <= attempts - 2:
        raise ValueError(f"target_share is {target_share} of {attempts} attempts; at least 2 attempts must come from the target and 2 from the proposal")
    pair = _Pair(reader, proposal_reader, decoding, proposal_decoding, num_target / attempts)
    judge, start, stream = Judge(checker, pieces, decoding), pair.start(prompt_ids), stream_key("importance", *key)
    weights = np.concatenate([
        _passing_weights(pair, start, judge, decoding.max_new_tokens, stream, np.arange(first, min(attempts, first + batch_rows)), num_target)
        for first in range(0, attempts, batch_rows)
    ])
    variance = sum(len(part) * part.var(ddof=1) for part in np.split(weights, [num_target])) / attempts**2
    squares = float((weights**2).sum())
    return WeightedCount(float(weights.mean()), float(variance**0.5), float(weights.sum() ** 2 / squares) if squares else 0.0, attempts)


class _Pair:
    """Target and proposal, reading the same tokens; the model is asked once where both are the same reader."""

    def __init__(self, reader: NextToken, proposal_reader: NextToken, decoding: Decoding, proposal_decoding: Decoding, target_share: float):
        self._readers = (reader,) if proposal_reader is reader else (reader, proposal_reader)
        self._decodings, self._target_share = (decoding, proposal_decoding), target_share

    def start(self, prompt_ids: list[int]) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        """Log-weights of both after the prompt, and their frontiers."""
        return self._weighted([reader.start(prompt_ids) for reader in self._readers])

    def extend(self, frontiers: list[Any], rows: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        """The same one token further."""
        return self._weighted([reader.extend(frontier, rows, tokens) for reader, frontier in zip(self._readers, frontiers, strict=True)])

    def _weighted(self, answers: list[tuple[np.ndarray, Any]]) -> tuple[np.ndarray, np.ndarray, list[Any]]:
        target, proposal = (log_weights(answer[0], decoding) for answer, decoding in zip((answers[0], answers[-1]), self._decodings))
        return target, proposal, [frontier for _, frontier in answers]

    def weights(self, log_target: np.ndarray, log_proposal: np.ndarray) -> np.ndarray:
        """target / (share * target + (1 - share) * proposal) of whole attempts that the target can draw."""
        return 1 / (self._target_share + (1 - self._target_share) * np.exp(np.minimum(log_proposal - log_target, 700.0)))


def _passing_weights(
    pair: _Pair, start: tuple[np.ndarray, np.ndarray, list[Any]], judge: Judge, max_new_tokens: int, stream: np.uint64, attempts: np.ndarray, num_target: int
) -> np.ndarray:
    """Weight of each attempt that passes, 0 of the others; the first `num_target` attempts of all are drawn from the target."""
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
        can_be_drawn = log_target[running] > -np.inf
        passed = running[(outcomes == PASSED) & can_be_drawn]
        out[passed] = pair.weights(log_target[passed], log_proposal[passed])
        is_open = (outcomes == OPEN) & can_be_drawn
        if not is_open.any():
            break
        prefixes = [prefix + judge.pieces[token] for prefix, token, goes_on in zip(prefixes, tokens.tolist(), is_open) if goes_on]
        target, proposal, frontiers = pair.extend(frontiers, rows[is_open], tokens[is_open])
        running, rows = running[is_open], np.arange(int(is_open.sum()))
    return out
