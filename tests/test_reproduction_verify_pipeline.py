"""Pipelines as they lie on a disk: names that params.yaml gives, the file that the code asks for, locks as DVC writes
them."""

import pytest
import yaml

from profiles.paths import ROOT
from profiles.profile import default_profile
from reproduction.pipeline import write_copy
from reproduction.verify import pipeline as module
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.pipeline import check_names, open_pipeline, read_lock, read_pointer
from tests.tiny_pipeline import stages

PARAMS = "profile: cpu\nheadline: {L: full}\n"
ENTRY = "{path: data, hash: md5, cache: false, md5: 0}"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "profiles").mkdir()
    for profile in ("cpu", "full"):
        (tmp_path / "profiles" / f"{profile}.yaml").touch()
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def names(root):
    findings = Findings()
    check_names(Disk(root), findings)
    return findings.mismatches


def test_every_name_has_its_profile(root):
    assert names(root) == []
    (root / "params.yaml").write_text(PARAMS.replace("full", "fill").replace("cpu", "gpu"))
    assert [line.split(";")[0] for line in names(root)] == [
        "params.yaml: field profile: there is no profiles/gpu.yaml",
        "params.yaml: field headline.L: there is no profiles/fill.yaml",
    ]


def test_results_and_pipelines_without_a_profile_are_named(root):
    for folder in ("results/other", "profiles/gone", "results/full"):
        (root / folder).mkdir(parents=True)
    assert [line.split(":")[0] for line in names(root)] == ["results/other", "profiles/gone"]


@pytest.fixture
def copied(root, monkeypatch):
    """A profile that was run, with its copy of the text."""
    (root / "dvc.yaml").write_text("stages: {}\n")
    write_copy("full", root)
    monkeypatch.setattr(module, "all_stages", lambda profile, root: stages())
    return root


def test_a_copy_is_the_text_of_the_root(copied):
    findings = Findings()
    pipeline = open_pipeline(Disk(copied), findings, "full")
    assert pipeline.stages == stages() and pipeline.must_be_whole and findings.mismatches == []
    assert pipeline.lock_file == "profiles/full/dvc.lock"
    assert open_pipeline(Disk(copied), findings, default_profile()).lock_file == "dvc.lock"


@pytest.mark.parametrize("name", ["dvc.yaml", "params.yaml"])
@pytest.mark.parametrize("text", ["stages: {a: 1}\n", "", None])
def test_another_text_is_named(copied, name, text):
    path = copied / "profiles" / "full" / name
    path.unlink() if text is None else path.write_text(text)
    findings = Findings()
    open_pipeline(Disk(copied), findings, "full")
    if name == "dvc.yaml" and text is None:
        assert findings.mismatches == [], "a profile without a copy was never run; its lock says if it was"
        (copied / "profiles" / "full" / "dvc.lock").touch()
        open_pipeline(Disk(copied), findings, "full")
    (line,) = findings.mismatches
    assert line.startswith(f"profiles/full/{name}: ") and "write it with `python -m reproduction.pipeline" in line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a: 1\n", "not as DVC writes it"),
        ("schema: '2.0'\nstages: {train: {outs: 5, cmd: x}}\n", "not as DVC writes it"),
        ("schema: '2.0'\nstages: {train: {cmd: x, more: 1}}\n", "extra keys not allowed"),
    ],
)
def test_a_lock_that_dvc_would_refuse_is_one_line(tmp_path, content, told):
    (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(ValueError, match=told):
        read_lock(Disk(tmp_path), Findings(), "dvc.lock")


def test_the_committed_locks_are_read():
    for file in ("dvc.lock", "profiles/full/dvc.lock"):
        findings = Findings()
        assert {"train_loss", "verdicts"} <= set(read_lock(Disk(ROOT), findings, file)) and findings.mismatches == []


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ("[]", "field outs"),
        (f"[{ENTRY}, {ENTRY}]", "field outs"),
        ("[{path: date, hash: md5, cache: false, md5: 0}]", "field outs"),
        ("[{path: data, hash: md5, cache: false}]", "field outs"),
        ("[{path: data, hash: md5, cache: true, md5: '0'}]", "fields hash and cache"),
    ],
)
def test_a_damaged_pointer_is_one_line(tmp_path, entries, told):
    (tmp_path / "data.dvc").write_text(f"outs: {entries}\n")
    with pytest.raises(ValueError, match=told):
        read_pointer(Disk(tmp_path))


def test_the_committed_pointer_is_read():
    assert read_pointer(Disk(ROOT)) == yaml.safe_load((ROOT / "data.dvc").read_text(encoding="utf-8"))["outs"][0]
