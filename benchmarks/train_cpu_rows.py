"""Rows of the training benchmark: sizes, ratios against the best peer, and the CPU they were measured on."""

from __future__ import annotations

import os

from benchmarks.imitated_cpu import WITHOUT_BF16
from benchmarks.train_cpu_worker import SEQUENCE_LENGTH

# Four of the cpu profile's sizes, with its batch; the feed-forward widths give about as many parameters as nanoGPT's 8
# d^2 per layer.
SIZES = {
    "0.05M": {"num_layers": 4, "d_model": 32, "num_heads": 2, "num_kv_heads": 2, "d_ff": 96},
    "0.2M": {"num_layers": 4, "d_model": 64, "num_heads": 4, "num_kv_heads": 4, "d_ff": 176},
    "0.8M": {"num_layers": 6, "d_model": 112, "num_heads": 7, "num_kv_heads": 7, "d_ff": 288},
    "3M": {"num_layers": 8, "d_model": 176, "num_heads": 11, "num_kv_heads": 11, "d_ff": 480},
}


TABLES = {"native": "train_cpu", "emulated": "train_cpu_without_bf16"}


def num_parameters(size: str) -> int:
    """Non-embedding parameters of the LLaMA shape (nanoGPT's differ by a few per cent)."""
    from models.config import GPTConfig

    return GPTConfig(vocab_size=1, max_sequence_length=SEQUENCE_LENGTH, **SIZES[size]).num_nonembedding_parameters


def ladder_rows(rows: list[dict], sizes: list[str]) -> list[dict]:
    """Equal tokens at every size, one size after the other: the harmonic mean of the speeds."""
    tools = dict.fromkeys(row["tool"] for row in rows)
    out = []
    for tool in tools:
        seconds = sum(1 / row["tokens_per_second"] for row in rows if row["tool"] == tool)
        parameters = sum(num_parameters(size) for size in sizes)
        out.append(
            {"size": "ladder", "parameters": parameters, "tool": tool, "tokens_per_second": round(len(sizes) / seconds)}
        )
    return out


def add_ratios(rows: list[dict]) -> None:
    """ratio_to_best_peer within each size: of us to the best of the others, of a peer to the best of the peers."""
    for row in rows:
        peers = [
            other["tokens_per_second"] for other in rows if other["size"] == row["size"] and other["tool"] != "ours"
        ]
        row["ratio_to_best_peer"] = round(row["tokens_per_second"] / max(peers), 2)


def describe_cpu(is_imitated: bool) -> dict:
    """What the numbers were taken on, what it was made to look like, and how busy it was."""
    import torch

    from models.capability import cpu_multiplies_bf16, cpu_name

    bf16 = "native" if cpu_multiplies_bf16() and not is_imitated else "emulated"
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "bf16": bf16,
        "imitated": "a CPU without bf16" if is_imitated else None,
        "environment": WITHOUT_BF16
        | {"LD_PRELOAD": "MKL takes its kernels for Intel", "IMITATED_MAKER": "GenuineIntel"}
        if is_imitated
        else {},
        "load_before": round(os.getloadavg()[0], 2),
    }
