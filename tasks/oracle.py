"""Two answerers that bound every task: a solver, which must score 100 %, and a guesser, which must score Task.chance.

The solver reads the text of an item as a person would, through the sentence patterns and word tables of
corpus/lexicon.py, and looks closed-book facts up in data/world.json. It shares no code with the documents and the item
makers, so that a fault of theirs (two right options, a wrong key, an answer that the prompt does not settle) cannot
hide in it. `COMPOSITIONS` also finds what is composed in running text, which is how the leakage test searches the
training stream.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from corpus.documents import MAX_NUMBER, Draw, pick
from corpus.language import Language
from corpus.lexicon import LANGUAGES, SOUNDS, SPELLED_WORDS
from corpus.pages.exercises import MODIFIED_RULES
from files.text import parse_json
from tasks import TASKS
from tasks.base import Item

Facts = dict[str, dict[str, dict[str, str]]]  # language code, person, attribute name -> value; all words stripped
_NUMBER = r" ?\d+"


def read_facts(path: str | Path) -> Facts:
    """The facts of data/world.json. ValueError with one line where the file is not that."""
    try:
        stored = parse_json(Path(path).read_text(encoding="utf-8"))
        return {
            code: {
                person: dict(zip(table["attributes"], row, strict=True))
                for person, row in zip(table["persons"], table["values"], strict=True)
            }
            for code, table in stored.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not a table of facts ({error}); rebuild it with `python -m corpus`") from error


def _either(words) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


@cache
def _regex(pattern: str, *slots: str) -> re.Pattern:
    """The pattern of the lexicon with slot {i} as group `s<i>` that matches the expression slots[i]."""
    parts = re.split(r"\{(\d)\}", pattern)
    return re.compile(
        "".join(f"(?P<s{part}>{slots[int(part)]})" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    )


def _in_order(found: list[tuple[int, tuple]]) -> list[tuple]:
    return [reading for _, reading in sorted(found, key=lambda pair: pair[0])]


def read_facts_asked(text: str, language: Language) -> list[tuple]:
    """(person, attribute name) of every closed-book question."""
    return [reading[:2] for reading in _read_questions(text, language)]


def _read_questions(text: str, language: Language) -> list[tuple]:
    """(person, attribute name, text up to the answer mark) of every closed-book question, with or without options."""
    found = []
    for attribute in language.attributes:
        for match in _regex(language.question.replace("{0}", attribute.question), _either(language.names)).finditer(
            text
        ):
            end = text.find(language.answer, match.end())
            found.append((match.start(), (match["s0"], attribute.name, text[match.end() : end] if end >= 0 else "")))
    return _in_order(found)


def read_exam(text: str, language: Language) -> list[tuple]:
    """(person, attribute name, (letter, value), ...) of every question that has options."""
    values = {attribute.name: attribute.values for attribute in language.attributes}
    readings = []
    for person, name, rest in _read_questions(text, language):
        option = _regex(language.option, _either(language.letters), _either(values[name]))
        pairs = tuple((match["s0"], match["s1"]) for match in option.finditer(rest))
        if pairs:
            readings.append((person, name, *pairs))
    return readings


def read_passages(text: str, language: Language) -> list[tuple[list, list]]:
    """([(person, object, place), ...], [(object,), ...]) of every passage with the questions on it."""
    names, objects, places = _either(language.names), _either(language.objects), _either(language.places)
    found = [
        (match.start(), (match["s0"], match["s1"], match["s2"]))
        for match in _regex(language.report, names, objects, places).finditer(text)
    ]
    found += [(match.start(), (match["s0"],)) for match in _regex(language.where, objects).finditer(text)]
    passages: list[tuple[list, list]] = []
    for reading in _in_order(found):
        if len(reading) == 3 and (not passages or passages[-1][1]):
            passages.append(([], []))
        if passages:
            passages[-1][len(reading) == 1].append(reading)
    return passages


def read_openings(text: str, language: Language) -> list[tuple]:
    """(opening pattern, job, time) of every script."""
    found = []
    jobs, times = _either(script[0] for script in language.scripts), _either(language.script_times)
    for opening in language.script_openings:
        pattern = _regex("{1}" + opening if language.time_first else opening + "{1}", jobs, times)
        found += [(match.start(), (opening, match["s0"], match["s1"])) for match in pattern.finditer(text)]
    return _in_order(found)


def read_coreferences(text: str, language: Language) -> list[tuple]:
    """(sentence pattern, first noun, second noun, place or "", noun meant or None behind a pronoun, True where the
    trait is that of the first noun) of every sentence of that kind."""
    found = []
    for kind in language.coreferences:
        nouns = _either(language.names if kind.people else language.objects)
        for sentence in (kind.sentence, kind.pronoun):
            pattern = _regex(
                sentence + "{4}", nouns, nouns, nouns, _either(language.places), _either((kind.first, kind.second))
            )
            for match in pattern.finditer(text):
                groups = match.groupdict()
                found.append(
                    (
                        match.start(),
                        (
                            kind.sentence,
                            groups["s0"],
                            groups["s1"],
                            groups.get("s3", ""),
                            groups.get("s2"),
                            groups["s4"] == kind.first,
                        ),
                    )
                )
    return _in_order(found)


def read_problems(text: str, language: Language, min_steps: int = 2) -> list[tuple]:
    """(start, signed step, step, ...) of every word problem that is asked to its end; problems of one step are drills,
    not items."""
    names = _either(language.names)
    changes = [
        (sign, _regex(pattern, names, _NUMBER))
        for sign, patterns in ((1, language.maths_gain), (-1, language.maths_loss))
        for pattern in patterns
    ]
    question = _regex(language.maths_question, _either(language.goods))
    readings = []
    for match in _regex(language.maths_start, names, _NUMBER, _either(language.goods)).finditer(text):
        numbers, place = [int(match["s1"])], match.end()
        while step := next(((sign, m) for sign, change in changes if (m := change.match(text, place))), None):
            numbers.append(step[0] * int(step[1]["s1"]))
            place = step[1].end()
        if len(numbers) > min_steps and question.match(text, place):
            readings.append(tuple(numbers))
    return readings


def read_spellings(text: str, language: Language) -> list[tuple]:
    """(label, letter, letter, ...) of every spelled word: `Letters: r i c e. Word:`"""
    return [
        (label, *letters.split()) for label, letters in re.findall(r"([A-Z][a-z]+):((?: [a-z])+)\. [A-Z][a-z]+:", text)
    ]


def read_modified_sums(text: str) -> list[tuple]:
    """(a, b, result or None) of every sum told with a verb: `3 + 4 gives 8.`"""
    return [
        (int(a), int(b), int(result) if result else None)
        for a, b, result in re.findall(r" (\d+) \+ (\d+) [a-z]+(?: (\d+)\b)?", text)
    ]


# What an item of a task composes, as it shows in a text: a list of tuples in order of the text. Closed-book questions
# (recall, exam_cloze) ask what must have been read in training, so they compose nothing.
COMPOSITIONS: dict[str, Callable[[str, Language], list[tuple]]] = {
    "exam": read_exam,
    "reading": lambda text, language: [
        tuple(sentence[1:] for sentence in sentences) for sentences, _ in read_passages(text, language)
    ],
    "endings": read_openings,
    "coreference": lambda text, language: [reading[:4] for reading in read_coreferences(text, language)],
    "maths": read_problems,
    "unscramble": read_spellings,
    "ipa_transliterate": read_spellings,
    "modified_arithmetic": lambda text, language: read_modified_sums(text),
}


def family(task: str) -> str:
    """`exam` of `exam_zh`."""
    return task.removesuffix("_zh")


def _index(item: Item, wanted: str) -> int:
    (index,) = (i for i, (_, continuation) in enumerate(item.requests) if continuation.strip() == wanted.strip())
    return index


def _solve_reading(item: Item, language: Language) -> int:
    sentences, questions = read_passages(item.requests[0][0], language)[-1]
    (thing,) = questions[-1]
    (place,) = (place for _, other, place in sentences if other == thing)
    return _index(item, place)


def _solve_endings(item: Item, language: Language) -> int:
    job = read_openings(item.requests[0][0], language)[-1][1]
    (script,) = (script for script in language.scripts if script[0] == job)
    (index,) = (
        i
        for i, (_, ending) in enumerate(item.requests)
        if _regex(language.script_ending, *map(re.escape, script[1:])).fullmatch(ending)
    )
    return index


def _solve_coreference(item: Item, language: Language) -> int:
    readings = [read_coreferences(context + continuation, language)[-1] for context, continuation in item.requests]
    (index,) = (
        i for i, (_, first, second, _, noun, of_first) in enumerate(readings) if noun == (first if of_first else second)
    )
    return index


def _solve_maths(item: Item, language: Language) -> str:
    return str(sum(read_problems(item.requests[0][0], language)[-1]))


def _solve_unscramble(item: Item, language: Language) -> str:
    letters = read_spellings(item.requests[0][0], language)[-1][1:]
    (word,) = {word.strip() for word in SPELLED_WORDS if sorted(word.strip()) == sorted(letters)}
    return word


def _solve_transliterate(item: Item, language: Language) -> str:
    return " ".join(SOUNDS[letter] for letter in read_spellings(item.requests[0][0], language)[-1][1:])


def _solve_modified(item: Item, language: Language) -> str:
    """The rule is what all sums before the last one agree on."""
    sums = read_modified_sums(item.requests[0][0])
    (added,) = {result - a - b for a, b, result in sums[:-1]}
    return str(sum(sums[-1][:2]) + added)


def solve(item: Item, facts: Facts) -> int | str:
    """The right answer of `item`, read from its requests (of open items only from the context) and from the facts of
    closed-book ones."""
    language, name, context = LANGUAGES[TASKS[item.task].language], family(item.task), item.requests[0][0]
    if name in SOLVERS:
        return SOLVERS[name](item, language)
    person, attribute = read_facts_asked(context, language)[-1]
    value = facts[language.code][person.strip()][attribute]
    if name == "recall":
        return value
    if name == "exam_cloze":
        return _index(item, value)
    (letter,) = (letter for letter, option in read_exam(context, language)[-1][2:] if option.strip() == value)
    return _index(item, letter)


# Tasks whose items hold all that their answer needs; the others are closed-book and ask the world's facts.
SOLVERS: dict[str, Callable[[Item, Language], int | str]] = {
    "reading": _solve_reading,
    "endings": _solve_endings,
    "coreference": _solve_coreference,
    "maths": _solve_maths,
    "unscramble": _solve_unscramble,
    "ipa_transliterate": _solve_transliterate,
    "modified_arithmetic": _solve_modified,
}


def guess(item: Item, draw: Draw) -> int | str:
    """An answer drawn uniformly from those that have the form asked for, by someone who knows neither the text nor the
    world."""
    language, name, context = LANGUAGES[TASKS[item.task].language], family(item.task), item.requests[0][0]
    if TASKS[item.task].answer_form == "choice":
        return int(draw() * len(item.requests))
    if name == "recall":
        asked = read_facts_asked(context, language)[-1][1]
        (values,) = (attribute.values for attribute in language.attributes if attribute.name == asked)
        return pick(draw, values).strip()
    if name == "maths":
        return str(int(draw() * (MAX_NUMBER + 1)))
    if name == "unscramble":
        return pick(draw, SPELLED_WORDS).strip()
    if name == "modified_arithmetic":
        return str(int(draw() * (9 + 9 + max(MODIFIED_RULES) + 1)))  # sums of two digits under any rule
    return " ".join(pick(draw, tuple(SOUNDS.values())) for _ in read_spellings(context, language)[-1][1:])
