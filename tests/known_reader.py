"""A reader whose probabilities are written down, and checkers of a few texts, for the tests of PassUntil."""

import hashlib
from dataclasses import dataclass

import numpy as np

from evaluation.readers.pieces import Empty, EndOfText


class TableReader:
    """Next-token probabilities that depend on the tokens so far through a hash: any distribution, no model.

    `sharpness` spreads them; `table` overrides the row of a prefix."""

    def __init__(
        self,
        vocab_size: int,
        sharpness: float = 2.0,
        table: dict[tuple[int, ...], list[float]] | None = None,
        max_sequence_length: int = 64,
    ):
        self.vocab_size, self.max_sequence_length, self.num_evaluated = vocab_size, max_sequence_length, 0
        self._sharpness, self._table = sharpness, table or {}
        self._rows: dict[tuple[int, ...], np.ndarray] = {}

    def row(self, prefix: tuple[int, ...]) -> np.ndarray:
        """Log-probabilities [V] after the prefix (prompt not counted)."""
        if prefix not in self._rows:
            if prefix in self._table:
                with np.errstate(divide="ignore"):
                    self._rows[prefix] = np.log(np.array(self._table[prefix]))
            else:
                seed = int.from_bytes(hashlib.blake2b(bytes(prefix), digest_size=4).digest(), "little")
                logits = self._sharpness * np.random.default_rng(seed).standard_normal(self.vocab_size)
                self._rows[prefix] = logits - np.log(np.exp(logits).sum())
        return self._rows[prefix]

    def start(self, prompt_ids):
        self.num_evaluated += len(prompt_ids)
        return self.row(())[None], [()]

    def extend(self, frontier, rows, tokens):
        self.num_evaluated += len(rows)
        children = [(*frontier[row], int(token)) for row, token in zip(rows, tokens, strict=True)]
        return np.array([self.row(child) for child in children]), children


@dataclass(frozen=True)
class RuleChecker:
    """Passes the given texts; knows beginnings, but does not list."""

    texts: tuple[str, ...]

    def passes(self, text: str) -> bool:
        return text in self.texts

    def viable(self, text: str) -> bool:
        return any(accepted.startswith(text) for accepted in self.texts)

    def accepted(self):
        return None


class ListChecker(RuleChecker):
    """The same, listed."""

    def accepted(self):
        return self.texts


class BlindChecker(RuleChecker):
    """The same without any knowledge of beginnings."""

    def viable(self, text: str) -> bool:
        return True


def pass_probability_by_enumeration(reader: TableReader, pieces: list[bytes], passes, decoding, weights) -> float:
    """Sum over all token sequences, by the definition of an attempt; `weights` maps log-probabilities [1, V] to those
    that are drawn from."""
    stop = decoding.stop.encode()

    def judged(data: bytes) -> bool:
        try:
            return passes(data.decode())
        except UnicodeDecodeError:
            return False

    def below(prefix: tuple[int, ...], data: bytes) -> float:
        total = 0.0
        for token, weight in enumerate(np.exp(weights(reader.row(prefix)[None], decoding))[0]):
            after = data + pieces[token]
            if isinstance(pieces[token], EndOfText):
                total += weight * judged(data)
            elif isinstance(pieces[token], Empty):
                continue
            elif stop and stop in after:
                total += weight * judged(after.split(stop)[0])
            elif len(prefix) + 1 == decoding.max_new_tokens or not pieces[token]:
                total += weight * (not stop and judged(after))
            elif weight > 0:
                total += weight * below((*prefix, token), after)
        return total

    return below((), b"")
