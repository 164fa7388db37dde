"""Documents of a corpus of one's own: the same from every kind of file, in bounded memory, errors in one line."""

import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.outside_texts import outside_documents

TEXTS = ["Ein Satz.", "Zwei\nZeilen.", "第三\u2028行", " "]
KEPT = TEXTS[:3]


def as_file(folder, ending, texts):
    path = folder / f"texts{ending}"
    if ending == ".jsonl":
        path.write_text("".join(json.dumps({"text": text, "id": 1}) + "\n" for text in texts), "utf-8")
    elif ending == ".parquet":
        pq.write_table(pa.table({"id": range(len(texts)), "text": texts}), path, row_group_size=100)
    else:
        path.write_text("\n\n\n".join(texts), "utf-8")
    return path


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".txt"])
def test_every_kind_of_file_gives_the_same_documents(tmp_path, ending):
    assert [text.strip() for text in outside_documents(as_file(tmp_path, ending, TEXTS), "text")] == KEPT


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    for name in ("b.txt", "a.txt", "notes.md"):
        (tmp_path / name).write_text(name)
    assert list(outside_documents(tmp_path, "text")) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".txt"])
def test_memory_does_not_grow_with_the_file(tmp_path, ending):
    path = as_file(tmp_path, ending, ["x" * 1000] * 20_000)
    tracemalloc.start()
    assert sum(1 for _ in outside_documents(path, "text")) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000  # the texts together are 20 MB


@pytest.mark.parametrize(
    "name, content, said",
    [
        ("a.jsonl", b'{"body": "x"}\n', "line 1 has no field 'text' (it has body); change corpus.column"),
        ("a.jsonl", b'{"text": "x"}\n[1]\n', "line 2 has no field 'text' (it has list); change corpus.column"),
        ("a.jsonl", b'{"text": 3}\n', "line 1: field 'text' is no text; change corpus.column"),
        ("a.jsonl", b"{\n", "line 1 is no json; correct or remove it"),
        ("a.txt", b"good\n\xff\xfe\x00", "line 2 is not UTF-8 text; save it as UTF-8 or remove it"),
        ("a.txt", b"\n \n", "holds no text; name another file or folder in corpus.path"),
        ("a.parquet", b"PAR1", "is no parquet file; change corpus.path"),
        ("a.bin", b"x", "no file ending in .jsonl, .parquet, .txt; change corpus.path"),
    ],
)
def test_errors_are_one_line_with_file_and_remedy(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as error:
        list(outside_documents(tmp_path / name, "text"))
    assert str(error.value) == f"{tmp_path / name}: {said}"


def test_wrong_columns_of_parquet_are_named(tmp_path):
    path = as_file(tmp_path, ".parquet", KEPT)
    for column, said in (("body", "has no column 'body' (it has id, text)"), ("id", "column 'id' holds int64")):
        with pytest.raises(ValueError, match="change corpus.column") as error:
            list(outside_documents(path, column))
        assert said in str(error.value)


def test_a_missing_path_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="no such file or folder; change corpus.path"):
        list(outside_documents(tmp_path / "none", "text"))
