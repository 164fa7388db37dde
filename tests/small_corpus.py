"""The corpus as the tests of corpus/ and tasks/ see it: the real world, tokenizer and mixture, made once a process
(under a second)."""

import random
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from tokenizers import Tokenizer

from corpus.build import tokenizer_texts
from corpus.lexicon import LANGUAGES
from corpus.mixture import KINDS, Mixture
from corpus.stream import TokenStream
from corpus.token_file import LANGUAGE_CODES
from corpus.tokenizer import BOS, PieceEncoder
from corpus.tokenizer_training import train_tokenizer
from corpus.world import EVALUATION, TRAIN, VALIDATION, World, make_world
from tasks import TASKS
from tasks.base import Item, make_items
from tasks.oracle import Facts

WORLD_SEED = 0
SPLITS = (TRAIN, VALIDATION, EVALUATION)
KIND_LANGUAGES = [(kind, code) for kind in KINDS for code in KINDS[kind].languages]
MAX_DRAWS = 20000  # of one search for a composition; the rarest (2 of 30) takes about 45
MIXTURE = "v1"  # that of paper L


@lru_cache
def world() -> World:
    return make_world(WORLD_SEED)


@lru_cache
def tokenizer() -> Tokenizer:
    return train_tokenizer(tokenizer_texts(world()))


@lru_cache
def encoder() -> PieceEncoder:
    return PieceEncoder(tokenizer())


@lru_cache
def mixture() -> Mixture:
    return Mixture(MIXTURE, world(), encoder())


def stream(seed: int = 1, split: str = TRAIN) -> TokenStream:
    return TokenStream(world(), mixture(), encoder(), seed, split)


@lru_cache
def items(task: str, num_items: int = 500) -> list[Item]:
    return make_items(TASKS[task], world(), num_items)


@lru_cache
def facts() -> Facts:
    return {
        code: {
            name.strip(): {
                attribute.name: world().value(language, person, index).strip()
                for index, attribute in enumerate(language.attributes)
            }
            for person, name in enumerate(language.names)
        }
        for code, language in LANGUAGES.items()
    }


def pieces(kind: str, code: str, seed: int, split: str = TRAIN, language=None) -> list[str]:
    """One document of a kind."""
    return KINDS[kind].write(
        random.Random(f"{kind}/{code}/{split}/{seed}").random, world(), language or LANGUAGES[code], split
    )


def texts(kind: str, code: str, num_documents: int = 60) -> list[str]:
    return ["".join(pieces(kind, code, seed)) for seed in range(num_documents)]


def bounded(seed) -> Callable[[], float]:
    """Uniform floats that run out: a search that has nothing to find raises StopIteration where it would loop for
    ever."""
    rng, left = random.Random(seed), iter(range(MAX_DRAWS))
    return lambda: (next(left), rng.random())[1]


def decoded(tokens: np.ndarray, languages: np.ndarray) -> dict[str, str]:
    """The decoded text of a run of tokens, one string a language, with its document starts."""
    return {
        code: tokenizer().decode(tokens[languages == index].tolist(), skip_special_tokens=False)
        for index, code in enumerate(LANGUAGE_CODES)
    }


def stream_texts(seed: int, num_tokens: int, split: str = TRAIN) -> dict[str, str]:
    """Text of the first `num_tokens` of a stream, per language."""
    source = stream(seed, split)
    return decoded(source.tokens(0, num_tokens), source.languages(0, num_tokens))


def documents(text: str) -> list[str]:
    return text.split(BOS)[1:]
