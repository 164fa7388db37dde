"""Program pages: a specification in plain English, an example, and a program of the closed language that does it.

What a step of a specification asks for can be written in several ways (`WISHES`), and pages draw among them, so that
many programs are right for one specification. A composition of two or three wishes belongs to one split
(world.belongs); single wishes are the ingredients and all belong to training.
"""

import random
from dataclasses import dataclass

from corpus.documents import Draw, fill, pick
from corpus.language import Language
from corpus.pages.programs import STEPS, Values, parse, run_program
from corpus.world import TRAIN, World, belongs

LONGER_WAY = 0.25  # share of wishes that a page writes in another way than the first
MAX_ELEMENT = 12
PROGRAM_STOP = ";"


@dataclass(frozen=True)
class Wish:
    """One thing that can be asked for: phrases and equivalent programs with slot {0} for the digit, if it has one."""

    phrases: tuple[str, ...]
    programs: tuple[str, ...]
    digits: tuple[int, ...] = ()
    ends: bool = False  # gives one number, so nothing sensible follows


WISHES = (
    Wish((" put them in rising order", " sort them"), (" sort",)),
    Wish((" put them in falling order",), (" sort | reverse",)),
    Wish((" turn them round", " reverse them"), (" reverse",)),
    Wish((" add{0} to each", " make each{0} more"), (" map +{0}",), (1, 2, 3, 4, 5)),
    Wish((" take{0} from each", " make each{0} less"), (" map -{0}",), (1, 2, 3)),
    Wish((" double each",), (" map * 2",)),
    Wish((" make each three times as large",), (" map * 3",)),
    Wish((" keep the even ones", " drop the odd ones"), (" keep even",)),
    Wish((" keep the odd ones", " drop the even ones"), (" keep odd",)),
    Wish((" keep those above{0}",), (" keep >{0}",), (2, 3, 4, 5, 6, 7)),
    Wish((" keep those below{0}",), (" keep <{0}",), (4, 5, 6, 7, 8, 9)),
    Wish((" drop repeats", " keep each once"), (" unique",)),
    Wish((" take the first{0}", " keep the first{0}"), (" take{0}",), (2, 3)),
    Wish((" drop the first{0}",), (" drop{0}",), (1, 2)),
    Wish((" take the last{0}", " keep the last{0}"), (" reverse | take{0} | reverse",), (2, 3)),
    Wish((" drop the last{0}",), (" reverse | drop{0} | reverse",), (1, 2)),
    Wish((" add them up",), (" sum",), ends=True),
    Wish((" find the largest",), (" max", " sort | reverse | take 1"), ends=True),
    Wish((" find the smallest",), (" min", " sort | take 1"), ends=True),
    Wish((" count them",), (" count",), ends=True),
)

Specification = tuple[tuple[int, int], ...]  # (index into WISHES, digit or 0), in order


def _probes() -> tuple[Values, ...]:
    rng = random.Random("probes")
    return tuple(tuple(rng.randint(0, MAX_ELEMENT) for _ in range(length)) for length in (5, 6, 6, 7))


_PROBES = _probes()


def wish_program(index: int, digit: int, way: int = 0) -> str:
    """One way to write a wish: ` map + 3`."""
    return "".join(fill(WISHES[index].programs[way], f" {digit}"))


def specified_program(specification: Specification) -> str:
    """The first way to write the whole specification: the reference program."""
    return " |".join(wish_program(index, digit) for index, digit in specification)


def _results(steps: tuple[str, ...]) -> list[Values | None]:
    return [run_program(steps, probe) for probe in _PROBES]


def _each_wish_matters(specification: Specification) -> bool:
    """True where the results on the probes are neither empty nor all the same, and of a composition no wish can be left
    out unseen and no single step does it all: what is composed must be composed in the program too."""
    whole = _results(parse(specified_program(specification)))
    if not all(whole) or len(set(whole)) < 2:
        return False
    if len(specification) == 1:
        return True
    shorter = [specification[:i] + specification[i + 1 :] for i in range(len(specification))]
    return all(_results(parse(specified_program(wishes))) != whole for wishes in shorter) and all(
        _results((step,)) != whole for step in STEPS
    )


def draw_specification(draw: Draw, num_wishes: int, split: str) -> Specification:
    """Different wishes each of which matters; a composition of two or more is of the asked split."""
    while True:
        indices = [int(draw() * len(WISHES)) for _ in range(num_wishes)]
        if any(WISHES[index].ends for index in indices[:-1]) or len(set(indices)) < num_wishes:
            continue
        specification = tuple(
            (index, pick(draw, WISHES[index].digits) if WISHES[index].digits else 0) for index in indices
        )
        key = [number for wish in specification for number in wish]
        if (num_wishes == 1 or belongs(split, ord("p"), *key)) and _each_wish_matters(specification):
            return specification


def draw_values(draw: Draw, min_length: int = 3, max_length: int = 6) -> Values:
    """A list to try a program on."""
    return tuple(
        int(draw() * (MAX_ELEMENT + 1)) for _ in range(min_length + int(draw() * (max_length - min_length + 1)))
    )


def values_pieces(values: Values) -> list[str]:
    """` 4 1 3`; ` none` of an empty list."""
    return [f" {value}" if value >= 0 else f" -{-value}" for value in values] or [" none"]


def program_question(draw: Draw, specification: Specification) -> list[str]:
    """` Task: sort them, then take the first 2. Example: 4 1 3 gives 1 3. Program:` without the program."""
    pieces = [" Task:"]
    for position, (index, digit) in enumerate(specification):
        pieces += ([",", " then"] if position else []) + fill(pick(draw, WISHES[index].phrases), f" {digit}")
    while True:
        values = draw_values(draw)
        result = run_program(parse(specified_program(specification)), values)
        if result:
            break
    return pieces + [".", " Example:", *values_pieces(values), " gives", *values_pieces(result), ".", " Program:"]


def program_page(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Manual page: tasks with an example and a program each, not always written in the shortest way."""
    pieces: list[str] = []
    for _ in range(3):
        specification = draw_specification(draw, 1 + int(draw() * 3), split)
        ways = [int(draw() * len(WISHES[index].programs)) if draw() < LONGER_WAY else 0 for index, _ in specification]
        program = " |".join(
            wish_program(index, digit, way) for (index, digit), way in zip(specification, ways, strict=True)
        )
        pieces += program_question(draw, specification) + [f" {word}" for word in program.split()] + [PROGRAM_STOP]
    return pieces
