"""Reading Gadre's models: a run is a corpus and a size, and faults of the table are errors."""

import pandas as pd
import pytest

from public_tables.gadre import GADRE_LOSSES, SCORES, clean_gadre, read_gadre
from public_tables.sources import SOURCES
from public_tables.table import PublicTable, absent_tables

ROW = {"params": 10569312, "params_noembed": 5e6, "tokens": 5e7, "chinchilla_mult": 0.25, "has_eval": 1}


def planted() -> pd.DataFrame:
    """Three corpora, two budgets each, and one model that was not evaluated."""
    scores = dict.fromkeys(SCORES.values(), 0.3) | dict.fromkeys(GADRE_LOSSES, 5.0)
    rows = [
        ROW | scores | {"name": f"{data}{tokens}", "train_data": data, "tokens": tokens}
        for data in ("c4", "rpj", "rw")
        for tokens in (5e7, 1e8)
    ]
    return pd.DataFrame([*rows, rows[0] | {"name": "x", "has_eval": 0}])


def cleaned(frame: pd.DataFrame) -> PublicTable:
    return clean_gadre(PublicTable(SOURCES["gadre"], frame))


def test_runs_are_corpus_and_size():
    table = cleaned(planted())
    assert list(table.rows.run.unique()) == ["C4 11M", "RedPajama 11M", "RefinedWeb 11M"] and len(table.rows) == 6
    assert table.notes == ["dropped 1 of 7 rows: no evaluation of tasks"]


def test_faults_are_errors():
    with pytest.raises(ValueError, match="outside 0 to 1"):
        cleaned(planted().assign(acc_piqa=61.0))
    with pytest.raises(ValueError, match="repeat one key"):
        cleaned(planted().assign(name="one"))


@pytest.mark.skipif(bool(absent_tables(("gadre",))), reason="the table of Gadre et al. is not here")
def test_the_real_table():
    rows = read_gadre().rows
    assert len(rows) == 104 and rows.run.nunique() == 18
