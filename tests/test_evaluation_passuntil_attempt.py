"""evaluation/passuntil/attempt.py: drawing weights by their definitions, and judgements against a judge that tries all
continuations."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_reader import BlindChecker, ListChecker, RuleChecker

from evaluation.passuntil.attempt import DEAD, OPEN, PASSED, Decoding, Judge, attempt_log_weights
from evaluation.readers.pieces import EMPTY, EndOfText, same_pieces

FLAT = np.log(np.array([[0.5, 0.25, 0.15, 0.1], [0.1, 0.4, 0.1, 0.4]]))


@pytest.mark.parametrize(
    "field",
    [
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"max_new_tokens": 0},
    ],
)
def test_wrong_decodings_are_named(field):
    with pytest.raises(ValueError, match=f"{next(iter(field))} is"):
        Decoding(**({"max_new_tokens": 4, "stop": "."} | field))


def test_an_empty_one_among_several_stops_is_refused():
    assert Decoding(1, "").stops == () == Decoding(1, ()).stops and Decoding(1, ("a", "b")).first_stop == "a"
    with pytest.raises(ValueError, match="a stop is empty"):
        Decoding(1, ("a", ""))


def test_weights_at_temperature_and_top_p():
    assert np.array_equal(attempt_log_weights(FLAT, Decoding(1, "")), FLAT)
    squared = np.exp(2 * FLAT) / np.exp(2 * FLAT).sum(1, keepdims=True)
    np.testing.assert_allclose(np.exp(attempt_log_weights(FLAT, Decoding(1, "", temperature=0.5))), squared, rtol=1e-12)
    top = np.exp(attempt_log_weights(FLAT, Decoding(1, "", top_p=0.7)))
    np.testing.assert_allclose(top, [[2 / 3, 1 / 3, 0, 0], [0, 0.5, 0, 0.5]], rtol=1e-12)
    np.testing.assert_allclose(
        np.exp(attempt_log_weights(FLAT, Decoding(1, "", top_p=0.3)))[1], [0, 1, 0, 0]
    )  # a tie: the lower id stays
    cold = attempt_log_weights(np.log([[1 - 1e-30, 1e-30]]), Decoding(1, "", temperature=0.05))
    assert cold[0, 1] == pytest.approx(20 * np.log(1e-30)), "logs hold what a probability cannot"


@pytest.mark.parametrize("bad", [[[np.nan, 0.0]], [[-np.inf, -np.inf]], [[np.inf, 0.0]]])
def test_damaged_logits_are_named(bad):
    with pytest.raises(ValueError, match="NaN or infinite"):
        attempt_log_weights(np.array(bad), Decoding(1, ""))


PIECES = [b"", b"a", b"b", b"ab", b".", b"a.", b".b", "\u00e9".encode(), "\u00e9".encode()[:1], "\u00e9".encode()[1:]]


def judged_by_trial(passes, stop: str | tuple[str, ...], max_new_tokens: int, tokens: tuple[int, ...]) -> int:
    """The definition: PASSED or DEAD where the attempt has ended, else OPEN where some continuation passes."""
    data, stops = b"", [one.encode() for one in Decoding(1, stop).stops]
    for place, token in enumerate(tokens, 1):
        data += PIECES[token]
        ends = [data.find(one) for one in stops if one in data]
        has_stop = bool(ends)
        if has_stop or not PIECES[token] or place == max_new_tokens:
            if place < len(tokens):
                return DEAD
            text = data[: min(ends)] if has_stop else data if not stop else None
            try:
                return PASSED if text is not None and passes(text.decode()) else DEAD
            except UnicodeDecodeError:
                return DEAD
    after = (judged_by_trial(passes, stop, max_new_tokens, (*tokens, token)) for token in range(len(PIECES)))
    return OPEN if any(outcome != DEAD for outcome in after) else DEAD


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text("ab\u00e9", max_size=3), max_size=3, unique=True),
    stop=st.sampled_from(["", ".", "b", "ab", ".b", "\u00e9", (), ("b", "."), (".b", "ab"), ("\u00e9", "a.", "aa")]),
    path=st.lists(st.integers(0, len(PIECES) - 1), max_size=2),
)
def test_judgements_equal_those_by_trial_of_all_continuations(texts, stop, path):
    limit, accepted = 4, tuple(texts)
    data = b"".join(PIECES[token] for token in path)
    if judged_by_trial(accepted.__contains__, stop, limit, tuple(path)) != OPEN:
        return
    listed, ruled = (Judge(kind(accepted), PIECES, Decoding(limit, stop)) for kind in (ListChecker, RuleChecker))
    expected = [judged_by_trial(accepted.__contains__, stop, limit, (*path, token)) for token in range(len(PIECES))]
    everything = range(len(PIECES))
    tokens, outcomes = listed.candidates(data, len(path) + 1)
    found = np.full(len(PIECES), DEAD)
    found[tokens] = outcomes
    for name, judgements in (
        ("listed", found),
        ("ruled", ruled.outcomes([data] * len(PIECES), everything, len(path) + 1)),
    ):
        for token, (outcome, wanted) in enumerate(zip(judgements.tolist(), expected)):
            is_lenient = (
                outcome == OPEN and wanted == DEAD
            )  # tokens may run out before the text is complete: viable() does not count them
            assert outcome == wanted or is_lenient, (name, token)


def test_pruning_kills_what_the_checker_calls_hopeless_and_plain_sampling_does_not():
    checker, decoding = RuleChecker(("ab",)), Decoding(5, ".")
    assert Judge(checker, PIECES, decoding).outcomes([b"a"] * 3, [2, 1, 4], 2).tolist() == [OPEN, DEAD, DEAD]
    assert Judge(checker, PIECES, decoding, prunes=False).outcomes([b"a"] * 3, [2, 1, 4], 2).tolist() == [
        OPEN,
        OPEN,
        DEAD,
    ]
    assert (
        not Judge(checker, PIECES, decoding).lists_texts and Judge(ListChecker(("ab",)), PIECES, decoding).lists_texts
    )


def test_a_stop_may_lie_across_tokens_and_what_is_no_text_is_dead():
    a, b, dot_b, second_byte = 1, 2, 6, 9
    judge = Judge(RuleChecker(("", "b")), PIECES, Decoding(5, "ab"))
    assert judge.outcomes([b"a", b"ba", b"", b"b"], [b, b, a, a], 2).tolist() == [PASSED, PASSED, OPEN, OPEN]
    assert Judge(RuleChecker(("a",)), PIECES, Decoding(5, "..b")).outcomes([b"a."], [dot_b], 3).tolist() == [PASSED]
    assert Judge(BlindChecker(("a",)), PIECES, Decoding(5, ".")).outcomes(
        [b"a", b"\xc3"], [second_byte, second_byte], 2
    ).tolist() == [DEAD, OPEN]


def test_a_text_is_judged_once():
    asked = []

    class Counting(RuleChecker):
        def passes(self, text: str) -> bool:
            asked.append(text)
            return super().passes(text)

    judge = Judge(Counting(("ab",)), PIECES, Decoding(5, "."))
    for _ in range(3):
        assert judge.outcomes([b"ab", b"a"], [4, 4], 3).tolist() == [PASSED, DEAD]
    assert sorted(asked) == ["a", "ab"]


def test_candidates_are_few_and_complete():
    judge = Judge(ListChecker(("ab", "b")), PIECES, Decoding(5, "."))
    assert judge.candidates(b"", 1)[0].tolist() == [1, 2, 3]
    assert dict(zip(*(part.tolist() for part in judge.candidates(b"ab", 2)))) == {4: PASSED, 6: PASSED}
    longest = list(itertools.chain(*(judge.candidates(prefix, 5)[0].tolist() for prefix in (b"", b"a"))))
    assert longest == [], "the last token must hold the stop"


@pytest.mark.parametrize("stop", [".", "", "ab", "..", "b"])
@pytest.mark.parametrize("kind", [BlindChecker, RuleChecker, ListChecker])
def test_an_end_of_text_token_ends_an_attempt_where_it_stands_and_an_id_without_text_fails_it(stop, kind):
    end, empty = len(PIECES), len(PIECES) + 1
    judge = Judge(kind(("a", "a.")), [*PIECES, EndOfText(stop.encode()), EMPTY], Decoding(5, stop))
    assert judge.outcomes([b"a", b"a.", b"", b"aa"], [end] * 4, 3).tolist() == [PASSED, PASSED, DEAD, DEAD]
    assert judge.outcomes([b"a"], [end], 5).tolist() == [PASSED], "the last token that an attempt may have"
    assert judge.outcomes([b"a", b"\xc3"], [empty, end], 3).tolist() == [DEAD, DEAD]
    if judge.lists_texts:
        tokens, outcomes = (part.tolist() for part in judge.candidates(b"a", 2))
        assert dict(zip(tokens, outcomes))[end] == PASSED and empty not in tokens
        assert end not in judge.candidates(b"", 1)[0], "nothing is no answer here"


def test_pieces_are_the_same_only_where_they_end_at_the_same_ids():
    assert same_pieces([b"a", EndOfText(b"."), EMPTY], [b"a", EndOfText(b"."), EMPTY])
    for others in (
        [b"a", b".", EMPTY],
        [b"a", EndOfText(b"."), b""],
        [b"a", EndOfText(b".")],
        [b"b", EndOfText(b"."), EMPTY],
    ):
        assert not same_pieces([b"a", EndOfText(b"."), EMPTY], others)


@pytest.mark.parametrize("kind", [BlindChecker, RuleChecker, ListChecker])
def test_an_end_of_text_token_does_not_complete_a_stop_that_the_text_began(kind):
    judge = Judge(kind(("a.",)), [*PIECES, EndOfText(b"..")], Decoding(5, ".."))
    assert judge.outcomes([b"a.", b"a"], [len(PIECES)] * 2, 3).tolist() == [PASSED, DEAD]
