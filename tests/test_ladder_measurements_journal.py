"""Journals are read by key: what stands twice is harmless, what is damaged is named in one line and measured again."""

import json
import math

import pytest

from ladder.measurements import journal as journal_module
from ladder.measurements.journal import Journal, read_journal, row_key, tidy_journal

STAMP = json.dumps({"code": "c"})


def row(item_id, passes=1, seconds=0.5, method="shared"):
    about = {"tokens_seen": 100, "item_id": item_id, "method": method, "temperature": 1.0}
    return about | {"passes": passes, "log_pass_low": math.nan, "seconds": seconds}


def text(*rows):
    return "".join(
        line + "\n" for line in (STAMP, *(entry if isinstance(entry, str) else json.dumps(entry) for entry in rows))
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "maths.jsonl"


def test_rows_come_back_by_key(path):
    journal = Journal(path, STAMP)
    journal.add(row(0))
    journal.add(row(1))
    assert path.read_text() == text(row(0), row(1)), "the format of older journals"
    assert list(Journal(path, STAMP).rows) == [row_key(row(0)), row_key(row(1))]
    assert path.read_text() == text(row(0), row(1))


def test_rows_that_stand_twice_are_read_once_and_left_once(path):
    """An orphan and the start after it wrote the same rows, by turns; the clock alone differs."""
    path.write_text(text(row(0), row(0, seconds=0.7), row(1), row(0), row(1, seconds=9.0)))
    content = read_journal(path, STAMP)
    assert len(content.rows) == 2 and content.faults == [] and not content.is_tidy
    assert content.rows[row_key(row(0))]["seconds"] == 0.5
    assert tidy_journal(path, STAMP).faults == [] and path.read_text() == text(row(0), row(1))
    assert tidy_journal(path, STAMP).is_tidy


@pytest.mark.parametrize(
    "rows", [[row(0, passes=1), row(0, passes=2)], [row(0, passes=2), row(1), row(0, passes=1), row(0, passes=2)]]
)
def test_rows_that_contradict_each_other_are_named_and_both_dropped(path, rows):
    path.write_text(text(*rows, row(2)))
    content = tidy_journal(path, STAMP)
    assert content.faults == [
        (
            f"{path}: two rows of tokens_seen 100, item_id 0, method shared, temperature 1.0 "
            "contradict each other; both are dropped and measured again"
        )
    ]
    assert row_key(row(0)) not in content.rows and row_key(row(2)) in content.rows
    assert read_journal(path, STAMP).faults == [] and read_journal(path, STAMP).rows == content.rows, "named once"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "17",
        "[]",
        '{"item_id": 1}',
        json.dumps(row(1))[:30] + json.dumps(row(2)),
        '{"tokens_seen": [1], "item_id": {}}',
    ],
)
def test_a_line_that_is_no_row_is_named_and_dropped(path, line):
    path.write_text(text(row(0), line, row(3)))
    content = tidy_journal(path, STAMP)
    assert content.faults == [f"{path}, line 3: not a row; it is dropped and measured again"]
    assert path.read_text() == text(row(0), row(3))


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_last_line_that_was_cut_is_dropped_without_a_word(path, cut):
    path.write_text(text(row(0), row(1))[:-cut])
    content = tidy_journal(path, STAMP)
    assert list(content.rows) == [row_key(row(0))] and content.faults == [] and path.read_text() == text(row(0))


def test_a_journal_of_other_questions_is_left_to_its_writer(path):
    path.write_text(text(row(0)))
    assert read_journal(path, "{}") is None and tidy_journal(path, "{}") is None and path.read_text() == text(row(0))
    assert Journal(path, "{}").rows == {} and path.read_text() == "{}\n"
    assert read_journal(path.with_name("absent.jsonl"), STAMP) is None


def test_counts_under_way_are_those_of_their_item_alone(path, monkeypatch):
    monkeypatch.setattr(journal_module, "SAVE_SECONDS", 0.0)
    journal = Journal(path, STAMP)
    journal.keep_state(row_key(row(1)), {"attempts": 5})
    assert journal.state(row_key(row(1))) == {"attempts": 5} and journal.state(row_key(row(2))) is None
    journal.add(row(1))
    assert journal.state(row_key(row(1))) is None
    for damaged in (b"", b"{", b"[]", b"17", b'{"key": 3}', b"\xff\xfe"):
        path.with_suffix(".open.json").write_bytes(damaged)
        assert journal.state(row_key(row(1))) is None
