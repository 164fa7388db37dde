"""Mixtures of the second world: drawn from the registered seed, as frozen here, around the stated mean."""

import pytest
import small_graded

from corpus.build import build_corpus
from corpus.graded.mixtures import CONCENTRATION, GRADED_MIXTURES, MEAN_SHARES, draw_shares
from corpus.mixture import GRADED_KINDS, MIXTURES, kinds_of, token_shares
from corpus.tokenizer_training import train_with_words

V2A = [11.24, 6.85, 4.57, 3.49, 6.12, 16.51, 17.21, 6.04, 5.91, 8.89, 8.23, 1.86, 1.14, 1.95]


def test_the_draw_is_the_registered_one():
    assert list(GRADED_MIXTURES["v2a"].values()) == V2A
    assert GRADED_MIXTURES["v2n"] == GRADED_MIXTURES["v2a"]
    assert len({tuple(shares.values()) for shares in GRADED_MIXTURES.values()}) == 4


def test_shares_scatter_about_the_mean_as_stated():
    drawn = draw_shares(tuple(map(str, range(2000))), seed=1)
    total = CONCENTRATION * len(MEAN_SHARES)
    for kind, percent in MEAN_SHARES.items():
        share, found = percent / sum(MEAN_SHARES.values()), [shares[kind] / 100 for shares in drawn.values()]
        mean = sum(found) / len(found)
        variance = sum((one - mean) ** 2 for one in found) / len(found)
        assert mean == pytest.approx(share, rel=0.05)
        assert variance == pytest.approx(share * (1 - share) / (total + 1), rel=0.15)


def test_shares_are_those_of_the_tokens_of_a_stream():
    shares = token_shares("v2a")
    assert sum(shares.values()) == pytest.approx(1)
    languages = small_graded.stream().languages(0, 200_000)
    assert (languages == 0).mean() == pytest.approx(0.8, abs=0.02)


def test_a_first_mixture_draws_no_page_of_the_second_world():
    graded = set(kinds_of(*GRADED_MIXTURES))
    assert graded.isdisjoint(kinds_of(*MIXTURES))
    assert graded == GRADED_KINDS.keys()


def test_words_that_do_not_fit_are_refused_in_one_line():
    with pytest.raises(ValueError, match="vocabulary_size is 300, 60 words alone need 317; raise it"):
        train_with_words([" a"], (f" w{'x' * i}" for i in range(60)), [], 300)
    with pytest.raises(ValueError, match="'两字' is a word of the world and not one pre-token"):
        train_with_words([" a"], ["两字"], ["别字"], 2048)


def test_a_corpus_of_the_second_world_is_written(tmp_path):
    build_corpus(tmp_path, 5, "v2n", {}, validation_sequences=8, sequence_length=64)
    world = (tmp_path / "world.json").read_text(encoding="utf-8")
    assert '"usual_places"' in world
    assert '"errands"' in world
