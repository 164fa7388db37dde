"""What guessers score who do not do what a task asks: chance is the score of the best of them, not one over the number
of answers.

They name an option by its place, its length or where it stands in the text; give one answer to all; copy a number of
the question, or the sum of two, moved by a constant; or know what is usual (the commonest answer to a question about
the same object or attribute) without reading the passage or knowing the fact. A constant and a usual answer are taken
from the other items, so that a rare answer is not its own evidence.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from corpus.editions import edition_of
from corpus.lexicon import LANGUAGES
from tasks import TASKS
from tasks.base import GradedItem, Item, Task
from tasks.graded import GRADED_TASKS
from tasks.oracle import family, read_facts_asked, read_modified_sums, read_passages, read_problems

# Scores on the items of the first world where they lie more than a point above Task.chance (tests hold them); those of
# the second world are Task.chance themselves.
FIRST_WORLD = {
    "reading": 0.55,  # the usual place of each object
    "reading_zh": 0.58,
    "endings": 0.31,  # what happens most often, whatever the trade
    "endings_zh": 0.57,
    "maths": 0.11,  # the last number again
    "maths_zh": 0.14,
    "modified_arithmetic": 0.53,  # the sum plus one, whatever the examples add
}


@dataclass(frozen=True)
class Guesser:
    """Who it is, in words, and the share of the items that it gets right."""

    name: str
    score: float


def best_guesser(task: Task, items: Sequence[Item]) -> Guesser:
    """The trivial guesser that gets most of the items of a task right. ValueError where there are none."""
    if not items:
        raise ValueError(f"task {task.name}: no items to guess at; give at least one")
    scores = guesser_scores(task, items)
    name = max(scores, key=scores.get)
    return Guesser(name, scores[name])


def guesser_scores(task: Task, items: Sequence[Item]) -> dict[str, float]:
    """Share of the items that each trivial guesser gets right."""
    hits: Counter[str] = Counter()
    for item in items:
        guesses = _options(item) if task.answer_form == "choice" else _numbers(item)
        hits.update({name for name, said in guesses if said == item.answer})
    hits["the commonest answer"] = _hits_of_others(items, lambda item: None)
    if key := _USUAL.get(family(task.name)):
        hits["the usual answer to such a question"] = _hits_of_others(items, key)
    return {name: hits[name] / len(items) for name in sorted(hits)}


def chance_on(task: str, mixture: str) -> float:
    """Score of the best trivial guesser on a task as it is asked of models that trained on a mixture. KeyError where no
    edition has the task."""
    if edition_of(mixture).name != "v1":
        return GRADED_TASKS[task].chance
    return FIRST_WORLD.get(task, TASKS[task].chance)


def _options(item: Item) -> Iterator[tuple[str, int]]:
    """Choices of guessers who look at the options alone, or at where they stand in the question."""
    choices = [choice for _, choice in item.requests]
    yield from ((f"option {i + 1}", i) for i in range(len(choices)))
    yield "the shortest option", int(np.argmin([len(choice) for choice in choices]))
    yield "the longest option", int(np.argmax([len(choice) for choice in choices]))
    last = [item.requests[0][0].rfind(choice) for choice in choices]
    if min(last) >= 0:
        yield "the option named last", int(np.argmax(last))
        yield "the option named first", int(np.argmin(last))


def _numbers(item: Item) -> Iterator[tuple[str, str]]:
    """Answers of guessers who take a number of the question, or the sum of two, and move it by a constant. Only the
    shift that hits is named: the others miss this item."""
    numbers = _given_numbers(item)
    for name, number in numbers.items():
        yield f"{name} {int(item.answer) - number:+d}", str(item.answer)


def _given_numbers(item: Item) -> dict[str, int]:
    """The numbers that stand in an arithmetic question, by name."""
    if family(item.task) == "maths":
        read = item.unit.split() if isinstance(item, GradedItem) else _last_problem(item)
        start, *steps = map(int, read)
        return {"the first number": start, "the last number": abs(steps[-1])}
    if family(item.task) == "modified_arithmetic":
        first, second, _ = read_modified_sums(item.requests[0][0])[-1]
        return {"the first number": first, "the last number": second, "the sum": first + second}
    return {}


def _last_problem(item: Item) -> tuple:
    return read_problems(item.requests[0][0], LANGUAGES[TASKS[item.task].language])[-1]


def _hits_of_others(items: Sequence[Item], key: Callable[[Item], object]) -> int:
    """How many items have the answer that most of the other items with the same key have; where options are offered,
    the one of them that most of the others have."""
    counts: dict[object, Counter] = defaultdict(Counter)
    for item in items:
        counts[key(item)].update({_answer_text(item): 1})
    hits = 0
    for item in items:
        others = counts[key(item)].copy()
        others[_answer_text(item)] -= 1
        offered = _option_texts(item) or [text for text in sorted(others) if others[text]]
        hits += bool(offered) and max(offered, key=lambda text: others[text]) == _answer_text(item)
    return hits


def _option_texts(item: Item) -> list[str]:
    """What each option says, or where it stands where all say the same (partial scoring: the context differs)."""
    texts = [choice.strip() for _, choice in item.requests]
    if len(texts) == 1:
        return []
    return texts if len(set(texts)) == len(texts) else [str(i) for i in range(len(texts))]


def _answer_text(item: Item) -> str:
    return item.answer if isinstance(item.answer, str) else _option_texts(item)[item.answer]


def _object_asked(item: Item) -> str:
    if isinstance(item, GradedItem):
        return item.unit
    (thing,) = read_passages(item.requests[0][0], LANGUAGES[TASKS[item.task].language])[-1][1][-1]
    return thing


def _attribute_asked(item: Item) -> str:
    if isinstance(item, GradedItem):
        return item.unit.split(", ")[1]
    return read_facts_asked(item.requests[0][0], LANGUAGES[TASKS[item.task].language])[-1][1]


_USUAL = {"reading": _object_asked, "recall": _attribute_asked}
