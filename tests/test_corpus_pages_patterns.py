"""Pattern pages: one rule a page, natural forms only, and what is asked later keeps to its split."""

import random
import re
from itertools import chain

import pytest
from small_corpus import SPLITS, bounded, pieces, world

from corpus.lexicon import LANGUAGES
from corpus.pages.patterns import (
    MAX_OPERAND,
    MAX_SHOTS,
    MIN_OPERAND,
    MIN_SHOTS,
    OPERATORS,
    SPELLED_FIVE,
    draw_operands,
    draw_pattern_date,
    pair,
    pattern_page,
)
from tasks.pass_oracle import read_pairs

NUM_PAGES = 3000
# The forms of the unnatural tasks, of which a page may show none.
WORDS_TURNED = "|".join(", ".join(word[::-1]) for word in SPELLED_FIVE)
UNNATURAL = (
    r"!\d\d!\d\d!\d{4}|\d{4}!\d\d!|!\d\d!\d{4}",
    r"\d{4}-\d{4}-\d{4}",
    r"\d{4}(.)\d{4}\1\d{4}",
    rf"(?m)^Output: ({WORDS_TURNED})$",
)


@pytest.fixture(scope="module")
def pages() -> list[str]:
    return ["".join(pieces("pattern_page", "en", seed)) for seed in range(NUM_PAGES)]


@pytest.mark.parametrize("form", UNNATURAL)
def test_unnatural_forms_are_never_shown(pages, form):
    assert not [page for page in pages if re.search(form, page)]


def test_unnatural_forms_would_be_found():
    texts = (
        "Input:1981-03-15\nOutput:!03!15!1981!\n",
        "Input:1981-1970-2004\n",
        "Output:!1970!2004!1981!\n",
        "Output: e, s, u, o, h\n",
    )
    assert all(re.search(form, text) for form, text in zip(UNNATURAL, texts, strict=True))


def test_sums_are_right_and_a_minus_takes_away(pages):
    found = re.findall(r"Input: (\d+) (\W) (\d+)\nOutput: (\d+)\n", "".join(pages))
    assert all(
        int(result) == (int(a) + int(b) if sign == "+" else int(a) - int(b))
        for a, sign, b, result in found
        if sign in "+-"
    )
    assert all(int(result) in (int(a) + int(b), int(a) - int(b)) for a, _, b, result in found)
    assert {sign for _, sign, _, _ in found} == {"+", "-", *OPERATORS} and len(found) > 1000


def test_five_loose_letters_are_never_copied(pages):
    copied = [
        asked.replace(", ", "").strip() for page in pages for asked, answer in read_pairs(page) if asked == answer
    ]
    assert len(copied) > 1000
    assert not [text for text in copied if len(text) == 5 and text.isalpha() and text not in SPELLED_FIVE]


def test_a_page_follows_one_rule(pages):
    """Inputs and outputs of a page have the same number of parts and the same marks throughout."""
    kinds = set()
    for page in pages:
        rows = read_pairs(page)
        assert MIN_SHOTS <= len(rows) <= MAX_SHOTS and page.endswith("\n")
        (shape,) = {tuple(re.sub(r"\w+", "x", side) for side in row) for row in rows}
        kinds.add(shape)
    assert len(kinds) > 40


def test_order_of_parts_is_the_same_on_a_page(pages):
    for page in pages:
        rows = [
            tuple(re.findall(r"\w+", side) for side in row)
            for row in read_pairs(page)
            if not re.search(r" [^\w\s] ", row[0])
        ]
        if rows and all(len(set(asked)) == len(asked) for asked, _ in rows):
            assert len({tuple(asked.index(part) for part in answer) for asked, answer in rows}) == 1, page


@pytest.mark.parametrize(
    "draw_composition",
    [lambda draw, split: draw_pattern_date(draw, split), lambda draw, split: frozenset(draw_operands(draw, split))],
    ids=["dates", "operands"],
)
def test_splits_share_nothing(draw_composition):
    seen = {split: {draw_composition(bounded(seed), split) for seed in range(800)} for split in SPLITS}
    assert all(not seen[a] & seen[b] for a in SPLITS for b in SPLITS if a != b)


def test_operands_have_two_digits():
    draw = random.Random(0).random
    drawn = [number for _ in range(500) for number in draw_operands(draw, "train")]
    assert min(drawn) == MIN_OPERAND and max(drawn) == MAX_OPERAND


def test_spelled_words_can_be_told_from_their_reverse():
    assert all(len(word) == 5 and word.isalpha() and word != word[::-1] for word in SPELLED_FIVE)
    assert len(set(SPELLED_FIVE)) == len(SPELLED_FIVE) and not {word[::-1] for word in SPELLED_FIVE} & {*SPELLED_FIVE}


def test_every_rule_is_met_at_the_edges_of_a_draw():
    for edge in (0.0, 1 - 2**-53):
        assert pattern_page(chain([edge] * 3, iter(random.Random(0).random, None)).__next__, world(), LANGUAGES["en"])
    assert "".join(pair([" a"], [" b"])) == "Input: a\nOutput: b\n"
