"""The closed language: every step by hand, text and steps are one, and no program can hang or grow."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.pages.programs import MAX_STEPS, MAX_VALUE, STEPS, parse, run_program, written

PROGRAMS = st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=MAX_STEPS).map(tuple)
LISTS = st.lists(st.integers(-20, 20), max_size=8).map(tuple)
BY_HAND = {
    "sort": (1, 3, 3, 4, 8),
    "reverse": (8, 3, 1, 4, 3),
    "unique": (3, 4, 1, 8),
    "sum": (19,),
    "max": (8,),
    "min": (1,),
    "count": (5,),
    "keep even": (4, 8),
    "keep odd": (3, 1, 3),
    "map + 2": (5, 6, 3, 5, 10),
    "map - 2": (1, 2, -1, 1, 6),
    "map * 2": (6, 8, 2, 6, 16),
    "keep > 3": (4, 8),
    "keep < 3": (1,),
    "take 2": (3, 4),
    "drop 2": (1, 3, 8),
}


@pytest.mark.parametrize("step, wanted", BY_HAND.items())
def test_each_step_by_hand(step, wanted):
    assert run_program((step,), (3, 4, 1, 3, 8)) == wanted


def test_every_kind_of_step_was_tried():
    assert {step.rstrip("0123456789") for step in STEPS} == {step.rstrip("0123456789") for step in BY_HAND}


def test_empty_lists_have_a_value():
    assert (
        run_program(("sum",), ()) == run_program(("count",), ()) == (0,)
        and run_program(("max",), ()) == run_program(("min",), ()) == run_program(("take 3",), ()) == ()
    )


@given(PROGRAMS)
def test_text_and_steps_are_one(steps):
    assert parse(written(steps)) == steps


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sort",
        " ",
        " sort ",
        "  sort",
        " sort|take 2",
        " sort | ",
        " sort | take",
        " map + 10",
        " map+ 3",
        " SORT",
        " sort;",
        written(("sort",) * (MAX_STEPS + 1)),
    ],
)
def test_what_is_no_program(text):
    assert parse(text) is None


@given(PROGRAMS, LISTS)
def test_no_program_grows_its_list_or_passes_the_limit(steps, values):
    result = run_program(steps, values)
    assert result is None or (len(result) <= max(1, len(values)) and all(abs(value) <= MAX_VALUE for value in result))


def test_products_without_bound_fail():
    assert run_program(("map * 9",) * MAX_STEPS, (9, 9)) is None
    assert run_program(("map * 0",) * MAX_STEPS, (9, 9)) == (0, 0)


def test_programs_differ():
    """The language is no pile of synonyms: on a few lists nearly all single steps give different results."""
    rng = random.Random(0)
    probes = [tuple(rng.randint(0, 12) for _ in range(9)) for _ in range(6)]
    assert len({tuple(run_program((step,), probe) for probe in probes) for step in STEPS}) > 0.8 * len(STEPS)
