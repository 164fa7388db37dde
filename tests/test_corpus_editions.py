"""Editions: a mixture belongs to one; the first is as it was; numerals stand on Chinese pages of their arm alone."""

import pytest

from corpus.editions import EDITIONS, edition_of
from corpus.lexicon import LANGUAGES
from corpus.world import make_world


def test_every_mixture_belongs_to_one_edition():
    names = [name for edition in EDITIONS.values() for name in edition.mixtures]
    assert len(names) == len(set(names))
    assert [edition_of(name).name for name in ("v1", "prose", "v2a", "v2cal", "v2n")] == [
        "v1",
        "v1",
        "v2",
        "v2",
        "v2_numerals",
    ]


def test_an_unknown_mixture_is_one_line_with_the_choice():
    with pytest.raises(ValueError, match="corpus.mixture is 'v3'; choose one of v1, .*v2a") as error:
        edition_of("v3")
    assert "\n" not in str(error.value)


def test_the_first_edition_is_the_world_it_was():
    assert EDITIONS["v1"].world(1) == make_world(1)
    assert EDITIONS["v1"].world(1).languages is LANGUAGES


def test_the_arm_of_numerals_differs_in_chinese_numbers_alone():
    shared, arm = EDITIONS["v2"].world(1), EDITIONS["v2_numerals"].world(1)
    assert arm.facts == shared.facts
    assert arm.ranked_facts == shared.ranked_facts
    assert arm.languages["en"] == shared.languages["en"]
    assert shared.languages["zh"].numbers[12] == " 12"
    assert arm.languages["zh"].numbers[12] == "十二"
