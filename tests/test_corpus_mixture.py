"""The mixture: token shares per kind and language, within sampling error, and its errors."""

from dataclasses import replace

import numpy as np
import pytest
from small_corpus import KIND_LANGUAGES, MIXTURE, encoder, stream, world

from corpus import mixture as room
from corpus.lexicon import LANGUAGES
from corpus.mixture import CHINESE_SHARE, KINDS, MIXTURES, NUM_LENGTH_SAMPLES, Mixture, token_shares
from corpus.stream import TokenStream
from corpus.token_file import CHUNK_TOKENS, LANGUAGE_CODES

NUM_CHUNKS = 16


@pytest.mark.parametrize("name", MIXTURES)
def test_planned_shares_add_up(name):
    shares = token_shares(name)
    assert sum(shares.values()) == pytest.approx(1)
    assert sum(share for (_, code), share in shares.items() if code == "zh") == pytest.approx(CHINESE_SHARE)
    assert set(shares) <= set(KIND_LANGUAGES) and all(share > 0 for share in shares.values())
    assert set(MIXTURES[name]) <= set(KINDS)


@pytest.mark.parametrize("name", MIXTURES)
def test_every_kind_has_its_share_of_the_tokens(name, monkeypatch):
    """Measured on a stream whose kinds report the documents they write; four standard errors of the count of documents,
    of their lengths and of the mean length, which the mixture itself has estimated."""
    lengths = {key: [] for key in KIND_LANGUAGES}
    encoder()  # made of pages too, which are not to be reported

    def reporting(kind):
        def write(draw, world_, language, split="train"):
            written = KINDS[kind].write(draw, world_, language, split)
            lengths[kind, language.code].append(1 + len(encoder().encode(written)))
            return written

        return write

    monkeypatch.setattr(room, "KINDS", {kind: replace(KINDS[kind], write=reporting(kind)) for kind in KINDS})
    mixture = Mixture(name, world(), encoder())
    for measured in lengths.values():
        measured.clear()
    source = TokenStream(world(), mixture, encoder(), seed=5)
    for index in range(NUM_CHUNKS):
        source.chunk(index)
    total = sum(sum(measured) for measured in lengths.values())
    for key, share in token_shares(name).items():
        sizes = np.array(lengths[key])
        variation = sizes.std() / sizes.mean()
        error = share * ((1 + variation**2) / len(sizes) + variation**2 / NUM_LENGTH_SAMPLES) ** 0.5
        assert abs(sizes.sum() / total - share) < 4 * error, (key, sizes.sum() / total, share, error)


def test_english_to_chinese_is_four_to_one():
    source = stream(seed=3)
    shares = [
        float((source.languages(index * CHUNK_TOKENS, CHUNK_TOKENS) == LANGUAGE_CODES.index("zh")).mean())
        for index in range(NUM_CHUNKS)
    ]
    mean, error = np.mean(shares), np.std(shares, ddof=1) / NUM_CHUNKS**0.5
    calibration = (
        0.01 * CHINESE_SHARE
    )  # the mean lengths are themselves estimated, from NUM_LENGTH_SAMPLES documents a kind
    assert abs(mean - CHINESE_SHARE) < 4 * (error**2 + calibration**2) ** 0.5
    assert abs((1 - mean) / mean - 4) < 0.3


def test_unknown_mixture_is_named():
    with pytest.raises(ValueError, match=r"corpus\.mixture is 'v0'; choose one of " + next(iter(MIXTURES))):
        Mixture("v0", world(), encoder())


def test_same_draw_same_document_and_extremes_are_safe():
    mixture = Mixture(MIXTURE, world(), encoder())
    assert {
        mixture.document(iter([edge] + [0.5] * 5000).__next__, world(), "train")[1] for edge in (0.0, 1 - 2**-53)
    } <= set(LANGUAGES)


def test_languages_lack_no_kind_that_both_should_have():
    assert all(kind.languages in (("en", "zh"), ("en",)) for kind in KINDS.values())
    assert {kind.source for kind in KINDS.values()} == {
        "Wikipedia",
        "StackExchange",
        "CommonCrawl",
        "Code",
        "Books",
        "Papers",
    }
