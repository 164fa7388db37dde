"""What the machine at hand does with bf16, for the choice of path and for the records of runs.

A CPU counts as native where it has the instructions (avx512_bf16, or Intel's matrix tiles) and oneDNN, which
multiplies, may use them: ONEDNN_MAX_CPU_ISA below them makes any CPU one without, which is how tests and benchmarks
imitate such a machine.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

# Values of ONEDNN_MAX_CPU_ISA under which oneDNN has no bf16 products (its documentation, "CPU dispatcher control").
_LIMITS_WITHOUT_BF16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}


def cpu_multiplies_bf16() -> bool:
    """Whether bf16 products run on instructions of this CPU; torch's own are otherwise several times slower than those
    of fp32."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or ""
    return limit.upper() not in _LIMITS_WITHOUT_BF16 and (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )


def onednn_takes_bf16() -> bool:
    """Whether oneDNN lays out and multiplies bf16 weights on this CPU at all, on whatever instructions. torch refuses
    below avx_ne_convert or avx512bw, avx512vl and avx512dq, and asks the CPU itself, not oneDNN's limit."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def cpu_name() -> str:
    """Model name of the CPU, as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )


def cpu_maker() -> str:
    """Maker of the CPU by its own name, "GenuineIntel" or "AuthenticAMD"; empty where the system does not say."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("vendor_id")), "")


def capability(device: str, precision: str) -> dict[str, str]:
    """Name of the processor, instruction set as torch reports it, and how bf16 is had: "native", "emulated", or
    "unused" in a run in fp32."""
    is_cuda = device.startswith("cuda")
    is_native = is_cuda or cpu_multiplies_bf16()
    bf16 = "unused" if precision == "fp32" else "native" if is_native else "emulated"
    if is_cuda:
        return {
            "processor": torch.cuda.get_device_name(),
            "isa": "sm_{}{}".format(*torch.cuda.get_device_capability()),
            "bf16": bf16,
        }
    return {"processor": cpu_name(), "isa": torch.backends.cpu.get_cpu_capability(), "bf16": bf16}
