"""An outsider's table: what is dropped is counted, what is percent becomes a share, what cannot be used is one line."""

import gzip

import numpy as np
import pandas as pd
import pytest

from analysis.onset.table import Columns, check_table, read_table
from tests.planted_onsets import planted_table

COLUMNS = Columns("loss", "acc", "model", "step", "params", "corpus", 2000)


def test_a_sound_table_comes_back_sorted_and_without_notes():
    frame = planted_table()
    table = check_table(frame.sample(frac=1, random_state=0), COLUMNS, 0.25)
    assert table.notes == () and table.chance == 0.25 and table.num_runs == 6 and len(table.rows) == len(frame)
    np.testing.assert_array_equal(
        table.rows["tokens_seen"].to_numpy().reshape(6, -1), np.tile(np.arange(1, 26) * 1000, (6, 1))
    )


@pytest.mark.parametrize("scale, chance", [(100, 0.25), (100, 25.0)])
def test_percent_is_turned_into_shares_and_said(scale, chance):
    frame = planted_table().assign(acc=lambda rows: scale * rows.acc)
    table = check_table(frame, COLUMNS, chance)
    assert table.chance == 0.25 and table.rows["value"].max() <= 1 and "percent" in table.notes[0]


def test_holes_repeats_and_untrained_checkpoints_are_counted():
    frame = planted_table()
    frame.loc[3, "acc"], frame.loc[5, "loss"], frame.loc[7, "model"] = np.nan, np.inf, None
    untrained = frame.iloc[[0]].assign(loss=10.8, acc=0.25, step=0)
    table = check_table(pd.concat([frame, frame.iloc[[20, 21]], untrained]), COLUMNS, 0.25)
    assert table.notes[0] == "3 of 153 rows left out: nan or inf in run, loss_nats, value"
    assert table.notes[1] == "2 rows left out: they repeat another row" and table.notes[2].startswith(
        "1 checkpoints with a loss above "
    )
    assert len(table.rows) == 147 and "10.8" not in str(table.rows["loss_nats"].max())
    kept = check_table(pd.concat([frame, untrained]), COLUMNS, 0.25, highest_loss=12)
    assert kept.rows["loss_nats"].max() == 10.8


def test_one_checkpoint_with_two_values_gets_their_mean():
    frame = planted_table()
    again = frame.iloc[[4]].assign(acc=frame.acc[4] + 0.02)
    table = check_table(pd.concat([frame, again]), COLUMNS, 0.25)
    assert "one checkpoint with several values (run run 0, 5000 tokens)" in table.notes[0]
    assert table.rows["value"][4] == pytest.approx(frame.acc[4] + 0.01) and len(table.rows) == len(frame)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"loss": "c4"}, "columns c4: not in the table, which has model, step"),
        ({"items": "n"}, "columns n: not in the table"),
        ({"items": 0}, "num_items is 0 in row 0"),
        ({"value": "corpus"}, "value: holds something that is no number"),
    ],
)
def test_wrong_columns_are_one_line(change, message):
    names = {"loss": "loss", "value": "acc", "run": "model", "tokens": "step", "size": "params", "items": 2000} | change
    with pytest.raises(ValueError, match=message):
        check_table(planted_table(), Columns(**names), 0.25)


def test_values_that_are_neither_shares_nor_percent():
    frame = planted_table().assign(acc=lambda rows: 1000 * rows.acc)
    with pytest.raises(ValueError, match="neither shares from 0 to 1 nor percent"):
        check_table(frame, COLUMNS, 0.25)
    with pytest.raises(ValueError, match="no row has every number"):
        check_table(frame.assign(acc=np.nan), COLUMNS, 0.25)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet", ".jsonl"])
def test_formats(tmp_path, suffix):
    frame, path = planted_table(num_runs=2), tmp_path / f"t{suffix}"
    writers = {
        ".parquet": frame.to_parquet,
        ".jsonl": lambda file: frame.to_json(file, orient="records", lines=True, double_precision=15),
        ".tsv": lambda file: frame.to_csv(file, sep="\t", index=False),
    }
    writers.get(suffix, lambda file: frame.to_csv(file, index=False))(path)
    pd.testing.assert_frame_equal(read_table(path), frame, check_dtype=False)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("t.xlsx", b"x", "not a .csv"),
        ("t.csv", b"", "cannot be read"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 500, mtime=0)[:40], "cannot be read"),
        ("t.parquet", b"PAR1", "cannot be read"),
        ("t.jsonl", b"{", "cannot be read"),
        ("t.csv", b'a,b\n1,"2', "cannot be read"),
        ("t.csv", b"\xff\xfe\x00a", "cannot be read"),
    ],
    ids=["xlsx", "empty", "gzip", "parquet", "jsonl", "quote", "utf16"],
)
def test_damaged_files_are_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(tmp_path / name)
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        read_table(tmp_path / "absent.csv")
