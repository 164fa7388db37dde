"""A pipeline of the same shape as ours, run by DVC itself: a cached folder, tables in git, a figure."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

from profiles.paths import ROOT
from profiles.profile import default_profile
from reproduction.verify.lock import Pipeline

PROFILE = default_profile()
RESULTS = f"results/{PROFILE}"
PARAMS = f"profiles/{PROFILE}.yaml"


def dvc(root: Path, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=root, capture_output=True, text=True, check=True
    ).stdout


def stages() -> dict[str, dict]:
    """What stands in its dvc.yaml."""
    return {
        "train": {
            "cmd": (
                f"mkdir -p {RESULTS}/runs/a/checkpoints && cp room/code.py {RESULTS}/runs/a/checkpoints/1 && cp "
                f"inputs/runs.csv {RESULTS}/runs.csv"
            ),
            "deps": ["data", "inputs", "room"],
            "params": [{PARAMS: ["training", "passuntil.tokens"]}],
            "outs": [
                {f"{RESULTS}/runs": {"persist": True}},
                {f"{RESULTS}/runs.csv": {"cache": False, "persist": True}},
            ],
        },
        "evaluate": {
            "cmd": f"cp inputs/scores.parquet {RESULTS}/scores.parquet",
            "deps": ["inputs", f"{RESULTS}/runs"],
            "outs": [{f"{RESULTS}/scores.parquet": {"cache": False}}],
        },
        "loss_fig": {
            "cmd": ["mkdir -p figures/cpu", "echo picture > figures/cpu/loss_fig.png"],
            "deps": [f"{RESULTS}/scores.parquet"],
            "outs": [{"figures/cpu/loss_fig.png": {"cache": False}}],
        },
    }


def pipeline(must_be_whole: bool = True, asked: dict[str, dict] | None = None) -> Pipeline:
    """It, as verify opens it."""
    return Pipeline(PROFILE, must_be_whole, asked or stages(), "dvc.yaml", frozenset({"data", f"{RESULTS}/runs"}))


def make(root: Path) -> Path:
    """Build it and run it."""
    for folder in ("room/deep", "room/__pycache__", "data/items", "inputs", "profiles"):
        (root / folder).mkdir(parents=True)
    (root / "room" / "code.py").write_text("x = 1\n")
    (root / "room" / "deep" / "b.py").write_text("y = 2\n")
    (root / "room" / "__pycache__" / "code.pyc").write_text("machine")
    (root / "room" / "names.txt").write_text("\u4e2d\n", encoding="utf-8")
    (root / "data" / "items" / "z.jsonl").write_text("{}\n")
    (root / "data" / "a.bin").write_bytes(bytes(range(256)))
    pd.DataFrame({"run": ["a", "a"], "recipe_hash": ["12", "12"], "value": [0.1, 0.2]}).to_parquet(
        root / "inputs" / "scores.parquet"
    )
    pd.DataFrame({"run": ["a"], "recipe_hash": ["12"]}).to_csv(root / "inputs" / "runs.csv", index=False)
    (root / PARAMS).write_text(
        "training: {max_lr: 1.0e-02, seeds: [0, 1]}\ncost: {a: 1}\npassuntil: {tokens: 5, sampling: 6}\n"
    )
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages()}))
    (root / "data.dvc").write_text("outs:\n- path: data\n  hash: md5\n  cache: false\n")
    dvc(root, "init", "--no-scm", "--quiet")
    shutil.copy(ROOT / ".dvcignore", root)
    dvc(root, "commit", "--force", "--quiet", "data.dvc")
    dvc(root, "repro", "--quiet")
    return root


def copy(made: Path, target: Path) -> Path:
    """A copy, to change."""
    return shutil.copytree(made, target, ignore=shutil.ignore_patterns("cache", "tmp"))
