"""Hashes are DVC's, files are read strictly, and whatever a check runs into becomes one line."""

import os

import pytest
import yaml

from reproduction.verify.disk import Disk, Findings, short
from tests.tiny_pipeline import RESULTS, make


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("made"))


def test_entries_are_those_that_dvc_wrote(made):
    entries = yaml.safe_load((made / "data.dvc").read_text())["outs"]
    for locked in yaml.safe_load((made / "dvc.lock").read_text())["stages"].values():
        entries += locked["deps"] + locked["outs"]
    assert {entry["path"] for entry in entries} >= {"data", "room", f"{RESULTS}/runs", f"{RESULTS}/scores.parquet"}
    for entry in entries:
        expected = {field: entry[field] for field in ("md5", "size", "nfiles") if field in entry}
        assert Disk(made).entry(entry["path"]) == expected, entry["path"]
    assert Disk(made).entry("nothing") is None


def test_a_changed_file_with_its_old_time_is_seen(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    times, before = path.stat(), Disk(tmp_path).entry("a.txt")
    path.write_text("two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert Disk(tmp_path).entry("a.txt") != before


def test_what_was_read_is_read_again_after_forget(tmp_path):
    disk, path = Disk(tmp_path), tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    before = disk.yaml("a.yaml"), disk.entry("a.yaml")
    path.write_text("a: 2\n")
    assert (disk.yaml("a.yaml"), disk.entry("a.yaml")) == before
    disk.forget("a.yaml")
    assert disk.yaml("a.yaml") == {"a": 2} and disk.entry("a.yaml") != before[1]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty: it holds no fields"),
        (b"- a\n", "damaged: no mapping at its top"),
        (b"a: [1\n", "damaged, not YAML"),
        (b"\xff\xfe\x00", "damaged"),
        (b"a: 1\na: 2\n", "key a stands twice"),
        (b"a:\n  b: 1\n  b: 2\n", "key b stands twice"),
        (b"<<<<<<< HEAD\na: 1\n=======\n", "damaged, not YAML"),
        (b"a: &x [1]\nb: *y\n", "damaged, not YAML"),
        (b"a: !!python/object/apply:os.system [ls]\n", "damaged, not YAML"),
    ],
)
def test_damaged_yaml_is_one_line(tmp_path, content, told):
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=told) as error:
        Disk(tmp_path).yaml("a.yaml")
    assert "\n" not in str(error.value)


def test_absent_yaml_is_one_line(tmp_path):
    with pytest.raises(ValueError, match="there is no such file"):
        Disk(tmp_path).yaml("a.yaml")


def test_a_check_that_breaks_is_a_mismatch_and_the_next_is_made():
    findings = Findings()
    for error in (ValueError("two\nlines"), KeyError("column"), OSError(5, "no disk"), ValueError()):
        with findings.guard("a.csv", "restore it"):
            raise error
    findings.compare("b.csv: row 3", 1, 2, "restore it")
    findings.compare("b.csv: row 3", 1, 2, "restore it")
    assert findings.mismatches[0] == "a.csv: cannot be checked (two lines); restore it"
    assert findings.mismatches[1] == "a.csv: cannot be checked (KeyError: 'column'); restore it"
    assert "no disk" in findings.mismatches[2] and "(ValueError)" in findings.mismatches[3]
    assert findings.mismatches[4:] == ["b.csv: row 3: 2 here, 1 in the record; restore it"], "once"
    assert findings.num_compared == 2


def test_a_stop_is_no_mismatch():
    with pytest.raises(KeyboardInterrupt), Findings().guard("a", "b"):
        raise KeyboardInterrupt


def test_values_are_shown_on_one_line():
    assert short(None) == "nothing" and short("0" * 32) == "0" * 8 and short("0" * 64) == "0" * 8
    assert short("a b " * 100).endswith("...") and len(short("a b " * 100)) == 100
