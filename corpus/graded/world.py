"""The second world: what is true in it and how often each truth is told, drawn once from a seed.

Every kind of truth has a rank, and is told with a weight 1 / (rank + shift) (Zipf-Mandelbrot) whose shift gives the
stated ratio of the first to the last: facts of persons, errands of trades, sentences with a pronoun, puzzle words. An
item's difficulty is its rank, so that items of one task are from easy to hard as those of real benchmarks are.
"""

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, product

from corpus.documents import Draw
from corpus.graded.language import GradedLanguage, sentence_kinds
from corpus.world import World

NUM_PERSONS = {"en": 240, "zh": 180}  # times six attributes: 1,440 and 1,080 facts
FACT_RATIO = 200.0  # the most frequent fact is told 200 times as often as the rarest
ERRAND_RATIO, SENTENCE_RATIO, PUZZLE_RATIO = 50.0, 30.0, 50.0
MIN_PUZZLE, MAX_PUZZLE = 4, 8  # letters of a puzzle word


@dataclass(frozen=True)
class Ranked:
    """Things by rank, and the cumulative weights with which they are drawn."""

    things: tuple
    cumulative: tuple[float, ...]

    def draw(self, draw: Draw):
        """One of the things by its weight."""
        return self.things[min(bisect(self.cumulative, draw()), len(self.things) - 1)]

    def weights(self) -> tuple[float, ...]:
        """Share of each thing; they sum to 1."""
        return tuple(high - low for low, high in zip((0.0, *self.cumulative), self.cumulative))


def zipf_ranked(things: Sequence, ratio: float) -> Ranked:
    """Weights 1 / (rank + shift), the first `ratio` times the last. ValueError where so many things cannot have it."""
    count = len(things)
    if not 1.0 < ratio < count:
        raise ValueError(f"a ratio of {ratio:g} between the first and the last of {count} things is no Zipf law")
    shift = (count - ratio) / (ratio - 1.0)
    return _weighted(things, [1.0 / (rank + shift) for rank in range(1, count + 1)])


def _weighted(things: Sequence, weights: Sequence[float]) -> Ranked:
    total = sum(weights)
    return Ranked(tuple(things), tuple(accumulate(weight / total for weight in weights)))


@dataclass(frozen=True, kw_only=True)
class GradedWorld(World):
    """Truths of one seed, by language code. Persons, trades and so on are indices into the words of the language."""

    persons: dict[str, tuple[str, ...]]  # full names
    ranked_facts: dict[str, Ranked]  # of (person, attribute)
    own_facts: dict[str, tuple[Ranked, ...]]  # of attributes, by person
    errands: dict[str, dict[tuple[int, int], tuple[int, int]]]  # (trade, time) -> (place, thing)
    ranked_errands: dict[str, Ranked]  # of (trade, time)
    usual_places: dict[str, tuple[int, ...]]  # by object
    sentences: dict[str, Ranked]  # of (frame, pair of traits)
    first_traits: dict[str, dict[tuple[int, int], int]]  # which trait of the pair says it of the first object
    puzzle_words: Ranked

    def names(self, code: str) -> tuple[str, ...]:
        """Full names of the persons who speak a language."""
        return self.persons[code]

    def more_truths(self, code: str) -> dict:
        """Errands, usual places and the trait that sentences say of their first object, in words."""
        language = self.languages[code]
        return {
            "errands": [
                [
                    word.strip()
                    for word in (language.trades[trade], language.times[time], *self._ends(code, (trade, time)))
                ]
                for trade, time in sorted(self.errands[code])
            ],
            "usual_places": {
                thing.strip(): language.places[place].strip()
                for thing, place in zip(language.objects, self.usual_places[code], strict=True)
            },
            "first_traits": [
                [
                    language.frames[frame].strip(),
                    language.traits[pair][side].strip(),
                    language.traits[pair][1 - side].strip(),
                ]
                for (frame, pair), side in sorted(self.first_traits[code].items())
            ],
        }

    def _ends(self, code: str, errand: tuple[int, int]) -> tuple[str, str]:
        place, thing = self.errands[code][errand]
        return self.languages[code].errand_places[place], self.languages[code].errand_things[thing]

    def draw_fact(self, draw: Draw, code: str) -> tuple[int, int]:
        """(person, attribute) by frequency."""
        return self.ranked_facts[code].draw(draw)


def make_graded_world(seed: int, languages: dict[str, GradedLanguage]) -> GradedWorld:
    """Draw the truths. Every value of an attribute is held by equally many persons, and every trait of a pair says it
    of the first object in half of the frames, so that no answer can be guessed from its frequency."""
    parts = {code: _language_part(seed, language) for code, language in languages.items()}
    columns = {name: {code: part[name] for code, part in parts.items()} for name in next(iter(parts.values()))}
    rng = random.Random(f"graded/{seed}/puzzles")
    words = [word for word in languages["en"].words() if MIN_PUZZLE <= len(word) - 1 <= MAX_PUZZLE and word.islower()]
    rng.shuffle(words)
    puzzles = zipf_ranked([word for word in words if len(set(word)) > 2], PUZZLE_RATIO)
    return GradedWorld(seed=seed, languages=languages, puzzle_words=puzzles, **columns)


def _language_part(seed: int, language: GradedLanguage) -> dict:
    rng = random.Random(f"graded/{seed}/{language.code}")
    count = NUM_PERSONS[language.code]
    pairs = rng.sample(list(product(range(len(language.firsts)), range(len(language.families)))), count)
    facts = tuple(zip(*(_balanced(rng, count, len(attribute.values)) for attribute in language.attributes)))
    keys = list(product(range(count), range(len(language.attributes))))
    rng.shuffle(keys)
    ranked = zipf_ranked(keys, FACT_RATIO)
    share = dict(zip(keys, ranked.weights()))
    attributes = range(len(language.attributes))
    own = tuple(
        _weighted(attributes, [share[person, attribute] for attribute in attributes]) for person in range(count)
    )
    by_person = _weighted(
        range(count), [sum(share[person, attribute] for attribute in attributes) for person in range(count)]
    )
    errands = _errands(rng, language)
    pairs_of_errands = list(errands)
    rng.shuffle(pairs_of_errands)
    kinds = sentence_kinds(language)
    first_traits = {}
    for pair in range(len(language.traits)):
        for frame, side in enumerate(_balanced(rng, len(language.frames), 2)):
            first_traits[frame, pair] = side
    rng.shuffle(kinds)
    return {
        "facts": facts,
        "cumulative_weights": by_person.cumulative,
        "persons": tuple(language.full_name(*pair) for pair in pairs),
        "ranked_facts": ranked,
        "own_facts": own,
        "errands": errands,
        "ranked_errands": zipf_ranked(pairs_of_errands, ERRAND_RATIO),
        "usual_places": tuple(_balanced(rng, len(language.objects), len(language.places))),
        "sentences": zipf_ranked(kinds, SENTENCE_RATIO),
        "first_traits": first_traits,
    }


def _balanced(rng: random.Random, count: int, num_values: int) -> list[int]:
    column = [i % num_values for i in range(count)]
    rng.shuffle(column)
    return column


def _errands(rng: random.Random, language: GradedLanguage) -> dict[tuple[int, int], tuple[int, int]]:
    """A place and a thing for every trade and time, no pair twice."""
    keys = list(product(range(len(language.trades)), range(len(language.times))))
    ends = rng.sample(list(product(range(len(language.errand_places)), range(len(language.errand_things)))), len(keys))
    return dict(zip(keys, ends, strict=True))
