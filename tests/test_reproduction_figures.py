"""`make figures`: every folder whose tables are here is measured and drawn, the others are named."""

import argparse

import pytest

from profiles.paths import Paths
from profiles.profile import ProfileError
from reproduction import figures
from reproduction.figures import make_figures


def test_figures_need_scores(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "Paths", lambda profile: Paths(profile, tmp_path))
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    with pytest.raises(
        ValueError, match=r"loss/scores.parquet: no such file; run `make reproduce PROFILE=smoke` first"
    ):
        make_figures(["smoke"])


def test_what_is_not_measured_yet_is_left_out_and_said(monkeypatch, tmp_path, capsys):
    paths, called = Paths("smoke", tmp_path), []
    (paths.results / "loss").mkdir(parents=True)
    (paths.results / "passuntil").mkdir(parents=True)
    for path in (paths.scores, paths.runs_table("loss")):
        path.touch()
    monkeypatch.setattr(figures, "Paths", lambda profile: paths)
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    monkeypatch.setattr(figures, "ProcessPoolExecutor", lambda *_, **__: InThisProcess(called))
    make_figures(["smoke"])
    modules = {command.split()[2] for commands in called for command in commands}
    printed = capsys.readouterr().out
    assert {"experiments.loss_fig1_model_sizes.measure", "experiments.passuntil_thm1_estimators.plot"} <= modules
    assert not any("fig3_loss_law" in module for module in modules)
    assert "passuntil_fig3_loss_law: left as it is, results/smoke/" in printed
    # Claims of figures that are not there: not measured.
    assert [command.split()[2] for row in called[-2:] for command in row] == ["paper.verdicts", "paper.report"]
    for path in (paths.pass_rates, paths.losses, paths.threshold_pass_rates):
        path.touch()
    called.clear()
    make_figures(["smoke"])
    modules = [command.split()[2] for commands in called for command in commands]
    assert modules[-2:] == ["paper.verdicts", "paper.report"]
    assert "experiments.passuntil_fig3_loss_law.measure" in modules


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
        make_figures(["nowhere"])


def test_public_folders_are_drawn_too(monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr(figures, "ProcessPoolExecutor", lambda *_, **__: InThisProcess(called))
    make_figures([], with_public=True)
    modules = [command.split()[2] for commands in called for command in commands]
    for stem in figures.public_stems():
        place = modules.index(f"experiments.public.{stem}.measure")
        assert modules[place + 1] == f"experiments.public.{stem}.plot"
    called.clear()
    make_figures([])
    assert called == []
