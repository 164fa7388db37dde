"""Tokens per second of training on two CPU cores: our trainer against nanoGPT, transformers.Trainer and litgpt.

    python -m benchmarks.train_cpu --nanogpt PATH [--peer-python PATH] [--compile none|all] [--tools ...] [--imitate]

Every tool trains a model of the same depth, width and heads on the same batches, through its own loop, in two processes
that live as long as the benchmark. Per size each peer is first tuned as its user would: fp32 or bf16, two processes of
one thread side by side or one process of two threads, then torch.compile on the better of these; its fastest variant
counts. Then all tools take turns, so that other load on the machine falls on all alike.
Ours needs no tuning: two processes of one thread, in bf16 as the profiles say. Row "ladder" is the same number of
tokens at each size, one after the other.
Speeds are tokens per CPU second of a thread, summed over the threads: wall time on a quiet machine (also given), and
still comparable on a busy one. Losses are those of the same steps on the same data. One table per kind of CPU:
benchmarks/results/train_cpu.json where it has bf16 instructions, train_cpu_without_bf16.json where bf16 is emulated.
--imitate runs all tools as on a CPU of the second kind (imitated_cpu.py), and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.imitated_cpu import NOTHING_TO_IMITATE, WITHOUT_BF16, can_imitate, mkl_as_on_intel
from benchmarks.train_cpu_rows import SIZES, TABLES, add_ratios, describe_cpu, ladder_rows, num_parameters
from benchmarks.train_cpu_worker import BATCH_SEQUENCES, SEQUENCE_LENGTH

ROOT = Path(__file__).resolve().parent
PEERS = ("nanogpt", "transformers", "litgpt")
TUNING_STEPS, NUM_ROUNDS = 2, 3
LAYOUTS = {
    "side-by-side": {"threads": 1, "processes": 2},
    "two-threads": {"threads": 2, "processes": 1},
    "one-worker": {"threads": 1, "processes": 1},
}


@dataclass
class Timing:
    """Tokens per second of all processes of a tool, by CPU time and by wall time, and the losses of the first
    process."""

    per_cpu_second: float
    per_wall_second: float
    losses: list[float]


class Tool:
    """The worker processes of one tool, of which a variant uses one or both."""

    def __init__(self, name: str, python: str, environment: dict[str, str], num_processes: int):
        self.name = name
        command = [python, "-W", "ignore", str(ROOT / "train_cpu_worker.py"), name]
        self.log = Path(tempfile.gettempdir()) / f"train_cpu_{name}.log"
        with open(self.log, "w", encoding="utf-8") as log:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log, "text": True}
            self.processes = [
                subprocess.Popen(command, env=os.environ | environment, **pipes) for _ in range(num_processes)
            ]
        self.active, self.threads, self.started, self.num_steps = self.processes, 1, 0.0, 1

    def send(self, order: dict) -> None:
        """Gives an order to the processes of the present variant (a model order names a new variant)."""
        if order["do"] == "model":
            self.active, self.threads = self.processes[: order["processes"]], order["threads"]
        self.started, self.num_steps = time.perf_counter(), order.get("n", 1)
        for process in self.active:
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()

    def receive(self) -> Timing:
        """Waits for the order's end."""
        lines = [process.stdout.readline() for process in self.active]
        if not all(lines):
            raise SystemExit(f"train_cpu: {self.name} stopped; its messages are in {self.log}")
        answers = [json.loads(line) for line in lines]
        tokens = self.num_steps * BATCH_SEQUENCES * SEQUENCE_LENGTH
        wall = tokens * len(answers) / (time.perf_counter() - self.started)
        return Timing(
            sum(tokens * self.threads / answer["cpu_seconds"] for answer in answers), wall, answers[0]["losses"]
        )

    def close(self) -> None:
        """Ends the processes."""
        for process in self.processes:
            process.stdin.close()
            process.wait()


def ask(orders: dict[Tool, dict], together: bool) -> dict[Tool, Timing]:
    """Lets the tools carry out their orders, in turn or (where other load starves a single process) all at once."""
    if not together:
        return {tool: timing for tool, order in orders.items() for timing in [(tool.send(order), tool.receive())[1]]}
    for tool, order in orders.items():
        tool.send(order)
    return {tool: tool.receive() for tool in orders}


def tune_tools(
    peers: list[Tool], size: str, options: argparse.Namespace
) -> tuple[dict[Tool, dict], dict[Tool, list[dict]]]:
    """Of each peer the fastest variant at one size, and what every variant reached in a short trial."""
    trials: dict[Tool, list[dict]] = {peer: [] for peer in peers}

    def attempt(variants: dict[Tool, dict]) -> None:
        ask(
            {peer: {"do": "model", "shape": SIZES[size], **variant} for peer, variant in variants.items()},
            options.together,
        )
        for peer, timing in ask({peer: {"do": "steps", "n": TUNING_STEPS} for peer in peers}, options.together).items():
            trials[peer].append(variants[peer] | {"tokens_per_second": round(timing.per_cpu_second)})

    def best() -> dict[Tool, dict]:
        fastest = {peer: max(trials[peer], key=lambda trial: trial["tokens_per_second"]) for peer in peers}
        return {
            peer: {key: value for key, value in trial.items() if key != "tokens_per_second"}
            for peer, trial in fastest.items()
        }

    for precision in options.precisions:
        for name in options.layouts:
            attempt({key: {"precision": precision, "compile": False, **LAYOUTS[name]} for key in peers})
    if options.compile == "all":
        attempt({peer: variant | {"compile": True} for peer, variant in best().items()})
    return best(), trials


def measure_size(tools: list[Tool], size: str, options: argparse.Namespace) -> list[dict]:
    """One row per tool."""
    peers = [tool for tool in tools if tool.name != "ours"]
    chosen, trials = tune_tools(peers, size, options)
    variants = {
        tool: chosen.get(tool, {"precision": "bf16", "compile": False, **LAYOUTS[options.layouts[0]]}) for tool in tools
    }
    first = ask(
        {tool: {"do": "model", "shape": SIZES[size], **variant} for tool, variant in variants.items()}, options.together
    )
    rounds = [
        ask({tool: {"do": "steps", "n": options.steps} for tool in tools}, options.together) for _ in range(NUM_ROUNDS)
    ]
    rows = []
    for tool in tools:
        timings = [answers[tool] for answers in rounds]
        speeds = [timing.per_cpu_second for timing in timings]
        curve = first[tool].losses + [loss for timing in timings for loss in timing.losses]
        rows.append(
            {
                "size": size,
                "parameters": num_parameters(size),
                "tool": tool.name,
                "tokens_per_second": round(statistics.median(speeds)),
                "rounds": [round(speed) for speed in speeds],
                "wall_rounds": [round(timing.per_wall_second) for timing in timings],
                "variant": variants[tool],
                "trials": trials.get(tool, []),
                "steps": len(curve),
                "first_loss_nats": round(curve[0], 4),
                "last_loss_nats": round(statistics.mean(curve[-options.steps :]), 4),
            }
        )
        row = rows[-1]
        print(
            f"{size:6} {tool.name:13} {row['tokens_per_second']:8,} tokens/s  loss {row['last_loss_nats']:.3f} "
            f" {row['variant']}",
            flush=True,
        )
    return rows


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    out.add_argument(
        "--nanogpt",
        default=os.environ.get("NANOGPT"),
        help="checkout of nanoGPT: git clone https://github.com/karpathy/nanoGPT",
    )
    out.add_argument(
        "--peer-python",
        default=sys.executable,
        help="Python of an environment with transformers, accelerate, litgpt and this torch",
    )
    out.add_argument("--tools", nargs="+", default=["ours", *PEERS], choices=["ours", *PEERS])
    out.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    out.add_argument(
        "--compile",
        default="all",
        choices=["none", "all"],
        help="also try torch.compile for the peers (needs a C++ compiler)",
    )
    out.add_argument(
        "--precisions",
        nargs="+",
        default=["fp32", "bf16"],
        choices=["fp32", "bf16"],
        help="what the peers are tried in",
    )
    out.add_argument(
        "--layouts",
        nargs="+",
        default=["side-by-side", "two-threads"],
        choices=list(LAYOUTS),
        help="ours takes the first",
    )
    out.add_argument(
        "--together",
        action="store_true",
        help="all tools at once instead of in turn: for a machine that is busy anyway",
    )
    out.add_argument("--steps", type=int, default=8, help="steps of a round; each tool has three rounds per size")
    out.add_argument(
        "--imitate",
        action="store_true",
        help="as on a CPU without bf16 instructions, for all tools (needs a C compiler)",
    )
    out.add_argument("--output", type=Path, help="default: benchmarks/results/<the table of this kind of CPU>.json")
    return out


def main() -> None:
    """Runs the comparison and writes the table."""
    options = parser().parse_args()
    if "nanogpt" in options.tools and not (options.nanogpt and (Path(options.nanogpt) / "model.py").exists()):
        raise SystemExit(
            "train_cpu: no nanoGPT; run `git clone https://github.com/karpathy/nanoGPT` and pass --nanogpt PATH"
        )
    if options.imitate and not can_imitate():
        raise SystemExit(NOTHING_TO_IMITATE)
    about = describe_cpu(options.imitate)
    output = options.output or ROOT / "results" / f"{TABLES[about['bf16']]}.json"
    environment = {"OMP_NUM_THREADS": "2", "NANOGPT": options.nanogpt or ""}
    if options.imitate:
        environment |= WITHOUT_BF16 | mkl_as_on_intel(Path(tempfile.mkdtemp()))
    num_processes = max(LAYOUTS[name]["processes"] for name in options.layouts)
    pythons = {name: sys.executable if name == "ours" else options.peer_python for name in options.tools}
    tools = [Tool(name, python, environment, num_processes) for name, python in pythons.items()]
    rows = []
    for size in options.sizes:
        rows += measure_size(tools, size, options)
    for tool in tools:
        tool.close()
    rows += ladder_rows(rows, options.sizes)
    if len(tools) > 1 and "ours" in options.tools:
        add_ratios(rows)
    about["load_after"] = round(os.getloadavg()[0], 2)
    shape = {
        "batch_sequences": BATCH_SEQUENCES,
        "sequence_length": SEQUENCE_LENGTH,
        "layouts": options.layouts,
        "compile": options.compile,
    }
    shape |= {"precisions": options.precisions, "together": options.together}
    output.write_text(json.dumps({"machine": about, **shape, "rows": rows}, indent=1) + "\n")
    for row in rows[-len(tools) :]:
        print(
            f"ladder {row['tool']:13} {row['tokens_per_second']:8,} tokens/s  ratio to best peer"
            f" {row.get('ratio_to_best_peer')}"
        )


if __name__ == "__main__":
    main()
