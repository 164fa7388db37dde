"""Chance is what the best guesser scores who does not do what is asked: planted guessers are found, and what is
declared is what the items give."""

import pytest
import small_corpus

from tasks import TASKS
from tasks.base import GradedItem, Item
from tasks.trivial_guessers import FIRST_WORLD, best_guesser, chance_on, guesser_scores

NOISE = 0.03  # of a share of 500 items near a quarter: the best of several guessers lies above its mean
LETTERS = tuple((" Question", letter) for letter in " A, B, C, D".split(","))


def letters(answers):
    return [Item("exam", number, LETTERS, answer) for number, answer in enumerate(answers)]


@pytest.mark.parametrize("name", TASKS)
def test_first_world_is_at_chance_where_its_best_guesser_is(name):
    items = small_corpus.items(name)
    found, chance = best_guesser(TASKS[name], items), chance_on(name, "v1")
    assert found.score <= chance + NOISE, found
    if name in FIRST_WORLD or TASKS[name].answer_form == "choice":
        assert found.score >= chance - NOISE, found
    assert chance >= TASKS[name].chance


def test_second_world_declares_its_best_guesser():
    assert chance_on("maths", "v2a") == 0.06 and chance_on("reading", "v2b") == 0.25
    with pytest.raises(KeyError):
        chance_on("exam_binding", "v1")


def test_a_favourite_option_is_found():
    found = best_guesser(TASKS["exam"], letters([2, 2, 2, 0, 1, 2, 3, 2]))
    assert (found.name, found.score) == ("option 3", 0.625)


def test_the_longest_option_and_the_one_named_last_are_found():
    requests = ((" one three", " one"), (" one three", " three"))
    turned = requests[::-1]
    items = [Item("endings_zh", n, requests if n % 2 else turned, n % 2) for n in range(10)]
    scores = guesser_scores(TASKS["endings_zh"], items)
    assert scores["the longest option"] == scores["the option named last"] == 1.0
    assert not {"the shortest option", "the option named first"} & set(scores)
    assert scores["option 1"] == 0.5


def test_a_copied_number_and_a_sum_are_found():
    sums = [(" 3 + 4 gives 9. 1 + 1 gives", 3), (" 5 + 5 gives 9. 8 + 2 gives", 11), (" 2 + 2 gives", 5)]
    items = [Item("modified_arithmetic", n, ((context, ""),), str(answer)) for n, (context, answer) in enumerate(sums)]
    assert best_guesser(TASKS["modified_arithmetic"], items).name == "the sum +1"
    problems = [GradedItem("maths", n, (("", ""),), str(n + 1), f"{n} +3 -2") for n in range(9)]
    assert guesser_scores(TASKS["maths"], problems)["the first number +1"] == 1.0
    assert guesser_scores(TASKS["maths"], problems)["the last number +0"] == pytest.approx(1 / 9)


def test_a_usual_answer_is_learnt_from_other_items_only():
    once = [Item("unscramble", n, (("", ""),), f"word{n}") for n in range(5)]
    assert best_guesser(TASKS["unscramble"], once).score == 0.0
    twice = [GradedItem("recall", n, (("", ""),), "cook", f"person{n}, job") for n in range(2)]
    assert best_guesser(TASKS["recall"], twice).score == 1.0
    apart = [GradedItem("recall", n, (("", ""),), "cook", f"person, job{n}") for n in range(2)]
    assert guesser_scores(TASKS["recall"], apart)["the usual answer to such a question"] == 0.0


def test_no_items_are_one_line():
    with pytest.raises(ValueError, match="^task exam: no items to guess at; give at least one$"):
        best_guesser(TASKS["exam"], [])
