"""A solver of the second world's items, which must score 100 %, and a reader of what running text composes.

It reads the text as a person would, through the patterns of the languages, and looks up what must be known in
data/world.json; it shares no code with pages and item makers, so that a fault of theirs cannot hide in it.
"""

import re
from functools import cache

from corpus.graded.language import MAX_COUNT, GradedLanguage
from corpus.lexicon import SOUNDS
from tasks.base import Item
from tasks.graded import GRADED_TASKS

_NUMERAL = "零一二三四五六七八九"


def _either(words) -> str:
    return "(" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + ")"


@cache
def _regex(pattern: str, *slots: str) -> re.Pattern:
    parts = re.split(r"\{(\d)\}", pattern)
    return re.compile("".join(slots[int(part)] if i % 2 else re.escape(part) for i, part in enumerate(parts)))


def read_world_number(text: str) -> int:
    """The number of ` 35`, `35` or `三十五`. ValueError for another text."""
    text = text.strip()
    if text.isascii():
        return int(text)
    tens, has_tens, ones = text.rpartition("十")
    return 10 * (_NUMERAL.index(tens) if tens else bool(has_tens)) + (_NUMERAL.index(ones) if ones else 0)


def read_questions_asked(text: str, language: GradedLanguage, truths: dict) -> list[tuple[str, str, str]]:
    """(person, attribute, text up to the answer mark) of every closed-book question, in order."""
    names, found = _either(truths[language.code]["persons"]), []
    for attribute in language.attributes:
        pattern = attribute.question.replace("{0}", "{1}{0}")
        for match in _regex(pattern, names, " ?").finditer(text):
            rest = text[match.end() :].split(language.answer)[0]
            found.append((match.start(), (match[1], attribute.name, rest)))
    return [reading for _, reading in sorted(found)]


def read_options(text: str, language: GradedLanguage) -> list[str]:
    """Words behind the letters, A first."""
    words = _either(word for attribute in language.attributes for word in attribute.values)
    found = {letter: word for word, letter in _regex(language.option, "( [ABCD])", words).findall(text)}
    return [found[letter].strip() for letter in sorted(found)]


def _fact(person: str, attribute: str, truths: dict) -> str:
    row = truths["values"][truths["persons"].index(person)]
    return row[truths["attributes"].index(attribute)]


def read_scene(text: str, language: GradedLanguage) -> tuple[dict[str, str], str]:
    """(place of every object in the end, object asked for last)."""
    objects, places = _either(language.objects), _either(language.places)
    passage = text.rpartition(language.question.split("{0}")[0])[0].rpartition(language.answer)[2]
    told = [*_regex(language.report, objects, places).finditer(passage)]
    told += _regex(language.moved, objects, places).finditer(passage)
    where = {match[1]: match[2] for match in sorted(told, key=lambda match: match.end())}
    return where, [*_regex(language.where, objects).finditer(text)][-1][1]


def read_problem(text: str, language: GradedLanguage) -> tuple[int, list[int]]:
    """Start and signed steps of the last word problem."""
    names, numbers, goods = _either(language.firsts), _either(language.numbers), _either(language.goods)
    starts = [*_regex(language.maths_start, names, numbers, goods).finditer(text)]
    problem, steps = text[starts[-1].start() :], []
    for sign, patterns in ((1, language.maths_gain), (-1, language.maths_loss)):
        for pattern in patterns:
            found = _regex(pattern, names, numbers).finditer(problem)
            steps += [(match.start(), sign * read_world_number(match[2])) for match in found]
    return read_world_number(starts[-1][2]), [step for _, step in sorted(steps)]


def read_coreference(text: str, language: GradedLanguage) -> tuple[str, str, str, str, str]:
    """(frame, first object, second object, object meant, trait)."""
    objects, traits = _either(language.objects), _either(word for pair in language.traits for word in pair)
    for frame in language.frames:
        match = _regex(frame + language.because.replace("{0}", "{2}") + "{3}", objects, objects, objects, traits)
        if found := match.search(text):
            return frame.strip(), found[1], found[2], found[3], found[4].strip()
    raise ValueError(f"no sentence with an object that is meant: {text!r}")


def _choose_exam(item: Item, language: GradedLanguage, truths: dict) -> int:
    context = item.requests[0][0]
    if "binding" in item.task:
        asked = _regex(language.which_letter, _either(w for a in language.attributes for w in a.values))
        last = [*asked.finditer(context)][-1]
        return read_options(context[last.end() :], language).index(last[1].strip())
    person, attribute, rest = read_questions_asked(context, language, {language.code: truths})[-1]
    offered = read_options(rest, language) or [choice.strip() for _, choice in item.requests]
    return offered.index(_fact(person, attribute, truths))


def _choose_ending(item: Item, language: GradedLanguage, truths: dict) -> int:
    slots = map(_either, (language.times, language.moods, language.trades, language.openings))
    time, _, trade, _ = _regex(language.errand, *slots).search(item.requests[0][0]).groups()
    (place, thing) = next(row[2:] for row in truths["errands"] if row[:2] == [trade.strip(), time.strip()])
    choices = [choice for _, choice in item.requests]
    return choices.index(language.errand_ending.format(*(_spaced(word, language) for word in (place, thing))))


def _spaced(word: str, language: GradedLanguage) -> str:
    return f" {word}" if language.code == "en" else word


def _choose_reading(item: Item, language: GradedLanguage, truths: dict) -> int:
    where, asked = read_scene(item.requests[0][0], language)
    return [choice for _, choice in item.requests].index(where[asked])


def _choose_coreference(item: Item, language: GradedLanguage, truths: dict) -> int:
    right = []
    for context, choice in item.requests:
        frame, first, _, meant, trait = read_coreference(context + choice, language)
        says_first = next(row for row in truths["first_traits"] if row[0] == frame and trait in row[1:])[1] == trait
        right.append((meant == first) == says_first)
    return right.index(True)


def _say_unscramble(item: Item, language: GradedLanguage) -> str:
    letters = item.requests[0][0].rpartition("Letters:")[2].partition(".")[0].split()
    (word,) = {w.strip() for w in language.words() if w[1:].islower() and sorted(w.strip()) == sorted(letters)}
    return word


def _say_modified(item: Item, language: GradedLanguage) -> str:
    sums = re.findall(r"(\d+) \+ (\d+) gives ?(\d*)", item.requests[0][0])
    (rule,) = {int(c) - int(a) - int(b) for a, b, c in sums[:-1]}
    return str(int(sums[-1][0]) + int(sums[-1][1]) + rule)


def _say_sounds(item: Item, language: GradedLanguage) -> str:
    letters = item.requests[0][0].rpartition("Spelling:")[2].partition(".")[0].split()
    return " ".join(SOUNDS[letter] for letter in letters)


_SAYING = {"unscramble": _say_unscramble, "modified_arithmetic": _say_modified, "ipa_transliterate": _say_sounds}
_CHOOSING = {"endings": _choose_ending, "reading": _choose_reading, "coreference": _choose_coreference}


def solve_graded(item: Item, language: GradedLanguage, truths: dict) -> int | str:
    """The answer to an item, from its text and what world.json says of the language (`truths`)."""
    family = item.task.removesuffix("_zh")
    if family in _SAYING:
        return _SAYING[family](item, language)
    if family == "recall":
        person, attribute, _ = read_questions_asked(item.requests[0][0], language, {language.code: truths})[-1]
        return _fact(person, attribute, truths)
    if family == "maths":
        start, steps = read_problem(item.requests[0][0], language)
        total = start + sum(steps)
        if not 0 <= total <= MAX_COUNT:
            raise ValueError(f"item {item.item_id} of {item.task}: {total} is no number of the world")
        return language.numbers[total].strip()
    choose = _CHOOSING.get(family, _choose_exam)
    return choose(item, language, truths)


def is_solved(item: Item, language: GradedLanguage, truths: dict) -> bool:
    """True where the solver's answer is the right one; an open answer is judged as a model's is."""
    said = solve_graded(item, language, truths)
    return said == item.answer if isinstance(item.answer, int) else GRADED_TASKS[item.task].is_right(item, said)
