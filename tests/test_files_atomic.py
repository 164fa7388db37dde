"""Files are whole or absent, whatever ends their writer; errors of the disk are one line."""

import errno
import os

import pytest

from files.atomic import atomic_write, explain, remove_leftovers, remove_leftovers_of


def failing(error):
    """In place of os.fsync."""

    def fail(descriptor):
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"]
)
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch, error):
    path = tmp_path / "table.csv"
    atomic_write(path, b"old")
    monkeypatch.setattr(os, "fsync", failing(error))
    with pytest.raises(type(error)) as caught:
        atomic_write(path, b"new")
    assert [found.name for found in tmp_path.iterdir()] == ["table.csv"] and path.read_bytes() == b"old"
    if isinstance(error, OSError):
        assert (
            explain(caught.value)
            == f"{path}: No space left on device; free some space and start again, finished work is kept"
        )


def test_a_file_and_its_folder_are_made(tmp_path):
    atomic_write(tmp_path / "a" / "b.txt", b"content")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"content"


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    kept = [tmp_path / "run" / name for name in ("run.json", ".hidden", "series_begun.partial", "x.1.partial")]
    left = [
        tmp_path / ".runs.csv.17.partial",
        tmp_path / "run" / ".run.json.4711.partial",
        tmp_path / "run" / ".000.safetensors.3.tmp",
    ]
    for path in (*kept, *left):
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert sorted(remove_leftovers(tmp_path)) == sorted(left)
    assert all(path.exists() for path in kept) and not any(path.exists() for path in left)


def test_leftovers_of_one_file_are_removed_from_a_folder_of_somebody_else(tmp_path):
    for name in (".passes.parquet.3.partial", ".other.parquet.3.partial", "passes.parquet"):
        (tmp_path / name).write_text("")
    remove_leftovers_of(tmp_path / "passes.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.parquet.3.partial", "passes.parquet"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(errno.EACCES, "Permission denied", "a.csv"),
            "a.csv: Permission denied; make the place writable for this user and start again",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "a.csv"),
            "a.csv: Read-only file system; make the place writable for this user and start again",
        ),
        (
            OSError(errno.ENOSPC, "disk is full while writing a.csv; free some space and rerun"),
            "disk is full while writing a.csv; free some space and rerun",
        ),
        (OSError(errno.ENOENT, "No such file or directory", "a\nb"), "a b: No such file or directory"),
        (OSError("odd"), "odd"),
    ],
)
def test_an_error_is_one_line_with_its_remedy(error, line):
    assert explain(error) == line
