"""Statistics of paper P's claims on final losses: a planted law leaves nothing and predicts, a broken one is seen."""

import numpy as np
import pandas as pd
import pytest

from analysis.table_statistics.losses import loss_statistic

SIZES = np.array([1e7, 4e7, 1.6e8, 6.4e8, 2.5e9, 1e10])


def planted(noise=0.002, last=0.0):
    loss = 2.0 + (4e6 / SIZES) ** 0.3 + noise * np.random.default_rng(1).normal(size=len(SIZES))
    return pd.DataFrame({"num_parameters": SIZES, "loss_nats": loss + last * (SIZES == SIZES[-1])})


def test_a_power_law_leaves_little_and_predicts_the_largest():
    assert loss_statistic("unexplained_share", planted()).high < 0.02
    found = loss_statistic("loss_held_out_error_share", planted())
    assert abs(found.estimate) < 0.05 and found.low < found.estimate < found.high


def test_a_largest_model_off_the_law_is_seen():
    off = loss_statistic("loss_held_out_error_share", planted(last=0.2))
    span = np.ptp(planted().loss_nats[:-1])
    assert off.low <= 0.2 / span <= off.high and off.low > 0.1
    assert loss_statistic("unexplained_share", planted(noise=0.05)).estimate > 0.02
    assert loss_statistic("unexplained_share", planted(noise=0.5)).estimate == 1.0


def test_three_sizes_are_no_law():
    assert loss_statistic("unexplained_share", planted()[:3]).status.startswith("failed: 3 sizes")


def test_what_cannot_be_used_is_named():
    with pytest.raises(ValueError, match="needs the column loss_nats"):
        loss_statistic("unexplained_share", planted().drop(columns="loss_nats"))
    with pytest.raises(ValueError, match="6 sizes, 6 held out: nothing is left to fit"):
        loss_statistic("loss_held_out_error_share", planted(), 6)
    with pytest.raises(ValueError, match="nonsense: no statistic of a table of losses"):
        loss_statistic("nonsense", planted())
