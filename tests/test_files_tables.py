"""Tables and yaml files: each kind of damage is one line with file and remedy; an older file survives a write that
fails."""

import pandas as pd
import pytest

from files.tables import read_csv, read_json, read_parquet, read_yaml

TABLE = "run,value\nr1,1.5\nr2,2.5\n"


def one_line(call, path, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert (
        str(caught.value).startswith(str(path)) and "\n" not in str(caught.value) and "restore it" in str(caught.value)
    )


def test_what_is_whole_is_read(tmp_path):
    (tmp_path / "a.csv").write_text(TABLE)
    assert read_csv(tmp_path / "a.csv", "x").value.tolist() == [1.5, 2.5]
    pd.DataFrame({"value": [1]}).to_parquet(tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet", "x").value.tolist() == [1]
    (tmp_path / "a.yaml").write_text("a: &all {b: 1}\nc: {<<: *all, d: 2}\n")
    assert read_yaml(tmp_path / "a.yaml", "a", "x") == {"a": {"b": 1}, "c": {"b": 1, "d": 2}}
    (tmp_path / "a.json").write_text('[{"a": 1}]')
    assert read_json(tmp_path / "a.json", "a", "x", list) == [{"a": 1}]


@pytest.mark.parametrize("length", range(len(TABLE)))
def test_a_csv_cut_anywhere_is_refused_or_whole_to_a_row(tmp_path, length):
    path = tmp_path / "a.csv"
    path.write_text(TABLE[:length])
    if TABLE[:length] == "run,value\nr1,1.5\n":  # only a hash can show that a row is gone
        assert len(read_csv(path, "restore it")) == 1
    else:
        one_line(lambda: read_csv(path, "restore it"), path, "cut off in its last line|holds no rows")


CSV = {
    "conflict": "run,value\n<<<<<<< HEAD\nr1,1\n=======\nr1,2\n>>>>>>> b\n",
    "short": "run,value\nr1\n",
    "quote": 'run,value\n"r1,1\n',
    "bytes": "run,value\nr1,\udcff\n",
    "long": "run,value\nr1,1,2\n",
    "twice": "run,run\nr1,1\n",
    "empty": "",
    "head": "run,value\n",
}


@pytest.mark.parametrize("kind", CSV)
def test_damaged_csv(tmp_path, kind):
    path = tmp_path / "a.csv"
    path.write_text(CSV[kind], errors="surrogateescape")
    one_line(lambda: read_csv(path, "restore it"), path, "damaged|holds no rows|not readable as UTF-8")


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "middle", "absent", "folder"])
def test_damaged_parquet(tmp_path, kind):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"value": range(1000)}).to_parquet(path)
    whole = path.read_bytes()
    content = {
        "empty": b"",
        "text": b"run,value\n",
        "cut": whole[:-9],
        "middle": whole[:4] + b"\0" * 40 + whole[44:],
    }.get(kind)
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    one_line(lambda: read_parquet(path, "restore it"), path, "not readable as parquet|not found|is a folder")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [",
        "- a",
        "a",
        "a: 1\na: 2",
        "a: {b: 1, b: 2}",
        "a: \x01",
        "[" * 5000,
        "a: *b",
        "a: !!python/object:os.system {}",
        "<<<<<<< HEAD\na: 1\n",
    ],
)
def test_damaged_yaml(tmp_path, text):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="^shown.yaml: ") as caught:
        read_yaml(path, "shown.yaml", "restore it")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000, '{"a": 1}x'])
def test_damaged_json(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    one_line(lambda: read_json(path, str(path), "restore it"), path, "damaged|holds no fields")
