"""`python -m analysis.task_law` as a user calls it: counts, rates, items of runs, and one line for each thing that is
wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.task_law.__main__ import main

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def table(tmp_path):
    """Seven sizes, four items a run: passes, attempts and the rate."""
    size = np.repeat(10.0 ** np.arange(5, 8.5, 0.5), 4)
    rate = np.exp(-np.exp(1.0 - 0.25 * (np.log(size) - np.log(1e5)))) * np.tile([0.5, 0.8, 1.0, 1.2], 7)
    frame = pd.DataFrame(
        {
            "model": [f"m{one:g}" for one in size],
            "params": size,
            "passes": np.round(10_000 * rate),
            "attempts": 10_000,
            "rate": rate,
        }
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_the_module_runs_and_writes_its_file(table, tmp_path):
    report = tmp_path / "out" / "law.json"
    command = [
        sys.executable,
        "-m",
        "analysis.task_law",
        str(table),
        "--size",
        "params",
        "--passes",
        "passes",
        "--attempts",
        "attempts",
        "--run",
        "model",
        "--hold-out",
        "2",
        "--replicates",
        "50",
        "--json",
        str(report),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr and "held out 1e+08" in done.stdout
    assert json.loads(report.read_text(encoding="utf-8"))["verdict"] in ("law", "sub-scaling")


def test_items_of_a_run_are_added_up(table, tmp_path, capsys):
    frame = pd.read_csv(table)
    summed = frame.groupby(["model", "params"], as_index=False)[["passes", "attempts"]].sum()
    summed.to_csv(tmp_path / "summed.csv", index=False)
    arguments = ["--size", "params", "--passes", "passes", "--attempts", "attempts", "--replicates", "50"]
    assert main([str(table), *arguments, "--run", "model"]) == 0
    first = capsys.readouterr().out
    assert main([str(tmp_path / "summed.csv"), *arguments]) == 0
    assert capsys.readouterr().out == first


def test_rates_with_a_number_of_items(table, capsys):
    assert main([str(table), "--size", "params", "--rate", "rate", "--items", "164", "--replicates", "50"]) == 0
    assert "alpha" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--size", "params"], "give either --passes and --attempts, or --rate and --items"),
        (
            ["--size", "params", "--passes", "passes", "--attempts", "attempts", "--rate", "rate", "--items", "9"],
            "give either",
        ),
        (["--size", "n", "--passes", "passes", "--attempts", "attempts"], "columns n: not in the table"),
        (["--size", "params", "--passes", "attempts", "--attempts", "passes"], "0 <= passes <= attempts"),
        (["--size", "params", "--rate", "attempts", "--items", "9"], "divide percent by 100"),
        (
            ["--size", "params", "--passes", "passes", "--attempts", "attempts", "--hold-out", "6"],
            "leaves fewer than 3 to fit",
        ),
        (["--size", "params", "--passes", "passes", "--attempts", "attempts", "--where", "model=x"], "no row has it"),
    ],
)
def test_errors_are_one_line(table, capsys, arguments, message):
    assert main([str(table), *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.count("\n") == 1 and not printed.out
