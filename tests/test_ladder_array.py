"""ladder/array.sbatch under a stand-in for sbatch: parts side by side, cut off and submitted again, give what one start
gives."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
import tiny_ladder
from tiny_ladder import BRANCH, LONG, TRUNK

from profiles.paths import ROOT, Paths
from tests.tiny_command import run

# What sbatch does with `--array=0-N SCRIPT WORDS`, all tasks at once on this machine.
SBATCH = """#!/bin/bash
set -u
[[ "$1" =~ ^--array=0-([0-9]+)$ ]] || { echo "sbatch: no array: $1" >&2; exit 1; }
last="${BASH_REMATCH[1]}"; shift
export SLURM_ARRAY_TASK_COUNT=$((last + 1)) SLURM_SUBMIT_DIR="$PWD"
pids=()
for id in $(seq 0 "$last"); do SLURM_ARRAY_TASK_ID=$id bash "$@" & pids+=($!); done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
exit $status
"""


@pytest.fixture
def sbatch(tmp_path):
    """Submits an array of the tiny ladder below a root; the exit status and what the tasks said."""
    path = tmp_path / "bin" / "sbatch"
    path.parent.mkdir()
    path.write_text(SBATCH)
    path.chmod(0o755)

    def submit(root, last, *words):
        ladder = f"{sys.executable} -m tests.tiny_command {root}"
        path_variable = f"{path.parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path_variable, "LADDER": ladder, "TINY_ROOT": str(root)}
        command = ["sbatch", f"--array=0-{last}", "ladder/array.sbatch", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    return submit


def hashes(root):
    folders = Paths("tiny", root).runs("loss")
    return {
        name: json.loads((folders / name / "run.json").read_text())["weight_hash"] for name in (LONG, TRUNK, BRANCH)
    }


def test_an_array_ends_as_one_start_does(tmp_path, sbatch):
    for name in ("array", "alone"):
        (tmp_path / name).mkdir()
        tiny_ladder.paths(tmp_path / name)
    done = sbatch(tmp_path / "array", 1, "train", "loss", "--here")
    assert done.returncode == 0, done.stderr
    assert not (Paths("tiny", tmp_path / "array").results / "loss" / "runs.csv").exists(), "parts join nothing"
    again = sbatch(tmp_path / "array", 1, "train", "loss", "--here")
    assert again.returncode == 0 and again.stdout.count("runs are finished") == 2
    for name in ("array", "alone"):
        code, out, err = run(tmp_path / name, ["train", "loss", "--here"])
        assert code == 0, err
        assert ("all 3 runs are finished" in out) == (name == "array")
    assert hashes(tmp_path / "array") == hashes(tmp_path / "alone")
    tables = [pd.read_csv(Paths("tiny", tmp_path / name).results / "loss" / "runs.csv") for name in ("array", "alone")]
    clocks = [column for column in tables[0].columns if "second" in column]
    pd.testing.assert_frame_equal(*(table.drop(columns=clocks) for table in tables))
