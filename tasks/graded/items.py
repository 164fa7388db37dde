"""Items of the second world: the same mix of difficulties, answers and kinds in every prefix of an item list.

Item i stands at a point of an additive recurrence sequence (Roberts 2018: multiples of powers of the inverse of the
root of x^(d+1) = x + 1), which fills the unit cube evenly from its first points on. Its first coordinate is the
difficulty; what the others mean says each family of questions.
"""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from corpus.documents import Draw
from corpus.graded.language import GradedLanguage
from corpus.graded.world import GradedWorld, Ranked
from corpus.world import EVALUATION, TRAIN
from tasks.base import GradedItem, Question, Task

NUM_COORDINATES = 5
MAX_TRIES = 400  # of one item, before a task is said to have too few
SHOT_SETS = 10  # of examples; item i stands behind set i mod SHOT_SETS, so that scoring computes each beginning once


@dataclass(frozen=True)
class Spot:
    """Where an item stands: difficulty; kind, such as the number of steps; place of the answer; two balances. All in
    [0, 1). `tries` counts the draws that were no new item."""

    difficulty: float
    kind: float
    answer: float
    first: float
    second: float
    tries: int = 0


def _root() -> float:
    x = 1.5
    for _ in range(60):
        x = (1.0 + x) ** (1.0 / (NUM_COORDINATES + 1))
    return x


_STRIDES = tuple(_root() ** -(power + 1) for power in range(NUM_COORDINATES))


def spot_at(index: int, tries: int = 0) -> Spot:
    """The place of item `index`."""
    return Spot(*((0.5 + (index + 1) * stride) % 1.0 for stride in _STRIDES), tries)


def at_rank(ranked: Ranked, spot: Spot):
    """The thing at the quantile of the ranks that the difficulty asks for, or one near it after some tries."""
    count, tries = len(ranked.things), spot.tries
    offset = (tries + 1) // 2 * (1 if tries % 2 else -1)
    return ranked.things[(int(spot.difficulty * count) + offset) % count]


@dataclass(frozen=True)
class Family:
    """Questions with one content, which tasks may ask in several forms.

    draw: content of a spot and split. asked: what no two items share, nor an item and its examples. unit: name of
    the fact or template behind it. example_difficulty, example_kind: upper ends of the spots of examples, which must be
    short."""

    name: str
    draw: Callable[[Draw, GradedWorld, GradedLanguage, Spot, str], tuple]
    asked: Callable[[tuple], set[Hashable]]
    unit: Callable[[GradedWorld, GradedLanguage, tuple], str]
    example_difficulty: float = 1.0
    example_kind: float = 1.0

    def example_spot(self, draw: Draw) -> Spot:
        """Where an example stands."""
        return Spot(draw() * self.example_difficulty, draw() * self.example_kind, draw(), draw(), draw())


@dataclass(frozen=True, kw_only=True)
class GradedTask(Task):
    """A task of the second world: the content of `family`, written in one form."""

    family: Family
    write: Callable[[GradedWorld, GradedLanguage, tuple], Question]


def make_graded_items(task: GradedTask, world: GradedWorld, num_items: int) -> list[GradedItem]:
    """`num_items` distinct items of the evaluation split; tasks of one family have the same contents and examples.

    ValueError where the world is too small for so many."""
    language, family, items, taken = world.languages[task.language], task.family, [], set()
    seed = f"graded/{world.seed}/{family.name}/{task.language}/{task.version}"
    shot_sets = [_draw_examples(task, world, f"{seed}/examples/{number}") for number in range(SHOT_SETS)]
    for index in range(num_items):
        examples = shot_sets[index % SHOT_SETS]
        shown = set().union(*(family.asked(example) for example in examples))
        for tries in range(MAX_TRIES):
            draw, spot = random.Random(f"{seed}/{index}/{tries}").random, spot_at(index, tries)
            content = family.draw(draw, world, language, spot, EVALUATION)
            asked = family.asked(content)
            if not asked & (taken | shown):
                break
        else:
            raise ValueError(f"task {task.name}: the world has only {index} distinct items, {num_items} were asked for")
        taken |= asked
        shots = "".join(_example(task, task.write(world, language, example)) for example in examples)
        unit = family.unit(world, language, content)
        items.append(_item(task, index, shots, task.write(world, language, content), unit, spot.difficulty))
    return items


def _draw_examples(task: GradedTask, world: GradedWorld, name: str) -> list[tuple]:
    """Contents of one set of examples."""
    draw, family, language = random.Random(name).random, task.family, world.languages[task.language]
    return [family.draw(draw, world, language, family.example_spot(draw), TRAIN) for _ in range(task.num_shots)]


def _example(task: Task, question: Question) -> str:
    pieces, choices, answer = question
    text = "".join(pieces + choices[answer if task.answer_form == "choice" else 0])
    return text if text.endswith(task.stop) else text + task.stop


def _item(task: Task, item_id: int, shots: str, question: Question, unit: str, difficulty: float) -> GradedItem:
    pieces, choices, answer = question
    cut = -task.continuation_pieces or len(max(choices, key=len))
    requests = []
    for choice in choices:
        known, scored = (choice[:cut], choice[cut:]) if cut < 0 else ([], choice)
        requests.append((shots + "".join(pieces + known), "".join(scored)))
    return GradedItem(task.name, item_id, tuple(requests), answer, unit, round(difficulty, 6))
