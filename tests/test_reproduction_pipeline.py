"""The committed pipeline files are those the code asks for, and data/ is rebuilt only where it must be."""

import argparse
import subprocess
import sys

import pytest
import yaml

from profiles.paths import ROOT, Paths
from profiles.profile import ProfileError, default_profile, profile_names
from reproduction import pipeline
from reproduction.pipeline import make_data, make_figures, pipeline_file, pipeline_text


@pytest.mark.parametrize("profile", profile_names())
def test_committed_pipeline_is_the_one_the_code_asks_for(profile):
    assert pipeline_file(profile).read_text(encoding="utf-8") == pipeline_text(profile), (
        "run python -m reproduction.pipeline write"
    )


def test_bare_repro_runs_the_default_profile():
    assert pipeline_file(default_profile()) == ROOT / "dvc.yaml"
    assert pipeline_file("smoke") == ROOT / "profiles" / "smoke" / "dvc.yaml"


def test_dvc_understands_all_pipelines():
    targets = [str(pipeline_file(profile).relative_to(ROOT)) for profile in (default_profile(), "smoke")]
    for target in targets:
        listed = subprocess.run(
            [sys.executable, "-m", "dvc", "stage", "list", "--name-only", target],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert [name.split(":")[-1] for name in listed] == list(
            yaml.safe_load((ROOT / target).read_text(encoding="utf-8"))["stages"]
        )


@pytest.fixture
def calls(monkeypatch):
    """Commands that would have been run; `status` is what dvc status answers, call by call."""
    made, status = [], []
    monkeypatch.setattr(
        pipeline, "dvc", lambda *arguments: made.append(arguments) or (status.pop(0) if "--quiet" in arguments else 0)
    )
    monkeypatch.setattr(pipeline.subprocess, "run", lambda command, **_: made.append(tuple(command[1:])))
    return made, status


def test_data_that_is_pinned_is_left_alone(calls):
    made, status = calls
    status.append(0)
    make_data(default_profile())
    assert made == [("status", "--quiet", "data.dvc")]


def test_absent_data_is_built_and_checked(calls):
    made, status = calls
    status += [1, 0]
    make_data(default_profile())
    assert ("-m", "corpus", "--profile", default_profile()) in made and made[-1] == ("status", "--quiet", "data.dvc")


def test_data_that_comes_out_otherwise_is_an_error(calls):
    calls[1].extend([1, 1])
    with pytest.raises(ValueError, match="the corpus that was built is not the pinned one"):
        make_data(default_profile())


def test_other_profiles_build_theirs_in_a_stage(calls):
    make_data("smoke")
    assert calls[0] == []


def test_figures_need_scores(monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline, "Paths", lambda profile: Paths(profile, tmp_path))
    monkeypatch.setattr(pipeline, "ROOT", tmp_path)
    with pytest.raises(
        ValueError, match=r"results/smoke/scores.parquet: no such file; run `make reproduce PROFILE=smoke` first"
    ):
        make_figures(["smoke"])


def test_what_is_not_measured_yet_is_left_out_and_said(monkeypatch, tmp_path, capsys):
    paths, called = Paths("smoke", tmp_path), []
    paths.results.mkdir(parents=True)
    for path in (paths.scores, paths.runs_table("loss")):
        path.touch()
    monkeypatch.setattr(pipeline, "Paths", lambda profile: paths)
    monkeypatch.setattr(pipeline, "ROOT", tmp_path)
    monkeypatch.setattr(pipeline, "ProcessPoolExecutor", lambda *_, **__: InThisProcess(called))
    make_figures(["smoke"])
    modules = {command.split()[2] for commands in called for command in commands}
    printed = capsys.readouterr().out
    assert (
        "experiments.loss_fig1_model_sizes.measure" in modules
        and "experiments.passuntil_thm1_estimators.plot" in modules
    )
    assert not any("fig3_loss_law" in module for module in modules)
    assert "passuntil_fig3_loss_law: left as it is, results/smoke/" in printed
    assert [command.split()[2] for command in called[-1]] == ["paper.verdicts", "paper.report"], (
        "claims of figures that are not there: not measured"
    )
    for path in (paths.pass_rates, paths.losses, paths.threshold_pass_rates):
        path.touch()
    called.clear()
    make_figures(["smoke"])
    modules = [command.split()[2] for commands in called for command in commands]
    assert (
        modules[-2:] == ["paper.verdicts", "paper.report"] and "experiments.passuntil_fig3_loss_law.measure" in modules
    )


class InThisProcess:
    """A pool that notes the commands it is given."""

    def __init__(self, called):
        self._called = called

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def map(self, _, commands):
        return [self._called.append(command) or True for command in commands]

    def submit(self, _, commands):
        self._called.append(commands)
        return argparse.Namespace(result=lambda: True)


def test_an_unknown_profile_is_refused():
    with pytest.raises(ProfileError, match="profiles/nowhere.yaml: no such profile"):
        make_data("nowhere")


def test_pinned_data_can_be_compared_without_a_cache():
    (out,) = yaml.safe_load((ROOT / "data.dvc").read_text(encoding="utf-8"))["outs"]
    assert out["path"] == "data" and out["md5"].endswith(".dir")
    assert out["cache"] is False, "dvc status would call rebuilt data 'not in cache' on a fresh clone"
