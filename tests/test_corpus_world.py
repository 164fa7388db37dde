"""The world: facts of a seed, frequencies, and the split of compositions."""

import random
from collections import Counter

import pytest

from corpus.lexicon import LANGUAGES
from corpus.world import EVALUATION, NUM_BUCKETS, TRAIN, VALIDATION, ZIPF_SHIFT, belongs, make_world

SPLITS = (TRAIN, VALIDATION, EVALUATION)


def _keys(count: int):
    rng = random.Random(0)
    return [tuple(rng.randrange(60) for _ in range(rng.randint(2, 9))) for _ in range(count)]


def test_every_composition_belongs_to_exactly_one_split():
    assert all(sum(belongs(split, *key) for split in SPLITS) == 1 for key in _keys(5000))


@pytest.mark.parametrize(
    "split, share", [(TRAIN, 1 - 2 / NUM_BUCKETS), (VALIDATION, 1 / NUM_BUCKETS), (EVALUATION, 1 / NUM_BUCKETS)]
)
def test_splits_have_their_shares(split, share):
    keys = set(_keys(20000))
    spread = (share * (1 - share) / len(keys)) ** 0.5
    assert abs(sum(belongs(split, *key) for key in keys) / len(keys) - share) < 4 * spread


def test_split_is_the_same_on_every_machine():
    """Golden: a changed hash would move compositions between training and evaluation."""
    grid = [(a, b, 7) for a in range(5) for b in range(5)]
    assert (
        "".join("tve"[belongs(VALIDATION, *key) + 2 * belongs(EVALUATION, *key)] for key in grid)
        == "evttetetttttvttttetvtvtet"
    )


def test_order_of_a_key_matters():
    differing = sum(belongs(TRAIN, a, b) != belongs(TRAIN, b, a) for a in range(40) for b in range(a))
    assert differing > 0.2 * 780  # 2 * 0.75 * 0.25 = 37.5 % if the two orders are independent


def test_same_seed_same_world_other_seed_other_facts():
    assert make_world(3) == make_world(3)
    assert make_world(3).facts != make_world(4).facts


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("seed", [0, 1])
def test_no_answer_can_be_guessed_from_its_frequency(code, seed):
    world, language = make_world(seed), LANGUAGES[code]
    assert len(world.facts[code]) == len(language.names)
    for index, attribute in enumerate(language.attributes):
        held = Counter(row[index] for row in world.facts[code])
        assert set(held) == set(range(len(attribute.values)))
        assert max(held.values()) - min(held.values()) <= 1


@pytest.mark.parametrize("code", LANGUAGES)
def test_persons_are_ranked_by_frequency(code):
    weights = make_world(0).cumulative_weights[code]
    shares = [weights[0], *(b - a for a, b in zip(weights, weights[1:], strict=False))]
    assert len(weights) == len(LANGUAGES[code].names)
    assert weights[-1] == pytest.approx(1)
    assert all(a > b for a, b in zip(shares, shares[1:], strict=False))
    assert shares[0] / shares[-1] == pytest.approx((len(shares) + ZIPF_SHIFT) / (1 + ZIPF_SHIFT))


def test_value_is_the_word_that_the_facts_point_at():
    world, language = make_world(0), LANGUAGES["en"]
    for person in (0, len(language.names) - 1):
        for index, attribute in enumerate(language.attributes):
            assert world.value(language, person, index) == attribute.values[world.facts["en"][person][index]]
