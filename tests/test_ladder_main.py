"""The command line as a user meets it: from nothing to tables, a second start with nothing to do, a stop, another
machine, parts of an array job."""

import shutil

import pandas as pd
import pytest

from experiments.tables.passes import load_losses, load_pass_rates
from ladder import __main__ as command
from ladder import work
from ladder.cost import Machine
from ladder.ladder import open_ladder
from ladder.runs_table import read_runs_table
from ladder.work import EXIT_FAILED, EXIT_STOPPED
from profiles.paths import PAPERS, Paths
from tests import tiny_ladder
from tests.tiny_ladder import BRANCH, LARGE, LONG, MIDDLE, SMALL, TRUNK


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """The tiny profile under a root of its own, with one task of paper P; the estimate is not probed here."""
    paths = tiny_ladder.paths(tmp_path)
    tiny_ladder.two_tasks(monkeypatch)
    monkeypatch.setattr(command, "Paths", lambda name: Paths("tiny", tmp_path))
    monkeypatch.setattr(command, "load_profile", lambda name: tiny_ladder.profile())
    monkeypatch.setattr(work, "probe_machine", lambda *_: Machine(1.0, 500.0))
    return paths


def start(*words):
    return command.main(command.parser().parse_args([*words, "--profile", "cpu"]))


def test_from_nothing_to_tables_and_a_second_start_does_nothing(paths, capsys):
    assert start("run") == 0
    assert "training 6 runs of 6" in capsys.readouterr().out
    tables = [paths.scores, paths.pass_rates, paths.threshold_pass_rates, paths.losses]
    tables += [paths.runs_table(paper) for paper in PAPERS]
    before = [path.read_bytes() for path in tables]
    rows, losses = load_pass_rates(paths.pass_rates), load_losses(paths.losses)
    assert list(rows.run.unique()) == list(losses.run.unique()) == [SMALL, MIDDLE, LARGE]
    assert list(read_runs_table(paths.runs_table("passuntil"))) == [SMALL, MIDDLE, LARGE]
    assert list(read_runs_table(paths.runs_table("loss"))) == [LONG, TRUNK, BRANCH]
    assert losses[losses.is_held_out]["size"].unique().tolist() == ["c"]
    assert not (paths.runs("loss") / TRUNK / "states").exists()
    along, scores = load_pass_rates(paths.threshold_pass_rates), pd.read_parquet(paths.scores)
    columns = ["tokens_seen", "loss_nats", "weight_hash"]
    expected = scores[scores.run == LONG][columns].drop_duplicates().values.tolist()
    assert along[columns].drop_duplicates().values.tolist() == expected
    for words in (("train", "loss"), ("train", "passuntil", "--here"), ("run",)):
        assert start(*words) == 0 and "runs are finished" in capsys.readouterr().out
    for measurement in ("scores", "pass_rates", "threshold_pass_rates"):
        assert start("measure", measurement) == 0 and ": 0 runs of " in capsys.readouterr().out
    assert [path.read_bytes() for path in tables] == before


def test_another_machine_goes_on_with_what_git_holds(paths, capsys):
    assert start("run", "loss") == 0
    before = paths.scores.read_bytes(), paths.runs_table("loss").read_bytes()
    shutil.rmtree(paths.runs("loss"))
    paths.scores.unlink()
    capsys.readouterr()
    assert start("train", "loss") == 0
    said = capsys.readouterr().out
    assert f"3 runs were trained elsewhere and their rows are committed ({LONG} ...); --here trains them here" in said
    assert start("measure", "scores") == 0
    assert (paths.scores.read_bytes(), paths.runs_table("loss").read_bytes()) == before


def test_here_trains_what_another_machine_trained_and_measures_it_again(paths, capsys):
    assert start("run", "loss") == 0
    weights = {name: row["weight_hash"] for name, row in read_runs_table(paths.runs_table("loss")).items()}
    shutil.rmtree(paths.runs("loss"))
    assert start("train", "loss", "--here") == 0 and "training 3 runs of 3" in capsys.readouterr().out
    assert {name: row["weight_hash"] for name, row in read_runs_table(paths.runs_table("loss")).items()} == weights
    assert start("measure", "scores") == 0 and "scores: 3 runs of 3 to measure" in capsys.readouterr().out


@pytest.mark.parametrize(("measurement", "number", "first"), [("scores", 3, LONG), ("pass_rates", 3, SMALL)])
def test_measuring_names_the_runs_that_are_not_trained(paths, capsys, measurement, number, first):
    assert start("measure", measurement) == EXIT_FAILED
    error = capsys.readouterr().err
    assert (
        f"{number} of {number} runs have no " in error and f"({first} ...); train them with `python -m ladder" in error
    )


def test_a_time_limit_stops_and_says_how_to_go_on(paths, capsys):
    assert start("train", "loss", "--minutes", "0") == EXIT_STOPPED
    assert "nothing is lost, go on with `python -m ladder train loss --profile tiny`" in capsys.readouterr().err


def test_a_stop_during_the_estimate_is_said_in_one_line(paths, capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "probe_machine", interrupted)
    assert start("train", "loss", "--run", LONG) == EXIT_STOPPED
    assert capsys.readouterr().err.splitlines() == [
        f"stopped after 0 jobs; nothing is lost, go on with `python -m ladder train loss --run {LONG} --profile tiny`"
    ]


def test_parts_of_an_array_job_are_the_whole_and_share_no_trunk(paths):
    ladder = tiny_ladder.open_ladder(tiny_ladder.profile(), paths)
    parts = [
        command.chosen_runs(ladder, command.parser().parse_args(["run", "--index", str(index), "--of", "3"]))
        for index in range(3)
    ]
    assert sorted(name for part in parts for name in part) == sorted(ladder.runs)
    assert next(part for part in parts if TRUNK in part) >= {BRANCH}


def test_an_array_job_trains_its_part_and_leaves_the_tables_to_the_last_start(paths, capsys):
    assert start("run", "loss", "--index", "1", "--of", "2") == 0
    assert not paths.runs_table("loss").exists() and (paths.runs("loss") / BRANCH / "run.json").exists()
    assert not (paths.runs("loss") / LONG).exists()
    assert start("run", "loss", "--run", LONG) == 0
    assert "training 1 runs of 3" in capsys.readouterr().out
    assert start("run", "loss") == 0 and "all 3 runs are finished" in capsys.readouterr().out
    assert list(read_runs_table(paths.runs_table("loss"))) == [LONG, TRUNK, BRANCH] and paths.scores.exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--run", "long_x"], "--run long_x: no such run; `python -m ladder plan` lists them"),
        (["--index", "2", "--of", "2"], "--index I --of N: give both, with I from 0 to N - 1"),
        (["--index", "0"], "--index I --of N: give both"),
    ],
)
def test_a_wrong_choice_is_one_line(paths, words, line):
    with pytest.raises(ValueError) as caught:
        start("train", "loss", *words)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_accept_keeps_rows_of_code_that_changed_nothing(paths, capsys, monkeypatch):
    assert start("run", "loss") == 0
    before = pd.read_parquet(paths.run_tables("scores") / f"{LONG}.parquet")
    monkeypatch.setattr("ladder.measurements.scores.scoring_code", lambda: "other code")
    capsys.readouterr()
    work.accept_rows(open_ladder(tiny_ladder.profile(), paths, ("loss",)))
    assert capsys.readouterr().out.splitlines()[0] == "3 runs keep their scores under today's code"
    pd.testing.assert_frame_equal(pd.read_parquet(paths.run_tables("scores") / f"{LONG}.parquet"), before)
    assert start("measure", "scores") == 0 and "scores: 0 runs of 3 to measure" in capsys.readouterr().out


def test_the_plan_names_every_run_and_trains_none(paths, capsys):
    assert start("plan") == 0
    printed = capsys.readouterr().out
    assert "6 runs" in printed and not any(paths.runs("loss").iterdir())
