"""A neutral change of code is accepted without the checkpoints; a change of results is not; what was made elsewhere is
recorded as DVC would have."""

import os
import shutil

import pandas as pd
import pytest
import yaml

from reproduction.verify import accept
from reproduction.verify.accept import accept_code, accept_results, record
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.lock import check_profile
from tests.test_reproduction_verify_lock import CHANGES
from tests.tiny_pipeline import PROFILE, RESULTS, copy, make, pipeline


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("made"))


@pytest.fixture
def root(made, tmp_path, monkeypatch):
    monkeypatch.setattr(accept, "open_pipeline", lambda *_: pipeline())
    return copy(made, tmp_path / "copy")


def mismatches(root):
    findings = Findings()
    check_profile(Disk(root), findings, pipeline())
    return findings.mismatches


def test_a_neutral_change_of_code_is_accepted_without_the_checkpoints(root):
    before = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    CHANGES["code"][0](root)
    shutil.rmtree(root / RESULTS / "runs")
    shutil.rmtree(root / "data")
    assert mismatches(root)
    accept_code(PROFILE, root)
    assert mismatches(root) == []
    after = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    assert after["train"]["outs"] == before["train"]["outs"] and after["train"]["deps"] != before["train"]["deps"]
    assert after["evaluate"] == before["evaluate"]


def test_files_that_name_their_code_are_stamped_once_the_results_are_known_to_be_right(root):
    scores = root / RESULTS / "scores.parquet"

    def restamp():
        table = pd.read_parquet(scores)
        table.attrs["code"] = "today"
        table.to_parquet(scores)

    CHANGES["code"][0](root)
    accept_code(PROFILE, root, restamp)
    assert pd.read_parquet(scores).attrs == {"code": "today"} and mismatches(root) == []
    CHANGES["result"][0](root)
    before = scores.read_bytes()
    with pytest.raises(ValueError, match="not a change of code alone"):
        accept_code(PROFILE, root, lambda: scores.write_bytes(b""))
    assert scores.read_bytes() == before


@pytest.mark.parametrize("case", ["result", "result gone", "param", "checkpoint"])
def test_a_change_of_results_or_params_is_not_accepted(root, case):
    CHANGES[case][0](root)
    with pytest.raises(ValueError, match="not a change of code alone"):
        accept_code(PROFILE, root)


def test_results_that_were_derived_anew_are_accepted(root):
    """Code and figures changed, checkpoints absent: only the tables that checkpoints were measured into must be as they
    were."""
    shutil.rmtree(root / RESULTS / "runs")
    shutil.rmtree(root / "data")
    CHANGES["code"][0](root)
    (root / "figures" / "loss_fig.png").write_text("another picture\n")
    assert mismatches(root)
    accept_results(PROFILE, root)
    assert mismatches(root) == []


@pytest.mark.parametrize("case", ["runs.csv", "scores.parquet"])
def test_a_table_that_only_checkpoints_make_is_not_accepted(root, case):
    shutil.rmtree(root / RESULTS / "runs")
    (root / RESULTS / case).write_text("run\nother\n")
    with pytest.raises(ValueError, match=f"measured again or changed, not derived anew: .*{case}"):
        accept_results(PROFILE, root)


def test_a_damaged_lock_is_not_accepted(root):
    (root / "dvc.lock").write_text("")
    with pytest.raises(ValueError, match="empty: it holds no fields"):
        accept_code(PROFILE, root)


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
