"""The world: who does what, drawn once from a seed, and which compositions are held out for evaluation.

Facts are frequency-ranked: person r is mentioned with weight 1 / (r + ZIPF_SHIFT), Zipf-Mandelbrot, as names are in
real text. Compositions (which question with which options, which sums in which problem, ...) are split by a hash:
`belongs` is asked by every document before it is written and by every task before an item is made, so that training
text, validation text and items are disjoint by construction.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from corpus.language import Language
from corpus.lexicon import LANGUAGES

# flattens the head: the first of 40 persons is 14 times as frequent as the last (a pure Zipf law would starve the tail)
ZIPF_SHIFT = 2.0
TRAIN, VALIDATION, EVALUATION = "train", "validation", "evaluation"
NUM_BUCKETS = 8  # of compositions: one for validation, one for evaluation, six for training


def belongs(split: str, *key: int) -> bool:
    """True where the composition `key` (small ints) belongs to `split`; the same on every machine."""
    mixed = 0x9E3779B9
    for part in key:
        mixed = ((mixed ^ part) * 0x01000193 + 0x7F4A7C15) & 0xFFFFFFFF
        mixed ^= mixed >> 15
    bucket = mixed % NUM_BUCKETS
    return bucket > 1 if split == TRAIN else bucket == 1 if split == VALIDATION else bucket == 0


@dataclass(frozen=True)
class World:
    """Facts of one seed. `facts[language][person][attribute]` is an index into that attribute's values."""

    seed: int
    facts: dict[str, tuple[tuple[int, ...], ...]]
    cumulative_weights: dict[str, tuple[float, ...]]  # over persons, normalised, for one draw by bisection
    languages: Mapping = field(default_factory=lambda: LANGUAGES)  # by code

    def names(self, code: str) -> tuple[str, ...]:
        """Names of the persons who speak a language."""
        return self.languages[code].names

    def more_truths(self, code: str) -> dict:
        """What world.json says beside the facts; nothing here."""
        return {}

    def value(self, language: Language, person: int, attribute: int) -> str:
        """The word that is true of `person` (index) for `attribute` (index)."""
        return language.attributes[attribute].values[self.facts[language.code][person][attribute]]


def make_world(seed: int) -> World:
    """Draw the facts: every value of an attribute is held by nearly the same number of persons, in seeded order, so
    that no answer can be guessed from its frequency."""
    facts, weights = {}, {}
    for code, language in LANGUAGES.items():
        rng = random.Random(f"world/{seed}/{code}")
        num_persons = len(language.names)
        columns = []
        for attribute in language.attributes:
            column = [i % len(attribute.values) for i in range(num_persons)]
            rng.shuffle(column)
            columns.append(column)
        facts[code] = tuple(zip(*columns, strict=True))
        raw = [1.0 / (rank + ZIPF_SHIFT) for rank in range(1, num_persons + 1)]
        total = sum(raw)
        weights[code] = tuple(accumulate(w / total for w in raw))
    return World(seed, facts, weights)
