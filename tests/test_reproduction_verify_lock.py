"""Locks against what DVC itself wrote: silence where all belongs together, a named mismatch for every changed byte."""

import json
import os
import shutil

import pytest
import yaml

from profiles.paths import PINNED_DATA, ROOT, Paths
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.lock import check_pointer, check_profile
from tests.tiny_pipeline import PARAMS, RESULTS, copy, make, pipeline, stages


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture
def root(made, tmp_path):
    return copy(made, tmp_path / "copy")


def check(root, asked=None, must_be_whole=True):
    findings = Findings()
    check_profile(Disk(root), findings, pipeline(must_be_whole, asked))
    assert findings.num_compared > 15 or findings.mismatches
    return findings


def mismatches(root, asked=None):
    return check(root, asked).mismatches


def edit(root, change):
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    change(lock["stages"])
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))


def test_silence_where_all_belongs_together(root):
    assert mismatches(root) == []


def test_what_git_does_not_hold_may_be_absent(root):
    shutil.rmtree(root / RESULTS / "runs")
    shutil.rmtree(root / "data")
    assert mismatches(root) == []


def append(path):
    """A change that keeps the file readable: one more byte at its end."""

    def change(root):
        with open(root / path, "ab") as file:
            file.write(b"\n")

    return change


def replace_in(path, old, new):
    """A change of text."""

    def change(root):
        text = (root / path).read_text()
        assert old in text
        (root / path).write_text(text.replace(old, new, 1))

    return change


CHANGES = {
    "code": (append("room/deep/b.py"), "room: "),
    "new file in a room": (lambda root: (root / "room" / "new.py").write_text(""), "room: "),
    "param": (replace_in(PARAMS, "1.0e-02", "2.0e-02"), f"dvc.lock: stage train: params {PARAMS}: training"),
    "data": (append("data/a.bin"), "data: "),
    "result": (append("figures/cpu/loss_fig.png"), "figures/cpu/loss_fig.png: "),
    "result gone": (
        lambda root: os.remove(root / "figures" / "cpu" / "loss_fig.png"),
        "figures/cpu/loss_fig.png: nothing here",
    ),
    "checkpoint": (
        lambda root: (root / RESULTS / "runs" / "a" / "checkpoints" / "2").write_text("x"),
        f"{RESULTS}/runs: ",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_every_change_is_named(root, case):
    change, expected = CHANGES[case]
    change(root)
    found = mismatches(root)
    assert any(line.startswith(expected) for line in found), found
    assert all("\n" not in line for line in found)


def test_the_pointer_pins_the_data_whose_hashes_are_committed(tmp_path):
    hashes = Paths(PINNED_DATA, tmp_path).data_hashes
    hashes.parent.mkdir(parents=True)
    for name in ("data.dvc", hashes.relative_to(tmp_path)):
        shutil.copy(ROOT / name, tmp_path / name)

    def found():
        findings = Findings()
        check_pointer(Disk(tmp_path), findings)
        return findings.mismatches

    assert found() == []
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "other.bin").write_bytes(b"1")
    (line,) = found()
    assert line.startswith("data: md5: ")
    shutil.rmtree(tmp_path / "data")
    content = json.loads(hashes.read_text())
    first = next(iter(content))
    hashes.write_text(json.dumps(content | {first: content[first] | {"md5": "0" * 32}}))
    (line,) = found()
    assert line.startswith("data.dvc: md5: ")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"loss_fig": stages()["loss_fig"] | {"cmd": "true"}}, "stage loss_fig: cmd"),
        ({"more": {"cmd": "true"}}, "stage more: nothing here"),
        ({"loss_fig": stages()["loss_fig"] | {"deps": ["room"]}}, "stage loss_fig: deps room"),
        (
            {"loss_fig": stages()["loss_fig"] | {"outs": ["figures/cpu/loss_fig.png", "figures/more.png"]}},
            "stage loss_fig: outs figures/more.png",
        ),
        (
            {"train": stages()["train"] | {"params": [{PARAMS: ["training", "passuntil.tokens", "cost"]}]}},
            f"stage train: params {PARAMS}: cost",
        ),
        (
            {"loss_fig": stages()["loss_fig"] | {"params": [{PARAMS: ["cost"]}]}},
            f"stage loss_fig: params {PARAMS}: cost",
        ),
    ],
)
def test_a_field_that_the_pipeline_has_and_the_lock_has_not_is_named(root, more, expected):
    found = mismatches(root, stages() | more)
    assert any(expected in line for line in found), found


def test_a_room_that_many_stages_read_is_one_line(root):
    append("inputs/runs.csv")(root)
    (line,) = mismatches(root)
    assert line.startswith("inputs: ") and "2 stages: train (dep), evaluate (dep)" in line


def test_a_chain_broken_through_absent_checkpoints_is_named(root):
    shutil.rmtree(root / RESULTS / "runs")
    edit(root, lambda lock: lock["train"]["outs"][0].update(md5="0" * 32 + ".dir"))
    assert any(
        f"stage evaluate: {RESULTS}/runs as it was read: md5" in line and "outs of stage train" in line
        for line in mismatches(root)
    )


def test_a_field_of_a_section_is_compared_alone(root):
    replace_in(PARAMS, "sampling: 6", "sampling: 7")(root)
    assert mismatches(root) == []
    replace_in(PARAMS, "tokens: 5", "tokens: 6")(root)
    assert any(f"{PARAMS}: passuntil.tokens: 5 here, 6 in {PARAMS}" in line for line in mismatches(root))


def test_a_section_no_stage_reads_may_change(root):
    replace_in(PARAMS, "cost: {a: 1}", "cost: {a: 2}")(root)
    assert mismatches(root) == []


@pytest.mark.parametrize(
    "content",
    ["", "schema: '2.0'\n", "stages: {}\n", "<<<<<<< HEAD\n", "- a\n", "schema: '2.0'\nstages: {train: {}}\n"],
)
def test_a_damaged_lock_is_one_line_or_its_stages_are_missed(root, content):
    (root / "dvc.lock").write_text(content)
    found = mismatches(root)
    assert found and all(line.startswith("dvc.lock: ") for line in found), found


@pytest.mark.parametrize("must_be_whole", [True, False])
def test_results_without_a_lock_do_not_pass(root, must_be_whole):
    os.remove(root / "dvc.lock")
    (line,) = check(root, must_be_whole=must_be_whole).mismatches
    assert line.startswith("dvc.lock: there is no such file, but ")


def test_only_a_profile_that_nobody_shows_may_have_neither_lock_nor_results(root):
    for name in ("dvc.lock", RESULTS, "figures"):
        (os.remove if (root / name).is_file() else shutil.rmtree)(root / name)
    assert len(check(root).mismatches) == 1
    findings = Findings()
    check_profile(Disk(root), findings, pipeline(must_be_whole=False))
    assert findings.mismatches == []


def test_a_stage_not_run_is_noted_for_other_profiles_and_a_mismatch_for_those_shown(root):
    edit(root, lambda lock: lock.pop("loss_fig"))
    os.remove(root / "figures" / "cpu" / "loss_fig.png")
    assert [line for line in mismatches(root) if "stage loss_fig: nothing here" in line]
    findings = check(root, must_be_whole=False)
    assert findings.mismatches == [] and len(findings.notes) == 1 and "loss_fig" in findings.notes[0]
    (root / "figures" / "cpu" / "loss_fig.png").write_text("from nowhere")
    assert [line for line in check(root, must_be_whole=False).mismatches if "stage loss_fig" in line], (
        "an output without a record"
    )
