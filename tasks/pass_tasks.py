"""The tasks of paper P: an attempt is sampled and passes or fails; what passes says tasks/checkers.py.

Stand-ins for HumanEval, Emoji Movie, Date Understanding and the eight subtasks of BIG-bench unnatural in-context
learning, in open form throughout (paper P wants tasks that a guesser does not pass: `chance` is what one passes who
knows the form). Scaled to small models: unnatural content is numbers of four digits where BIG-bench has five, and sums
stay below 100.
"""

import json

from corpus.documents import Draw, draw_several
from corpus.pages.dates import NUM_YEARS, date_pieces, date_question, draw_date_question
from corpus.pages.films import NUM_FILMS, draw_riddle, make_films, riddle_question
from corpus.pages.patterns import (
    LETTERS,
    MAX_OPERAND,
    MIN_OPERAND,
    PAIR_STOP,
    SPELLED_FIVE,
    date_parts,
    draw_long_number,
    draw_operands,
    draw_pattern_date,
    joined,
    pair,
    spelled,
    sum_pieces,
)
from corpus.pages.programs import run_program
from corpus.pages.programs_text import (
    PROGRAM_STOP,
    draw_specification,
    draw_values,
    program_question,
    specified_program,
)
from corpus.world import TRAIN, World, belongs
from tasks.base import Question, Task
from tasks.programs import hidden_tests

NUM_HIDDEN_TESTS = 12  # drawn lists, beside the edge cases
EDGE_CASES = ((), (7,), (4, 4))
NUM_FILM_SHOTS = 2
NUM_UICL_SHOTS = 5

Pair = tuple[list[str], list[str]]


def _program(draw: Draw, world: World, task: Task, split: str) -> Question:
    """Two or three wishes; the composition is of the asked split. The answer is the hidden tests, none of which the
    prompt shows."""
    specification = draw_specification(draw, 2 + int(draw() * 2), split)
    question = program_question(draw, specification)
    reference = specified_program(specification)
    shown = "".join(question)
    inputs: list[tuple[int, ...]] = [*EDGE_CASES]
    while len(inputs) < len(EDGE_CASES) + NUM_HIDDEN_TESTS:
        values = draw_values(draw, max_length=8)
        if (
            values not in inputs
            and f" {' '.join(map(str, values))} gives" not in shown
            and run_program(tuple(reference[1:].split(" | ")), values) is not None
        ):
            inputs.append(values)
    return (
        question,
        [[f" {word}" for word in reference.split()]],
        json.dumps({"tests": hidden_tests(reference, inputs)}),
    )


def _film(draw: Draw, world: World, task: Task, split: str) -> Question:
    """Any film, frequent or rare, with equal weight; the examples in front are of other films, so that no title can be
    copied."""
    films = make_films(world.seed)
    film, shown = draw_riddle(draw, world, split, uniform=True)
    pieces: list[str] = []
    others: set[int] = set()
    while len(others) < NUM_FILM_SHOTS:
        other, other_shown = draw_riddle(draw, world, TRAIN)
        if other != film and other not in others:
            others.add(other)
            pieces += riddle_question(other_shown) + [*films[other].title, "."]
    title = films[film].title
    return pieces + riddle_question(shown), [list(title)], "".join(title)


def _date(draw: Draw, world: World, task: Task, split: str) -> Question:
    told, opening, question, answer = draw_date_question(draw, split)
    pieces = date_pieces(answer)
    return date_question(told, opening, question), [pieces], "".join(pieces)


def _spelled_pair(draw: Draw, is_word_asked: bool, word: str) -> Pair:
    parts = spelled(word if is_word_asked else word[::-1])
    return joined(parts), joined(parts[::-1])


def _identity_pairs(draw: Draw, split: str) -> list[Pair]:
    rows = [joined([LETTERS[i] for i in draw_several(draw, 5, len(LETTERS))]) for _ in range(NUM_UICL_SHOTS + 1)]
    return [(row, row) for row in rows]


def _reversal_pairs(is_word_asked: bool):
    def pairs(draw: Draw, split: str) -> list[Pair]:
        words = [SPELLED_FIVE[i] for i in draw_several(draw, NUM_UICL_SHOTS + 1, len(SPELLED_FIVE))]
        return [_spelled_pair(draw, is_word_asked, word) for word in words]

    return pairs


def _three_long_numbers(draw: Draw, split: str) -> list[str]:
    """Three different numbers of four digits; which three, in this order, is of the asked split (no page has any)."""
    while True:
        numbers = [draw_long_number(draw) for _ in range(3)]
        if len(set(numbers)) == 3 and belongs(split, ord("l"), *map(int, numbers)):
            return numbers


def _date_pairs(has_natural_content: bool, has_natural_form: bool):
    def pairs(draw: Draw, split: str) -> list[Pair]:
        made = []
        for part in [TRAIN] * NUM_UICL_SHOTS + [split]:
            parts = (
                date_parts(draw_pattern_date(draw, part)) if has_natural_content else _three_long_numbers(draw, part)
            )
            turned = parts[1:] + parts[:1]
            made.append(
                (joined(parts, "-"), joined(turned, "/") if has_natural_form else ["!", *joined(turned, "!"), "!"])
            )
        return made

    return pairs


def _addition_pairs(draw: Draw, split: str) -> list[Pair]:
    operands = [draw_operands(draw, TRAIN) for _ in range(NUM_UICL_SHOTS)] + [draw_operands(draw, split)]
    return [(sum_pieces(a, "-", b), [f" {a + b}"]) for a, b in operands]


def _in_context(make_pairs):
    """A question that holds its own examples, as the rule shows only there; the last pair is asked."""

    def question(draw: Draw, world: World, task: Task, split: str) -> Question:
        *shots, (asked, answer) = make_pairs(draw, split)
        pieces = [piece for shot in shots for piece in pair(*shot)]
        return pieces + ["Input", ":", *asked, PAIR_STOP, "Output", ":"], [answer], "".join(answer)

    return question


def _task(
    name: str, paper_task: str, task_type: str, question, num_shots: int, chance: float, max_new_tokens: int, stop: str
) -> Task:
    return Task(
        name=name,
        paper_task=paper_task,
        language="en",
        task_type=task_type,
        prompting="few-shot",
        num_shots=num_shots,
        answer_form="open",
        metric="pass_rate",
        chance=chance,
        max_new_tokens=max_new_tokens,
        question=question,
        stop=stop,
        extract=str,
    )


def _uicl(subtask: str, make_pairs, chance: float, max_new_tokens: int) -> Task:
    return _task(
        f"uicl_{subtask}",
        f"unnatural in-context learning: {subtask}",
        "in-context learning",
        _in_context(make_pairs),
        0,
        chance,
        max_new_tokens,
        PAIR_STOP,
    )


PROGRAM_CHANCE = (
    3e-5  # of a program of one to four steps drawn at random (measured: counts of right programs by length)
)
_DATES = 365.25 * NUM_YEARS
_FIVE_LETTERS = 26 * 25 * 24 * 23 * 22
_NUMBERS = NUM_YEARS * (NUM_YEARS - 1) * (NUM_YEARS - 2)  # three different ones
PASS_ONLY_TASKS = (
    _task("program_synthesis", "HumanEval", "program synthesis", _program, 1, PROGRAM_CHANCE, 32, PROGRAM_STOP),
    _task("emoji_movie", "Emoji Movie", "riddle", _film, 0, 1 / NUM_FILMS, 10, "."),
    _task("date_understanding", "Date Understanding", "date arithmetic", _date, 2, 1 / _DATES, 10, "."),
    _uicl("identity", _identity_pairs, 1 / _FIVE_LETTERS, 14),
    _uicl("reverse_natural_content", _reversal_pairs(True), 1 / len(SPELLED_FIVE), 14),
    _uicl("reverse_to_natural_content", _reversal_pairs(False), 1 / len(SPELLED_FIVE), 14),
    _uicl("dates", _date_pairs(True, True), 1 / _DATES, 10),
    _uicl("dates_unnatural_form", _date_pairs(True, False), 1 / _DATES, 12),
    _uicl("dates_unnatural_content", _date_pairs(False, True), 1 / _NUMBERS, 10),
    _uicl("dates_unnatural_content_and_form", _date_pairs(False, False), 1 / _NUMBERS, 12),
    _uicl("unnatural_addition_2_digit", _addition_pairs, 1 / (2 * (MAX_OPERAND - MIN_OPERAND) + 1), 5),
)
