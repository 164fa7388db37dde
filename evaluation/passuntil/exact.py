"""The pass probability itself, by search over the tree of prefixes with certified bounds: the truth that sampled
columns are held against.

The likeliest open prefixes are evaluated first. What has passed is the lower bound; what has passed or may still pass
is the upper one. Sums are taken over logarithms, so 1e-15 and 1e-150 are as exact as 0.1 (up to the model's own
rounding). Where the checker lists its texts the search is over all tokenisations of them, and the bounds close;
elsewhere all continuations that the checker calls viable count, and they may stay apart.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.passuntil.attempt import DEAD, PASSED, Decoding, Judge, attempt_log_weights, check_request
from evaluation.readers.next_token import NextToken
from tasks.checkers import Checker

# Prefixes evaluated together, children of one frontier: a few rows cost as much as one, and their children can be
# evaluated together again.
BATCH_ROWS = 32
# Those that join the likeliest one are at most this much less likely (nats): the others may never be needed.
JOINING_NATS = 5.0
# Tokens of an unlisted prefix that are judged at a time, likeliest first; the others are held as one lump.
JUDGED_TOKENS = 8
# The bounds are summed anew after so much more work: a sum over all open prefixes costs as much as an evaluation.
CHECK_GROWTH = 1.2


@dataclass(frozen=True)
class PassBounds:
    """Natural logs of bounds on the pass probability; both -inf where no attempt can pass."""

    log_low: float
    log_high: float
    num_evaluated: int  # token positions that the model computed, the prompt's included


@dataclass
class _Node:
    """An open prefix that waits to be evaluated: row of a frontier and the token to append."""

    frontier: Any
    row: int
    token: int
    prefix: bytes
    num_tokens: int
    is_evaluated: bool = False


@dataclass(frozen=True)
class _Rest:
    """The less likely children of an evaluated prefix, not judged yet: `tokens` from `first` on."""

    frontier: Any
    row: int
    prefix: bytes
    num_tokens: int  # of the children
    tokens: np.ndarray
    logs: np.ndarray  # log-probability of each child, the prefix's own included
    first: int


def pass_probability(
    reader: NextToken,
    prompt_ids: list[int],
    pieces: list[bytes],
    checker: Checker,
    decoding: Decoding,
    tolerance: float = 1e-3,
    max_evaluations: int = 10_000,
) -> PassBounds:
    """Bounds that lie at most `tolerance` apart (nats, i.e. relative), or wider where `max_evaluations` prefixes were
    not enough.

    ValueError in one line for bad input, as evaluation.passuntil.attempt.check_request."""
    check_request(reader, prompt_ids, pieces, checker, decoding)
    before = reader.num_evaluated
    log_probabilities, frontier = reader.start(prompt_ids)
    search = _Search(reader, Judge(checker, pieces, decoding), decoding, before + len(prompt_ids) + max_evaluations)
    search.add_children(attempt_log_weights(log_probabilities, decoding)[0], frontier, 0, b"", 0.0, 1)
    log_low, log_high = search.run(tolerance)
    return PassBounds(log_low, log_high, reader.num_evaluated - before)


class _Search:
    """Open prefixes by probability, and the probability that has passed."""

    def __init__(self, reader: NextToken, judge: Judge, decoding: Decoding, last_evaluation: int):
        self._reader, self._judge, self._decoding, self._last_evaluation = reader, judge, decoding, last_evaluation
        # Heaps of (negative log-probability, order of arrival, prefix): of all, and of the nodes of each frontier.
        self._open: list[tuple[float, int, _Node | _Rest]] = []
        self._siblings: dict[int, list[tuple[float, int, _Node]]] = defaultdict(list)
        self._arrivals = itertools.count()
        self._log_passed = -np.inf

    def run(self, tolerance: float) -> tuple[float, float]:
        """Natural logs of the lower and the upper bound."""
        next_check, num_steps = 1.0, 0
        while self._open:
            if num_steps >= next_check:
                log_low, log_high = self._bounds()
                if log_high - log_low <= tolerance:
                    break
                next_check = max(num_steps + 1, CHECK_GROWTH * num_steps)
            cost, arrival, item = heapq.heappop(self._open)
            if isinstance(item, _Rest):
                self._judge_some(item)
            elif not item.is_evaluated:
                num_allowed = self._last_evaluation - self._reader.num_evaluated
                if num_allowed < 1:
                    heapq.heappush(self._open, (cost, arrival, item))
                    break
                self._evaluate(item.frontier, cost + JOINING_NATS, min(BATCH_ROWS, num_allowed))
                num_steps += 1
        return self._bounds()

    def _bounds(self) -> tuple[float, float]:
        open_logs = (-cost for cost, _, item in self._open if isinstance(item, _Rest) or not item.is_evaluated)
        return float(self._log_passed), float(min(0.0, _log_sum(np.array([self._log_passed, *open_logs]))))

    def _evaluate(self, frontier: Any, highest_cost: float, num_rows: int) -> None:
        """Evaluates the likeliest open children of a frontier, together."""
        siblings, nodes, costs = self._siblings[id(frontier)], [], []
        while siblings and len(nodes) < num_rows and siblings[0][0] <= highest_cost:
            cost, _, node = heapq.heappop(siblings)
            node.is_evaluated = True
            nodes.append(node)
            costs.append(cost)
        log_probabilities, children = self._reader.extend(
            frontier, np.array([node.row for node in nodes]), np.array([node.token for node in nodes])
        )
        logs = attempt_log_weights(log_probabilities, self._decoding)
        for row, (cost, node) in enumerate(zip(costs, nodes)):
            self.add_children(logs[row], children, row, node.prefix, -cost, node.num_tokens + 1)

    def add_children(
        self, logs_V: np.ndarray, frontier: Any, row: int, prefix: bytes, log_mass: float, num_tokens: int
    ) -> None:
        """Judges the children of a prefix of log-probability `log_mass`; `num_tokens` is the length of the children."""
        if self._judge.lists_texts:
            tokens, outcomes = self._judge.candidates(prefix, num_tokens)
            self._add(frontier, row, prefix, num_tokens, tokens, logs_V[tokens] + log_mass, outcomes)
        else:
            tokens = np.argsort(-logs_V, kind="stable").astype(np.int32)
            self._judge_some(_Rest(frontier, row, prefix, num_tokens, tokens, logs_V[tokens] + log_mass, 0))

    def _judge_some(self, rest: _Rest) -> None:
        """Judges the likeliest tokens of a lump and puts what is left back as a smaller lump."""
        end = rest.first + JUDGED_TOKENS
        tokens, logs = rest.tokens[rest.first : end], rest.logs[rest.first : end]
        outcomes = self._judge.outcomes([rest.prefix] * len(tokens), tokens.tolist(), rest.num_tokens)
        self._add(rest.frontier, rest.row, rest.prefix, rest.num_tokens, tokens, logs, outcomes)
        log_left = _log_sum(rest.logs[end:])
        if log_left > -np.inf:
            left = _Rest(rest.frontier, rest.row, rest.prefix, rest.num_tokens, rest.tokens, rest.logs, end)
            heapq.heappush(self._open, (-log_left, next(self._arrivals), left))

    def _add(
        self,
        frontier: Any,
        row: int,
        prefix: bytes,
        num_tokens: int,
        tokens: np.ndarray,
        logs: np.ndarray,
        outcomes: np.ndarray,
    ) -> None:
        for token, log_mass, outcome in self._possible(tokens, logs, outcomes):
            if outcome == PASSED:
                self._log_passed = np.logaddexp(self._log_passed, log_mass)
            else:
                node = _Node(frontier, row, token, prefix + self._judge.pieces[token], num_tokens)
                entry = (-log_mass, next(self._arrivals), node)
                heapq.heappush(self._open, entry)
                heapq.heappush(self._siblings[id(frontier)], entry)

    @staticmethod
    def _possible(tokens: np.ndarray, logs: np.ndarray, outcomes: np.ndarray) -> Iterator[tuple[int, float, int]]:
        """Children that can be drawn and are not dead."""
        is_possible = (outcomes != DEAD) & (logs > -np.inf)
        yield from zip(tokens[is_possible].tolist(), logs[is_possible].tolist(), outcomes[is_possible].tolist())


def _log_sum(logs: np.ndarray) -> float:
    """Natural log of the sum of exponentials; -inf of none."""
    highest = logs.max(initial=-np.inf)
    return float(highest + np.log(np.exp(logs - highest).sum())) if highest > -np.inf else float("-inf")
