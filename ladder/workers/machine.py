"""One core or one GPU per worker, and what Linux and macOS call by different names: cores this process may use, and
the memory it has taken."""

import os
import sys

KIB = 1024


def num_cores() -> int:
    """Cores this process may use: those it is bound to where the system tells (Linux), else all (macOS)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_megabytes() -> float:
    """Peak resident memory of this process in units of 2^20 bytes."""
    import resource  # not on Windows, where nothing else of this file fails

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / KIB**2 if sys.platform == "darwin" else peak / KIB  # macOS counts in bytes, Linux in KiB


def use_one_device(slot: int, workers_per_gpu: int) -> str:
    """Give this worker process one core, or one GPU with its share of the cores where there are some; returns the
    device name torch knows."""
    import torch

    if not torch.cuda.is_available():
        torch.set_num_threads(1)
        return "cpu"
    # What a measurement does on the CPU beside its GPU would leave all cores but one per worker idle.
    torch.set_num_threads(max(1, num_cores() // num_workers(workers_per_gpu)))
    torch.cuda.set_device(slot // workers_per_gpu)
    return "cuda"


def num_workers(workers_per_gpu: int) -> int:
    """One worker per core this process may use, or so many per GPU."""
    import torch

    gpus = torch.cuda.device_count()
    return gpus * workers_per_gpu if gpus else num_cores()
