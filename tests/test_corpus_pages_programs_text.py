"""Program pages: examples are true, every way to write a wish means the same, compositions keep to their split."""

import random
import re

import pytest
from small_corpus import SPLITS, bounded, texts

from corpus.documents import fill
from corpus.pages.programs import MAX_STEPS, STEPS, parse, run_program
from corpus.pages.programs_text import (
    WISHES,
    draw_specification,
    draw_values,
    specified_program,
    values_pieces,
    wish_program,
)
from tasks.pass_oracle import read_specifications, read_wish

ALL_WISHES = [(index, digit) for index, wish in enumerate(WISHES) for digit in wish.digits or (0,)]


def test_every_way_to_write_a_wish_means_the_same():
    draw = random.Random(0).random
    lists = [(), (7,), *(draw_values(draw, 2, 8) for _ in range(50))]
    for index, digit in ALL_WISHES:
        programs = [parse(wish_program(index, digit, way)) for way in range(len(WISHES[index].programs))]
        assert all(
            run_program(program, values) == run_program(programs[0], values) for program in programs for values in lists
        )


def test_every_phrase_says_what_its_program_does():
    for index, digit in ALL_WISHES:
        for phrase in WISHES[index].phrases:
            assert " " + read_wish("".join(fill(phrase, f" {digit}")).strip()) == wish_program(index, digit)


def test_examples_on_pages_are_true():
    """Both of the specification and of the program that stands behind it, which may be written in a longer way."""
    tried = longer = 0
    for text in texts("program_page", "en"):
        for told, given, output, program in re.findall(
            r"Task: ([^.]*)\. Example: ([-\d ]+) gives ([-\d ]+)\. Program:([^;]*);", text
        ):
            values, wanted = (tuple(map(int, numbers.split())) for numbers in (given, output))
            specified = parse(" " + " | ".join(map(read_wish, told.split(", then "))))
            assert run_program(parse(program), values) == run_program(specified, values) == wanted
            tried, longer = tried + 1, longer + (parse(program) != specified)
    assert tried == 3 * 60 and longer > 0


@pytest.mark.parametrize("split", SPLITS)
def test_compositions_need_each_of_their_wishes(split):
    for seed in range(20):
        specification = draw_specification(bounded(seed), 2 + seed % 2, split)
        program = parse(specified_program(specification))
        assert len({index for index, _ in specification}) == len(specification) and len(program) <= MAX_STEPS
        lists = [draw_values(random.Random(i).random, 5, 8) for i in range(200)]
        whole = [run_program(program, values) for values in lists]
        assert all([run_program((step,), values) for values in lists] != whole for step in STEPS)


def test_splits_share_no_composition():
    seen = {split: {tuple(draw_specification(bounded(seed), 2, split)) for seed in range(300)} for split in SPLITS}
    assert all(not seen[a] & seen[b] for a in SPLITS for b in SPLITS if a != b)
    assert all(len(compositions) > 50 for compositions in seen.values())


def test_pages_show_single_wishes_and_compositions():
    text = "".join(texts("program_page", "en"))
    assert 0.5 < len(read_specifications(text)) / text.count("Task:") < 0.8


def test_values_as_text():
    assert "".join(values_pieces((3, -2, 0))) == " 3 -2 0" and values_pieces(()) == [" none"]
