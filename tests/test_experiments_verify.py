"""`make verify` against DVC itself: the same hashes, silence where all belongs together, a named mismatch for every changed byte."""

import argparse
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from experiments import verify as module
from experiments.profiles import default_profile
from experiments.verify import Checker, accept_code, hash_path, ignored_names, record, verify

PROFILE = default_profile()
RESULTS = f"results/{PROFILE}"


def dvc(root, *arguments):
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout


def stages():
    """A pipeline of the same shape as ours: a cached folder, a table in git, a figure."""
    params = [{f"profiles/{PROFILE}.yaml": ["training", "passuntil.tokens"]}]
    return {
        "train": {
            "cmd": f"mkdir -p {RESULTS}/runs/a/checkpoints && cp room/code.py {RESULTS}/runs/a/checkpoints/1 && cp inputs/runs.csv {RESULTS}/runs.csv",
            "deps": ["data", "inputs", "room"],
            "params": params,
            "outs": [{f"{RESULTS}/runs": {"persist": True}}, {f"{RESULTS}/runs.csv": {"cache": False, "persist": True}}],
        },
        "evaluate": {
            "cmd": f"cp inputs/scores.parquet {RESULTS}/scores.parquet",
            "deps": ["inputs", f"{RESULTS}/runs"],
            "outs": [{f"{RESULTS}/scores.parquet": {"cache": False}}],
        },
        "loss_fig": {
            "cmd": ["mkdir -p figures", "echo picture > figures/loss_fig.png"],
            "deps": [f"{RESULTS}/scores.parquet"],
            "outs": [{"figures/loss_fig.png": {"cache": False}}],
        },
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The toy pipeline, run by DVC."""
    root = tmp_path_factory.mktemp("made")
    for folder in ("room/deep", "room/__pycache__", "data/items", "inputs", "profiles"):
        (root / folder).mkdir(parents=True)
    (root / "room" / "code.py").write_text("x = 1\n")
    (root / "room" / "deep" / "b.py").write_text("y = 2\n")
    (root / "room" / "__pycache__" / "code.pyc").write_text("machine")
    (root / "room" / "names.txt").write_text("\u4e2d\n", encoding="utf-8")
    (root / "data" / "items" / "z.jsonl").write_text("{}\n")
    (root / "data" / "a.bin").write_bytes(bytes(range(256)))
    pd.DataFrame({"run": ["a", "a"], "recipe_hash": ["12", "12"], "value": [0.1, 0.2]}).to_parquet(root / "inputs" / "scores.parquet")
    pd.DataFrame({"run": ["a"], "recipe_hash": ["12"]}).to_csv(root / "inputs" / "runs.csv", index=False)
    (root / "profiles" / f"{PROFILE}.yaml").write_text("training: {max_lr: 1.0e-02, seeds: [0, 1]}\ncost: {a: 1}\npassuntil: {tokens: 5, sampling: 6}\n")
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages()}))
    (root / "data.dvc").write_text("outs:\n- path: data\n  hash: md5\n  cache: false\n")
    dvc(root, "init", "--no-scm", "--quiet")
    shutil.copy(module.ROOT / ".dvcignore", root)
    dvc(root, "commit", "--force", "--quiet", "data.dvc")
    dvc(root, "repro", "--quiet")
    return root


@pytest.fixture
def root(made, tmp_path):
    """A copy, to change."""
    return shutil.copytree(made, tmp_path / "copy", ignore=shutil.ignore_patterns("cache", "tmp"))


def mismatches(root):
    checker = Checker(root)
    checker.check_profile(PROFILE)
    assert checker.num_compared > 15
    return checker.mismatches


def test_hashes_are_those_of_dvc(made):
    entries = yaml.safe_load((made / "data.dvc").read_text())["outs"]
    for locked in yaml.safe_load((made / "dvc.lock").read_text())["stages"].values():
        entries += locked["deps"] + locked["outs"]
    assert {entry["path"] for entry in entries} >= {"data", "room", f"{RESULTS}/runs", f"{RESULTS}/scores.parquet"}
    for entry in entries:
        assert hash_path(made / entry["path"], ignored_names(made)) == entry["md5"], entry["path"]


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
    "code": (append("room/deep/b.py"), "train: dep room"),
    "new file in a room": (lambda root: (root / "room" / "new.py").write_text(""), "train: dep room"),
    "param": (replace_in(f"profiles/{PROFILE}.yaml", "1.0e-02", "2.0e-02"), f"train: params profiles/{PROFILE}.yaml:training"),
    "data": (append("data/a.bin"), "train: dep data"),
    "result": (append("figures/loss_fig.png"), "loss_fig: out figures/loss_fig.png"),
    "result gone": (lambda root: os.remove(root / "figures" / "loss_fig.png"), "loss_fig: out figures/loss_fig.png: nothing here"),
    "checkpoint": (lambda root: (root / RESULTS / "runs" / "a" / "checkpoints" / "2").write_text("x"), f"train: out {RESULTS}/runs"),
    "command": (replace_in("dvc.yaml", "echo picture", "echo paint"), "loss_fig: cmd"),
    "new stage": (lambda root: (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages() | {"more": {"cmd": "true"}}})), "stages:"),
    "new dependency": (
        lambda root: (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages() | {"loss_fig": stages()["loss_fig"] | {"deps": ["room"]}}})),
        "loss_fig: deps",
    ),
    "pointer": (
        lambda root: (root / "data.dvc").write_text("outs:\n- {path: data, hash: md5, md5: 00000000000000000000000000000000.dir}\n"),
        "train: data as it was read, against data.dvc",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_every_change_is_named(root, case):
    change, expected = CHANGES[case]
    change(root)
    found = mismatches(root)
    assert any(expected in line for line in found), found
    assert all("\n" not in line for line in found)


def test_a_chain_broken_through_absent_checkpoints_is_named(root):
    shutil.rmtree(root / RESULTS / "runs")
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    lock["stages"]["train"]["outs"][0]["md5"] = "0" * 32 + ".dir"
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert any(f"evaluate: {RESULTS}/runs as it was read, against train" in line for line in mismatches(root))


def test_scores_of_a_run_that_is_not_in_the_table_of_runs_are_named(root):
    (root / RESULTS / "runs.csv").write_text("run,recipe_hash\na,99\n")
    assert any("recipe of a in scores.parquet" in line for line in mismatches(root))


def test_pass_rates_of_a_run_that_is_not_in_the_table_of_the_series_are_named(root):
    (root / RESULTS / "series.csv").write_text("run,recipe_hash\na,99\n")
    shutil.copy(root / RESULTS / "scores.parquet", root / RESULTS / "pass_rates.parquet")
    assert any("recipe of a in pass_rates.parquet, against series.csv" in line for line in mismatches(root))


def test_a_field_of_a_section_is_compared_alone(root):
    replace_in(f"profiles/{PROFILE}.yaml", "sampling: 6", "sampling: 7")(root)
    assert mismatches(root) == []
    replace_in(f"profiles/{PROFILE}.yaml", "tokens: 5", "tokens: 6")(root)
    assert any("params" in line and "passuntil.tokens: 6 here, 5 in the record" in line for line in mismatches(root))


def test_a_section_no_stage_reads_may_change(root):
    replace_in(f"profiles/{PROFILE}.yaml", "cost: {a: 1}", "cost: {a: 2}")(root)
    assert mismatches(root) == []


def test_a_pipeline_file_that_the_code_does_not_ask_for_is_named(root):
    assert any("pipeline file dvc.yaml" in line for line in verify(root).mismatches)


def test_a_repository_without_results_does_not_pass(root):
    os.remove(root / "dvc.lock")
    assert "dvc.lock: there are no results yet; run `make reproduce`" in verify(root).mismatches


def test_exit_code_says_it(root, monkeypatch, capsys):
    monkeypatch.setattr(module, "verify", lambda: verify(root))
    assert module.main(argparse.Namespace(accept=None, record=None)) == 1
    assert "mismatch: " in capsys.readouterr().out
    monkeypatch.setattr(module, "verify", lambda: Checker(root, num_compared=3))
    assert module.main(argparse.Namespace(accept=None, record=None)) == 0


def test_a_neutral_change_of_code_is_accepted_without_the_checkpoints(root):
    before = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    append("room/deep/b.py")(root)
    shutil.rmtree(root / RESULTS / "runs")
    shutil.rmtree(root / "data")
    accept_code(PROFILE, root)
    assert mismatches(root) == []
    after = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    assert after["train"]["outs"] == before["train"]["outs"] and after["train"]["deps"] != before["train"]["deps"]
    assert after["evaluate"] == before["evaluate"]


def test_what_was_made_elsewhere_is_recorded_as_dvc_would_have(root):
    before = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    os.remove(root / "dvc.lock")
    assert sorted(record(PROFILE, root)) == sorted(before)
    after = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    assert after == before and mismatches(root) == []


def test_a_stage_with_some_of_its_outputs_is_not_recorded(root):
    os.remove(root / "dvc.lock")
    os.remove(root / RESULTS / "runs.csv")
    with pytest.raises(ValueError, match="train: .*runs.csv is not here"):
        record(PROFILE, root)


def test_a_stage_not_run_is_told_for_other_profiles_and_a_mismatch_for_the_default_one(root, monkeypatch):
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    del lock["stages"]["loss_fig"]
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))
    os.remove(root / "figures" / "loss_fig.png")
    assert [line for line in mismatches(root) if "stages" in line]
    monkeypatch.setattr(module.Paths, "is_default", False)
    monkeypatch.setattr(module, "pipeline_file", lambda profile: module.ROOT / "dvc.yaml")
    checker = Checker(root)
    checker.check_profile(PROFILE)
    assert checker.mismatches == [] and checker.not_run == [f"{PROFILE}: loss_fig"]
    (root / "figures" / "loss_fig.png").write_text("from nowhere")
    assert [line for line in mismatches(root) if "stages" in line], "an output without a record"


@pytest.mark.parametrize("case", ["result", "result gone", "param", "checkpoint"])
def test_a_change_of_results_or_params_is_not_accepted(root, case):
    CHANGES[case][0](root)
    with pytest.raises(ValueError, match="not a change of code alone"):
        accept_code(PROFILE, root)
