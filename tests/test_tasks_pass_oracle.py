"""The solver passes every item, the guesser passes as often as declared, and both hold at prompts made by hand."""

import random

import pytest
from scipy.stats import binomtest
from small_pass import films, items

from tasks import PASS_TASKS
from tasks.base import Item
from tasks.checkers import checker
from tasks.pass_oracle import guess_attempt, read_pairs, read_specifications, read_wish, solve_attempt

NUM_GUESSES = {"program_synthesis": 500}  # an item; the others' rates are known in closed form


@pytest.mark.parametrize("name", PASS_TASKS)
def test_solver_always_passes(name):
    wrong = [
        (item.requests, item.answer)
        for item in items(name)
        if not checker(name, item).passes(solve_attempt(item, films()))
    ]
    assert not wrong, f"{len(wrong)} of {len(items(name))}, e.g. {wrong[0]}"


@pytest.mark.parametrize("name", PASS_TASKS)
def test_solver_does_not_see_the_answer(name):
    for item in items(name)[:20]:
        blind = Item(name, 0, ((item.requests[0][0], ""),), "")
        assert checker(name, item).passes(solve_attempt(blind, films()))


@pytest.mark.parametrize("name", PASS_TASKS)
def test_guesser_passes_as_often_as_declared(name):
    draw = random.Random(f"guess/{name}").random
    repeats = NUM_GUESSES.get(name, 10)
    passes = 0
    for item in items(name):
        judge = checker(name, item)
        passes += sum(judge.passes(guess_attempt(item, films(), draw)) for _ in range(repeats))
    interval = binomtest(passes, repeats * len(items(name))).proportion_ci(0.999, "exact")
    assert interval.low <= PASS_TASKS[name].chance <= interval.high, (passes, interval)


def _ask(name: str, context: str) -> str:
    return solve_attempt(
        Item(name, 0, ((context, ""),), ""), {" Lost City": "\U0001f436\U0001f431\U0001f98a\U0001f41d\U0001f437"}
    )


def test_solver_at_prompts_made_by_hand():
    assert (
        _ask("program_synthesis", " Task: sort them, then take the first 2. Example: 3 1 2 gives 1 2. Program:")
        == " sort | take 2"
    )
    assert _ask("emoji_movie", " Film in emoji:\U0001f437\U0001f436\U0001f431. Title:") == " Lost City"
    assert _ask("date_understanding", " Yesterday was 02/28/2000. What is the date tomorrow? Answer:") == " 03/01/2000"
    assert _ask("date_understanding", " Today is 12/15/1999. What is the date a month later? Answer:") == " 01/15/2000"
    assert _ask("date_understanding", " Tomorrow is 01/01/2001. What is the date 3 days ago? Answer:") == " 12/28/2000"
    assert (
        _ask("uicl_dates_unnatural_form", "Input:1981-03-15\nOutput:!03!15!1981!\nInput:2001-02-04\nOutput:")
        == "!02!04!2001!"
    )
    assert (
        _ask(
            "uicl_reverse_natural_content", "Input: c, h, a, i, r\nOutput: r, i, a, h, c\nInput: o, p, e, n, s\nOutput:"
        )
        == " s, n, e, p, o"
    )
    assert _ask("uicl_unnatural_addition_2_digit", "Input: 12 - 20\nOutput: 32\nInput: 41 - 11\nOutput:") == " 52"


def test_a_rule_that_the_examples_leave_open_is_not_solved_in_silence():
    with pytest.raises(ValueError):
        _ask("uicl_identity", "Input: a, a, b\nOutput: a, a, b\nInput: c, d, e\nOutput:")


def test_readers():
    assert read_specifications(
        " Task: count them. Example: 1 gives 1. Program: count; Task: sort them, then drop the last 2. Example:"
    ) == [("sort", "reverse | drop 2 | reverse")]
    assert read_pairs("Input: a\nOutput: b\nInput: c\nOutput:") == [(" a", " b"), (" c", "")]
    with pytest.raises(ValueError, match="no wish reads 'keep them warm'"):
        read_wish("keep them warm")
