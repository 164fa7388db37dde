"""`python -m analysis.onset` as a user calls it: verdict, files, and one line for each thing that is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.onset.__main__ import main
from tests.planted_onsets import planted_table

ROOT = Path(__file__).resolve().parent.parent
ARGUMENTS = ["--loss", "loss", "--value", "acc", "--run", "model", "--chance", "0.25", "--replicates", "50"]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    planted_table().to_csv(path, index=False)
    return path


def test_the_module_runs_and_writes_its_files(table, tmp_path):
    picture, report = tmp_path / "out" / "onset.png", tmp_path / "out" / "onset.json"
    command = [
        sys.executable,
        "-m",
        "analysis.onset",
        str(table),
        *ARGUMENTS,
        "--items",
        "2000",
        "--tokens",
        "step",
        "--size",
        "params",
        "--group",
        "corpus",
        "--picture",
        str(picture),
        "--json",
        str(report),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("threshold: ") and not done.stderr
    assert json.loads(report.read_text(encoding="utf-8"))["verdict"] == "threshold" and picture.stat().st_size > 10_000


def test_rows_can_be_chosen(table, capsys):
    assert main([str(table), *ARGUMENTS, "--where", "corpus=web", "--where", "params=100000000.0"]) == 0
    assert "1 of 1 runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    "extra, message",
    [
        (["--items", "many"], "--items many: neither a column of the table nor a number"),
        (["--where", "corpus"], "--where corpus: needs COLUMN=VALUE"),
        (["--where", "corpus=x"], "--where corpus=x: no row has it"),
        (["--size", "n"], "columns n: not in the table"),
        (["--highest-loss", "0.1"], "every checkpoint lies above it"),
        (["--chance", "nan"], "chance: got nan"),
        (["--replicates", "1"], "num_replicates: got 1"),
    ],
)
def test_errors_are_one_line(table, capsys, extra, message):
    assert main([str(table), *ARGUMENTS, *extra]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and not printed.out
