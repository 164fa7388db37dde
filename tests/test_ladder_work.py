"""The sweep as a user meets it: from nothing to scores, a second start with nothing to do, a stop, a failure, a missing
run."""

import argparse
import shutil

import pandas as pd
import pytest

from ladder import sweep
from ladder.cost import Machine
from ladder.training import read_runs_table
from ladder.workers.pool import EXIT_STOPPED, Outcome
from tests import tiny_ladder
from tests.tiny_ladder import BRANCH, LONG, TRUNK


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """The tiny profile under a root of its own; the estimate is not probed here."""
    paths = tiny_ladder.paths(tmp_path)
    monkeypatch.setattr(sweep, "load_profile", lambda name: tiny_ladder.profile())
    monkeypatch.setattr(sweep, "Paths", lambda name: paths)
    monkeypatch.setattr(sweep, "probe_machine", lambda *_: Machine(1.0, 500.0))
    return paths


def start(command, minutes=None):
    return sweep.main(argparse.Namespace(command=command, profile="tiny", minutes=minutes))


def test_from_nothing_to_scores_and_a_second_start_does_nothing(paths, capsys, monkeypatch):
    assert start("run") == 0
    printed = capsys.readouterr().out
    assert "training 3 runs of 3" in printed
    assert list(read_runs_table(paths.runs_table("loss"))) == [LONG, TRUNK, BRANCH]
    assert list(pd.read_parquet(paths.scores)["run"].unique()) == [LONG, TRUNK, BRANCH]
    assert not (paths.runs("loss") / TRUNK / "states").exists()
    before = paths.scores.read_bytes(), paths.runs_table("loss").read_bytes()
    assert start("train") == 0 and start("evaluate") == 0
    printed = capsys.readouterr().out
    assert "all 3 runs are finished" in printed and "evaluating 0 runs of 3" in printed
    assert (paths.scores.read_bytes(), paths.runs_table("loss").read_bytes()) == before
    scores = {path.name: path.read_bytes() for path in paths.run_tables("scores").iterdir()}
    shutil.rmtree(paths.runs("loss"))
    shutil.rmtree(paths.items)
    start("train", minutes=0.0)
    assert "training 3 runs of 3" in capsys.readouterr().out, "a fresh clone trains, although the scores are in git"
    shutil.rmtree(paths.runs("loss"))
    paths.runs_table("loss").write_bytes(before[1])
    for name, content in scores.items():
        (paths.run_tables("scores") / name).write_bytes(content)
    shared = tiny_ladder.profile().model_copy(
        update={"sweep": tiny_ladder.profile().sweep.model_copy(update={"reuse_scores": True})}
    )
    monkeypatch.setattr(sweep, "load_profile", lambda name: shared)
    assert start("train") == 0 and start("evaluate") == 0, "another machine goes on with a shared ladder"
    assert "3 runs were trained elsewhere" in capsys.readouterr().out
    assert (paths.scores.read_bytes(), paths.runs_table("loss").read_bytes()) == before


def test_evaluation_names_the_runs_that_are_not_trained(paths, capsys):
    assert start("evaluate") == sweep.EXIT_FAILED
    assert (
        f"3 of 3 runs have no scores ({LONG} ...); train them with `python -m ladder.sweep train --profile smoke`".replace(
            "smoke", "tiny"
        )
        in capsys.readouterr().err
    )


def test_a_time_limit_stops_and_says_how_to_go_on(paths, capsys):
    assert start("train", minutes=0.0) == EXIT_STOPPED
    assert "nothing is lost, go on with `python -m ladder.sweep train --profile tiny`" in capsys.readouterr().err


def test_a_stop_during_the_estimate_is_told_in_one_line(paths, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "probe_machine", interrupted)
    assert start("train") == EXIT_STOPPED
    assert capsys.readouterr().err.splitlines() == [
        "stopped after 0 jobs; nothing is lost, go on with `python -m ladder.sweep train --profile tiny`"
    ]


def test_failures_are_told_one_line_each(capsys):
    assert sweep.conclude(Outcome(finished={"a": ""}, failed={"b": "b: no"}, skipped=["c"]), "go") == sweep.EXIT_FAILED
    assert capsys.readouterr().err.splitlines() == [
        "error: b: no",
        "1 failed, 1 left out, 1 finished and kept; go on with `go`",
    ]
    assert sweep.conclude(Outcome(finished={"a": ""}), "go") == 0
