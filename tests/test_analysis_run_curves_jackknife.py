"""Jackknife over groups: equal to the t interval where the statistic is a mean, covering where it is a ratio, and
failing in words."""

from functools import partial

import numpy as np
import pytest

from analysis.run_curves.jackknife import jackknife_runs
from analysis.run_curves.mean import run_mean


def ratio(pairs: np.ndarray, kept: np.ndarray) -> float:
    above, below = pairs[:, kept].sum(axis=1)
    return above / below


def test_of_a_mean_it_is_the_t_interval():
    values = np.array([1.0, 4.0, 2.0, 7.0, 3.0])
    found, plain = jackknife_runs(lambda kept: values[kept].mean(), np.arange(5)), run_mean(values)
    assert (found.estimate, found.low, found.high) == pytest.approx((plain.estimate, plain.low, plain.high))


def test_rows_of_a_group_stay_together():
    values = np.repeat([1.0, 4.0, 2.0], 4)
    alone = jackknife_runs(lambda kept: values[kept].mean(), np.arange(12))
    grouped = jackknife_runs(lambda kept: values[kept].mean(), np.repeat([0, 1, 2], 4))
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_covers_a_ratio_at_its_level():
    rng, hits = np.random.default_rng(0), []
    for _ in range(400):
        pairs = np.stack([rng.normal(3, 0.4, 9), rng.normal(2, 0.2, 9)])
        found = jackknife_runs(partial(ratio, pairs), np.arange(9))
        hits.append(found.low <= 1.5 <= found.high)
    assert 0.91 <= np.mean(hits) <= 0.98


def test_failures_are_told():
    assert jackknife_runs(lambda kept: 1.0, np.zeros(4)).status == "failed: 1 group(s), a jackknife needs 2"
    lost = jackknife_runs(lambda kept: 1.0 if kept.all() else np.nan, np.arange(3))
    assert lost.status.startswith("failed: no number for all groups")
