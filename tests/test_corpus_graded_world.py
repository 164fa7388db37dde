"""The second world: one meaning a word, facts by the stated law, answers that their frequency does not betray."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from corpus.editions import EDITIONS
from corpus.graded.language import CHINESE_NUMERALS, MAX_COUNT
from corpus.graded.world import ERRAND_RATIO, FACT_RATIO, SENTENCE_RATIO, zipf_ranked

WORLD = EDITIONS["v2"].world(1)
CODES = ("en", "zh")


@pytest.mark.parametrize("code", CODES)
def test_every_word_has_one_meaning(code):
    counts = Counter(WORLD.languages[code].words())
    assert [word for word, count in counts.items() if count > 1] == []
    assert len(counts) > 450


@pytest.mark.parametrize("code", CODES)
def test_persons_are_hundreds_and_facts_thousands(code):
    persons, facts = WORLD.persons[code], WORLD.ranked_facts[code].things
    assert len(set(persons)) == len(persons) >= 180
    assert len(set(facts)) == len(facts) == len(persons) * 6 >= 1_000


@pytest.mark.parametrize("code", CODES)
def test_frequencies_follow_the_stated_law(code):
    for ranked, ratio in (
        (WORLD.ranked_facts[code], FACT_RATIO),
        (WORLD.ranked_errands[code], ERRAND_RATIO),
        (WORLD.sentences[code], SENTENCE_RATIO),
    ):
        weights = ranked.weights()
        assert sum(weights) == pytest.approx(1)
        assert weights[0] / weights[-1] == pytest.approx(ratio)
        assert all(high > low for high, low in pairwise(weights))
        assert len({round(1 / low - 1 / high, 3) for high, low in pairwise(weights)}) == 1, (
            "1 / weight is linear in rank"
        )


def test_facts_are_drawn_by_their_weight():
    draw = random.Random(0).random
    counts = Counter(WORLD.draw_fact(draw, "en") for _ in range(60_000))
    facts, weights = WORLD.ranked_facts["en"].things, WORLD.ranked_facts["en"].weights()
    expected = 60_000 * weights[0]
    assert abs(counts[facts[0]] - expected) < 5 * expected**0.5
    share = sum(counts[fact] for fact in facts[720:]) / 60_000
    assert share == pytest.approx(sum(weights[720:]), abs=0.01)


@pytest.mark.parametrize("code", CODES)
def test_no_answer_is_more_frequent_than_the_others(code):
    for column in zip(*WORLD.facts[code]):
        counts = Counter(column).values()
        assert max(counts) - min(counts) <= 1
    sides = Counter(WORLD.first_traits[code].values())
    assert sides[0] == sides[1]
    assert len(set(WORLD.errands[code].values())) == len(WORLD.errands[code]) == 192


def test_a_world_is_its_seed():
    again, other = EDITIONS["v2"].world(1), EDITIONS["v2"].world(2)
    assert again == WORLD
    assert other.facts != WORLD.facts
    assert other.ranked_facts != WORLD.ranked_facts


def test_numerals_count_to_the_largest_number():
    assert [CHINESE_NUMERALS[n] for n in (0, 7, 10, 13, 20, 45, 99)] == "零 七 十 十三 二十 四十五 九十九".split()
    assert len(set(CHINESE_NUMERALS)) == MAX_COUNT + 1


def test_a_ratio_that_no_law_has_is_refused():
    with pytest.raises(ValueError, match="no Zipf law"):
        zipf_ranked(range(10), 10.0)
