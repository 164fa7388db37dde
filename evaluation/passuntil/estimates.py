"""PassUntil (arXiv 2310.03262, section 4.1): attempts at one item until `target` of them pass, or `cap` attempts are
spent.

`sample_until` draws every attempt by itself, as the paper does. `count_until` has exactly the same law at a fraction of
the cost: blocks of attempts as counts on a tree (evaluation/passuntil/tree.py). The passes of a block stand at random
places of it, because attempts are exchangeable; so the number of the r-th pass is the order statistic that plain
sampling would give. Both go on from the state that they report after every batch or block, and end with the same
numbers. The pass probability itself: evaluation/passuntil/exact.py. Rare passes: evaluation/passuntil/importance.py.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation.passuntil.attempt import OPEN, PASSED, Decoding, Judge, attempt_log_weights, check_request
from evaluation.passuntil.exact import PassBounds, pass_probability
from evaluation.passuntil.importance import WeightedCount, importance_estimate
from evaluation.passuntil.randomness import attempt_uniforms, draw_tokens, stream_key
from evaluation.passuntil.tree import CountTree
from evaluation.readers.next_token import NextToken
from tasks.checkers import Checker

__all__ = [
    "Decoding",
    "PassBounds",
    "PassCount",
    "WeightedCount",
    "count_until",
    "importance_estimate",
    "pass_probability",
    "sample_until",
]

BATCH_ROWS = 256
# Numbers of one table of log-probabilities of the tree (8 MB): wide parts make few small ones further down, and those
# cost as much as middling ones.
TABLE_NUMBERS = 1 << 20
FIRST_ATTEMPTS = 64
# Blocks grow by this factor at most: few blocks, although what is drawn behind the last pass that is needed is lost.
GROWTH = 4
# What an interruption can lose.
MAX_BLOCK = 1_000_000
# A block is made this much larger than the passes so far say is needed, so that it seldom falls just short.
MARGIN = 1.3

Progress = Callable[[dict], None]


@dataclass(frozen=True)
class PassCount:
    """Outcome of a measurement: `attempts` is the number of the target-th pass where it was reached, else the cap."""

    passes: int
    attempts: int
    is_reached: bool
    pass_positions: tuple[
        int, ...
    ]  # 1-based numbers of the first `target` passing attempts; empty where target is None
    num_evaluated: int  # token positions that the model computed, the prompt's included
    seconds: float


def sample_until(
    reader: NextToken,
    prompt_ids: list[int],
    pieces: list[bytes],
    checker: Checker,
    decoding: Decoding,
    target: int | None,
    cap: int,
    key: tuple[str, str, int],
    batch_rows: int = BATCH_ROWS,
    state: dict | None = None,
    on_progress: Progress | None = None,
) -> PassCount:
    """Plain sampling. Attempt i of `key` (run, task, item) is the same whatever the batches, the workers and the
    interruptions.

    `target` None: all `cap` attempts. `state`: what `on_progress` was last given (json-able; written by the caller).
    ValueError in one line for bad input (see attempt.check_request), a cap below the target, and a state of another
    measurement.
    """
    _check(reader, prompt_ids, pieces, checker, decoding, target, cap)
    measured = _Measurement("sampled", reader, prompt_ids, decoding, target, cap, key, state)
    judge = Judge(checker, pieces, decoding, prunes=False)
    stream, start = stream_key("sampled", *key), measured.start()
    while not measured.is_done:
        drawn = measured.num_drawn
        # Batches grow with what was drawn, so that an item that passes at once costs few attempts.
        attempts = np.arange(drawn, min(cap, drawn + min(batch_rows, max(FIRST_ATTEMPTS, drawn))))
        passed = _attempt(reader, start, judge, decoding, stream, attempts)
        measured.add(len(attempts), passed.sum(), np.flatnonzero(passed) + 1, on_progress)
    return measured.outcome()


def count_until(
    reader: NextToken,
    prompt_ids: list[int],
    pieces: list[bytes],
    checker: Checker,
    decoding: Decoding,
    target: int | None,
    cap: int,
    key: tuple[str, str, int],
    batch_rows: int | None = None,
    state: dict | None = None,
    on_progress: Progress | None = None,
) -> PassCount:
    """The law of `sample_until` by counts on a tree of shared prefixes; arguments and errors as there. Other draws than
    those of sample_until.

    `batch_rows`: prefixes evaluated together, by default as many as the vocabulary allows; the outcome does not depend
    on it.
    """
    _check(reader, prompt_ids, pieces, checker, decoding, target, cap)
    measured = _Measurement("shared", reader, prompt_ids, decoding, target, cap, key, state)
    judge = Judge(checker, pieces, decoding)
    rows = batch_rows or max(BATCH_ROWS, TABLE_NUMBERS // reader.vocab_size)
    tree = CountTree(reader, measured.start(), judge, decoding, stream_key("shared", *key), rows)
    while not measured.is_done:
        num_attempts = measured.next_block()
        passes = tree.count_passes(measured.num_blocks, num_attempts)
        # The tree says how many attempts of the block pass, not which; they are exchangeable, so their places are a
        # uniform draw.
        places = np.random.Generator(np.random.Philox(stream_key("places", *key, measured.num_blocks)))
        positions = (
            np.sort(places.choice(num_attempts, passes, replace=False, shuffle=False)) + 1
            if target is not None
            else np.empty(0, np.int64)
        )
        measured.add(num_attempts, passes, positions, on_progress)
    return measured.outcome()


def _check(
    reader: NextToken,
    prompt_ids: list[int],
    pieces: list[bytes],
    checker: Checker | None,
    decoding: Decoding,
    target: int | None,
    cap: int,
) -> None:
    check_request(reader, prompt_ids, pieces, checker, decoding)
    if cap < 1:
        raise ValueError(f"cap is {cap}; give at least 1 attempt")
    if target is not None and not 1 <= target <= cap:
        raise ValueError(
            f"target is {target} passes with a cap of {cap} attempts; give a target of at least 1 and at most the cap"
        )


def _attempt(
    reader: NextToken,
    start: tuple[np.ndarray, Any],
    judge: Judge,
    decoding: Decoding,
    stream: np.uint64,
    attempts: np.ndarray,
) -> np.ndarray:
    """Which of the attempts pass; all are drawn side by side, token by token."""
    log_probabilities, frontier = start
    has_passed = np.zeros(len(attempts), bool)
    running, rows, prefixes = np.arange(len(attempts)), np.zeros(len(attempts), np.int64), [b""] * len(attempts)
    for num_tokens in range(1, decoding.max_new_tokens + 1):
        # An attempt's number at each token depends on (key, attempt, token) alone, not on which others are still
        # running.
        tokens = draw_tokens(
            np.exp(attempt_log_weights(log_probabilities, decoding)),
            attempt_uniforms(stream, attempts[running], num_tokens),
        )
        outcomes = judge.outcomes(prefixes, tokens.tolist(), num_tokens)
        has_passed[running[outcomes == PASSED]] = True
        is_open = outcomes == OPEN
        if not is_open.any():
            break
        prefixes = [
            prefix + judge.pieces[token]
            for prefix, token, goes_on in zip(prefixes, tokens.tolist(), is_open)
            if goes_on
        ]
        # Ended attempts leave the batch, so a step costs what the open ones cost.
        log_probabilities, frontier = reader.extend(frontier, rows[is_open], tokens[is_open])
        running, rows = running[is_open], np.arange(int(is_open.sum()))
    return has_passed


class _Measurement:
    """Counts so far, and the state from which an interrupted measurement goes on."""

    def __init__(
        self,
        method: str,
        reader: NextToken,
        prompt_ids: list[int],
        decoding: Decoding,
        target: int | None,
        cap: int,
        key: tuple[str, str, int],
        state: dict | None,
    ):
        self._reader, self._prompt_ids, self._target, self._cap = reader, prompt_ids, target, cap
        settings = json.dumps([method, list(key), prompt_ids, asdict(decoding), target, cap])
        self._settings = hashlib.blake2b(settings.encode(), digest_size=16).hexdigest()
        # The settings stand in the state as a hash: a state of another measurement is refused, not continued.
        unmeasured = {
            "blocks": 0,
            "attempts": 0,
            "passes": 0,
            "positions": [],
            "num_evaluated": len(prompt_ids),
            "seconds": 0.0,
        }
        state = state or unmeasured | {"settings": self._settings}
        if state.get("settings") != self._settings:
            raise ValueError(
                f"the state given is not of this measurement ({method}, key {key}, target {target}, cap {cap}); delete"
                " it to begin anew"
            )
        self.num_blocks, self.num_drawn, self._passes, self._positions = (
            state["blocks"],
            state["attempts"],
            state["passes"],
            list(state["positions"]),
        )
        self._evaluated_before, self._seconds_before = state["num_evaluated"], state["seconds"]

    def start(self) -> tuple[np.ndarray, Any]:
        """Reads the prompt; the clock and the count of evaluations begin (the prompt is counted once, however often it
        is read)."""
        self._began = time.perf_counter()
        start = self._reader.start(self._prompt_ids)
        self._evaluated_at_start = self._reader.num_evaluated
        return start

    @property
    def is_done(self) -> bool:
        """True where the target or the cap is reached."""
        return self.num_drawn >= self._cap or (self._target is not None and len(self._positions) >= self._target)

    def next_block(self) -> int:
        """Size of the next block. It may depend on the blocks before it: attempts of a block are independent of them
        whatever its size."""
        if self._target is None:
            return min(MAX_BLOCK, self._cap - self.num_drawn)
        largest = max(FIRST_ATTEMPTS, (GROWTH - 1) * self.num_drawn)
        # As many attempts as the rate so far says the missing passes take; a block too large wastes what it draws
        # behind the last pass, one too small costs another round through the tree.
        wanted = MARGIN * (self._target - self._passes) * self.num_drawn / self._passes if self._passes else largest
        return int(min(MAX_BLOCK, self._cap - self.num_drawn, largest, max(FIRST_ATTEMPTS, wanted)))

    def add(self, num_attempts: int, passes: int, positions: np.ndarray, on_progress: Progress | None) -> None:
        """Counts one batch or block, `positions` being the 1-based numbers of its passes within it, and reports the
        state."""
        if self._target is not None:
            self._positions += [
                self.num_drawn + int(position) for position in positions[: self._target - len(self._positions)]
            ]
        self.num_drawn, self.num_blocks, self._passes = (
            self.num_drawn + int(num_attempts),
            self.num_blocks + 1,
            self._passes + int(passes),
        )
        if on_progress is not None:
            on_progress(
                {
                    "settings": self._settings,
                    "blocks": self.num_blocks,
                    "attempts": self.num_drawn,
                    "passes": self._passes,
                    "positions": list(self._positions),
                    "num_evaluated": self._num_evaluated(),
                    "seconds": self._seconds(),
                }
            )

    def _num_evaluated(self) -> int:
        return self._evaluated_before + self._reader.num_evaluated - self._evaluated_at_start

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._began

    def outcome(self) -> PassCount:
        """The finished measurement."""
        is_reached = self._target is not None and len(self._positions) >= self._target
        passes, attempts = (self._target, self._positions[-1]) if is_reached else (self._passes, self.num_drawn)
        return PassCount(passes, attempts, is_reached, tuple(self._positions), self._num_evaluated(), self._seconds())
