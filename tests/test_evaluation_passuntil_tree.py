"""evaluation/passuntil/tree.py: each prefix once, dead ones never, and memory that does not grow with the attempts."""

import weakref

import numpy as np
import pytest
from known_reader import BlindChecker, ListChecker, RuleChecker, TableReader

from evaluation.passuntil.attempt import Decoding, Judge
from evaluation.passuntil.randomness import stream_key
from evaluation.passuntil.tree import CountTree

PIECES = [b"a", b"b", b"c", b"d", b"."]


class _Rows(list):
    """Prefixes of a frontier; a list of Python cannot be watched."""


class WatchedReader(TableReader):
    """Notes which prefixes were read, and how many rows of frontiers are held at a time."""

    def __init__(self, sharpness: float = 1.0):
        super().__init__(len(PIECES), sharpness)
        self.seen, self.num_held, self.most_held = [], 0, 0

    def _release(self, num_rows: int) -> None:
        self.num_held -= num_rows

    def extend(self, frontier, rows, tokens):
        log_probabilities, children = super().extend(frontier, rows, tokens)
        self.seen += children
        children = _Rows(children)
        self.num_held += len(children)
        self.most_held = max(self.most_held, self.num_held)
        weakref.finalize(children, self._release, len(children))
        return log_probabilities, children


def passes(reader, checker, num_attempts: int, max_new_tokens: int = 6, batch_rows: int = 16, block: int = 0) -> int:
    decoding = Decoding(max_new_tokens, ".")
    tree = CountTree(
        reader, reader.start([0]), Judge(checker, PIECES, decoding), decoding, stream_key("test"), batch_rows
    )
    return tree.count_passes(block, num_attempts)


@pytest.mark.parametrize("kind", [ListChecker, RuleChecker, BlindChecker])
def test_every_prefix_is_read_once(kind):
    reader = WatchedReader()
    passes(reader, kind(("abc", "dd")), 3000)
    assert len(reader.seen) == len(set(reader.seen)) > 3


def test_dead_prefixes_are_never_read():
    for kind in (ListChecker, RuleChecker):
        reader = WatchedReader()
        passes(reader, kind(("abc", "dd")), 10_000)
        texts = {b"".join(PIECES[token] for token in prefix).decode() for prefix in reader.seen}
        assert texts == {"a", "ab", "abc", "d", "dd"}


def test_a_hundred_thousandfold_of_attempts_costs_a_handful_of_evaluations():
    reader = WatchedReader()
    found = passes(reader, ListChecker(("abc",)), 10**9)
    log_p = sum(reader.row(prefix)[token] for prefix, token in (((), 0), ((0,), 1), ((0, 1), 2), ((0, 1, 2), 4)))
    assert reader.num_evaluated == 4
    assert found == pytest.approx(1e9 * np.exp(log_p), rel=6 / np.sqrt(1e9 * np.exp(log_p)))


def test_what_is_held_is_bounded_by_the_length_of_an_attempt():
    reader = WatchedReader(0.3)
    passes(reader, BlindChecker(("abc",)), 10**7, max_new_tokens=6, batch_rows=16)
    assert len(reader.seen) > 1000
    assert reader.most_held <= 16 * 6


def test_blocks_are_drawn_anew_and_parts_change_nothing():
    results = {
        batch_rows: [
            passes(TableReader(len(PIECES), 0.5), BlindChecker(("ab",)), 5000, batch_rows=batch_rows, block=block)
            for block in range(6)
        ]
        for batch_rows in (1, 7, 256)
    }
    assert results[1] == results[7] == results[256]
    assert len(set(results[1])) > 3
