"""What git holds is read whatever lies over it now; refusals of git and damaged tables are one line."""

import json
import subprocess

import pytest

from paper.verdict_report import VERDICT_FIELDS
from reproduction.committed import NothingCommitted, committed, git, parse_verdicts, read_runs


@pytest.fixture
def root(tmp_path):
    def run(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@e", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    run("init", "-q")
    for content in ("first", "second"):
        (tmp_path / "results").mkdir(exist_ok=True)
        (tmp_path / "results" / "a b.csv").write_text(content)
        run("add", "-A", "-f")
        run("commit", "-q", "-m", content)
    return tmp_path


def test_a_file_of_a_revision(root):
    path = root / "results" / "a b.csv"
    path.write_text("third")
    assert committed(root, "HEAD", path) == b"second" and committed(root, "HEAD~1", path) == b"first"
    path.unlink()
    assert committed(root, "HEAD", path) == b"second"
    assert committed(root, "HEAD", root / "none.csv") is None


def test_a_project_below_the_root_of_its_checkout(root):
    assert committed(root / "results", "HEAD", root / "results" / "a b.csv") == b"second"


@pytest.mark.parametrize("revision", ["nope", "HEAD~9", "--all", "", "HEAD:results"])
def test_an_unknown_revision_is_one_line(root, revision):
    with pytest.raises(ValueError, match="git knows no such revision") as caught:
        committed(root, revision, root / "results" / "a b.csv")
    assert "\n" not in str(caught.value)


def test_git_refusals_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(NothingCommitted, match=r"^no committed results to compare with: [^\n]+$"):
        git(tmp_path, "show", "HEAD:x")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NothingCommitted, match="^git is not installed"):
        git(tmp_path, "status")


def test_readers_take_what_is_right():
    row = dict.fromkeys(VERDICT_FIELDS, "") | {"id": "a", "value": 1, "low": None, "high": 2.5}
    assert parse_verdicts(json.dumps([row]).encode(), "v", "r") == {"a": row}
    assert read_runs(b"run,recipe_hash,weight_hash\na,r,w\n", "t", "r")["a"]["weight_hash"] == "w"


@pytest.mark.parametrize(
    "data", [b"run\na\n", b"run,recipe_hash,weight_hash\na,r\n", b"run,recipe_hash,weight_hash\na,,w\n", b"\xff"]
)
def test_damaged_tables_of_runs(data):
    with pytest.raises(ValueError, match=r"^table.csv[^\n]*; remedy$"):
        read_runs(data, "table.csv", "remedy")


@pytest.mark.parametrize("data", [b"", b"[", b"\xff\xfe", b"3", b"[3]", b"{}x", b'[{"id": "a"}]', b"[" * 100000])
def test_damaged_verdicts(data):
    with pytest.raises(ValueError, match=r"^v.json[^\n]*; remedy$"):
        parse_verdicts(data, "v.json", "remedy")
