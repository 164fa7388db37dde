"""Film pages: true to the films of the world, one film a riddle, riddles of a split stay there."""

import random
import re
import unicodedata
from collections import Counter

import pytest
from small_corpus import SPLITS, bounded, texts, world
from small_pass import films, tokenizer

from corpus.pages.films import EMOJI, FILM_SHIFT, NUM_FILMS, NUM_SHOWN, draw_film, draw_riddle, make_films


def test_every_emoji_is_one_symbol_and_one_token():
    for emoji, word in EMOJI.items():
        assert len(emoji) == 1 and unicodedata.category(emoji) == "So"
        assert len(tokenizer().encode(emoji).ids) == 1, emoji
        assert word.startswith(" ")
    assert len(set(EMOJI.values())) == len(EMOJI)


def test_no_riddle_fits_two_films():
    made = make_films(world().seed)
    assert len({film.title for film in made}) == len(made) == NUM_FILMS
    assert all(len({*a.motifs} & {*b.motifs}) < NUM_SHOWN for a in made for b in made if a is not b)
    assert make_films(1) != made and make_films(1) == make_films.__wrapped__(1)


def test_pages_are_true():
    riddles = tellings = 0
    for text in texts("film_page", "en"):
        for shown, title in re.findall(r"Film in emoji:([^.]*)\. Title:([^.]*)\.", text):
            assert set(shown) <= set(films()[title]) and len(shown) == NUM_SHOWN
            riddles += 1
        for title, *words in re.findall(
            r"((?: [A-Z]\w+| of the)+) (?:tells of|is about) a (\w+), a (\w+) and a (\w+)\.", text
        ):
            assert {f" {word}" for word in words} <= {EMOJI[emoji] for emoji in films()[title]}, text
            tellings += 1
        for emoji, word in re.findall(r" The emoji(.) is a( \w+)\.", text):
            assert EMOJI[emoji] == word
    assert riddles > 60 and tellings > 20


def test_riddles_of_a_split_are_met_in_no_order_in_another():
    seen = {
        split: {
            (film, *sorted(shown))
            for seed in range(500)
            for film, shown in [draw_riddle(bounded(seed), world(), split, uniform=True)]
        }
        for split in SPLITS
    }
    assert all(not seen[a] & seen[b] for a in SPLITS for b in SPLITS if a != b)
    assert len(seen["evaluation"]) > 60


@pytest.mark.parametrize("rank", [0, NUM_FILMS - 1])
def test_films_are_drawn_by_rank(rank):
    rng, num_draws = random.Random(0), 20000
    counts = Counter(draw_film(rng.random) for _ in range(num_draws))
    weights = [1 / (r + 1 + FILM_SHIFT) for r in range(NUM_FILMS)]
    wanted = num_draws * weights[rank] / sum(weights)
    assert abs(counts[rank] - wanted) < 4 * wanted**0.5
    assert draw_film(lambda: 1 - 2**-53) == NUM_FILMS - 1
