"""A small Markov chain as training data: seeded by step, so that a source can be entered anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

VOCAB = 40


def markov_batches(batch_sequences: int, sequence_length: int, seed: int = 0) -> Callable[[int], Iterator[np.ndarray]]:
    """start_step -> iterator of uint16 [B, T+1]; each token has four possible followers."""
    followers = np.random.default_rng(seed).integers(0, VOCAB, (VOCAB, 4))

    def batches(start_step: int) -> Iterator[np.ndarray]:
        step = start_step
        while True:
            rng = np.random.default_rng((seed, step))
            rows = np.empty((batch_sequences, sequence_length + 1), np.uint16)
            rows[:, 0] = rng.integers(0, VOCAB, batch_sequences)
            for t in range(sequence_length):
                rows[:, t + 1] = followers[rows[:, t], rng.integers(0, 4, batch_sequences)]
            yield rows
            step += 1

    return batches
