"""What Linux and macOS call by different names: cores this process may use, and the memory it has taken."""

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
