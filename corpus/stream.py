"""The token stream: documents packed one after another, seekable, the same for every model size.

The stream of a seed is a sequence of chunks; chunk c is drawn from a generator keyed by (world, mixture, split, seed,
c), so that any place is reached without replaying what lies before it.
"""

import random

import numpy as np

from corpus.mixture import Mixture
from corpus.token_file import CHUNK_TOKENS, LANGUAGE_CODES, ValidationSet
from corpus.tokenizer import BOS_ID, PieceEncoder
from corpus.world import TRAIN, VALIDATION, World


class TokenStream:
    """Tokens of one seed drawn on the fly; the last chunk is kept, so that reading on is free."""

    def __init__(self, world: World, mixture: Mixture, encoder: PieceEncoder, seed: int, split: str = TRAIN):
        self._world, self._mixture, self._encoder, self._seed, self._split = world, mixture, encoder, seed, split
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def chunk(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (uint16) and language index (int8) of chunk `index`, CHUNK_TOKENS each; the last document is cut."""
        if index not in self._kept:
            # A text as seed, hashed by Python's Random with SHA-512: the same on every platform and version, and chunks
            # of neighbouring seeds have nothing in common.
            draw = random.Random(f"{self._world.seed}/{self._mixture.name}/{self._split}/{self._seed}/{index}").random
            ids: list[int] = []
            borders, languages = [0], []
            while len(ids) < CHUNK_TOKENS:
                pieces, code = self._mixture.document(draw, self._world, self._split)
                ids.append(BOS_ID)
                ids += self._encoder.encode(pieces)
                borders.append(len(ids))
                languages.append(LANGUAGE_CODES.index(code))
            # The language of a token is that of its document; digits and names occur in both, so the token alone does
            # not tell.
            language = np.repeat(np.array(languages, np.int8), np.diff(borders))
            self._kept = {index: (np.array(ids[:CHUNK_TOKENS], np.uint16), language[:CHUNK_TOKENS])}
        return self._kept[index]

    def _gather(self, start: int, count: int, part: int) -> np.ndarray:
        first, last = start // CHUNK_TOKENS, (start + count - 1) // CHUNK_TOKENS
        joined = np.concatenate([self.chunk(index)[part] for index in range(first, last + 1)])
        return joined[start - first * CHUNK_TOKENS :][:count]

    def tokens(self, start: int, count: int) -> np.ndarray:
        """`count` tokens from position `start` (uint16)."""
        return self._gather(start, count, 0)

    def languages(self, start: int, count: int) -> np.ndarray:
        """Language index of each token (int8, into LANGUAGE_CODES)."""
        return self._gather(start, count, 1)


def make_validation(
    world: World,
    mixture: Mixture,
    encoder: PieceEncoder,
    bytes_of_token: list[int],
    num_sequences: int,
    sequence_length: int,
) -> ValidationSet:
    """Draw the validation set from the validation split of the world; every sequence begins at its own place in the
    stream."""
    stream = TokenStream(world, mixture, encoder, seed=0, split=VALIDATION)
    count = num_sequences * (sequence_length + 1)
    tokens = stream.tokens(0, count).reshape(num_sequences, sequence_length + 1)
    language = stream.languages(0, count).reshape(tokens.shape)[:, 1:]
    return ValidationSet(tokens, language, np.array(bytes_of_token, np.int16)[tokens[:, 1:]])
