"""Reading groups by difficulty: what is left out, and groups numbered by their mean score."""

import numpy as np
import pandas as pd
import pytest

from public_tables.difficulty import clean_difficulty
from public_tables.sources import SOURCES
from public_tables.table import PublicTable


def planted() -> pd.DataFrame:
    """Three groups of a task for two models, the middle one easiest; rows of other kinds; one model without compute."""
    rows = [
        {"task": "mmlu", "file_kind": "brier", "choices": "redist", "column": "brier", "model": model, "family": "F"}
        | {"first_item": place, "last_item": place + 99, "value": brier, "threshold_1e21_flops": 1.0}
        | {"flops_1e21": flops}
        for model, flops in (("a", 0.1), ("b", 10.0))
        for place, brier in ((0, 0.5), (100, 0.2), (200, 0.9))
    ]
    other = [
        rows[0] | {"column": "san"},
        rows[0] | {"task": "hellaswag"},
        rows[0] | {"model": "c", "flops_1e21": np.nan},
    ]
    return pd.DataFrame([*rows, *other, rows[0]])


def test_groups_are_numbered_from_easiest_to_hardest():
    table = clean_difficulty(PublicTable(SOURCES["difficulty"], planted()))
    rows = table.rows
    assert rows.groupby("first_item").difficulty.first().to_dict() == {0: 2, 100: 1, 200: 3}
    assert len(rows) == 6 and len(table.notes) == 4
    assert list(rows.log_flops.unique()) == pytest.approx([20, 22]) and rows.log_threshold.iloc[0] == pytest.approx(21)


def test_a_score_that_is_none_is_an_error():
    with pytest.raises(ValueError, match="outside 0 to 2"):
        clean_difficulty(PublicTable(SOURCES["difficulty"], planted().assign(value=3.0)))
