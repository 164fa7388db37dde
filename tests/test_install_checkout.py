"""A clone holds the committed bytes, also where git is told to turn line ends into CRLF (.gitattributes)."""

import os
import subprocess
from pathlib import Path

import pytest

from profiles.paths import ROOT

AS_ON_WINDOWS = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf", "-c", "core.safecrlf=false")


def git(folder: Path, *arguments: str, **options) -> str:
    """What git prints; the user's and the machine's own settings do not count."""
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True, **options
    ).stdout


def changed_files(clone: Path) -> list[str]:
    """Files of a checkout whose bytes are not those of its commit."""
    listed = [entry.split("\t") for entry in git(clone, "ls-tree", "-r", "-z", "HEAD").split("\0") if entry]
    committed = {
        name: description.split()[2] for description, name in listed if description.startswith("100")
    }  # 120000 is a link
    names = "\n".join(committed) + "\n"
    found = git(clone, "hash-object", "--no-filters", "--stdin-paths", input=names).split()
    return [name for (name, expected), blob in zip(committed.items(), found, strict=True) if blob != expected]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("checkout") / "clone"
    git(ROOT, *AS_ON_WINDOWS, "clone", "--quiet", "--shared", ".", str(folder))
    for setting in AS_ON_WINDOWS[1::2]:
        git(folder, "config", *setting.split("="))
    return folder


def test_a_clone_with_autocrlf_holds_the_committed_bytes(clone):
    assert (clone / ".gitattributes").exists()
    assert not changed_files(clone)
    assert not git(clone, "status", "--porcelain")


def test_without_the_attributes_the_bytes_would_differ(clone):
    """So the test above can fail: attributes in the clone's own folder outrank the committed ones."""
    (clone / ".git/info/attributes").write_text("* text=auto\n")
    for name in ("params.yaml", "dvc.lock"):
        (clone / name).unlink()
        git(clone, "checkout", "--", name)
    (clone / ".git/info/attributes").unlink()
    assert changed_files(clone) == ["dvc.lock", "params.yaml"]


def test_no_committed_text_has_other_line_ends():
    """Nothing is converted on the way in either, so an editor's CRLF must be found here. git says "crlf" or "mixed" of
    such a file."""
    endings = [line.split()[0] for line in git(ROOT, "ls-files", "--eol").splitlines()]
    assert endings and not {"i/crlf", "i/mixed"} & set(endings)


@pytest.mark.parametrize(
    "name", "a.png a.parquet a.gz a.safetensors a.csv a.json a.py a.md Makefile a/dvc.lock .ci/run a.unknown".split()
)
def test_no_type_of_file_is_converted(name):
    assert git(ROOT, "check-attr", "text", "--", name).strip().endswith(": text: unset")
