"""Programs as answers: what is viable, what passes hidden tests, and how many programs do."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.pages.programs import MAX_STEPS, STEPS, parse, run_program, written
from tasks.programs import count_right_programs, hidden_tests, is_viable, passes_tests

PROGRAMS = st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=MAX_STEPS).map(tuple)
NEAR_PROGRAMS = st.lists(
    st.sampled_from([" sort", " |", " map", " +", " 3", " take", " keep", " >", " even", " ", ";", "x", "1"]),
    max_size=8,
).map("".join)
INPUTS = ((), (7,), (4, 4), (3, 9, 1, 6, 6), (2, 8, 5, 0, 7, 1))


@given(PROGRAMS, st.data())
def test_every_beginning_of_a_program_is_viable(steps, data):
    text = written(steps)
    assert is_viable(text[: data.draw(st.integers(0, len(text)))])


@given(NEAR_PROGRAMS, st.text(alphabet=" sort|map+3;", max_size=4))
def test_viability_is_prefix_closed(text, more):
    assert not is_viable(text + more) or is_viable(text)


def _can_be_completed(text: str) -> bool:
    """True where a program begins with `text`: its last step is replaced by every step that begins like it."""
    *steps, last = text.split(" |")
    return any(parse(" |".join([*steps, f" {step}"])) is not None for step in STEPS if f" {step} ".startswith(last))


@given(NEAR_PROGRAMS)
def test_what_is_viable_can_be_completed_and_nothing_else(text):
    assert is_viable(text) == _can_be_completed(text), text


@pytest.mark.parametrize(
    "text",
    [
        "sort",
        "  ",
        " sort|",
        " sort;",
        " sorted",
        " map 3",
        " map + x",
        " take 12",
        " keep even 2",
        " | sort",
        " sort |  ",
        "\n",
    ],
)
def test_what_is_not_viable(text):
    assert not is_viable(text)


def test_programs_end_at_the_last_step():
    full = written(("sort",) * MAX_STEPS)
    assert is_viable(full) and not is_viable(full + " ") and not is_viable(full + " |")
    assert is_viable(written(("sort",) * (MAX_STEPS - 1)) + " | ma")


def test_hidden_tests_are_passed_by_what_does_the_same():
    tests = hidden_tests(" sort | take 1", INPUTS)
    assert all(
        passes_tests(text, tests) for text in (" sort | take 1", " min", " map + 3 | min | map - 3", " reverse | min")
    )
    assert not any(
        passes_tests(text, tests)
        for text in (" max", " sort", " sort | take 2", " take 1", "", " min;", "min", " min ")
    )


@pytest.mark.parametrize("reference", ["sort", " sort |", written(("map * 9",) * MAX_STEPS)])
def test_a_reference_that_does_not_run_is_named(reference):
    with pytest.raises(ValueError, match="reference program .* does not run on its tests; repair the specification"):
        hidden_tests(reference, INPUTS)


@pytest.mark.parametrize("reference", [" sort", " sort | take 2", " keep > 4 | count", " reverse | drop 1 | reverse"])
def test_counts_agree_with_trying_every_program(reference):
    tests = hidden_tests(reference, INPUTS)
    for max_steps in (1, 2):
        programs = [steps for length in range(1, max_steps + 1) for steps in product(STEPS, repeat=length)]
        assert count_right_programs(tests, max_steps) == sum(
            all(run_program(steps, given) == wanted for given, wanted in tests) for steps in programs
        )
