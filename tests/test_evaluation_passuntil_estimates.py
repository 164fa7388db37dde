"""evaluation/passuntil/estimates.py: both ways of measuring follow the law of independent attempts, of known
probability, in any company and after interruptions."""

import json

import numpy as np
import pytest
import torch
from known_reader import BlindChecker, ListChecker, RuleChecker, TableReader, pass_probability_by_enumeration
from scipy import stats

from evaluation.passuntil.attempt import Decoding, attempt_log_weights
from evaluation.passuntil.estimates import PassCount, count_until, importance_estimate, pass_probability, sample_until
from evaluation.readers.next_token import GPTReader
from evaluation.readers.pieces import EMPTY, EndOfText
from models.config import GPTConfig
from models.gpt import GPT

PIECES = [b"", b"a", b"b", b"ab", b".", b"a.", "\u00e9".encode()[:1]]
TEXTS = ("ab", "ba")
LISTED = ListChecker(TEXTS)
MANY_TEXTS = ("", "a", "b", "aa", "ab", "ba", "bb", "aab")
METHODS = {
    "sampled": (sample_until, BlindChecker),
    "shared": (count_until, BlindChecker),
    "pruned": (count_until, RuleChecker),
    "listed": (count_until, ListChecker),
}
DECODINGS = [
    Decoding(4, "."),
    Decoding(4, ".", temperature=0.6),
    Decoding(4, ".", top_p=0.8),
    Decoding(2, ""),
    Decoding(3, "", temperature=2.0, top_p=0.9),
]


def measure(
    method: str,
    reader,
    decoding: Decoding,
    target: int | None,
    cap: int,
    item: int,
    texts=TEXTS,
    pieces=PIECES,
    **options,
) -> PassCount:
    measure_until, kind = METHODS[method]
    return measure_until(reader, [0], pieces, kind(texts), decoding, target, cap, ("run", "task", item), **options)


def chi_square(found: np.ndarray, probabilities: np.ndarray) -> float:
    """p-value; values of an expected count below 5 are joined."""
    expected = probabilities * found.sum()
    order = np.argsort(expected)[::-1]
    is_kept = expected[order] >= 5
    pooled = [np.append(part[order][is_kept], part[order][~is_kept].sum()) for part in (found, expected)]
    return (
        stats.chisquare(pooled[0], pooled[1] * pooled[0].sum() / pooled[1].sum()).pvalue
        if pooled[1][-1] > 1
        else stats.chisquare(pooled[0][:-1], pooled[1][:-1] * pooled[0][:-1].sum() / pooled[1][:-1].sum()).pvalue
    )


@pytest.mark.parametrize("decoding", DECODINGS, ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_passes_of_fixed_attempts_are_binomial(method, decoding):
    reader = TableReader(len(PIECES), 1.0)
    p = pass_probability_by_enumeration(reader, PIECES, TEXTS.__contains__, decoding, attempt_log_weights)
    assert 0.003 < p < 0.5
    passes = np.array([measure(method, reader, decoding, None, 100, item).passes for item in range(400)])
    assert abs(passes.mean() - 100 * p) < 4.5 * np.sqrt(100 * p * (1 - p) / 400)
    values = np.arange(101)
    assert chi_square(np.bincount(passes, minlength=101), stats.binom.pmf(values, 100, p)) > 1e-5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [1, 3])
def test_number_of_the_last_pass_is_negative_binomial_and_censored_at_the_cap(method, target, monkeypatch):
    monkeypatch.setattr(
        "evaluation.passuntil.estimates.FIRST_ATTEMPTS", 8
    )  # the last pass falls into the first to fourth block
    reader, decoding, cap = TableReader(len(PIECES), 1.0), DECODINGS[0], 60
    p = pass_probability_by_enumeration(reader, PIECES, TEXTS.__contains__, decoding, attempt_log_weights)
    counts = [measure(method, reader, decoding, target, cap, item, batch_rows=32) for item in range(1000)]
    attempts = np.array([count.attempts for count in counts])
    probabilities = np.append(0.0, stats.nbinom.pmf(np.arange(1, cap + 1) - target, target, p))
    reached = np.array([count.is_reached for count in counts])
    found = np.append(np.bincount(attempts[reached], minlength=cap + 1), (~reached).sum())
    groups = np.append(np.arange(cap + 1) // 3, cap // 3 + 1)
    grouped = [
        np.bincount(groups, weights=values) for values in (found, np.append(probabilities, 1 - probabilities.sum()))
    ]
    assert 0.02 < p < 0.2 and (~reached).any()
    assert chi_square(*grouped) > 1e-5
    for count in counts:
        assert len(count.pass_positions) == count.passes <= target and list(count.pass_positions) == sorted(
            set(count.pass_positions)
        )
        assert count.attempts == (count.pass_positions[-1] if count.is_reached else cap) and count.is_reached == (
            count.passes == target
        )


def test_places_of_the_passes_in_between_are_those_of_plain_sampling():
    reader, decoding = TableReader(len(PIECES), 1.0), DECODINGS[0]
    gaps = {}
    for method in METHODS:
        counts = [measure(method, reader, decoding, 4, 100_000, item) for item in range(300)]
        gaps[method] = np.concatenate([np.diff((0, *count.pass_positions)) for count in counts])
    for method in ("shared", "pruned", "listed"):
        assert stats.ks_2samp(gaps[method], gaps["sampled"]).pvalue > 1e-4, method


def test_attempts_by_hand_of_known_probability():
    table = {
        (): [0, 0.5, 0.25, 0, 0, 0.25, 0],
        (1,): [0, 0, 0.01, 0, 0.99, 0, 0],
        (1, 2): [0, 0, 0, 0, 1, 0, 0],
        (2,): [0, 0, 0, 0, 1, 0, 0],
    }
    reader, decoding = TableReader(len(PIECES), table=table), Decoding(3, ".")
    for method in METHODS:
        assert measure(method, reader, decoding, None, 500, 0, texts=("a", "b", "ab")).passes == 500
        assert measure(method, reader, decoding, None, 500, 0, texts=("bb",)).passes == 0
        rare = np.array(
            [measure(method, reader, decoding, None, 400, item, texts=("ab",)).passes for item in range(100)]
        )
        assert stats.binomtest(int(rare.sum()), 40_000, 0.005).pvalue > 1e-5


@pytest.fixture(scope="module")
def reader() -> GPTReader:
    torch.manual_seed(0)
    model = GPT(GPTConfig(len(PIECES), 2, 32, 2, 2, 48, 24))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    return GPTReader(model.eval())


def numbers(count: PassCount) -> tuple:
    """What must not depend on batches or interruptions."""
    return count.passes, count.attempts, count.is_reached, count.pass_positions


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [None, 20])
def test_same_numbers_whatever_the_batch(reader, method, target):
    decoding = Decoding(6, ".", temperature=1.5)
    results = {
        numbers(measure(method, reader, decoding, target, 600, 3, MANY_TEXTS, batch_rows=rows))
        for rows in (5, 64, 1000)
    }
    assert len(results) == 1
    others = {numbers(measure(method, reader, decoding, target, 600, item, MANY_TEXTS)) for item in range(4, 8)}
    assert len(results | others) > 2, "another item draws otherwise"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [None, 60])
def test_an_interrupted_measurement_ends_with_the_same_numbers(reader, method, target, monkeypatch):
    monkeypatch.setattr(
        "evaluation.passuntil.estimates.MAX_BLOCK", 200
    )  # several blocks also where the number of attempts is fixed
    decoding, options = Decoding(6, ".", temperature=1.5), {"batch_rows": 64, "texts": MANY_TEXTS}
    whole = measure(method, reader, decoding, target, 900, 0, **options)
    written, num_interruptions, state = [], 0, None
    while True:

        def write_and_die(state: dict) -> None:
            written.append(json.dumps(state))
            raise KeyboardInterrupt

        try:
            last = measure(method, reader, decoding, target, 900, 0, state=state, on_progress=write_and_die, **options)
            break
        except KeyboardInterrupt:
            num_interruptions += 1
            state = json.loads(written[-1])
    assert num_interruptions > 2
    assert numbers(last) == numbers(whole) and last.num_evaluated == whole.num_evaluated


def test_a_state_of_another_measurement_is_refused(reader):
    states = []
    measure("shared", reader, Decoding(6, "."), 5, 900, 0, on_progress=states.append)
    with pytest.raises(ValueError, match="not of this measurement"):
        measure("shared", reader, Decoding(6, "."), 5, 901, 0, state=states[0])
    with pytest.raises(ValueError, match="not of this measurement"):
        measure("sampled", reader, Decoding(6, "."), 5, 900, 0, state=states[0])


@pytest.mark.parametrize("measure_until", [sample_until, count_until])
def test_bad_input_is_one_clear_line(reader, measure_until):
    def run(prompt=(0,), pieces=PIECES, checker=LISTED, target=2, cap=10, model=reader):
        measure_until(model, list(prompt), pieces, checker, Decoding(6, "."), target, cap, ("run", "task", 0))

    for options, message in (
        ({"prompt": [0] * 20}, "take 25 tokens, the model's max_sequence_length is 24"),
        ({"prompt": []}, "prompt is empty"),
        ({"pieces": PIECES[1:]}, "checkpoint of another tokenizer"),
        ({"prompt": [0, 99]}, "another tokenizer"),
        ({"checker": None}, "has no checker"),
        ({"target": 11}, "target is 11 passes with a cap of 10"),
        ({"target": 0}, "target is 0"),
        ({"target": None, "cap": 0}, "cap is 0"),
        ({"model": TableReader(len(PIECES), table={(): [float("nan")] * len(PIECES)})}, "NaN or infinite"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            run(**options)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "decoding", [Decoding(4, "."), Decoding(4, "ab", temperature=0.7), Decoding(3, "", top_p=0.9)], ids=str
)
def test_every_way_ends_attempts_at_every_end_of_text_token_and_fails_them_at_ids_without_text(decoding):
    stop = EndOfText(decoding.stop.encode())
    pieces, cap = [b"a", b"b", b".", b"a.", EMPTY, stop, EMPTY, stop], 20_000
    reader, texts = TableReader(len(pieces), 1.0), ("a", "ba", "a.")
    p = pass_probability_by_enumeration(reader, pieces, texts.__contains__, decoding, attempt_log_weights)
    without_ends = [b"" if isinstance(piece, EndOfText) else piece for piece in pieces]
    assert decoding.stop == "" or p > 1.1 * pass_probability_by_enumeration(
        reader, without_ends, texts.__contains__, decoding, attempt_log_weights
    )
    error = np.sqrt(p * (1 - p) / cap)
    for item, method in enumerate(METHODS):
        assert abs(measure(method, reader, decoding, None, cap, item, texts, pieces).passes / cap - p) < 4.5 * error, (
            method
        )
    for kind in (BlindChecker, RuleChecker, ListChecker):
        bounds = pass_probability(reader, [0], pieces, kind(texts), decoding)
        assert bounds.log_low - 1e-9 <= np.log(p) <= bounds.log_high + 1e-9 and bounds.log_high - bounds.log_low < 2e-3
    weighted = importance_estimate(reader, reader, [0], pieces, RuleChecker(texts), decoding, cap, ("run", "task", 0))
    assert abs(weighted.estimate - p) < 4.5 * error
