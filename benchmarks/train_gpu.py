"""Tokens per second and model FLOPs utilisation of training on one GPU, ours against nanoGPT and Liger-patched
transformers.

    python -m benchmarks.train_gpu [--seconds 480] [--nanogpt FOLDER]

Sizes of about 1M, 10M, 30M, 124M and 350M parameters, then a ladder: 16 models of 1M trained together
(models/stacked.py) against nanoGPT training them one after another. Every implementation gets the same number of tokens
a step, bf16 products, AdamW and gradient clipping, and random tokens (speed does not depend on them). Timed: the median
of STEPS whole steps after WARMUP, the wait for the GPU included.
Utilisation counts models.config.GPTConfig.flops_per_token (nanoGPT by the same formula on its own matrices) against
bf16 products measured on this GPU, and against the vendor's dense peak where the device is known.
--nanogpt: a checkout of karpathy/nanoGPT, whose model.py is imported from there; without it that peer is listed as
absent.
Writes train_gpu.json, train_gpu.md and train_gpu.png into benchmarks/results/. Needs a CUDA GPU.
"""

import argparse
import gc
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.kernels import RESULTS, ceilings, describe_gpu, require_gpu, why
from kernels import launch
from models.config import GPTConfig, TrainConfig
from models.gpt import GPT
from models.gradient import GradientStep
from models.optimizer import FlatAdamW
from models.stacked import StackedRuns

WARMUP, STEPS = 10, 20
VENDOR_PEAK_FLOPS = {"H100": 989.4e12, "H200": 989.4e12, "A100": 312e12}  # dense bf16, data sheets of the SXM boards
# Name: layers, width, heads, hidden width, vocabulary, T, sequences a step. A hidden width of 8/3 D makes SwiGLU as
# large as GPT-2's MLP.
SIZES = {
    "1M": (4, 128, 4, 344, 1024, 256, 64),
    "10M": (6, 384, 6, 1024, 1024, 512, 64),
    "30M": (10, 512, 8, 1368, 1024, 1024, 32),
    "124M": (12, 768, 12, 2048, 50304, 1024, 32),
    "350M": (24, 1024, 16, 2736, 50304, 1024, 16),
}
NUM_STACKED = 16


def configs(name: str) -> tuple[GPTConfig, TrainConfig]:
    """Shape and training of one size."""
    num_layers, d_model, num_heads, d_ff, vocab_size, num_times, batch = SIZES[name]
    model = GPTConfig(vocab_size, num_layers, d_model, num_heads, num_heads, d_ff, num_times)
    train = TrainConfig(
        "benchmark", 0, 0, batch * num_times * 1000, batch, num_times, max_lr=1e-3, precision="bf16", device="cuda"
    )
    return model, train


def random_batch(model: GPTConfig, train: TrainConfig, *runs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and targets of one step."""
    shape = (*runs, train.batch_sequences, train.sequence_length + 1)
    tokens = torch.randint(0, model.vocab_size, shape, device="cuda")
    return tokens[..., :-1].contiguous(), tokens[..., 1:].contiguous()


def seconds_a_step(step: Callable[[], object]) -> float:
    """Median wall time of one step, the wait for the GPU included."""
    for _ in range(WARMUP):
        step()
    times = []
    for _ in range(STEPS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def ours(name: str) -> Callable[[], object]:
    """A step as models/train.py takes it: reads the loss and the gradient norm each time."""
    model_config, train_config = configs(name)
    model = GPT(model_config).to("cuda")
    optimizer = FlatAdamW(model, train_config)
    gradient = GradientStep(model, optimizer, "bf16", train_config.batch_sequences, train_config.sequence_length)
    batch = random_batch(model_config, train_config)
    return lambda: (gradient(*batch), optimizer.step(1e-3))


def ours_stacked(name: str, num_runs: int) -> Callable[[], object]:
    """num_runs models in one CUDA graph; with one run it is the graph alone."""
    model_config, train_config = configs(name)
    runs = StackedRuns([GPT(model_config).to("cuda") for _ in range(num_runs)], train_config, "bf16")
    batch = random_batch(model_config, train_config, num_runs)
    return lambda: runs.step(*batch, 1e-3)


def torch_step(
    model: torch.nn.Module, loss_of: Callable, optimizer: torch.optim.Optimizer, batch: tuple
) -> Callable[[], object]:
    """The usual loop of a PyTorch script around a peer's model."""

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = loss_of(model, *batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def transformers_liger(name: str) -> Callable[[], object]:
    """transformers' LlamaForCausalLM of the same shape with Liger's kernels and SDPA."""
    from liger_kernel.transformers import apply_liger_kernel_to_llama
    from transformers import LlamaForCausalLM

    from models.huggingface import llama_config

    apply_liger_kernel_to_llama()
    model_config, train_config = configs(name)
    model = LlamaForCausalLM._from_config(llama_config(model_config), attn_implementation="sdpa").to("cuda")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    # transformers shifts labels itself, so it is handed the tokens twice.
    return torch_step(
        model,
        lambda llama, tokens, _: llama(tokens, labels=tokens, use_cache=False).loss,
        optimizer,
        random_batch(model_config, train_config),
    )


def nanogpt(name: str, folder: Path) -> Callable[[], object]:
    """nanoGPT's own model, compiled, with its flash attention and fused AdamW; its MLP is 4 D wide with GELU."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    num_layers, d_model, num_heads, _, vocab_size, num_times, _ = SIZES[name]
    shape = {
        "block_size": num_times,
        "vocab_size": vocab_size,
        "n_layer": num_layers,
        "n_head": num_heads,
        "n_embd": d_model,
    }
    model = module.GPT(module.GPTConfig(**shape, dropout=0.0, bias=False)).to("cuda")
    optimizer = model.configure_optimizers(0.1, 1e-3, (0.9, 0.95), "cuda")
    return torch_step(
        torch.compile(model),
        lambda gpt, tokens, targets: gpt(tokens, targets)[1],
        optimizer,
        random_batch(*configs(name)),
    )


def measure(
    size: str, name: str, make: Callable[[], Callable], num_runs: int, limits: dict, num_models_in_turn: int = 1
) -> dict:
    """One row: speed and utilisation, or why there is none. num_models_in_turn: one step of each counts as one step."""
    model_config, train_config = configs(size)
    row = {
        "size": size,
        "implementation": name,
        "num_parameters": model_config.num_parameters,
        "num_runs": num_runs * num_models_in_turn,
    }
    torch.cuda.reset_peak_memory_stats()
    try:
        seconds = seconds_a_step(make())
        rate = num_runs * train_config.tokens_per_step / seconds
        flops = rate * model_config.flops_per_token
        row |= {
            "milliseconds_a_step": 1e3 * seconds * num_models_in_turn,
            "tokens_per_second": rate,
            "peak_gib": torch.cuda.max_memory_allocated() / 2**30,
        }
        row["of_measured_matmul"] = flops / (limits["matmul_tflops_per_second"] * 1e12)
        peak = next(
            (value for board, value in VENDOR_PEAK_FLOPS.items() if board in torch.cuda.get_device_name()), None
        )
        row |= {} if peak is None else {"mfu": flops / peak}
    # One that does not run is a row that says so, whatever it raises: Triton's and compilers' types are their own.
    except Exception as failure:  # noqa: BLE001
        row["refused"] = why(failure)
    gc.collect()
    torch.cuda.empty_cache()
    torch._dynamo.reset()
    return row


def plan(folder: Path | None) -> tuple[list[tuple], list[str]]:
    """Rows to measure (size, name, make, runs, models in turn), the ones that goals are set for first; and the peers
    that are absent."""
    absent = [] if folder else ["nanogpt"]
    has_liger = launch.has_package("liger_kernel")
    absent += [] if has_liger else ["transformers_liger"]
    rows = []
    for size in ("124M", "1M", "350M", "30M", "10M"):
        rows += [
            (size, "ours", lambda size=size: ours(size), 1, 1),
            (size, "ours_graph", lambda size=size: ours_stacked(size, 1), 1, 1),
        ]
        if folder:
            rows.append((size, "nanogpt", lambda size=size: nanogpt(size, folder), 1, 1))
        if has_liger:
            rows.append((size, "transformers_liger", lambda size=size: transformers_liger(size), 1, 1))
        if size == "1M":
            rows.append((size, f"ours_{NUM_STACKED}_stacked", lambda: ours_stacked("1M", NUM_STACKED), NUM_STACKED, 1))
            if folder:
                rows.append((size, f"nanogpt_{NUM_STACKED}_in_turn", lambda: nanogpt("1M", folder), 1, NUM_STACKED))
    return rows, absent


def write_speeds(report: dict) -> None:
    """The report as json and as a Markdown table."""
    (RESULTS / "train_gpu.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    columns = (
        "size",
        "implementation",
        "num_runs",
        "milliseconds_a_step",
        "tokens_per_second",
        "mfu",
        "of_measured_matmul",
        "peak_gib",
        "refused",
    )
    lines = [f"{report['device']}; torch {report['versions']['torch']}; commit {report['commit'][:10]}", ""]
    lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in report["rows"]:
        lines.append(
            "| "
            + " | ".join(
                f"{value:.4g}" if isinstance(value := row.get(column, ""), float) else str(value) for column in columns
            )
            + " |"
        )
    lines += [
        "",
        "Not reached: " + (", ".join(report["not_reached"]) or "none"),
        "Absent peers: " + (", ".join(report["absent"]) or "none"),
    ]
    (RESULTS / "train_gpu.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(report: dict) -> None:
    """Tokens per second of every row."""
    from matplotlib.figure import Figure

    rows = [row for row in report["rows"] if "tokens_per_second" in row]
    figure = Figure(figsize=(7, 0.25 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh([f"{row['size']} {row['implementation']}" for row in rows], [row["tokens_per_second"] for row in rows])
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel(f"tokens per second, {report['device']}")
    axes.tick_params(labelsize=7)
    figure.savefig(RESULTS / "train_gpu.png", dpi=150)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--nanogpt", type=Path, help="checkout of karpathy/nanoGPT")
    options = parser.parse_args()
    require_gpu("benchmarks.train_gpu")
    RESULTS.mkdir(exist_ok=True)
    start = time.monotonic()
    rows, absent = plan(options.nanogpt)
    report = describe_gpu() | {"ceilings": ceilings(), "rows": [], "not_reached": [], "absent": absent}
    for size, name, make, num_runs, in_turn in rows:
        if time.monotonic() - start > options.seconds:
            report["not_reached"].append(f"{size} {name}")
            continue
        report["rows"].append(measure(size, name, make, num_runs, report["ceilings"], in_turn))
        write_speeds(report)
    draw(report)
    print((RESULTS / "train_gpu.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
