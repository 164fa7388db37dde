"""evaluation/passuntil/importance.py: unbiased, with honest standard errors, for good and for useless proposals."""

import json
from dataclasses import replace

import numpy as np
import pytest
from known_reader import BlindChecker, RuleChecker, TableReader, pass_probability_by_enumeration

from evaluation.passuntil.attempt import Decoding, attempt_log_weights
from evaluation.passuntil.estimates import count_until
from evaluation.passuntil.importance import importance_estimate

PIECES = [b"", b"a", b"b", b"ab", b".", b"a."]
TEXTS = ("ab", "ba")


class ShiftedReader(TableReader):
    """Another model: the same vocabulary, other rows."""

    def row(self, prefix):
        return super().row((7, *prefix))


def estimates(proposal, decoding: Decoding, num_repeats: int, attempts: int, sharpness: float = 1.0, **options):
    reader = TableReader(len(PIECES), sharpness)
    p = pass_probability_by_enumeration(reader, PIECES, TEXTS.__contains__, decoding, attempt_log_weights)
    proposal = reader if proposal == "itself" else proposal
    results = [
        importance_estimate(
            reader, proposal, [0], PIECES, BlindChecker(TEXTS), decoding, attempts, ("run", "task", item), **options
        )
        for item in range(num_repeats)
    ]
    return p, results


@pytest.mark.parametrize(
    ("proposal", "options"),
    [
        (ShiftedReader(len(PIECES)), {}),
        (ShiftedReader(len(PIECES), 6.0), {"target_share": 0.3}),  # hardly ever draws what the target draws
        ("itself", {"proposal_decoding": Decoding(4, ".", temperature=2.5)}),
    ],
)
@pytest.mark.parametrize("decoding", [Decoding(4, "."), Decoding(4, ".", temperature=0.8, top_p=0.8)], ids=str)
def test_mean_is_the_pass_probability_and_the_standard_error_is_honest(proposal, options, decoding):
    p, results = estimates(proposal, decoding, 150, 100, **options)
    values, errors = (
        np.array([getattr(result, name) for result in results]) for name in ("estimate", "standard_error")
    )
    assert abs(values.mean() - p) < 4.5 * values.std() / np.sqrt(len(values)) and p > 0.01
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.25)


def test_a_proposal_that_passes_often_sees_what_plain_sampling_does_not():
    rare = {
        (): [0, 1e-9, 1 - 1e-9, 0, 0, 0],
        (1,): [0, 0, 1e-3, 0, 0, 0.999],
        (1, 2): [0, 0, 0, 0, 1, 0],
        (2,): [0, 0, 0, 0, 1, 0],
    }
    often = {
        (): [0, 0.5, 0.5, 0, 0, 0],
        (1,): [0, 0, 0.5, 0, 0.5, 0],
        (1, 2): [0, 0, 0, 0, 1, 0],
        (2,): [0, 0, 0, 0, 1, 0],
    }
    reader, proposal = TableReader(len(PIECES), table=rare), TableReader(len(PIECES), table=often)
    found = importance_estimate(
        reader, proposal, [0], PIECES, RuleChecker(("ab",)), Decoding(3, "."), 1000, ("run", "task", 0)
    )
    assert (
        count_until(reader, [0], PIECES, RuleChecker(("ab",)), Decoding(3, "."), None, 10**6, ("run", "task", 0)).passes
        == 0
    )
    assert abs(found.estimate - 1e-12) < 4.5 * found.standard_error and found.standard_error < 1e-13
    assert 150 < found.effective_sample_size < 300 and found.attempts == 1000


def test_a_proposal_like_the_target_weighs_nothing():
    _, results = estimates(TableReader(len(PIECES)), Decoding(4, "."), 5, 200, sharpness=2.0)
    for found in results:
        assert found.estimate * 200 == pytest.approx(
            round(found.estimate * 200)
        ) and found.effective_sample_size == pytest.approx(found.estimate * 200)
    assert any(found.estimate for found in results)


def test_batches_change_nothing_and_no_pass_means_zero():
    reader, proposal, decoding = TableReader(len(PIECES)), ShiftedReader(len(PIECES)), Decoding(4, ".")
    results = {
        importance_estimate(
            reader, proposal, [0], PIECES, BlindChecker(TEXTS), decoding, 200, ("r", "t", 0), batch_rows=rows
        )
        for rows in (7, 64, 500)
    }
    assert (
        len({(found.estimate, found.standard_error, found.effective_sample_size, found.passes) for found in results})
        == 1
    )
    none = importance_estimate(reader, proposal, [0], PIECES, BlindChecker(("zz",)), decoding, 200, ("r", "t", 0))
    assert (none.estimate, none.standard_error, none.effective_sample_size) == (0, 0, 0)


@pytest.mark.parametrize("kept", [0, 1, 2, 5])
def test_an_interrupted_estimate_goes_on_and_ends_with_the_same_numbers(kept):
    given = ([0], PIECES, BlindChecker(TEXTS), Decoding(4, "."), 200, ("r", "t", 0))
    states = []

    def estimate(**options):
        return importance_estimate(
            TableReader(len(PIECES)), ShiftedReader(len(PIECES)), *given, batch_rows=32, **options
        )

    whole = estimate(on_progress=lambda state: states.append(json.dumps(state)))
    assert whole.passes >= 5 and len(states) == 7
    rest = []
    resumed = estimate(state=json.loads(states[kept]), on_progress=rest.append)
    assert [state["attempts"] for state in rest] == [state["attempts"] for state in map(json.loads, states[kept + 1 :])]
    assert replace(resumed, seconds=0.0) == replace(whole, seconds=0.0)


def test_a_state_of_another_measurement_is_refused():
    states = []
    given = (TableReader(len(PIECES)), ShiftedReader(len(PIECES)), [0], PIECES, BlindChecker(TEXTS), Decoding(4, "."))
    importance_estimate(*given, 200, ("r", "t", 0), on_progress=states.append)
    with pytest.raises(ValueError, match="not of this measurement"):
        importance_estimate(*given, 200, ("r", "t", 1), state=states[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proposal_reader": TableReader(5)}, "checkpoint of another tokenizer"),
        ({"proposal_decoding": Decoding(3, ".")}, "ends attempts otherwise"),
        ({"target_share": 0.0}, "target_share is 0.0"),
        ({"attempts": 10}, "target_share is 0.1 of 10"),
        ({"checker": None}, "has no checker"),
    ],
)
def test_bad_input_is_one_clear_line(options, message):
    given = {
        "reader": TableReader(len(PIECES)),
        "proposal_reader": TableReader(len(PIECES)),
        "prompt_ids": [0],
        "pieces": PIECES,
        "checker": BlindChecker(TEXTS),
        "decoding": Decoding(4, "."),
        "attempts": 100,
        "key": ("r", "t", 0),
    }
    with pytest.raises(ValueError, match=message):
        importance_estimate(**(given | options))
