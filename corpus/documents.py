"""Documents: one function per kind, each a list of text pieces whose concatenation is the text.

A piece is a whole number of pre-tokens (tokenizer.py), so the ids of a document are the concatenation of the ids of its
pieces, looked up in a dictionary: this is what makes generation stream faster than a core can train.
Question formats stand here once and are used by the documents and by the tasks, so that a prompt looks like the text
the model has read; what an item asks never occurs in the documents (world.belongs).

Every function takes `draw` (uniform floats in [0, 1), e.g. random.Random(seed).random), the world and the language.
"""

import re
from bisect import bisect
from collections.abc import Callable
from functools import cache
from itertools import accumulate

from corpus.language import Language
from corpus.world import TRAIN, World, belongs

Draw = Callable[[], float]
# 210 sums and 210 differences: enough that a problem of 2-3 steps is new, few enough to be learned within 1e7 tokens
MAX_NUMBER = 20
NUMBERS = tuple(f" {n}" for n in range(MAX_NUMBER + 1))
USUAL_PLACE = 0.5  # share of things that lie where things of their kind usually lie
USUAL_ORDER = 0.8  # share of sentences whose nouns stand in their usual roles (large things do not fit into small ones)
SCRIPT_SHIFT = 1.0  # Zipf-Mandelbrot shift of the trades in stories: the first is 6 times as frequent as the twelfth
CODE_NAMES = tuple(f" {letter}" for letter in "ijkmnpqrstuvwxyz")


@cache
def _parts(pattern: str) -> tuple[str | int, ...]:
    cut = re.split(r"\{(\d)\}", pattern)
    return tuple(int(part) if i % 2 else part for i, part in enumerate(cut) if part)


def fill(pattern: str, *slots: str) -> list[str]:
    """The pieces of `pattern` with {0}, {1} ... replaced by `slots`."""
    return [part if part.__class__ is str else slots[part] for part in _parts(pattern)]


def pick(draw: Draw, values):
    """One of `values`, uniformly (several times faster than random.choice, which matters at 1e6 tokens/s)."""
    return values[int(draw() * len(values))]


def draw_several(draw: Draw, count: int, size: int) -> list[int]:
    """`count` distinct indices below `size` in random order."""
    pool = list(range(size))
    for i in range(count):
        j = i + int(draw() * (size - i))
        pool[i], pool[j] = pool[j], pool[i]
    return pool[:count]


def draw_person(draw: Draw, world: World, language: Language) -> int:
    """A person by frequency rank (Zipf-Mandelbrot)."""
    weights = world.cumulative_weights[language.code]
    return min(bisect(weights, draw()), len(weights) - 1)


def biography(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Wiki page or web mention: the facts of one person, in random order and wording."""
    person = draw_person(draw, world, language)
    pieces: list[str] = []
    for attribute in draw_several(draw, 2 + int(draw() * 3), len(language.attributes)):
        statement = pick(draw, language.attributes[attribute].statements)
        pieces += fill(statement, language.names[person], world.value(language, person, attribute))
    return pieces


def _keys_and_values(draw: Draw, language: Language, count: int) -> tuple[list[str], list[str]]:
    source = pick(draw, (language.names, language.objects, language.names, language.attributes[int(draw() * 4)].values))
    count = min(count, len(source))
    keys = [source[i] for i in draw_several(draw, count, len(source))]
    target = pick(draw, (NUMBERS, language.places, NUMBERS, language.attributes[int(draw() * 4)].values))
    values = [target[i] for i in draw_several(draw, min(count, len(target)), len(target))]
    return keys[: len(values)], values


def directory(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Directory or price list, looked up again in other orders: reading back a pair needs its key."""
    keys, values = _keys_and_values(draw, language, 3 + int(draw() * 5))
    order = list(range(len(keys)))
    pieces = [pick(draw, language.list_titles)]
    for _ in range(4):
        for position, i in enumerate(order):
            pieces += [keys[i], values[i], language.option_separator if position + 1 < len(order) else language.stop]
        order = draw_several(draw, len(keys), len(keys))
    return pieces


def code_listing(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Code or shell log: variables are set, then read, and the value is printed behind the name."""
    count = 3 + int(draw() * 4)
    names = [CODE_NAMES[i] for i in draw_several(draw, count, len(CODE_NAMES))]
    values = [pick(draw, NUMBERS) for _ in range(count)]
    pieces: list[str] = []
    for verb in (" set", " get", " get"):
        for i in range(count) if verb == " set" else draw_several(draw, count, count):
            pieces += [verb, names[i], values[i], ";"]
    return pieces


def draw_places(draw: Draw, language: Language, things: list[int]) -> list[int]:
    """A place for each thing, all different: mostly the thing's usual place, so that common sense answers some
    questions before reading does (as in RACE), else any."""
    num_places = len(language.places)
    places: list[int] = []
    for thing in things:
        place = thing % num_places if draw() < USUAL_PLACE else int(draw() * num_places)
        while place in places:
            place = int(draw() * num_places)
        places.append(place)
    return places


def passage(draw: Draw, language: Language, split: str) -> tuple[list[str], list[int], list[int]]:
    """Four sentences `Anna says the ball is in the hall.`; returns pieces and the indices of objects and places."""
    while True:
        persons, things = draw_several(draw, 4, len(language.names)), draw_several(draw, 4, len(language.objects))
        places = draw_places(draw, language, things)
        if belongs(split, *things, *places):
            break
    pieces: list[str] = []
    for person, thing, place in zip(persons, things, places, strict=True):
        pieces += fill(language.report, language.names[person], language.objects[thing], language.places[place])
    return pieces, things, places


def reading_question(language: Language, thing: int) -> list[str]:
    """`Question: Where is the ball? Answer: the ball is in the` without the place."""
    return (
        fill(language.question, "")
        + fill(language.where, language.objects[thing])
        + [language.answer]
        + fill(language.reply, language.objects[thing])
    )


def comprehension(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Web page or school book: a passage with questions on it."""
    pieces, things, places = passage(draw, language, split)
    for i in draw_several(draw, 2 + int(draw() * 3), 4):
        pieces += reading_question(language, things[i]) + [language.places[places[i]], language.stop]
    return pieces


def story(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Book page: what people of a trade do (scripts)."""
    pieces: list[str] = []
    while len(pieces) < 18:
        job = draw_script(draw, language)
        opening, time = int(draw() * len(language.script_openings)), int(draw() * len(language.script_times))
        if belongs(split, ord(language.code[0]), job, opening, time):
            pieces += script_context(language, job, opening, time) + script_ending(language, job)
    return pieces


@cache
def _script_weights(num_scripts: int) -> tuple[float, ...]:
    weights = [1.0 / (rank + SCRIPT_SHIFT) for rank in range(num_scripts)]
    return tuple(accumulate(weight / sum(weights) for weight in weights))


def draw_script(draw: Draw, language: Language) -> int:
    """A trade by frequency rank (Zipf-Mandelbrot)."""
    return min(bisect(_script_weights(len(language.scripts)), draw()), len(language.scripts) - 1)


def script_context(language: Language, job: int, opening: int, time: int) -> list[str]:
    """`The old baker woke up early`"""
    times, openings = [language.script_times[time]], fill(language.script_openings[opening], language.scripts[job][0])
    return times + openings if language.time_first else openings + times


def script_ending(language: Language, job: int) -> list[str]:
    """` and went to the oven for the loaf.`"""
    return fill(language.script_ending, *language.scripts[job][1:])


def coreference_nouns(draw: Draw, language: Language, kind: int, split: str) -> tuple[str, str, str]:
    """Two nouns and a place for sentence `kind`, of the asked split. Things meet nowhere: a place that the text does
    not show must not tell two compositions apart, or the same sentence stands on both sides of the split."""
    people = language.coreferences[kind].people
    nouns = language.names if people else language.objects
    while True:
        (first, second), place = draw_several(draw, 2, len(nouns)), int(draw() * len(language.places)) if people else 0
        if (first < second) != (draw() < USUAL_ORDER):
            first, second = second, first
        if belongs(split, ord(language.code[0]), kind, first, second, place):
            return nouns[first], nouns[second], language.places[place]


def dispute(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Book page: a sentence with a pronoun, then the same with the noun it stands for."""
    pieces: list[str] = []
    for _ in range(2):
        kind = int(draw() * len(language.coreferences))
        pattern = language.coreferences[kind]
        first, second, place = coreference_nouns(draw, language, kind, split)
        noun, trait = (first, pattern.first) if draw() < 0.5 else (second, pattern.second)
        if draw() < 0.3:
            pieces += fill(pattern.pronoun, first, second, "", place) + [trait, language.stop]
        pieces += fill(pattern.sentence, first, second, noun, place) + [trait, language.stop]
    return pieces
