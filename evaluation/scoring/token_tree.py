"""Token sequences packed without padding, every prefix that neighbours share held once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class TokenTree:
    """Rows are the nodes of a tree of token sequences; a segment is a run of rows that follow one another on a path.

    Built by `add`; `arrays` gives what packed_kernels.attend reads."""

    tokens: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    longest: int = 0
    _segments: list[tuple[int, int, int, int]] = field(default_factory=list)  # first row, rows, first span, last span
    _spans: list[tuple[int, int]] = field(default_factory=list)  # first row, rows
    _last_ids: Sequence[int] = ()
    _last_spans: list[tuple[int, int]] = field(default_factory=list)

    def add(self, ids: Sequence[int]) -> np.ndarray:
        """Add a sequence, sharing the prefix it has in common with the one added before; returns the row of each of its
        tokens."""
        # Only with the sequence before: in sorted order the longest shared prefix is always that neighbour's, so no
        # search of the tree is needed.
        num_shared = common_prefix(self._last_ids, ids)
        # The shared prefix is the beginning of the neighbour's spans, the last of them perhaps cut.
        spans, num_missing = [], num_shared
        for first, length in self._last_spans:
            if num_missing == 0:
                break
            spans.append((first, min(length, num_missing)))
            num_missing -= spans[-1][1]
        if num_new := len(ids) - num_shared:
            spans.append((len(self.tokens), num_new))
            self._segments.append((len(self.tokens), num_new, len(self._spans), len(self._spans) + len(spans)))
            self._spans += spans
            self.tokens += ids[num_shared:]
            self.places += range(num_shared, len(ids))
        self.longest = max(self.longest, len(ids))
        self._last_ids, self._last_spans = ids, spans
        return np.concatenate([np.arange(first, first + length) for first, length in spans])

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Segments [S, 4] and spans [X, 2], int64."""
        return np.array(self._segments, np.int64), np.array(self._spans, np.int64)


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Number of tokens at the beginning of both."""
    for number, (a, b) in enumerate(zip(left, right)):
        if a != b:
            return number
    return min(len(left), len(right))


def packed(
    sequences: Sequence[Sequence[int]], batch_tokens: int
) -> Iterator[tuple[TokenTree, list[int], list[np.ndarray]]]:
    """Trees of about `batch_tokens` rows (one sequence at least): the tree, which sequences it holds, and the rows of
    each.

    Sequences are taken in sorted order, so that those with one beginning stand side by side."""
    tree, members, rows = TokenTree(), [], []
    for index in sorted(range(len(sequences)), key=sequences.__getitem__):
        if members and len(tree.tokens) + len(sequences[index]) > batch_tokens:
            yield tree, members, rows
            tree, members, rows = TokenTree(), [], []
        members.append(index)
        rows.append(tree.add(sequences[index]))
    if members:
        yield tree, members, rows
