"""A solver and a guesser of the pass tasks (as oracle.py for the others): the solver must pass always, the guesser at
Task.chance.

The solver reads the prompt as a person would and shares no code with the pages and the item makers: it has its own
table of the English of specifications, its own calendar arithmetic, and finds the rule of an in-context task from the
examples alone. `PASS_COMPOSITIONS` reads what is composed in running text, for the leakage test.
"""

import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from itertools import permutations

from corpus.documents import MAX_NUMBER, Draw, pick
from corpus.lexicon import LANGUAGES
from corpus.pages.dates import FIRST_YEAR, NUM_YEARS
from corpus.pages.patterns import LARGEST_LONG, MAX_OPERAND, MIN_OPERAND, SMALLEST_LONG, SPELLED_FIVE
from corpus.pages.programs import STEPS, written
from tasks import PASS_TASKS
from tasks.base import Item
from tasks.oracle import read_problems

# What a phrase of a specification asks for, as a program; {n} is the number in it.
_ENGLISH = {
    r"put them in rising order|sort them": "sort",
    r"put them in falling order": "sort | reverse",
    r"turn them round|reverse them": "reverse",
    r"add (\d) to each|make each (\d) more": "map + {n}",
    r"take (\d) from each|make each (\d) less": "map - {n}",
    r"double each": "map * 2",
    r"make each three times as large": "map * 3",
    r"keep the even ones|drop the odd ones": "keep even",
    r"keep the odd ones|drop the even ones": "keep odd",
    r"keep those above (\d)": "keep > {n}",
    r"keep those below (\d)": "keep < {n}",
    r"drop repeats|keep each once": "unique",
    r"(?:take|keep) the first (\d)": "take {n}",
    r"drop the first (\d)": "drop {n}",
    r"(?:take|keep) the last (\d)": "reverse | take {n} | reverse",
    r"drop the last (\d)": "reverse | drop {n} | reverse",
    r"add them up": "sum",
    r"find the largest": "max",
    r"find the smallest": "min",
    r"count them": "count",
}
_DAYS = {"Today is": 0, "Yesterday was": 1, "Tomorrow is": -1}
_DATE = r"(\d\d)/(\d\d)/(\d{4})"
MAX_GUESSED_STEPS = 4


@cache
def read_wish(phrase: str) -> str:
    """The program of one phrase. ValueError where nobody could tell what is asked."""
    for pattern, program in _ENGLISH.items():
        if match := re.fullmatch(pattern, phrase):
            return program.replace("{n}", next((group for group in match.groups() if group), ""))
    raise ValueError(f"no wish reads {phrase!r}")


def read_specifications(text: str) -> list[tuple[str, ...]]:
    """The programs of the wishes of every task of two wishes or more; single wishes compose nothing."""
    found = [tuple(map(read_wish, told.split(", then "))) for told in re.findall(r"Task: ([^.]*)\. Example:", text)]
    return [wishes for wishes in found if len(wishes) > 1]


def read_riddles(text: str) -> list[frozenset[str]]:
    """The emoji of every riddle, in no order."""
    return [frozenset(shown) for shown in re.findall(r"Film in emoji:([^.]*)\.", text)]


def read_date_questions(text: str) -> list[tuple[str, date, str]]:
    """(opening, told date, what is asked) of every date question."""
    found = re.findall(rf"({'|'.join(_DAYS)}) {_DATE}\. What is the date ([^?]*)\?", text)
    return [(opening, date(int(year), int(month), int(day)), asked) for opening, month, day, year, asked in found]


def read_pairs(text: str) -> list[tuple[str, str]]:
    """(input, output) of every pair of lines; the output of an asked input that ends the text is empty."""
    return re.findall(r"Input:(.*)\nOutput:(.*)", text)


def _inputs(text: str) -> list[str]:
    return [asked for asked, _ in read_pairs(text)]


def _operands(text: str) -> list[frozenset[int]]:
    """The two numbers of every sum, and of every difference the two that add up to its first."""
    found = []
    for a, b, result in re.findall(r"Input: (\d+) [^\w\s] (\d+)\nOutput: ?(\d*)", text):
        is_difference = result and int(result) == int(a) - int(b)
        found.append(frozenset((int(result), int(b)) if is_difference else (int(a), int(b))))
    return found


# What an item of a task composes, as it shows in a text (of an item: context and reference): what is asked must not be
# in a training text.
PASS_COMPOSITIONS: dict[str, Callable[[str], list]] = {
    "program_synthesis": read_specifications,
    "emoji_movie": read_riddles,
    "date_understanding": read_date_questions,
    "uicl_unnatural_addition_2_digit": _operands,
    "maths": lambda text: read_problems(text, LANGUAGES["en"]),
    "maths_zh": lambda text: read_problems(text, LANGUAGES["zh"]),
} | {
    name: _inputs
    for name in PASS_TASKS
    if name.startswith("uicl_") and name not in ("uicl_unnatural_addition_2_digit", "uicl_reverse_natural_content")
}
# Words spelled out are copied on pages: what must not be there is the word turned round.
PASS_COMPOSITIONS["uicl_reverse_natural_content"] = lambda text: [answer for _, answer in read_pairs(text)]


def _solve_date(context: str) -> str:
    opening, told, asked = read_date_questions(context)[-1]
    today = told + timedelta(_DAYS[opening])
    words = {
        "tomorrow": "1 days later",
        "yesterday": "1 days ago",
        "a week later": "7 days later",
        "a week ago": "7 days ago",
    }.get(asked, asked).split()
    sign = -1 if words[2] == "ago" else 1
    if words[1] == "days":
        answer = today + timedelta(sign * int(words[0]))
    elif words[1] == "year":
        answer = date(today.year + sign, today.month, today.day)
    else:
        month = today.month + sign
        answer = date(today.year + (month > 12) - (month < 1), (month - 1) % 12 + 1, today.day)
    return f" {answer:%m/%d}/{answer.year:04d}"


def _rule(shots: list[tuple[str, str]]) -> tuple[tuple[int, ...], list[str]]:
    """The order of the parts and the marks between them that turn every input into its output. ValueError without
    exactly one order."""
    marks = re.split(r"\w+", shots[0][1])
    rows = [(re.findall(r"\w+", asked), re.findall(r"\w+", answer)) for asked, answer in shots]
    orders = [
        order
        for order in permutations(range(len(rows[0][0])))
        if all([parts[i] for i in order] == turned for parts, turned in rows)
    ]
    (order,) = orders
    return order, marks


def _solve_pairs(context: str) -> str:
    *shots, (asked, _) = read_pairs(context)
    if operands := re.fullmatch(r" (\d+) - (\d+)", asked):
        return f" {int(operands[1]) + int(operands[2])}"
    order, marks = _rule(shots)
    parts = re.findall(r"\w+", asked)
    return "".join(mark + part for mark, part in zip(marks, [*(parts[i] for i in order), ""], strict=True))


def solve_attempt(item: Item, films: dict[str, str]) -> str:
    """An attempt that passes, read from the context; `films` (title -> emoji of its motifs, data/passuntil/world.json)
    is what must be known."""
    context = item.requests[0][0]
    if item.task == "program_synthesis":
        return " " + " | ".join(read_specifications(context)[-1])
    if item.task == "emoji_movie":
        (title,) = (title for title, motifs in films.items() if read_riddles(context)[-1] <= set(motifs))
        return title
    if item.task == "date_understanding":
        return _solve_date(context)
    if item.task.startswith("uicl_"):
        return _solve_pairs(context)
    language = LANGUAGES[PASS_TASKS[item.task].language]
    return f"{language.answer} {sum(read_problems(context, language)[-1])}"


def _guess_date(draw: Draw) -> date:
    first = date(FIRST_YEAR, 1, 1)
    return first + timedelta(int(draw() * (date(FIRST_YEAR + NUM_YEARS, 1, 1) - first).days))


def guess_attempt(item: Item, films: dict[str, str], draw: Draw) -> str:
    """An attempt drawn uniformly from those that have the form asked for, by someone who understands nothing else."""
    name = item.task
    if name == "program_synthesis":
        return written(tuple(pick(draw, tuple(STEPS)) for _ in range(1 + int(draw() * MAX_GUESSED_STEPS))))
    if name == "emoji_movie":
        return pick(draw, tuple(films))
    if name == "date_understanding":
        return f" {_guess_date(draw):%m/%d/%Y}"
    if name.startswith("maths"):
        return f"{LANGUAGES[PASS_TASKS[name].language].answer} {int(draw() * (MAX_NUMBER + 1))}"
    if name == "uicl_unnatural_addition_2_digit":
        return f" {2 * MIN_OPERAND + int(draw() * (2 * (MAX_OPERAND - MIN_OPERAND) + 1))}"
    if name.startswith("uicl_reverse"):
        word = pick(draw, SPELLED_FIVE)
        return " " + ", ".join(word[::-1] if name == "uicl_reverse_natural_content" else word)
    if name == "uicl_identity":
        return " " + ", ".join(random.Random(draw()).sample("abcdefghijklmnopqrstuvwxyz", 5))
    if "content" in name:
        parts = [f"{SMALLEST_LONG + int(draw() * (LARGEST_LONG - SMALLEST_LONG + 1))}" for _ in range(3)]
    else:
        parts = f"{_guess_date(draw):%m %d %Y}".split()
    return f"!{'!'.join(parts)}!" if name.endswith("form") else "/".join(parts)
