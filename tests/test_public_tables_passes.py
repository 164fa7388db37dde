"""Reading sampled passes: counts are counts, one row per item, short checkpoints dropped."""

import hashlib

import pandas as pd
import pytest

from public_tables import passes, table
from public_tables.sources import SOURCES
from public_tables.table import PublicTable, absent_tables

ROW = {"model": "Pythia 70M", "params": 7e7, "attempts": 100, "passes": 3}


def counts(**changed) -> PublicTable:
    rows = pd.DataFrame([ROW | {"item": item} for item in range(5)]).assign(**changed)
    return PublicTable(SOURCES["math_attempts"], rows)


def test_counts_are_checked():
    assert len(passes.clean_counts(counts(), ["model", "item"]).rows) == 5
    with pytest.raises(ValueError, match="more passes than attempts"):
        passes.clean_counts(counts(passes=101), ["model", "item"])
    with pytest.raises(ValueError, match="repeat one key"):
        passes.clean_counts(counts(item=1), ["model", "item"])
    with pytest.raises(ValueError, match="attempts is"):
        passes.clean_counts(counts(attempts=0), ["model", "item"])


def test_short_checkpoints_and_second_rows_are_dropped(tmp_path, monkeypatch):
    import dataclasses
    import gzip

    whole = [ROW | {"item": item, "benchmark": "math", "params_nonembed": 1, "tokens": 1} for item in range(120)]
    frame = pd.DataFrame([*whole, whole[0], *[row | {"model": "Pythia 12B"} for row in whole[:30]]])
    raw = frame.to_csv(index=False).encode()
    source = dataclasses.replace(SOURCES["pass_counts"], sha256=hashlib.sha256(raw).hexdigest())
    monkeypatch.setitem(table.SOURCES, "pass_counts", source)
    (tmp_path / source.file).write_bytes(gzip.compress(raw))
    found = passes.read_pass_counts(tmp_path)
    assert len(found.rows) == 120 and [note.split(":")[0] for note in found.notes] == [
        "dropped 1 of 151 rows",
        "dropped 30 of 150 rows",
    ]


def test_sizes_are_written_as_people_do():
    assert list(passes.size_name(pd.Series([7e7, 1e9, 2.8e9]))) == ["70M", "1B", "2.8B"]


@pytest.mark.skipif(bool(absent_tables(("math_attempts",))), reason="the table of attempts is not here")
def test_the_real_table():
    rows = passes.read_math_attempts().rows
    assert len(rows) == 896 and rows.params_nonembed.notna().all() and set(rows.attempts) == {10_000}
