"""Means over runs and series: planted shares are covered, the criterion decides both ways, more runs narrow it."""

import numpy as np
import pandas as pd
import pytest

from analysis.intervals import Estimate, failed
from analysis.run_curves.mean import flat_share, joined_mean, run_mean

CHANCE, HIGHEST, LOWEST, BOUND = 0.25, 2.0, 1.0, 0.5


def planted(share: float, num_runs: int, seed: int, sd: float = 0.04) -> pd.DataFrame:
    """Runs of 60 checkpoints that stay at chance over this share of the loss range, then rise at once."""
    rng = np.random.default_rng(seed)
    loss = np.linspace(HIGHEST, LOWEST, 60)
    parts = []
    for run in range(num_runs):
        onset = HIGHEST - (share + rng.normal(0, sd)) * (HIGHEST - LOWEST)
        rate = np.where(loss < onset, 0.85, CHANCE)
        value = rng.binomial(300, rate) / 300
        parts.append(
            pd.DataFrame({"run": run, "tokens_seen": range(60), "loss_nats": loss, "value": value, "num_items": 300})
        )
    return pd.concat(parts)


def shares(share: float, num_runs: int = 9, num_seeds: int = 40) -> list[Estimate]:
    return [flat_share(planted(share, num_runs, seed), CHANCE, (HIGHEST, LOWEST)) for seed in range(num_seeds)]


def test_the_criterion_decides_both_ways():
    """True: flat over 60 % of the range. False: over 40 %, and over just the bound."""
    true, false, edge = shares(0.6), shares(0.4), shares(BOUND)
    assert np.mean([one.low > BOUND for one in true]) >= 0.8 and not any(one.high < BOUND for one in true)
    assert np.mean([one.high < BOUND for one in false]) >= 0.8 and not any(one.low > BOUND for one in false)
    assert np.mean([one.low > BOUND for one in edge]) <= 0.075
    assert sum(one.low <= 0.6 <= one.high for one in true) >= 34


def test_more_runs_make_it_narrower():
    widths = [np.ptp([run.low, run.high]) for run in (shares(0.6, runs, 1)[0] for runs in (5, 20, 60))]
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


def test_runs_that_stay_at_chance_are_not_called_flat():
    frame = planted(0.6, 9, 0)
    frame.loc[frame.run < 5, "value"] = CHANCE
    assert flat_share(frame, CHANCE, (HIGHEST, LOWEST)).status == "not reached: 4 of 9 runs leave chance"


def test_runs_elsewhere_than_at_chance_are_left_out_and_counted():
    frame = planted(0.6, 9, 0)
    frame.loc[(frame.run < 2) & (frame.tokens_seen < 30), "value"] = 0.10
    found = flat_share(frame, CHANCE, (HIGHEST, LOWEST))
    assert found.ok and "2 of 9 runs left out" in found.status
    frame.loc[(frame.run < 5) & (frame.tokens_seen < 30), "value"] = 0.10
    assert flat_share(frame, CHANCE, (HIGHEST, LOWEST)).status.startswith("failed: 4 of 9 runs can be judged")


def test_series_are_joined_by_their_mean():
    first, second = Estimate(0.4, 0.3, 0.6), Estimate(0.2, 0.16, 0.26)
    joined = joined_mean({"a": first, "b": second})
    assert joined.estimate == pytest.approx(0.3)
    assert joined.low == pytest.approx(0.3 - np.hypot(0.1, 0.04) / 2)
    assert joined.high == pytest.approx(0.3 + np.hypot(0.2, 0.06) / 2)
    assert joined_mean({"a": first, "b": failed("too few")}) == Estimate(0.4, 0.3, 0.6, "ok: without b")
    assert "b: failed: too few" in joined_mean({"b": failed("too few")}).status


def test_the_joined_interval_covers():
    rng = np.random.default_rng(0)
    found = [
        joined_mean({s: run_mean(rng.normal(1, scale, 6)) for s, scale in (("a", 1), ("b", 3))}) for _ in range(400)
    ]
    assert 0.93 <= np.mean([one.low <= 1 <= one.high for one in found]) <= 0.995


def test_what_cannot_be_judged_is_named():
    assert "1 run" in run_mean(np.ones(1)).status and "run 1" in run_mean(np.array([1, np.nan])).status
    assert "no interval" in run_mean(np.ones(3)).status
    with pytest.raises(ValueError, match="num_items"):
        flat_share(planted(0.6, 2, 0).drop(columns="num_items"), CHANCE, (HIGHEST, LOWEST))
