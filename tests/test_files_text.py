"""Text files of others: line ends, marks, long fields; and every kind of damage is one line that names file and
remedy."""

import csv
import errno
import gzip
import os
from pathlib import Path

import pytest

from files.text import csv_rows, numbered_lines, parse_json, read_text

SEPARATORS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r"]


@pytest.mark.parametrize("mark", SEPARATORS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_end_at_line_feeds_only(mark, end):
    text = f"a{mark}b{end}{end}c{mark}"
    assert list(numbered_lines(text)) == [(1, f"a{mark}b"), (3, f"c{mark}".removesuffix("\r"))]


@pytest.mark.parametrize(
    "name,data",
    [
        ("a.txt", "na\u00efve".encode()),
        ("a.txt", "na\u00efve".encode("utf-8-sig")),
        ("a.txt.gz", gzip.compress("na\u00efve".encode(), mtime=0)),
    ],
    ids=["plain", "mark", "gzip"],
)
def test_what_is_read(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    assert read_text(tmp_path / name, "x") == "na\u00efve"


WHOLE = gzip.compress(b"a line\n" * 500, mtime=0)
DAMAGED = {
    "empty.txt": (b"", "holds no rows"),
    "blank.txt": (b"\n \n", "holds no rows"),
    "latin.txt": ("na\u00efve".encode("latin-1"), "not readable as UTF-8 .byte 2 is 0xef"),
    "wide.txt": ("naive".encode("utf-16"), "it is UTF-16"),
    "gbk.txt": ("\u4e2d\u6587".encode("gbk"), "not readable as UTF-8"),
    "cut.gz": (WHOLE[:-12], "damaged gzip"),
    "head.gz": (b"\x1f\x8b\x08", "damaged gzip"),
    "plain.gz": (b"plain", "damaged gzip"),
    "none.gz": (b"", "holds no rows"),
    "crc.gz": (WHOLE[:-8] + b"\0" * 8, "damaged gzip"),
    "spoilt.gz": (WHOLE[:14] + bytes([WHOLE[14] ^ 255, WHOLE[15] ^ 255]) + WHOLE[16:], "damaged gzip"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_one_line(tmp_path, name):
    content, message = DAMAGED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_text(tmp_path / name, "fetch it again")
    assert (
        str(caught.value).startswith(str(tmp_path / name))
        and "fetch it again" in str(caught.value)
        and "\n" not in str(caught.value)
    )


def test_absent_folder_and_forbidden(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="absent: no such file; x"):
        read_text(tmp_path / "absent", "x")
    with pytest.raises(ValueError, match="is a folder, not a file; x"):
        read_text(tmp_path, "x")

    def forbid(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_bytes", forbid)  # the superuser may read any file
    with pytest.raises(ValueError, match=r"secret: not readable \(Permission denied\); x"):
        read_text(tmp_path / "secret", "x")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, "", "{", '{"a": 1', "[1,]", "nul", '"\x01"', "1" * 5000 + "x"]
)
def test_no_json_is_one_line(text):
    with pytest.raises(ValueError, match="^no json: ") as caught:
        parse_json(text)
    assert "\n" not in str(caught.value)


def test_csv_fields_may_be_long_and_hold_line_breaks():
    limit = csv.field_size_limit()
    long = "x" * 400_000
    assert list(csv_rows(f'a,b\r\n"{long}","1\n2"\r\n\r\n3,"4""5"\n')) == [
        (3, {"a": long, "b": "1\n2"}),
        (5, {"a": "3", "b": '4"5'}),
    ]
    assert csv.field_size_limit() == limit, "the limit is one of the whole process"


@pytest.mark.parametrize(
    "text,message",
    [
        ('a,b\n"1,2\n', "no csv"),
        ("a,b\n1\n", "line 2: 1 fields for 2 columns"),
        ("a,b\n1,2,3\n", "line 2: 3 fields"),
        ("a,a\n1,2\n", "column a stands twice"),
        ('a,b\n"1"x,2\n', "line 2: no csv"),
        ("a,b\n1,2\n<<<<<<< HEAD\n", "line 3: 1 fields"),
    ],
)
def test_damaged_csv_names_its_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        list(csv_rows(text))
    assert "\n" not in str(caught.value)
