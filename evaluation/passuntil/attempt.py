"""What an attempt is: how its tokens are drawn, where it ends, and how it is judged token by token.

An attempt is sampled from the context until its text holds a stop or an end-of-text token is drawn (the attempt is
what stands before either) or max_new_tokens are spent: then it fails, except where there is no stop, where the whole
text counts. A token without bytes (our document start) ends it like max_new_tokens. An id without text (a special
token, a padding row of the embedding, EMPTY) is no part of any answer: an attempt that draws one fails. This holds for
every way of counting. A judge sorts prefixes into passed, open and dead; dead are those that no continuation can make
pass, by the checker or because they are no UTF-8.
"""

from __future__ import annotations

import bisect
import codecs
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evaluation.readers.next_token import NextToken
from evaluation.readers.pieces import Empty, EndOfText
from models import sampling
from tasks.checkers import Checker

DEAD, OPEN, PASSED = 0, 1, 2
# Judgements kept by text, so that no text is judged twice; forgotten all at once when so many are held (about 200 MB).
MAX_REMEMBERED = 1_000_000


@dataclass(frozen=True)
class Decoding:
    """How attempts are drawn. ValueError for a temperature of 0 or below, a top_p outside (0, 1], max_new_tokens below
    1, and an empty one among several stops. `stop`: one text, or several of which the first to be written ends it."""

    max_new_tokens: int
    stop: str | tuple[str, ...]
    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self):
        sampling.check_decoding(self.temperature, self.top_p)
        if self.max_new_tokens < 1:
            raise ValueError(f"Decoding: max_new_tokens is {self.max_new_tokens}; give at least 1")
        if not isinstance(self.stop, str) and not all(self.stop):
            raise ValueError("Decoding: a stop is empty; leave it out")

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts that end an attempt; none where only an end of text or max_new_tokens do."""
        return tuple(filter(None, [self.stop])) if isinstance(self.stop, str) else self.stop

    @property
    def first_stop(self) -> str:
        """The stop that a reference answer is written with; empty where there is none."""
        return next(iter(self.stops), "")


def check_request(
    reader: NextToken, prompt_ids: list[int], pieces: list[bytes], checker: Checker | None, decoding: Decoding
) -> None:
    """ValueError in one line: a task without checker, a checkpoint of another tokenizer, an empty prompt, one longer
    than the context."""
    if checker is None:
        raise ValueError(
            "checker is None: the task has no checker and its attempts cannot be judged; choose a task of"
            " tasks.PASS_TASKS"
        )
    if len(pieces) != reader.vocab_size:
        raise ValueError(
            f"the tokenizer has {len(pieces)} tokens, the model {reader.vocab_size}: a checkpoint of another tokenizer;"
            " give the one it was trained with"
        )
    if not prompt_ids:
        raise ValueError("the prompt is empty; begin it with the document token")
    num_needed = len(prompt_ids) + decoding.max_new_tokens - 1
    if num_needed > reader.max_sequence_length:
        raise ValueError(
            f"prompt and attempt take {num_needed} tokens, the model's max_sequence_length is"
            f" {reader.max_sequence_length}; shorten the prompt or lower max_new_tokens"
        )


def attempt_log_weights(log_probabilities_nV: np.ndarray, decoding: Decoding) -> np.ndarray:
    """Natural logs [n, V] of the probabilities that tokens are drawn with, as models.sampling.log_weights; ValueError
    as there."""
    return sampling.log_weights(log_probabilities_nV, decoding.temperature, decoding.top_p)


class Judge:
    """Sorts prefixes of the attempts at one item; every distinct text is judged once."""

    def __init__(self, checker: Checker, pieces: list[bytes], decoding: Decoding, prunes: bool = True):
        """Without `prunes` a prefix stays open until it ends, as in plain sampling."""
        self.pieces = pieces
        self._checker, self._prunes = checker, prunes
        self._stops, self._max_new_tokens = [stop.encode() for stop in decoding.stops], decoding.max_new_tokens
        self._passes: dict[bytes, bool] = {}
        self._viable: dict[bytes, bool] = {}
        accepted = checker.accepted() if prunes else None
        self._targets = None
        if accepted is not None:
            self._targets = sorted({text.encode() + stop for text in accepted for stop in self._stops or [b""]})
        if accepted is not None:
            self._candidates: dict[tuple[bytes, bool], tuple[np.ndarray, np.ndarray]] = {}
            self._ids_of_piece: dict[bytes, list[int]] = defaultdict(list)
            for index, piece in enumerate(pieces):
                if not isinstance(piece, (EndOfText, Empty)):
                    self._ids_of_piece[piece].append(index)
            # They may follow any prefix, whatever their bytes.
            self._end_ids = [index for index, piece in enumerate(pieces) if isinstance(piece, EndOfText)]
            self._sorted_pieces = sorted(self._ids_of_piece)

    @property
    def lists_texts(self) -> bool:
        """True where the accepted texts are listed, so that `candidates` can be asked."""
        return self._targets is not None

    def outcomes(self, prefixes: Iterable[bytes], tokens: Iterable[int], num_tokens: int) -> np.ndarray:
        """PASSED, OPEN or DEAD for each prefix with its token appended, `num_tokens` tokens in all."""
        is_last = num_tokens == self._max_new_tokens
        return np.array(
            [self._outcome(prefix, token, is_last) for prefix, token in zip(prefixes, tokens, strict=True)], np.int8
        )

    def candidates(self, prefix: bytes, num_tokens: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens that do not kill `prefix` when appended, `num_tokens` tokens in all then, and their outcomes. Only
        where lists_texts."""
        is_last = num_tokens == self._max_new_tokens
        known = self._candidates.get((prefix, is_last))
        if known is None:
            # Tokens that go along a listed answer, found by the answer and not by the vocabulary: a few hundred lookups
            # instead of 50,000 judgements.
            fitting = {index for piece in self._fitting_pieces(prefix) for index in self._ids_of_piece.get(piece, ())}
            tokens = sorted(fitting.union(self._end_ids))
            outcomes = self.outcomes([prefix] * len(tokens), tokens, num_tokens)
            known = np.array(tokens, np.int64)[outcomes != DEAD], outcomes[outcomes != DEAD]
            _remember(self._candidates, (prefix, is_last), known)
        return known

    def _fitting_pieces(self, prefix: bytes) -> Iterable[bytes]:
        """Pieces that go along a listed text, or past its stop."""
        yield b""
        longest = max(map(len, self._sorted_pieces), default=0)
        for target in self._targets:
            if target.startswith(prefix):
                rest = target[len(prefix) :]
                yield from (rest[:length] for length in range(1, min(longest, len(rest)) + 1))
                first = bisect.bisect_left(self._sorted_pieces, rest)
                while rest and first < len(self._sorted_pieces) and self._sorted_pieces[first].startswith(rest):
                    yield self._sorted_pieces[first]
                    first += 1

    def _outcome(self, prefix: bytes, token: int, is_last: bool) -> int:
        piece = self.pieces[token]
        if isinstance(piece, EndOfText):
            return PASSED if self._is_right(prefix) else DEAD
        if isinstance(piece, Empty):
            return DEAD
        data = prefix + piece
        # A stop may have begun in the prefix, but was not complete there.
        found = [data.find(stop, max(0, len(prefix) - len(stop) + 1)) for stop in self._stops]
        if ends := [at for at in found if at >= 0]:
            return PASSED if self._is_right(data[: min(ends)]) else DEAD
        # Without a stop the whole text is the answer; with one, an attempt that never wrote it has not finished.
        if is_last or not piece:
            return PASSED if not self._stops and self._is_right(data) else DEAD
        return OPEN if not self._prunes or self._can_pass(data) else DEAD

    def _is_right(self, data: bytes) -> bool:
        known = self._passes.get(data)
        if known is None:
            try:
                known = bool(self._checker.passes(data.decode()))
            except UnicodeDecodeError:
                known = False
            _remember(self._passes, data, known)
        return known

    def _can_pass(self, data: bytes) -> bool:
        if self._targets is not None:
            return any(target.startswith(data) for target in self._targets)
        known = self._viable.get(data)
        if known is None:
            known = self._is_viable(data) or any(
                self._is_right(data[:-length])
                for stop in self._stops
                for length in range(1, len(stop))
                if data.endswith(stop[:length])
            )  # the tail may be the beginning of a stop, which is no part of the attempt
            _remember(self._viable, data, known)
        return known

    def _is_viable(self, data: bytes) -> bool:
        try:
            text, _ = codecs.utf_8_decode(data, "strict", False)  # an unfinished character at the end is left out
        except UnicodeDecodeError:
            return False
        return bool(self._checker.viable(text))


def _remember(known: dict, key: object, value: object) -> None:
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    known[key] = value
