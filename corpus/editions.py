"""Editions of the world: which languages a mixture speaks and how its world and tokenizer are made.

The first edition holds all runs that were committed before the second: it stays byte for byte. A mixture belongs to
one edition; what is asked of a model that was trained on it does too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from string import ascii_lowercase

from tokenizers import Tokenizer

from corpus.graded.chinese import GRADED_CHINESE, NUMERAL_CHINESE, graded_chinese_words
from corpus.graded.english import GRADED_ENGLISH
from corpus.graded.world import make_graded_world
from corpus.lexicon import SOUNDS
from corpus.tokenizer_training import train_tokenizer, train_with_words
from corpus.world import World, make_world


@dataclass(frozen=True)
class Edition:
    """One way to make a world from a seed, and the mixtures whose pages tell of it."""

    name: str
    mixtures: tuple[str, ...]
    world: Callable[[int], World]
    taught_by: tuple[str, ...]  # mixtures whose kinds of pages the tokenizer learns from
    tokenizer: Callable[[Iterable[str], World], Tokenizer]


def _graded(chinese) -> Callable[[int], World]:
    return lambda seed: make_graded_world(seed, {"en": GRADED_ENGLISH, "zh": chinese})


def forced_words() -> list[str]:
    """Words that are one token in every graded edition: those of both languages, numerals, letters and sounds."""
    spelled = [f" {letter}" for letter in (*SOUNDS, *SOUNDS.values())] + [f" {letter}" for letter in ascii_lowercase]
    languages = (GRADED_ENGLISH, GRADED_CHINESE, NUMERAL_CHINESE)
    words = [word for language in languages for word in (*language.words(), *language.pattern_words)]
    return list(dict.fromkeys([*words, *spelled]))


def _graded_tokenizer(texts: Iterable[str], world: World) -> Tokenizer:
    return train_with_words(texts, forced_words(), graded_chinese_words())


EDITIONS = {
    edition.name: edition
    for edition in (
        Edition("v1", ("v1", "prose", "code"), make_world, ("v1",), lambda texts, world: train_tokenizer(texts)),
        Edition("v2", ("v2a", "v2b", "v2c", "v2cal"), _graded(GRADED_CHINESE), ("v2a",), _graded_tokenizer),
        # The same world and shares as v2a; Chinese pages write numbers in Chinese.
        Edition("v2_numerals", ("v2n",), _graded(NUMERAL_CHINESE), ("v2n",), _graded_tokenizer),
    )
}


def edition_of(mixture: str) -> Edition:
    """The edition a mixture belongs to. ValueError in one line for an unknown mixture."""
    for edition in EDITIONS.values():
        if mixture in edition.mixtures:
            return edition
    known = ", ".join(name for edition in EDITIONS.values() for name in edition.mixtures)
    raise ValueError(f"corpus.mixture is {mixture!r}; choose one of {known}")
