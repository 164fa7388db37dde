"""benchmarks/train_cpu.py: the arithmetic of its table, and our worker at work for a few steps."""

import json
import subprocess
import sys

import pytest

from benchmarks import train_cpu, train_cpu_rows


def test_ladder_is_equal_tokens_one_size_after_the_other():
    rows = [
        {"size": size, "tool": tool, "tokens_per_second": speed}
        for tool, speeds in (("ours", (300, 100)), ("nanogpt", (60, 30)), ("litgpt", (90, 10)))
        for size, speed in zip(("0.05M", "0.2M"), speeds, strict=True)
    ]
    rows += train_cpu_rows.ladder_rows(rows, ["0.05M", "0.2M"])
    train_cpu_rows.add_ratios(rows)
    ladder = {
        row["tool"]: (row["tokens_per_second"], row["ratio_to_best_peer"]) for row in rows if row["size"] == "ladder"
    }
    assert ladder == {"ours": (150, 3.75), "nanogpt": (40, 1.0), "litgpt": (18, 0.45)}
    assert {row["tool"]: row["ratio_to_best_peer"] for row in rows if row["size"] == "0.05M"} == {
        "ours": 3.33,
        "nanogpt": 0.67,
        "litgpt": 1.0,
    }


def test_our_worker_trains_by_order():
    command = [sys.executable, str(train_cpu.ROOT / "train_cpu_worker.py"), "ours"]
    shape = {"num_layers": 1, "d_model": 16, "num_heads": 1, "num_kv_heads": 1, "d_ff": 24}
    orders = [{"do": "model", "shape": shape, "precision": "fp32", "threads": 1}, {"do": "steps", "n": 3}] * 2
    done = subprocess.run(
        command, input="".join(json.dumps(order) + "\n" for order in orders), capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(answer["losses"]) for answer in answers] == [1, 3, 1, 3]
    assert answers[0]["losses"] == answers[2]["losses"], "a fresh model starts over"
    assert answers[1]["losses"][-1] == pytest.approx(6.9, abs=0.3) and all(
        answer["cpu_seconds"] > 0 for answer in answers
    )
