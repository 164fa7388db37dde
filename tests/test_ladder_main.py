"""The series as a user meets them: from nothing to tables, a second start with nothing to do, a stop, another machine,
thresholds of paper L."""

import argparse
import shutil

import pandas as pd
import pytest
from ladder.scores import evaluate_run, evaluation_hash
from ladder.sweep import EXIT_FAILED, EXIT_STOPPED

import tasks
from experiments.tables.passes import load_losses, load_pass_rates
from ladder import plan, series
from ladder.cost import Machine
from ladder.data import Data
from ladder.training import make_ladder, prepare_folder, read_runs_table, train_run
from profiles.paths import Paths
from tests import tiny_series
from tests.tiny_ladder import LONG

RUNS = [f"series_prose_{size}_s0" for size in "abc"]


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """The tiny profile under a root of its own; the estimate is not probed here."""
    paths = tiny_series.use_root(tmp_path, monkeypatch)
    monkeypatch.setattr(series, "Paths", lambda name: Paths("tiny", tmp_path))
    monkeypatch.setattr(series, "load_profile", lambda name: tiny_series.profile())
    monkeypatch.setattr(series, "probe_machine", lambda *_: Machine(1.0, 500.0))
    return paths


def start(command, minutes=None):
    return series.main(argparse.Namespace(command=command, profile="tiny", minutes=minutes))


def test_from_nothing_to_tables_and_a_second_start_does_nothing(paths, capsys, monkeypatch):
    monkeypatch.setattr(tasks, "PASS_TASKS", {"emoji_movie": tasks.PASS_TASKS["emoji_movie"]})
    assert start("run") == 0
    assert "training 3 runs of 3" in capsys.readouterr().out
    rows, losses = load_pass_rates(paths.pass_rates), load_losses(paths.losses)
    assert (
        list(rows.run.unique())
        == list(losses.run.unique())
        == list(read_runs_table(paths.runs_table("passuntil")))
        == RUNS
    )
    assert (
        len(losses) == 3 * tiny_series.NUM_CHECKPOINTS
        and losses.groupby("run").loss_nats.last().lt(losses.groupby("run").loss_nats.first()).all()
    )
    assert losses[losses.is_held_out]["size"].unique().tolist() == ["c"]
    before = paths.pass_rates.read_bytes(), paths.losses.read_bytes(), paths.runs_table("passuntil").read_bytes()
    assert start("train") == 0 and start("measure") == 0
    printed = capsys.readouterr().out
    assert "all 3 runs of the series are finished" in printed and "measuring pass rates of 0 runs of 3" in printed
    assert (
        paths.pass_rates.read_bytes(),
        paths.losses.read_bytes(),
        paths.runs_table("passuntil").read_bytes(),
    ) == before
    shutil.rmtree(paths.runs("passuntil"))
    paths.pass_rates.unlink()
    assert start("measure") == 0, "another machine joins what is in git"
    assert paths.pass_rates.read_bytes() == before[0]
    shared = tiny_series.profile().model_copy(
        update={"sweep": tiny_series.profile().sweep.model_copy(update={"reuse_scores": True})}
    )
    monkeypatch.setattr(series, "load_profile", lambda name: shared)
    assert start("train") == 0 and "all 3 runs of the series are finished" in capsys.readouterr().out
    assert paths.runs_table("passuntil").read_bytes() == before[2]


def test_measuring_names_the_runs_that_are_not_trained(paths, capsys):
    assert start("measure") == EXIT_FAILED
    assert (
        f"3 of 3 runs have no pass rates ({RUNS[0]} ...); train them with `python -m ladder.series train --profile"
        " tiny`" in capsys.readouterr().err
    )


def test_a_time_limit_stops_and_says_how_to_go_on(paths, capsys):
    assert start("train", minutes=0.0) == EXIT_STOPPED
    assert "nothing is lost, go on with `python -m ladder.series train --profile tiny`" in capsys.readouterr().err


def test_thresholds_are_measured_along_the_long_runs(paths, capsys, monkeypatch):
    assert start("thresholds") == EXIT_FAILED
    assert (
        f"1 of 1 runs have no pass rates ({LONG} ...); train them with `python -m ladder.sweep train --profile tiny`"
        in capsys.readouterr().err
    )
    profile, data = tiny_series.profile(), Data(tiny_series.profile(), paths.results / "data")
    ladder_paths = series.threshold_campaign(profile).ladder.paths
    ladder = make_ladder(
        profile, ladder_paths, plan.plan_runs(profile, data.tokenizer.get_vocab_size()), {0: data.stream_hash(0)}
    )
    prepare_folder(ladder, LONG)
    train_run((ladder, LONG), lambda fraction: None, 0)
    with pytest.raises(
        ValueError, match=rf"{LONG}.parquet: no such file; run `python -m ladder.sweep evaluate --profile tiny`"
    ):
        start("thresholds")
    evaluate_run((ladder, LONG, evaluation_hash(data)), lambda fraction: None, 0)
    assert start("thresholds") == 0
    rows, scores = (
        load_pass_rates(paths.threshold_pass_rates),
        pd.read_parquet(ladder_paths.run_scores / f"{LONG}.parquet"),
    )
    assert rows.groupby("task").method.unique().map(sorted).to_dict() == {
        "exam": ["exact"],
        "exam_zh": ["exact"],
        "maths": ["exact", "shared"],
        "maths_zh": ["exact", "shared"],
    }
    assert (
        len(rows) == 2 * 2 * (2 * tiny_series.NUM_ITEMS + profile.evaluation.num_items)
        and (rows.series == "long").all()
    )
    found, expected = (
        table[["tokens_seen", "loss_nats", "weight_hash"]].drop_duplicates().values.tolist() for table in (rows, scores)
    )
    assert found == expected
