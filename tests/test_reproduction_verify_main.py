"""`make verify` as a whole: every single tampering is found, and what is out of reach is listed with its reason."""

import argparse
import shutil
from functools import cache
from pathlib import Path

import pytest

from benchmarks import readme_tables
from paper import readme as paper_readme
from profiles import paths as profile_paths
from profiles import profile as profiles
from reproduction import pipeline
from reproduction.verify import __main__ as module
from reproduction.verify import lock, tables
from reproduction.verify import pipeline as verify_pipeline
from reproduction.verify.anew import compare_file, compare_made, made_files
from reproduction.verify.disk import Findings
from reproduction.verify.pipeline import open_pipeline
from tests.tampered_files import Overlay, copy_repository, tampered, with_hash
from tests.tamperings import CODE, LOCKS, PLANS
from tests.tamperings_of_results import FORGED, MADE, OUT_OF_SCOPE, RAW, SHOWN, TAMPERINGS

ROOT = profile_paths.ROOT


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The committed files, with the locks brought up to the code as it stands, so that an edit of code does not hide a
    tampering."""
    root = copy_repository(ROOT, tmp_path_factory.mktemp("clone"))
    patch = pytest.MonkeyPatch()
    for room in (profiles, pipeline, verify_pipeline):
        patch.setattr(room, "ROOT", root)
    patch.setattr(readme_tables, "RESULTS", root / "benchmarks" / "results")
    overlay = Overlay(root)
    for profile in LOCKS:
        pipeline.write_copy(profile, root)
    for profile, file in LOCKS.items():
        bring_up(overlay, profile, file)
    yield root
    patch.undo()


def bring_up(overlay: Overlay, profile: str, file: str) -> None:
    """Today's code in a lock."""
    import yaml

    stages, content = pipeline.all_stages(profile), yaml.load(overlay.read(file), yaml.CSafeLoader)
    for name, locked in content["stages"].items():
        known = {entry["path"]: entry for entry in locked["deps"]}
        locked["cmd"] = stages[name]["cmd"]
        locked["deps"] = [
            {"path": path, "hash": "md5"} | (overlay.disk.entry(path) or known[path]) for path in stages[name]["deps"]
        ]
    overlay.write(file, yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))


@pytest.fixture(scope="module")
def anew(clone, tmp_path_factory) -> Path:
    """What `make verify` makes of the untouched raw tables, as far as it is committed: test_reproduction_verify_anew.py
    makes some of it in truth."""
    folder = tmp_path_factory.mktemp("anew")
    for name in (*made_files("cpu"), *made_files("full"), "params.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clone / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def overlay(clone) -> Overlay:
    return Overlay(clone)


def found(overlay: Overlay, anew: Path, change, monkeypatch, are_stages_kept: bool = True, ask_all: bool = False):
    """Mismatches after a change, of the profiles that it touches: those of the locks; where they show nothing (or
    ask_all) those of the raw tables, then of what is made anew, then of README.

    are_stages_kept: the tables of stages are those of the untouched files; otherwise all profiles are asked."""
    if are_stages_kept:
        monkeypatch.setattr(lock, "open_pipeline", _with_kept_stages)
    findings = Findings()
    with tampered(overlay, change):
        disk = overlay.disk if are_stages_kept else module.Disk(overlay.root)
        asked = overlay.profiles if are_stages_kept else None
        checks = (
            lambda: lock.check_locks(disk, findings, asked),
            lambda: tables.check_tables(disk, findings, asked),
            lambda: compare_made(disk, anew, findings, list(LOCKS)),
            lambda: compare_readme(overlay, anew, findings),
        )
        for check in checks:
            if ask_all or not findings.mismatches:
                check()
    return findings.mismatches


def compare_readme(overlay: Overlay, anew: Path, findings: Findings) -> None:
    """README as the two commands make it from what the results show."""
    with findings.guard("README.md", "see the line"):
        shutil.copy(overlay.root / "README.md", anew / "README.md")
        paper_readme.renew(anew)
        text = (anew / "README.md").read_text(encoding="utf-8")
        (anew / "README.md").write_text(readme_tables.with_new_tables(text), encoding="utf-8")
        compare_file(overlay.disk, anew, findings, "README.md", None, False)


# Tables of stages depend on code and on these files; they are made once for all tamperings that leave them alone.
STAGES_DEPEND_ON = ("dvc.yaml", "params.yaml", "without a profile", "profile full: gone", "what DVC ignores", "smoke")


@cache
def _kept_stages(profile: str, root: Path) -> dict:
    return pipeline.all_stages(profile, root)


def _with_kept_stages(disk, findings, profile):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_pipeline, "all_stages", _kept_stages)
        return open_pipeline(disk, findings, profile)


def test_silence_where_nothing_was_changed(overlay, anew, monkeypatch):
    assert found(overlay, anew, lambda overlay: None, monkeypatch) == []


def test_there_are_enough_tamperings_of_every_kind():
    assert len(TAMPERINGS) == sum(map(len, (CODE, PLANS, MADE, RAW, FORGED, SHOWN))) + len(
        [name for name in TAMPERINGS if name.startswith("lock of")]
    )
    assert len(TAMPERINGS) >= 120


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampering_is_found(overlay, anew, monkeypatch, name):
    lines = found(overlay, anew, TAMPERINGS[name], monkeypatch, not any(word in name for word in STAGES_DEPEND_ON))
    assert lines
    assert all("\n" not in line and len(line) < 1200 for line in lines)
    assert any(word in lines[0] for word in ("restore it", "run `make", "write it with", "see the line")), lines[0]
    assert all(
        file in "\n".join(lines)
        for file in ([] if name not in FORGED else [name.split(": ")[1].rsplit("/", 1)[-1].split(".")[0]])
    )


@pytest.mark.parametrize("name", OUT_OF_SCOPE)
def test_what_is_out_of_scope_is_not_found_and_says_why(overlay, anew, monkeypatch, name):
    change, reason = OUT_OF_SCOPE[name]
    assert reason
    assert found(overlay, anew, change, monkeypatch, not any(word in name for word in STAGES_DEPEND_ON)) == []


def test_a_damaged_file_hides_no_other_mismatch(overlay, anew, monkeypatch):
    """A lock with conflict marks, an empty table of runs and a damaged profile at once: one line each, and those after
    them too."""
    names = ("lock of cpu: conflict marks", "runs.csv: empty", "profile full: another", "verdicts.json: a verdict")
    changes = [TAMPERINGS[name] for name in names if name in TAMPERINGS] + [
        TAMPERINGS["passuntil/runs.csv: a row less"]
    ]
    lines = found(
        overlay, anew, lambda overlay: [change(overlay) for change in changes], monkeypatch, list(LOCKS), ask_all=True
    )
    for start in (
        "dvc.lock: cannot be checked",
        "results/cpu/loss/runs.csv",
        "results/full/verdicts.json",
        "results/cpu/passuntil/runs.csv",
    ):
        assert [line for line in lines if line.startswith(start)], (start, lines)


def test_a_hash_alone_does_not_hide_a_digit(overlay, anew, monkeypatch):
    """Right hash, wrong digit: found by making the table anew, and the line names row and column."""
    name = "results/cpu/loss_tab2_correlations.csv"
    (line,) = found(overlay, anew, with_hash(name, MADE["results.csv: a digit"]), monkeypatch)
    assert line.startswith(f"{name}: row 9 (") and "column value: " in line and f"git checkout -- {name}" in line


def test_all_tamperings_were_put_back(overlay, anew, monkeypatch):
    """None of those above was found by what another had left."""
    assert found(overlay, anew, lambda overlay: None, monkeypatch, False) == []
    assert module.Disk(overlay.root).entry("results") == overlay.disk.entry("results")


def test_exit_code_says_it(monkeypatch, capsys):
    asked = argparse.Namespace(accept=None, accept_results=None, record=None, quick=True, retrain=None)
    monkeypatch.setattr(module, "verify", lambda **_: Findings(mismatches=["a file: wrong"], notes=["by pixels"]))
    assert module.main(asked) == 1
    assert capsys.readouterr().out.startswith("mismatch: a file: wrong\nby pixels\n")
    monkeypatch.setattr(module, "verify", lambda **_: Findings(num_compared=3))
    assert module.main(asked) == 0


def test_every_part_is_asked_and_one_that_breaks_hides_no_other(monkeypatch):
    asked = []

    def broken(*arguments):
        asked.append("anew")
        raise KeyError("column")

    monkeypatch.setattr(module, "check_committed", lambda *_: asked.append("committed"))
    monkeypatch.setattr(module, "check_anew", broken)
    monkeypatch.setattr(module, "check_retrained", lambda *_: asked.append("retrained"))
    findings = module.verify(retrain="1")
    assert asked == ["committed", "anew", "retrained"]
    assert findings.mismatches == [
        "made anew: cannot be checked (KeyError: 'column'); run `make figures` to see where it stops"
    ]
    asked.clear()
    assert module.verify(is_quick=True).mismatches == [] and asked == ["committed"]
