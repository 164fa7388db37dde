"""Exercises: their sums, words and sounds are right, and every draw has something to find for every split."""

import re

import pytest
from small_corpus import KIND_LANGUAGES, SPLITS, bounded, texts

from corpus.documents import MAX_NUMBER
from corpus.lexicon import CONSONANTS, LANGUAGES, SOUNDS, SPELLED_WORDS, VOWELS
from corpus.pages.exercises import MODIFIED_RULES, draw_invented_word, draw_modified, draw_problem, scrambled
from tasks.base import Item
from tasks.oracle import read_problems, solve


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("code", LANGUAGES)
def test_problems_stay_in_range(code, split):
    for num_steps in (1, 2, 3):
        for seed in range(50):
            start, steps = draw_problem(bounded(f"{num_steps}/{seed}"), LANGUAGES[code], num_steps, split)
            totals = [start + sum(steps[:i]) for i in range(num_steps + 1)]
            assert len(steps) == num_steps and 0 not in steps and min(totals) >= 0 and max(totals) <= MAX_NUMBER


@pytest.mark.parametrize("split", SPLITS)
def test_every_search_has_something_to_find(split):
    for rule in MODIFIED_RULES:
        assert {type(x) for x in draw_modified(bounded(rule), rule, split)} == {int}
    draw_invented_word(bounded(0), split)
    found = [word for word in range(len(SPELLED_WORDS)) if scrambled(bounded(word), word, split)]
    assert found  # the caller draws another word until one has an order of the split


def test_scrambled_letters_are_those_of_the_word_in_another_order():
    for word, spelled in enumerate(SPELLED_WORDS):
        letters = scrambled(bounded(word), word, "train")
        if letters is not None:
            assert sorted(letters) == sorted(spelled.strip()) and letters != list(spelled.strip())


def test_words_and_sounds_can_be_told_apart():
    """Two words of the same letters, or two letters of one sound, would have no single answer."""
    assert len({tuple(sorted(word.strip())) for word in SPELLED_WORDS}) == len(SPELLED_WORDS)
    assert len(set(SOUNDS.values())) == len(SOUNDS) == len(CONSONANTS + VOWELS)


@pytest.mark.parametrize("kind, code", [kc for kc in KIND_LANGUAGES if kc[0] in ("homework", "drill")])
def test_equations_are_right(kind, code):
    for text in texts(kind, code):
        equations = re.findall(r" (\d+) ([+-]) (\d+) = (\d+);", text)
        assert len(equations) >= 2
        assert all(int(a) + int(sign + b) == int(c) for a, sign, b, c in equations)


@pytest.mark.parametrize("code", LANGUAGES)
def test_problems_are_solved_step_by_step(code):
    language, solved = LANGUAGES[code], 0
    for text in texts("homework", code):
        for asked, (start, *steps) in zip(
            text.split(language.answer)[:-1], read_problems(text, language, min_steps=1), strict=True
        ):
            worked = re.findall(r" (\d+) ([+-]) (\d+) =", asked)[-len(steps) :]
            assert worked == [
                (str(start + sum(steps[:i])), "+" if step > 0 else "-", str(abs(step))) for i, step in enumerate(steps)
            ], text
            solved += 1
        answers = [int(part.partition(language.stop)[0]) for part in text.split(language.answer)[1:]]
        assert answers == [sum(numbers) for numbers in read_problems(text, language, min_steps=1)]
    assert solved >= 120


@pytest.mark.parametrize(
    "kind, task, mark",
    [
        ("puzzle", "unscramble", r" Word:"),
        ("dictionary_page", "ipa_transliterate", r" Sound:"),
        ("modified_page", "modified_arithmetic", r" gives"),
    ],
)
def test_puzzles_are_solved_right(kind, task, mark):
    checked = 0
    for text in texts(kind, "en"):
        for index, match in enumerate(re.finditer(mark, text)):
            if kind != "modified_page" or index:  # before the first sum nothing shows the rule
                assert text[match.end() :].partition(".")[0].strip() == solve(
                    Item(task, 0, ((text[: match.end()], ""),), ""), {}
                )
                checked += 1
    assert checked >= 120
