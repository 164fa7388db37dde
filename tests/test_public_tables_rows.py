"""Tidy rows of one benchmark: shares with intervals, compute, thinning that keeps real rows."""

import numpy as np
import pandas as pd
import pytest

from public_tables.benchmarks import BENCHMARKS
from public_tables.rows import benchmark_rows, last_checkpoints, public_size_rows, stored, thinned

FRAME = pd.DataFrame(
    {
        "run": ["a"] * 8 + ["b"] * 8,
        "series": "x",
        "size": ["1B"] * 8 + ["400M"] * 8,
        "params": [1e9] * 8 + [4e8] * 8,
        "tokens": [*range(1, 9)] * 2,
        "loss": np.tile(np.geomspace(8, 2, 8), 2),
        "acc": np.tile(np.linspace(0.5, 0.8, 8), 2),
    }
)


def test_rows_carry_compute_and_an_interval_over_items():
    frame = FRAME.assign(acc=FRAME.acc.where(FRAME.index != 3))
    rows = benchmark_rows(frame, "piqa", "acc", "loss")
    assert len(rows) == 15 and rows.num_items.unique() == [BENCHMARKS["piqa"].num_items]
    assert rows.compute_flops.iloc[0] == 6 * 1e9 and (rows.low < rows.value).all() and (rows.value < rows.high).all()
    half = 1.96 * np.sqrt(rows.value * (1 - rows.value) / 1838)
    assert (rows.high - rows.low).to_numpy() == pytest.approx(2 * half.to_numpy(), rel=0.01)


def test_thinned_rows_are_real_rows_even_in_log_loss():
    rows = benchmark_rows(FRAME, "piqa", "acc", "loss")
    thin = thinned(rows, 3)
    assert len(thin) == 6 and len(thin.merge(rows)) == 6
    ends = rows.groupby("run").loss_nats.agg(["min", "max"])
    assert thin.groupby("run").loss_nats.agg(["min", "max"]).equals(ends)
    assert "num_parameters" not in stored(thin)


def test_sizes_and_last_checkpoints():
    assert [row["size"] for row in public_size_rows(FRAME)] == ["400M", "1B"]
    last = last_checkpoints(benchmark_rows(FRAME, "piqa", "acc", "loss"))
    assert list(last.run) == ["a", "b"] and list(last.tokens_seen) == [8, 8]
