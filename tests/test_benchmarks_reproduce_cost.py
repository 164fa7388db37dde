"""benchmarks/reproduce_cost.py: minutes follow the cost table, and only training gets slower without bf16
instructions."""

import json

import pytest

from benchmarks import readme_tables
from benchmarks.reproduce_cost import reproduce_minutes, slowdown_of, slowdowns
from ladder.cost import train_seconds
from ladder.runs import plan_runs
from models.config import GPTConfig
from profiles.paths import PAPERS
from profiles.profile import load_profile


def table(**speeds: int) -> dict:
    """A benchmark's table of ours, sizes by their parameters."""
    rows = [
        {"size": name, "parameters": int(name[1:]), "tool": "ours", "tokens_per_second": speed}
        for name, speed in speeds.items()
    ]
    return {
        "rows": [
            *rows,
            {"size": "ladder", "parameters": 1, "tool": "ours", "tokens_per_second": 1},
            rows[0] | {"tool": "litgpt"},
        ]
    }


def test_slowdown_is_taken_at_the_nearest_size():
    measured = slowdowns(table(n1000=300, n100000=90), table(n1000=200, n100000=30))
    assert measured == {1000: 1.5, 100000: 3.0}
    small, large = (GPTConfig(8, layers, 32, 2, 2, 96, 8) for layers in (1, 40))
    assert (slowdown_of(small, {13000: 1.0, 540000: 2.0}), slowdown_of(large, {13000: 1.0, 540000: 2.0})) == (1.0, 2.0)


def test_only_training_gets_slower():
    profile = load_profile("cpu")
    training = sum(train_seconds(profile, run) for paper in PAPERS for run in plan_runs(profile, paper, 1024))
    assert reproduce_minutes("cpu", {1000: 3.0}) - reproduce_minutes("cpu") == pytest.approx(2 * training / 120)
    assert 45 < reproduce_minutes("cpu") < 120, "README's time of a reproduction on the CPU of the table"


def test_the_committed_tables_are_of_two_kinds_of_cpu():
    tables = [
        json.loads((readme_tables.RESULTS / f"{name}.json").read_text())["machine"]
        for name in ("train_cpu", "train_cpu_without_bf16")
    ]
    assert [about.get("bf16", "native") for about in tables] == ["native", "emulated"]
    assert tables[1]["cpu"] and (
        tables[1]["imitated"] is None or tables[1]["environment"]["ONEDNN_MAX_CPU_ISA"] == "AVX512_CORE_VNNI"
    )
