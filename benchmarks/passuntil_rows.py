"""Rows, goals and the file of the PassUntil benchmark."""

from __future__ import annotations

import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.evaluation import processor
from models import checkpoint

PLAIN_ATTEMPTS = 1024  # of those that draw one by one: a batch of the largest size, or whole ones of the smaller sizes


ATTEMPTS = (1_000, 10_000, 100_000)


GOALS = {"exact-answer tasks, K = 100,000": 50.0, "program_synthesis, K = 100,000": 5.0, "every row": 1.0}


def task_rows(task: str, seconds: dict[object, list[float]], num_items: int, about: dict) -> list[dict]:
    """Rows of the contract from the seconds of each round, by K, "sampled" and peer; attempts are per item."""
    rates = {
        name: statistics.median(
            num_items * (name if isinstance(name, int) else PLAIN_ATTEMPTS) / value for value in values
        )
        for name, values in seconds.items()
    }
    peer = max((name for name in rates if isinstance(name, str) and name != "sampled"), key=rates.get)
    rows = []
    for method, attempts, timed_attempts in [("shared", K, K) for K in seconds if isinstance(K, int)] + [
        ("sampled", max(ATTEMPTS), PLAIN_ATTEMPTS)
    ]:
        rate = rates[attempts if method == "shared" else "sampled"]
        rows.append(
            {
                "task": task,
                "attempts_per_item": attempts,
                "attempts_per_second": round(rate, 1),
                "peer": peer,
                "peer_attempts_per_second": round(rates[peer], 1),
                "ratio_to_best_peer": round(rate / rates[peer], 2),
                "method": method,
                "timed_attempts": timed_attempts,
                "peer_timed_attempts": PLAIN_ATTEMPTS,
                "num_items": num_items,
                "num_rounds": len(seconds[peer]),
                **about,
            }
        )
    return rows


def goals(rows: list[dict]) -> dict[str, dict]:
    """Each goal with the smallest ratio of the rows it speaks of; None where there are none."""
    most = [row for row in rows if row["method"] == "shared" and row["attempts_per_item"] == max(ATTEMPTS)]
    groups = (
        [row for row in most if row["is_exact_answer"]],
        [row for row in most if row["task"] == "program_synthesis"],
        rows,
    )
    return {
        name: {"goal": goal, "smallest_ratio": min((row["ratio_to_best_peer"] for row in group), default=None)}
        for (name, goal), group in zip(GOALS.items(), groups, strict=True)
    }


def write_bench(path: Path, bench: Any, rows: list[dict], sweep: list[dict]) -> None:
    """The table, anew after each task, so that a run that is cut off leaves what it has."""
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": 1,
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    model = {
        name: bench.model.about[name]
        for name in ("run", "tokens_seen", "num_parameters", "num_nonembedding_parameters", "weight_hash")
    }
    time_ = "seconds" if torch.cuda.is_available() else "CPU seconds of one thread"
    out = {
        "machine": machine,
        "model": model,
        "time": f"{time_}, median of rounds",
        "goals": goals(rows),
        "rows": rows,
        "length_and_entropy": sweep,
    }
    path.parent.mkdir(exist_ok=True)
    checkpoint.atomic_write(path, (json.dumps(out, indent=1) + "\n").encode())


def line(row: dict) -> str:
    """One row for people."""
    shape = f"{row['attempt_tokens']:5.1f} tokens, {row['attempt_entropy_nats']:5.1f} nats"
    rates = (
        f"{row['attempts_per_second']:12,.0f} attempts/s, {row['peer']} {row['peer_attempts_per_second']:8,.0f}, ratio"
        f" {row['ratio_to_best_peer']:8.1f}"
    )
    return f"{row['task']:42s} {row['method']:8s} K {row['attempts_per_item']:7,d}, {shape}: {rates}"
