"""The second world, its tokenizer and pages, made once for all tests that need them."""

import random
from functools import cache

from corpus.build import tokenizer_texts
from corpus.editions import EDITIONS, edition_of
from corpus.mixture import Mixture, page_kind
from corpus.stream import TokenStream
from corpus.tokenizer import PieceEncoder
from corpus.world import TRAIN

WORLD_SEED = 20260917


@cache
def _made(edition_name):
    edition = EDITIONS[edition_name]
    made = edition.world(WORLD_SEED)
    return made, edition.tokenizer(tokenizer_texts(made, edition.taught_by), made)


def world(mixture="v2a"):
    return _made(edition_of(mixture).name)[0]


def tokenizer(mixture="v2a"):
    return _made(edition_of(mixture).name)[1]


@cache
def encoder(mixture="v2a"):
    return PieceEncoder(tokenizer(mixture))


@cache
def stream(mixture="v2a", seed=1):
    own = encoder(mixture)
    return TokenStream(world(mixture), Mixture(mixture, world(mixture), own), own, seed)


def pages(kind, code, count, split=TRAIN, mixture="v2a"):
    """Pages of one kind, as pieces."""
    draw, made = random.Random(f"{kind}/{code}").random, world(mixture)
    return [page_kind(kind).write(draw, made, made.languages[code], split) for _ in range(count)]
