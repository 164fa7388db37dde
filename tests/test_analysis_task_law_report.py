"""Planted laws, bends and nothing: each gets its word; held-out sizes are predicted and never fitted."""

import json

import numpy as np
import pytest

from analysis.task_law.report import counts_of_rates, task_law_report

SIZES = 10.0 ** np.array([5, 5.5, 6, 6.5, 7, 7.5, 8])


def _rows(bend=0.0, alpha=0.3, noise=0.05, seed=0, sizes=SIZES, runs=3, attempts=100_000):
    rng = np.random.default_rng(seed)
    size = np.repeat(sizes, runs)
    x = np.log(size) - np.log(SIZES).mean()
    f = 0.3 - alpha * x + bend * x**2 + noise * rng.normal(size=len(size))
    return size, rng.binomial(attempts, np.exp(-np.exp(f))), np.full(len(size), attempts)


@pytest.mark.parametrize("bend, verdict", [(0.0, "law"), (-0.08, "accelerated"), (0.05, "sub-scaling")])
def test_each_growth_gets_its_word(bend, verdict):
    words = [task_law_report(*_rows(bend, seed=seed), num_replicates=100).verdict for seed in range(5)]
    assert words.count(verdict) >= 4


def test_the_law_predicts_what_it_did_not_see():
    inside, covered = [], []
    for seed in range(8):
        rows = _rows(seed=seed)
        report = task_law_report(*rows, num_held_out=2, num_replicates=100, seed=seed)
        assert [held.size for held in report.held_out] == list(SIZES[-2:])
        held = rows[0] >= SIZES[-2]
        other = task_law_report(
            rows[0], np.where(held, rows[1] // 2, rows[1]), rows[2], num_held_out=2, num_replicates=100, seed=seed
        )
        assert other.law.alpha == report.law.alpha, "what is held out never enters the fit"
        inside += [one.is_inside for one in report.held_out]
        covered.append(report.law.alpha.low <= 0.3 <= report.law.alpha.high)
    assert np.mean(inside) >= 0.75 and np.mean(covered) >= 0.75


def test_no_slope_and_too_few_sizes_are_said():
    flat = task_law_report(*_rows(alpha=0.0), num_replicates=100)
    assert flat.verdict == "no slope" and flat.held_out[0].predicted.ok
    few = task_law_report(*_rows(sizes=SIZES[:4]), num_replicates=50)
    assert "3 sizes fitted: with fewer than 5" in few.notes[0]
    nothing = task_law_report(SIZES, np.zeros(7), np.full(7, 1000), num_replicates=50)
    assert nothing.verdict == "cannot tell" and "0 sizes with a pass" in nothing.reason


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda size, passes, attempts: (size, passes * 1e9, attempts), "0 <= passes <= attempts"),
        (
            lambda size, passes, attempts: (np.where(size == size[0], np.nan, size), passes, attempts),
            "num_parameters is nan in row 0",
        ),
        (lambda size, passes, attempts: (size[:2], passes[:2], attempts[:2]), "leaves fewer than 3 to fit"),
        (lambda size, passes, attempts: (size, passes[:-1], attempts), "pass one value per row"),
    ],
)
def test_bad_rows_are_one_line(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        task_law_report(*change(*_rows()))
    assert "\n" not in str(caught.value)


def test_rates_of_items_become_counts():
    passes, attempts = counts_of_rates([0.0, 0.25, 1.0], 164)
    np.testing.assert_allclose(passes / attempts, [0.0, 0.25, 1.0])
    assert attempts[1] == pytest.approx(164)
    with pytest.raises(ValueError, match="divide percent by 100"):
        counts_of_rates([25.0], 164)


def test_text_and_json_agree():
    report = task_law_report(*_rows(), num_held_out=2, num_replicates=50)
    content = json.loads(report.to_json(), parse_constant=lambda name: pytest.fail(name))
    assert report.text().startswith(f"{content['verdict']}: ") and len(content["held_out"]) == 2
    assert content["alpha"]["estimate"] == pytest.approx(report.law.alpha.estimate, rel=1e-5)
