"""Edges that every function of the analysis room keeps: scales, overflows, tiny rates, tables without intervals."""

import numpy as np
import pandas as pd
import pytest

from analysis import correlation, growth, intervals, rows
from analysis.onset import fit as onset_fit
from analysis.onset import size_effect
from analysis.passes import likelihood_interval, stopping
from analysis.task_law import fit as task_law_fit
from analysis.task_law import loss_law
from tests.test_analysis_rows import LOSS, ONE_RUN, RUNS, SIZES, TOKENS, VALUE


def test_scale_does_not_matter():
    for scale in (1e-200, 1e-5, 1.0, 1e200):
        for function in (correlation.pearson, correlation.spearman):
            assert function(RUNS, LOSS, scale * VALUE).estimate == pytest.approx(
                function(RUNS, LOSS, VALUE).estimate, abs=1e-9
            )
    line = correlation.pearson(np.repeat([0, 1, 2, 3], 2), np.linspace(3, 1, 8), 1e200 * np.linspace(0.25, 0.9, 8))
    assert line.estimate == pytest.approx(-1) and not line.ok and "no interval" in line.status


def test_an_overflowed_integer_is_named():
    compute = (6 * SIZES.astype(np.int64) * (TOKENS.astype(np.int64) * 10_000_000)).astype(np.int64)
    status = size_effect.residual_spread_ratio(RUNS, LOSS, compute, VALUE).status
    assert "overflowed" in status and "in row " in status


def test_no_interval_of_width_zero():
    same = intervals.bootstrap_runs(np.mean, np.repeat([0, 1, 2, 3, 4], 2), np.ones(10))
    assert (
        same.estimate == 1.0
        and np.isnan(same.low)
        and same.status == "failed: every replicate gives 1, which is no interval"
    )
    even = growth.jump_share(
        np.arange(21), np.linspace(3, 1, 21), np.linspace(0.2, 0.9, 21), num_items=200, num_replicates=200
    ).share
    assert even.ok and even.low < even.high and "noise" in even.status
    agreed = onset_fit.shared_threshold(np.full(4, 2.0), np.full(4, 1.9), np.full(4, 2.1), 2.0)
    assert agreed.status.startswith("failed: all 4 onsets are 2")


def test_intervals_of_tiny_rates():
    low, high = likelihood_interval.likelihood_stopped([10], [10**14], 10, 10**15)
    exact_low, exact_high = stopping.exact_stopped([10], [10**14], 10)
    assert low < 1e-13 < high and exact_low * 0.9 < low < exact_low * 1.3 and exact_high * 0.8 < high < exact_high * 1.1
    low, high = likelihood_interval.likelihood_stopped([0], [10**14], 10, 10**14)
    assert low == 0 and 1e-14 < high < 1e-13


def test_an_unidentified_slope_predicts_with_a_warning():
    sizes, passes = np.repeat([1e4, 1e5, 1e6], 1), [50, 70, 160]
    law = task_law_fit.fit_task_law(sizes, passes, np.full(3, 1e4), num_replicates=100)
    assert law.status.startswith("not identified")
    found = law.predict(1e7)
    assert found.ok and found.status.endswith("a slope of 0 not excluded") and found.high / found.low > 3


def test_four_sizes_can_make_a_loss_law_and_say_so():
    sizes = np.array([1e5, 1e6, 1e7, 1e8])
    law = loss_law.fit_loss_law(sizes, 1.7 + (1e4 / sizes) ** 0.3 + [0.002, -0.002, 0.002, -0.002], num_replicates=50)
    assert law.status == "ok: few sizes (4 rows for 3 parameters)"
    noise = [
        loss_law.fit_loss_law(sizes, 2 + 0.01 * np.random.default_rng(seed).normal(size=4), num_replicates=5).status
        for seed in range(60)
    ]
    assert sum(status.startswith("ok") for status in noise) <= 6


def test_onsets_of_a_table_without_intervals():
    frame = pd.DataFrame(ONE_RUN | {"run": "a", "num_items": 200.0})
    low, high = intervals.wilson(200 * ONE_RUN["value"], 200)
    pd.testing.assert_frame_equal(
        onset_fit.onset_by_run(frame, 0.25), onset_fit.onset_by_run(frame.assign(low=low, high=high), 0.25)
    )
    with pytest.raises(ValueError, match="columns num_items, tokens_seen"):
        onset_fit.onset_by_run(frame.drop(columns=["num_items", "tokens_seen"]), 0.25)
    with pytest.raises(ValueError, match="divide percent"):
        onset_fit.onset_by_run(frame.assign(value=100 * frame.value), 0.25)
    with pytest.raises(ValueError, match="no label in row 2"):
        onset_fit.onset_by_run(frame.assign(run=["a", "a", None, *"aaaaa"]), 0.25)


def test_columns_that_are_none_are_refused():
    with pytest.raises(ValueError, match="loss has 3 rows, value has 2 rows"):
        rows.float_columns(1, loss=[1, 2, 3], value=[1, 2])
    with pytest.raises(ValueError, match="value: holds something that is no number"):
        rows.float_columns(1, value=["a", "b"])
    with pytest.raises(ValueError, match="value: has shape"):
        rows.float_columns(1, value=np.ones((2, 2)))
    (value, scalar, missing), problem = rows.float_columns(2, value=[1, 2], scalar=7, missing=None)
    assert problem == "" and scalar.tolist() == [7, 7] and missing is None and value.dtype == float
    with pytest.raises(ValueError, match="num_replicates: got 1"):
        rows.check_replicates(1)
    with pytest.raises(AssertionError, match="status 'ok'"):
        intervals.Estimate(np.nan, 0.0, 1.0)
    assert intervals.failed("failed: no rows").noted("x").status == "failed: no rows"
