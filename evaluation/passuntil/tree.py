"""Many attempts from one prompt as counts on a tree: each distinct prefix is evaluated once and its count split over
the next tokens.

The split is a multinomial draw, so the counts have exactly the law of independent attempts; prefixes that cannot pass
any more lose their count at once. The tree is searched depth first in parts of at most `batch_rows` prefixes: what is
held at a time is bounded by the length of an attempt, not by the number of attempts. A node draws by its own path, so
the parts may be of any size. Shape suffixes: n prefixes evaluated together, C tokens among which a count is split, m
children.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.passuntil.attempt import OPEN, PASSED, Decoding, Judge, attempt_log_weights
from evaluation.passuntil.randomness import child_paths, split_counts
from evaluation.readers.next_token import NextToken


@dataclass
class _Children:
    """Open prefixes that wait to be evaluated, all children of one frontier; `num_taken` of them have been."""

    frontier: Any
    rows_m: np.ndarray
    tokens_m: np.ndarray
    counts_m: np.ndarray
    paths_m: np.ndarray
    prefixes_m: list[bytes]
    num_taken: int = 0

    def take(self, batch_rows: int) -> slice:
        """The next part; parts are of nearly equal size, because a small one costs as much as a middling one."""
        num_left = len(self.rows_m) - self.num_taken
        part = slice(self.num_taken, self.num_taken + -(-num_left // -(-num_left // batch_rows)))
        self.num_taken = part.stop
        return part


class CountTree:
    """The tree of one prompt. `start` is what the reader returned for the prompt."""

    def __init__(
        self,
        reader: NextToken,
        start: tuple[np.ndarray, Any],
        judge: Judge,
        decoding: Decoding,
        key: np.uint64,
        batch_rows: int,
    ):
        self._reader, self._judge, self._decoding = reader, judge, decoding
        self._start, self._key, self._batch_rows = start, key, batch_rows

    def count_passes(self, block: int, num_attempts: int) -> int:
        """Number of passes among `num_attempts` attempts; drawn anew for each block, the same for the same block."""
        root_path = np.zeros(1, np.uint64)
        passes, children = self._split(block, *self._start, np.array([num_attempts]), root_path, [b""], 1)
        # One open node list a level, the deepest first: what is held grows with the length of an attempt, never with
        # their number.
        levels = [children]
        while levels:
            here = levels[-1]
            if here.num_taken == len(here.rows_m):
                levels.pop()
                continue
            # Parts of one level are evaluated together; their children are finished before the next part, which frees
            # their keys and values.
            part = here.take(self._batch_rows)
            log_probabilities, frontier = self._reader.extend(here.frontier, here.rows_m[part], here.tokens_m[part])
            passed, children = self._split(
                block,
                log_probabilities,
                frontier,
                here.counts_m[part],
                here.paths_m[part],
                here.prefixes_m[part],
                len(levels) + 1,
            )
            passes += passed
            levels.append(children)
        return passes

    def _split(
        self,
        block: int,
        log_probabilities: np.ndarray,
        frontier: Any,
        counts_n: np.ndarray,
        paths_n: np.ndarray,
        prefixes_n: list[bytes],
        num_tokens: int,
    ) -> tuple[int, _Children]:
        """Passes among the children of n prefixes, and the children that are still open; children are `num_tokens`
        tokens long."""
        logs = attempt_log_weights(log_probabilities, self._decoding)
        choose = self._split_listed if self._judge.lists_texts else self._split_all
        rows_m, tokens_m, counts_m, outcomes_m = choose(block, logs, counts_n, paths_n, prefixes_n, num_tokens)
        # Passed attempts are counted and failed ones dropped here: no later token can change either.
        is_open = outcomes_m == OPEN
        rows, tokens = rows_m[is_open], tokens_m[is_open]
        prefixes = [prefixes_n[row] + self._judge.pieces[token] for row, token in zip(rows.tolist(), tokens.tolist())]
        children = _Children(frontier, rows, tokens, counts_m[is_open], child_paths(paths_n[rows], tokens), prefixes)
        return int(counts_m[outcomes_m == PASSED].sum()), children

    def _split_all(
        self,
        block: int,
        logs_nV: np.ndarray,
        counts_n: np.ndarray,
        paths_n: np.ndarray,
        prefixes_n: list[bytes],
        num_tokens: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Rows, tokens, counts and outcomes of all children that were drawn; only those are judged."""
        rows_m, tokens_m, counts_m = split_counts(self._key, block, paths_n, counts_n, np.exp(logs_nV))
        outcomes_m = self._judge.outcomes([prefixes_n[row] for row in rows_m.tolist()], tokens_m.tolist(), num_tokens)
        return rows_m, tokens_m, counts_m, outcomes_m

    def _split_listed(
        self,
        block: int,
        logs_nV: np.ndarray,
        counts_n: np.ndarray,
        paths_n: np.ndarray,
        prefixes_n: list[bytes],
        num_tokens: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The same where the hopeful tokens are known beforehand: all others share one column, the last."""
        fitting = [self._judge.candidates(prefix, num_tokens) for prefix in prefixes_n]
        num_columns = max(len(tokens) for tokens, _ in fitting)
        tokens_nC, outcomes_nC = (
            np.zeros((len(fitting), num_columns), np.int64),
            np.zeros((len(fitting), num_columns), np.int8),
        )
        weights_nC = np.zeros((len(fitting), num_columns + 1))
        for row, (tokens, outcomes) in enumerate(fitting):
            tokens_nC[row, : len(tokens)], outcomes_nC[row, : len(tokens)] = tokens, outcomes
            weights_V = np.exp(logs_nV[row])
            weights_nC[row, : len(tokens)] = weights_V[tokens]
            # The last column is the sum of what is left, not 1 - sum of the hopeful: for a hopeful share near 1 the
            # difference would be rounding noise, which may be negative.
            weights_V[tokens] = 0.0
            weights_nC[row, -1] = weights_V.sum()
        rows_m, columns_m, counts_m = split_counts(self._key, block, paths_n, counts_n, weights_nC)
        # Attempts in the last column cannot pass any more; which of its tokens they drew does not matter.
        is_hopeful = columns_m < num_columns
        rows_m, columns_m = rows_m[is_hopeful], columns_m[is_hopeful]
        return rows_m, tokens_nC[rows_m, columns_m], counts_m[is_hopeful], outcomes_nC[rows_m, columns_m]
