"""Token trees: every row stands on its own path, shared beginnings are held once, batches hold what they may."""

import random

import numpy as np
import pytest

from evaluation.scoring.token_tree import TokenTree, common_prefix, packed


def paths_of(tree: TokenTree) -> dict[int, list[int]]:
    """For each row the rows it attends to, as packed_kernels.attend reads them."""
    segments, spans = tree.arrays()
    paths = {}
    for first, length, first_span, last_span in segments:
        keys = [row for start, number in spans[first_span:last_span] for row in range(start, start + number)]
        for t in range(length):
            paths[first + t] = keys[: len(keys) - length + t + 1]
    return paths


def test_common_prefix():
    assert [
        common_prefix(left, right)
        for left, right in (([], [1]), ([1, 2], [1, 2]), ([1, 2], [1, 2, 3]), ([1, 2, 3], [1, 4, 3]))
    ] == [0, 2, 2, 1]


@pytest.mark.parametrize("batch_tokens", [1, 20, 10_000])
def test_every_token_of_every_sequence_stands_on_its_path(batch_tokens):
    draw = random.Random(0)
    sequences = [[draw.randrange(2) for _ in range(draw.randrange(1, 9))] for _ in range(60)]
    seen = []
    for tree, members, rows in packed(sequences, batch_tokens):
        paths = paths_of(tree)
        assert sorted(paths) == list(range(len(tree.tokens)))
        assert len(members) == 1 or len(tree.tokens) <= batch_tokens
        assert tree.longest == max(len(sequences[index]) for index in members)
        for index, path in zip(members, rows, strict=True):
            assert [tree.tokens[row] for row in path] == sequences[index]
            assert [tree.places[row] for row in path] == list(range(len(path)))
            assert all(paths[row] == path[: place + 1].tolist() for place, row in enumerate(path))
        seen += members
    assert sorted(seen) == list(range(60))


def test_shared_beginnings_are_held_once():
    sequences = [[1, 2, 3], [1, 2, 4, 5], [1, 2], [1, 2, 4, 5], [6]]
    ((tree, _, _),) = packed(sequences, 100)
    assert sorted(tree.tokens) == [1, 2, 3, 4, 5, 6]
    assert np.array_equal(tree.arrays()[0][:, 1], [2, 1, 2, 1])
