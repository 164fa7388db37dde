"""Quiz pages: their keys are true, and every question has options for every split."""

import re

import pytest
from small_corpus import SPLITS, bounded, facts, texts, world

from corpus.lexicon import LANGUAGES
from corpus.pages.quizzes import exam_options
from tasks.base import Item
from tasks.oracle import read_exam, read_facts_asked, solve


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_question_has_options(code, split):
    """The search for options loops until the composition is of the split: none of the facts may have no such
    options."""
    language = LANGUAGES[code]
    for person in range(len(language.names)):
        for attribute in range(len(language.attributes)):
            chosen, position = exam_options(bounded(person), world(), language, person, attribute, split)
            assert len(set(chosen)) == 4 and chosen[position] == world().facts[code][person][attribute]


def _answered(text: str, code: str) -> list[tuple[str, str]]:
    """(text up to an answer mark, what follows it up to the stop)."""
    language = LANGUAGES[code]
    return [
        (text[: match.end()], text[match.end() :].partition(language.stop)[0])
        for match in re.finditer(re.escape(language.answer), text)
    ]


@pytest.mark.parametrize("code", LANGUAGES)
def test_open_answers_are_true(code):
    name = "recall" if code == "en" else "recall_zh"
    answered = [pair for text in texts("faq", code) for pair in _answered(text, code)]
    assert len(answered) >= 120
    for asked, answer in answered:
        assert answer.strip() == solve(Item(name, 0, ((asked, ""),), ""), facts()), asked


@pytest.mark.parametrize("code", LANGUAGES)
def test_letters_are_those_of_the_true_value(code):
    """Some keys name the value before its letter."""
    answered = [pair for text in texts("exam_sheet", code) for pair in _answered(text, code)]
    assert len(answered) >= 120
    for asked, answer in answered:
        pairs = read_exam(asked, LANGUAGES[code])[-1][2:]
        letter, value = pairs[
            solve(
                Item("exam" if code == "en" else "exam_zh", 0, tuple((asked, letter) for letter, _ in pairs), 0),
                facts(),
            )
        ]
        assert answer in (letter, value + letter), asked


@pytest.mark.parametrize("code", LANGUAGES)
def test_legends_repeat_their_pairs_in_other_orders(code):
    language, reordered = LANGUAGES[code], 0
    for text in texts("legend", code):
        first, *others = [listing.split(language.option_separator) for listing in text.split(language.stop) if listing]
        assert len(first) == 4 and others and all(sorted(other) == sorted(first) for other in others)
        assert all(letter in option for letter, option in zip(language.letters, first, strict=False))
        reordered += others[0] != first
    assert reordered > 30


@pytest.mark.parametrize("code", LANGUAGES)
def test_guesses_are_judged_right(code):
    language, yes_seen = LANGUAGES[code], 0
    for text in texts("guessing_game", code):
        questions = [
            (match.start(), match.end(), attribute, person)
            for attribute in language.attributes
            for person in language.names
            for match in re.finditer(re.escape(attribute.question.format(person)), text)
        ]
        questions.sort()
        for (_, begin, attribute, person), (end, *_) in zip(questions, questions[1:] + [(len(text),)], strict=True):
            for value in attribute.values:
                if language.guess.format(value) in text[begin:end]:
                    verdict = text[begin:end].split(language.guess.format(value))[1]
                    true = facts()[code][person.strip()][attribute.name] == value.strip()
                    assert verdict.startswith(language.yes if true else language.no), text
                    yes_seen += true
    assert yes_seen >= 60


def test_frequent_persons_are_asked_of_more():
    asked = [person for text in texts("faq", "en", 600) for person, _ in read_facts_asked(text, LANGUAGES["en"])]
    names = LANGUAGES["en"].names
    assert sum(asked.count(name) for name in names[:8]) > 1.5 * sum(asked.count(name) for name in names[-8:]) > 0
