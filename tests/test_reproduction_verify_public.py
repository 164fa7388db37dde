"""`make verify` of the public results: silence where all belongs together, a named mismatch for a changed byte."""

import shutil

import pytest

from experiments.public.folders import PROFILE
from paper.claims_by_data import write_claims_by_data
from paper.public_verdicts import write_public_verdicts
from profiles.paths import ROOT, Paths
from reproduction.verify import public
from reproduction.verify.disk import Disk, Findings

STEM = "ext_public_formats"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The committed results, pictures and lock of one folder."""
    for name in (f"results/{PROFILE}/{STEM}.csv", f"figures/{PROFILE}/{STEM}.png", f"figures/{PROFILE}/{STEM}.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for room in ("analysis", "experiments", "public_tables", "tasks", "files"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(public, "public_stems", lambda: [STEM])
    monkeypatch.setenv("PUBLIC_DATA", str(tmp_path / "results"))  # holds no public table
    return tmp_path


def lock_mismatches(root):
    findings = Findings()
    public.check_public_lock(Disk(root), findings)
    return [line for line in findings.mismatches if STEM in line and "stages" not in line]


def test_a_changed_result_is_found_by_the_lock(root):
    path = Paths(PROFILE, root).results_csv(STEM)
    path.write_text(path.read_text().replace("2.7", "2.8", 1))
    found = lock_mismatches(root)
    assert found and all("git checkout" in line and "dvc repro experiments/public/dvc.yaml" in line for line in found)


def test_a_folder_without_a_lock_entry_is_found(root, monkeypatch):
    monkeypatch.setattr(public, "public_stems", lambda: [STEM, "ext_public_new"])
    findings = Findings()
    public.check_public_lock(Disk(root), findings)
    assert any("stages" in line for line in findings.mismatches)


def test_pictures_are_drawn_again_and_absent_tables_are_a_note(root, tmp_path):
    findings = Findings()
    public.check_public_anew(Disk(root), findings, tmp_path / "anew")
    assert findings.mismatches == [] and findings.num_compared == 2
    assert any("not measured again" in note and "fetch" in note for note in findings.notes)


def test_a_picture_of_other_results_is_found(root, tmp_path):
    path = Paths(PROFILE, root).results_csv(STEM)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if ",13B," not in line or "checkpoint" not in line))
    findings = Findings()
    public.check_public_anew(Disk(root), findings, tmp_path / "anew")
    assert any(f"{STEM}.png" in line for line in findings.mismatches)


def test_verdicts_are_judged_again_and_a_changed_word_is_found(tmp_path):
    for name in (f"results/{PROFILE}", f"figures/{PROFILE}"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "results" / "full").mkdir()
    shutil.copy(Paths("full").verdicts, tmp_path / "results" / "full")
    here = Paths(PROFILE, tmp_path)
    write_public_verdicts(here)
    write_claims_by_data(here, tmp_path)
    findings = Findings()
    public.check_public_verdicts(Disk(tmp_path), findings, tmp_path / "anew")
    assert findings.mismatches == [] and findings.num_compared == 3
    here.verdicts.write_text(here.verdicts.read_text().replace('"replicated"', '"inconclusive"', 1))
    public.check_public_verdicts(Disk(tmp_path), findings, tmp_path / "again")
    assert any(f"results/{PROFILE}/verdicts.json" in line and "make figures" in line for line in findings.mismatches)
