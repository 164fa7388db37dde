"""Public tables: only the pinned content is read, and every check names file, place and remedy."""

import dataclasses
import gzip
import hashlib
import re

import pandas as pd
import pytest

from public_tables import table as tables
from public_tables.sources import SOURCES
from public_tables.table import PublicTable, absent_tables, check_range, check_unique, parsed_table, pinned_content

SOURCE = SOURCES["olmo"]
CSV = b"run,step,score\na,1,0.5\na,2,0.6\nb,1,\n"


@pytest.fixture
def pinned(monkeypatch, tmp_path):
    """A folder with a small table in place of the OLMo ladder, pinned by its own checksum."""
    source = dataclasses.replace(SOURCE, sha256=hashlib.sha256(CSV).hexdigest())
    monkeypatch.setitem(tables.SOURCES, "olmo", source)
    (tmp_path / source.file).write_bytes(gzip.compress(CSV))
    monkeypatch.setenv("PUBLIC_DATA", str(tmp_path))
    return tmp_path / source.file


def test_the_pinned_content_is_read_whatever_gzip_made_of_it(pinned):
    assert pinned_content("olmo") == CSV
    pinned.write_bytes(gzip.compress(CSV, compresslevel=1, mtime=5))
    assert pinned_content("olmo") == CSV and absent_tables(("olmo",)) == []


def test_other_content_is_refused_in_one_line(pinned):
    pinned.write_bytes(gzip.compress(CSV.replace(b"0.5", b"0.7")))
    with pytest.raises(ValueError, match="pins") as caught:
        pinned_content("olmo")
    assert SOURCE.file in str(caught.value) and "fetch" in str(caught.value) and "\n" not in str(caught.value)
    pinned.write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="damaged"):
        pinned_content("olmo")
    pinned.unlink()
    assert absent_tables(("olmo",)) == [SOURCE.file]
    with pytest.raises(ValueError, match="no such file"):
        pinned_content("olmo")


def test_a_folder_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("PUBLIC_DATA", "nowhere/at/all")
    with pytest.raises(ValueError, match="PUBLIC_DATA=nowhere/at/all"):
        absent_tables(("olmo",))


def test_columns_and_rows_are_asked_for():
    assert len(parsed_table(SOURCE, CSV, ("run", "score")).rows) == 3
    with pytest.raises(ValueError, match="column loss is missing"):
        parsed_table(SOURCE, CSV, ("run", "loss"))
    with pytest.raises(ValueError, match="no rows"):
        parsed_table(SOURCE, b"run,step\n", ("run",))


def test_ranges_and_repeats_are_found_at_their_place():
    table = parsed_table(SOURCE, CSV, ())
    check_range(table, ["score"], 0, 1)  # what is missing is the reader's to drop
    with pytest.raises(ValueError, match="line 3: score is .*0.6.*outside 0 to 0.55"):
        check_range(table, ["score"], 0, 0.55)
    with pytest.raises(ValueError, match="run is 'a'"):
        check_range(table, ["run"], 0, 1)
    check_unique(table, ["run", "step"])
    with pytest.raises(ValueError, match="2 rows repeat one key, the first: run a"):
        check_unique(table, ["run"])


def test_what_is_dropped_is_counted_and_says_why():
    table = PublicTable(SOURCE, pd.DataFrame({"value": [1.0, None, 3.0]}))
    table.drop(table.rows.value.isna(), "no value")
    table.drop(table.rows.value > 5, "too large")
    assert table.notes == ["dropped 1 of 3 rows: no value"] and list(table.rows.value) == [1.0, 3.0]
    row = table.source_row()
    assert row["kind"] == "source" and row["value"] == 2 and "no value" in row["status"]


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_is_pinned(name):
    source = SOURCES[name]
    assert re.fullmatch(r"[0-9a-f]{40}", source.revision) and re.fullmatch(r"[0-9a-f]{64}", source.sha256)
    assert source.licence and source.about and source.paths
    assert source.address == f"https://github.com/{source.repository}/tree/{source.revision}"


def test_what_fetch_makes_may_hold_the_columns_that_are_read_alone(pinned, monkeypatch):
    fewer = b"run,score\na,0.5\n"
    both = dataclasses.replace(tables.SOURCES["olmo"], fetched_sha256=hashlib.sha256(fewer).hexdigest())
    monkeypatch.setitem(tables.SOURCES, "olmo", both)
    assert pinned_content("olmo") == CSV
    pinned.write_bytes(gzip.compress(fewer))
    assert pinned_content("olmo") == fewer
