"""Speed and memory of every operator of kernels/ against its peers and against what the GPU can do at best.

    python -m benchmarks.kernels [--seconds 480] [--only OP] [--tune]

First the ceilings of this very GPU: copy bandwidth (bytes read and written) and bf16 matrix products. Then each case of
kernel_cases.py, forward
and forward with backward: every implementation is first compared with an fp32 reference (a wrong one is refused and
gets no time), then timed (median, L2 cache flushed between calls). Cases run in order of interest until --seconds are
spent; what was not reached is listed.
--tune times other tiles of the attention kernels instead. Writes kernels.json, kernels.md and kernels.png into
benchmarks/results/, the first two after each case, so that a run that is cut off leaves what it has. Needs a CUDA GPU.
"""

import argparse
import contextlib
import importlib.metadata
import itertools
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from benchmarks.kernel_cases import (
    Case,
    attention_case,
    cases,
    expected_of,
    gradients_of,
    outputs_of,
    outputs_of_any,
    relative_error,
)
from kernels import attention_triton

RESULTS = Path(__file__).resolve().parent / "results"
# bf16 rounds to 2^-9; a fused sum over thousands of terms stays within a few of these, a wrong mask or a lost gradient
# does not.
TOLERANCE = 2e-2


def require_gpu(command: str) -> None:
    """Leave with one line when there is no CUDA GPU."""
    if not torch.cuda.is_available():
        sys.exit(f"{command}: needs a CUDA GPU and finds none; run it on a GPU machine")


def describe_gpu() -> dict:
    """Device, versions and commit that the numbers belong to."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=RESULTS.parent, check=False
        ).stdout.strip()
    except FileNotFoundError:  # no git on this machine
        commit = ""
    versions = {"python": platform.python_version(), "torch": torch.__version__, "cuda": torch.version.cuda}
    for name in ("triton", "flash-attn", "flash-attn-3", "liger-kernel"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)  # an import of a package built for another CUDA may fail
    return {
        "device": torch.cuda.get_device_name(),
        "versions": versions,
        "commit": commit or "unknown",
        "date": time.strftime("%Y-%m-%d"),
    }


def median_ms(run: Callable, milliseconds: float = 150) -> float:
    """Median time of one call; the L2 cache is flushed before each."""
    import triton

    return triton.testing.do_bench(run, warmup=50, rep=milliseconds, return_mode="median")


def ceilings() -> dict:
    """Bytes per second of a 2 GiB copy and flops per second of an 8192-cubed bf16 product on this GPU."""
    source = torch.empty(2**30, dtype=torch.bfloat16, device="cuda")
    target = torch.empty_like(source)
    copy = 2 * source.nbytes / median_ms(lambda: target.copy_(source)) * 1e3
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    matmul = 2 * 8192**3 / median_ms(lambda: a @ b) * 1e3
    return {"copy_gb_per_second": copy / 1e9, "matmul_tflops_per_second": matmul / 1e12}


def peak_bytes(run: Callable) -> int:
    """Memory that one call takes on top of what was held before it."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def measure(case: Case, limits: dict, keep: Callable[[dict], None] = lambda row: None) -> list[dict]:
    """One row per implementation of the case; keep is told each as soon as it is there. Whatever a case or one of its
    implementations raises stands in a row, and the others are measured."""
    rows, about = [], {"op": case.op, "shape": case.shape}

    def add(row: dict) -> None:
        rows.append(row)
        keep(row)

    try:
        torch.manual_seed(0)
        inputs = case.inputs()
        weights = tuple(torch.randn_like(y) for y in outputs_of_any(case, inputs))
        expected = expected_of(case, inputs, weights)
    # Triton raises types of its own (out of resources), compilers and peers whatever they like.
    except Exception as failure:  # noqa: BLE001
        add(about | {"implementation": "none", "refused": why(failure)})
        return rows
    for name, function in case.functions.items():
        row = about | {"implementation": name}
        try:
            _time(row, case, function, inputs, weights, expected, limits)
        except Exception as failure:  # noqa: BLE001
            row["refused"] = why(failure)
        add(row)
    return rows


def why(failure: Exception) -> str:
    """An exception in a short line."""
    return f"{type(failure).__name__}: {' '.join(str(failure).split())}"[:160]


def _time(
    row: dict,
    case: Case,
    function: Callable,
    inputs: tuple,
    weights: tuple,
    expected: tuple[tuple, tuple],
    limits: dict,
) -> None:
    """Compares an implementation with what is expected and times it; fills in the row."""
    limit = limits["copy_gb_per_second"] * 1e9 if case.unit == "bytes" else limits["matmul_tflops_per_second"] * 1e12
    with torch.no_grad():
        row["error"] = relative_error(outputs_of(function, inputs), expected[0])
    if case.has_backward:
        row["gradient_error"] = relative_error(gradients_of(function, inputs, weights), expected[1])
    if not max(row["error"], row.get("gradient_error", 0.0)) <= TOLERANCE:  # so that NaN is refused
        row["refused"] = "wrong result"
        return
    with torch.no_grad():
        row["forward_ms"] = median_ms(partial(function, *inputs))
    row["forward_of_limit"] = case.forward_cost / row["forward_ms"] * 1e3 / limit
    run = partial(gradients_of, function, inputs, weights) if case.has_backward else partial(function, *inputs)
    if case.has_backward:
        row["both_ms"] = median_ms(run)
        row["both_of_limit"] = (case.forward_cost + case.backward_cost) / row["both_ms"] * 1e3 / limit
    row["peak_mib"] = peak_bytes(run) / 2**20


def speedup(rows: list[dict], key: str) -> dict[tuple, tuple[float, str]]:
    """(op, shape) -> (time of the best peer over ours, its name): above 1 ours is faster."""
    ratios = {}
    for (op, shape), group in itertools.groupby(rows, lambda row: (row["op"], row["shape"])):
        times = {row["implementation"]: row[key] for row in group if key in row}
        if "ours" in times and len(times) > 1:
            peer = min((name for name in times if name != "ours"), key=times.get)
            ratios[op, shape] = (times[peer] / times["ours"], peer)
    return ratios


def write_kernel_table(report: dict, path: Path) -> None:
    """The report as Markdown: one line per implementation, ours with its ratio to the best peer."""
    machine_line = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    ceiling_line = ", ".join(f"{name} {value:.0f}" for name, value in report["ceilings"].items())
    lines = [f"{report['device']}; {machine_line}; commit {report['commit'][:10]}; {ceiling_line}", ""]
    lines += [
        "| op | shape | implementation | forward ms | both ms | of limit | peak MiB | best peer / ours |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ratios = {**speedup(report["rows"], "forward_ms"), **speedup(report["rows"], "both_ms")}
    for row in report["rows"]:
        ratio, peer = (
            ratios.get((row["op"], row["shape"]), (None, "")) if row["implementation"] == "ours" else (None, "")
        )
        numbers = [
            row.get("forward_ms"),
            row.get("both_ms"),
            row.get("both_of_limit", row.get("forward_of_limit")),
            row.get("peak_mib"),
            ratio,
        ]
        cells = ["" if value is None else f"{value:.3g}" for value in numbers]
        note = f" ({peer})" if peer else row.get("refused", "")
        lines.append(f"| {row['op']} | {row['shape']} | {row['implementation']} | {' | '.join(cells)}{note} |")
    lines += [
        "",
        "Not reached: " + (", ".join(report["not_reached"]) or "none"),
        "Absent peers: " + (", ".join(report["absent"]) or "none"),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(report: dict, path: Path) -> None:
    """Time of the best peer over ours, one bar per case; the line at 1 is parity."""
    from matplotlib.figure import Figure

    ratios = {**speedup(report["rows"], "forward_ms"), **speedup(report["rows"], "both_ms")}
    figure = Figure(figsize=(7, 0.25 * len(ratios) + 1.2), layout="constrained")
    axes = figure.subplots()
    labels = [f"{op} {shape} (vs {peer})" for (op, shape), (_, peer) in ratios.items()]
    axes.barh(
        labels,
        [ratio for ratio, _ in ratios.values()],
        color=["tab:green" if ratio >= 1 else "tab:red" for ratio, _ in ratios.values()],
    )
    axes.axvline(1, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel(f"time of the best peer / ours, {report['device']}")
    axes.tick_params(labelsize=6)
    figure.savefig(path, dpi=150)


def _tiles_with(original: Callable, pass_name: str, tile: tuple, name: str, k: int, dtype: torch.dtype) -> tuple:
    """Tiles as they are, but for one pass."""
    return tile if name == pass_name else original(name, k, dtype)


def tune_kernel(seconds: float) -> list[dict]:
    """Times of the attention passes with other tiles, fastest first; tiles that do not compile are left out."""
    original, rows, deadline = attention_triton.tiles, [], time.monotonic() + seconds
    options = list(itertools.product((32, 64, 128), (32, 64, 128), (4, 8), (2, 3, 4)))
    for size, pass_name in itertools.product((64, 128), ("forward", "dkdv", "dq")):
        case = attention_case(4, 4096, 2048 // size, 2048 // size, size)
        inputs, share = case.inputs(), (deadline - time.monotonic()) / 6
        weights, stop = (torch.randn_like(inputs[0]),), time.monotonic() + share
        for tile in options:
            if time.monotonic() > stop:
                break
            attention_triton.tiles = partial(_tiles_with, original, pass_name, tile)
            ours = case.functions["ours"]
            run = partial(ours, *inputs) if pass_name == "forward" else partial(gradients_of, ours, inputs, weights)
            try:
                rows.append({"head_size": size, "pass": pass_name, "tile": tile, "ms": median_ms(run, 50)})
            except Exception as failure:  # noqa: BLE001  Triton raises many types where a tile needs too much of the GPU
                print(f"{pass_name} {size} {tile}: {type(failure).__name__}")
    attention_triton.tiles = original
    return sorted(rows, key=lambda row: (row["head_size"], row["pass"], row["ms"]))


def _keep(report: dict, row: dict) -> None:
    """A row into the report, and the report onto the disk: a run that is cut off leaves what it has."""
    report["rows"].append(row)
    (RESULTS / "kernels.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    write_kernel_table(report, RESULTS / "kernels.md")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--only", help="one operator")
    parser.add_argument("--tune", action="store_true", help="time tiles of the attention kernels instead")
    options = parser.parse_args()
    require_gpu("benchmarks.kernels")
    RESULTS.mkdir(exist_ok=True)
    if options.tune:
        report = describe_gpu() | {"rows": tune_kernel(options.seconds)}
        (RESULTS / "attention_tiles.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        for row in report["rows"]:
            print(row)
        return
    start = time.monotonic()
    report = describe_gpu() | {"ceilings": ceilings(), "rows": [], "not_reached": [], "absent": []}
    for case in cases():
        if options.only not in (None, case.op):
            continue
        if time.monotonic() - start > options.seconds:
            report["not_reached"].append(f"{case.op} {case.shape}")
            continue
        report["absent"] = sorted({*report["absent"], *case.absent})
        measure(case, report["ceilings"], partial(_keep, report))
        torch.cuda.empty_cache()
    draw(report, RESULTS / "kernels.png")
    print((RESULTS / "kernels.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
