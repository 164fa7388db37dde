"""A committed run trained again: the same bytes on this machine, a forged hash or loss named, another kind of CPU
allowed a stated distance."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from ladder.measurements.measurement import write_table
from ladder.runs_table import read_runs_table, write_runs_tables
from ladder.training import prepare_folder, train_run
from reproduction.verify import retrain as module
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.retrain import Committed, check_retrained, choose_run, compare_run, losses_of_checkpoints
from tests.tiny_ladder import BRANCH, LONG, TRUNK, ladder, profile


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny ladder with its table of runs and the losses of its checkpoints, as if committed."""
    root = tmp_path_factory.mktemp("committed")
    tiny = ladder(root)
    for name in (LONG, TRUNK, BRANCH):
        prepare_folder(tiny, name)
        train_run((tiny, name), lambda share: None, 0)
    write_runs_tables(tiny)
    rows = [
        {"run": name, "tokens_seen": tokens, "loss_nats": loss}
        for name in (LONG, TRUNK, BRANCH)
        for tokens, loss in losses_of_checkpoints(tiny, name).items()
    ]
    write_table(tiny.paths.scores, pd.DataFrame(rows), {})
    shutil.rmtree(tiny.paths.runs("loss"))
    return root, tiny.paths


@pytest.fixture
def again(trained, monkeypatch):
    """check_retrained on it: what was said, and the findings."""
    root, paths = trained
    rows = read_runs_table(paths.runs_table("loss"))
    runs = [
        Committed("tiny", name, paths.runs_table("loss"), row, rows.get(row["parent"]), "loss")
        for name, row in rows.items()
    ]
    monkeypatch.setattr(module, "load_profile", lambda _: profile())
    monkeypatch.setattr(module, "require_data", lambda _: "the data are there")

    def check(name, **changed):
        known = [replace(run, row=run.row | changed) for run in runs]
        monkeypatch.setattr(module, "runs_in_git", lambda _: known)
        findings, said = Findings(), []
        check_retrained(Disk(root), findings, name, said.append)
        return findings, said

    return check


@pytest.mark.parametrize("name", [LONG, BRANCH])
def test_the_same_code_trains_the_same_bytes(again, name):
    findings, said = again(name)
    assert findings.mismatches == [] and findings.notes[0].startswith(
        f"{name} trained again: the same weights, bit for bit ("
    )
    assert said[0].startswith(f"training {name} of profile tiny again: ") and "of one core by the record" in said[0]
    assert (f"after its trunk {TRUNK}" in said[0]) == (name == BRANCH)


def test_a_forged_hash_is_named(again):
    (line,) = again(LONG, weight_hash="0" * 64)[0].mismatches
    assert line.startswith(f"results/tiny/loss/runs.csv: row of {LONG}: column weight_hash: 00000000 here, ")
    assert "in the new training on the same kind of CPU; " in line
    (line,) = again(LONG, weight_hash="0" * 64, machines="")[0].mismatches
    assert line.startswith(
        f"results/tiny/loss/runs.csv: row of {LONG}: column weight_hash: another than that of the new training"
    )


def test_a_forged_setting_is_named(again):
    assert "column num_parameters" in again(LONG, num_parameters="7")[0].mismatches[0]


def test_one_at_random_says_its_seed(again):
    findings, said = again("1")
    assert findings.mismatches == [] and ", chosen by seed " in said[0]


ROW = {"run": "a", "parent": "", "train_seconds": "100", "weight_hash": "11", "precision": "bf16", "recipe_hash": "5"}


def committed(tmp_path, name="a", profile="cpu", paper="loss", **changed):
    return Committed(profile, name, tmp_path / "results" / "runs.csv", ROW | changed, None, paper)


def compared(tmp_path, monkeypatch, anew, apart, **changed):
    monkeypatch.setattr(module, "committed_losses", lambda *_: {10: 1.5, 20: 1.0})
    findings = Findings()
    compare_run(
        findings, Disk(tmp_path), committed(tmp_path, **changed), ROW | anew, lambda: {10: 1.5, 20: 1.0 + apart}
    )
    return findings


@pytest.mark.parametrize(
    ("anew", "apart", "changed", "told"),
    [
        ({}, 0.0, {}, None),
        ({"weight_hash": "22"}, 0.01, {}, None),  # the record does not say which kind of CPU it was
        ({"weight_hash": "22", "machines": "AVX2"}, 0.01, {"machines": "AVX512"}, None),
        (
            {"weight_hash": "22", "machines": "AVX512"},
            0.01,
            {"machines": "AVX512"},
            "column weight_hash: 11 here, 22 in the new training on the same kind of CPU",
        ),
        (
            {"weight_hash": "22"},
            0.06,
            {},
            "run a at 20 tokens: column loss_nats: 1.000000 here, 1.060000 when trained again, more than 0.05 apart",
        ),
        ({"weight_hash": "22"}, float("nan"), {}, "column loss_nats: 1.000000 here, nan"),
        ({"weight_hash": "22"}, 0.0, {}, "whose losses are the same to the last digit"),
        ({}, 0.001, {}, "more than 0.0001 apart"),
        ({"recipe_hash": "6"}, 0.0, {}, "column recipe_hash: 5 here, 6 in the new training"),
    ],
)
def test_what_counts_as_the_same_training(tmp_path, monkeypatch, anew, apart, changed, told):
    findings = compared(tmp_path, monkeypatch, anew, apart, **changed)
    if told is None:
        assert findings.mismatches == [] and len(findings.notes) == 1
    else:
        assert len(findings.mismatches) == 1 and told in findings.mismatches[0]


def test_a_clock_is_not_compared(tmp_path, monkeypatch):
    assert compared(tmp_path, monkeypatch, {"train_seconds": "7"}, 0.0).mismatches == []


def test_a_run_is_named_or_drawn_among_those_that_take_minutes(tmp_path):
    runs = [
        committed(tmp_path, "a"),
        committed(tmp_path, "b"),
        committed(tmp_path, "slow", train_seconds="9999"),
        committed(tmp_path, "other", profile="full"),
    ]
    assert choose_run(runs, "slow", 0).name == "slow" and choose_run(runs, "other", 0).profile == "full"
    assert {choose_run(runs, "1", seed).name for seed in range(40)} == {"a", "b"}
    assert choose_run(runs, "1", 5) == choose_run(runs, "1", 5)
    with pytest.raises(ValueError, match="RETRAIN=c: no committed run has this name"):
        choose_run(runs, "c", 0)
    with pytest.raises(ValueError, match="no committed run takes less than"):
        choose_run(runs[2:3], "1", 0)
