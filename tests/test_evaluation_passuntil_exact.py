"""evaluation/passuntil/exact.py: bounds against the sum over all token sequences, however small the probability."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from known_reader import BlindChecker, ListChecker, RuleChecker, TableReader, pass_probability_by_enumeration

from evaluation.passuntil import exact
from evaluation.passuntil.attempt import Decoding, attempt_log_weights
from evaluation.passuntil.estimates import count_until
from evaluation.passuntil.exact import PassBounds, pass_probability
from evaluation.readers.next_token import GPTReader
from models.config import GPTConfig
from models.gpt import GPT

PIECES = [b"", b"a", b"b", b"ab", b".", b"a.", "\u00e9".encode()[:1]]
KINDS = [ListChecker, RuleChecker, BlindChecker]


def bounds(reader, decoding: Decoding, kind, texts, **options) -> PassBounds:
    return pass_probability(reader, [0], PIECES, kind(tuple(texts)), decoding, **options)


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.text("ab", max_size=3), min_size=1, max_size=3, unique=True),
    kind=st.sampled_from(KINDS),
    sharpness=st.sampled_from([0.5, 3.0, 20.0]),
    decoding=st.builds(
        Decoding,
        st.integers(1, 4),
        st.sampled_from([".", "", "b"]),
        st.sampled_from([1.0, 0.7, 2.0]),
        st.sampled_from([1.0, 0.9, 0.5]),
    ),
)
def test_closed_bounds_equal_the_sum_over_all_sequences(texts, kind, sharpness, decoding):
    reader = TableReader(len(PIECES), sharpness)
    p = pass_probability_by_enumeration(reader, PIECES, texts.__contains__, decoding, attempt_log_weights)
    found = bounds(reader, decoding, kind, texts, tolerance=1e-9)
    if p == 0:
        assert found.log_low == found.log_high == -np.inf
    else:
        assert found.log_low <= np.log(p) + 1e-9 and found.log_high >= np.log(p) - 1e-9
        assert found.log_high - found.log_low <= 1e-9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("max_evaluations", [0, 1, 3, 10, 30])
def test_unfinished_bounds_hold_the_truth_between_them(kind, max_evaluations, monkeypatch):
    monkeypatch.setattr(exact, "BATCH_ROWS", 2)
    monkeypatch.setattr(exact, "JUDGED_TOKENS", 3)
    decoding, texts = Decoding(4, "."), ("ab", "bab", "a")
    gaps = []
    for sharpness in (0.3, 1.0, 2.0, 4.0):
        reader = TableReader(len(PIECES), sharpness)
        p = pass_probability_by_enumeration(reader, PIECES, texts.__contains__, decoding, attempt_log_weights)
        found = bounds(reader, decoding, kind, texts, tolerance=0.0, max_evaluations=max_evaluations)
        assert found.log_low <= np.log(p) + 1e-12 and np.log(p) <= found.log_high + 1e-12
        assert found.num_evaluated <= 1 + max_evaluations
        gaps.append(found.log_high - found.log_low)
    assert max_evaluations > 3 or max(gaps) > 0.01, "so few evaluations cannot close the bounds"


@pytest.mark.parametrize("judged_tokens", [1, 2, 3])
def test_what_was_not_judged_yet_may_still_pass(judged_tokens, monkeypatch):
    monkeypatch.setattr(exact, "JUDGED_TOKENS", judged_tokens)
    reader = TableReader(len(PIECES), table={(): [0.01, 0.3, 0.2, 0.2, 0.02, 0.02, 0.25]})
    found = bounds(reader, Decoding(4, "."), BlindChecker, ("ab",), max_evaluations=0)
    assert found.log_low == -np.inf and 0.95 - 1e-12 <= np.exp(found.log_high) <= 1


def test_resolution_is_not_limited_by_sampling_nor_by_doubles():
    tiny, stop = 1e-40, 1e-60
    table = {
        (): [0, tiny, 1 - tiny, 0, 0, 0, 0],
        (1,): [0, 0, tiny, 0, 1, 0, 0],
        (1, 2): [0, 0, 0, 0, stop, 0, 1.0],
        (2,): [0, 1, 0, 0, 0, 0, 0],
    }
    reader = TableReader(len(PIECES), table=table)
    for kind in KINDS:
        found = bounds(reader, Decoding(3, "."), kind, ("ab",), tolerance=1e-9)
        assert found.log_low == pytest.approx(2 * np.log(tiny) + np.log(stop), abs=1e-9)
        cold = bounds(reader, Decoding(3, ".", temperature=0.25), kind, ("ab",), tolerance=1e-9)
        assert cold.log_low == pytest.approx(4 * (2 * np.log(tiny) + np.log(stop)), abs=1e-6), "e^-1289 is no double"


def test_all_tokenisations_count():
    table = {
        (): [0, 0.5, 0, 0.2, 0, 0, 0.3],
        (1,): [0, 0, 0.5, 0, 0.5, 0, 0],
        (1, 2): [0, 0, 0, 0, 1, 0, 0],
        (3,): [0, 0, 0, 0, 0.5, 0.5, 0],
    }
    found = bounds(TableReader(len(PIECES), table=table), Decoding(3, "."), ListChecker, ("ab",), tolerance=1e-9)
    assert np.exp(found.log_low) == pytest.approx(0.5 * 0.5 + 0.2 * 0.5)


def test_agrees_with_counting_on_a_model():
    torch.manual_seed(0)
    model = GPT(GPTConfig(len(PIECES), 2, 32, 2, 2, 48, 24))
    reader, decoding = GPTReader(model.eval()), Decoding(6, ".", temperature=0.8, top_p=0.95)
    found = bounds(reader, decoding, ListChecker, ("ab", "ba", "aab"), tolerance=1e-6)
    p = np.exp(found.log_low)
    counted = count_until(
        reader, [0], PIECES, BlindChecker(("ab", "ba", "aab")), decoding, None, 20_000, ("run", "task", 0)
    )
    assert abs(counted.passes - 20_000 * p) < 4.5 * np.sqrt(20_000 * p * (1 - p)) and p > 0.005
    assert found.num_evaluated < counted.num_evaluated / 5


def test_bad_input_is_one_clear_line():
    reader = TableReader(len(PIECES), max_sequence_length=3)
    with pytest.raises(ValueError, match="take 4 tokens, the model's max_sequence_length is 3"):
        bounds(reader, Decoding(4, "."), ListChecker, ("a",))
    with pytest.raises(ValueError, match="has no checker"):
        pass_probability(reader, [0], PIECES, None, Decoding(2, "."))
    with pytest.raises(ValueError, match="NaN or infinite"):
        bounds(TableReader(len(PIECES), table={(): [np.nan] * len(PIECES)}), Decoding(2, "."), ListChecker, ("a",))
