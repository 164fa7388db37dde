"""Markers, one thread per test process (the suite runs two processes on two cores, and sums keep their order), and
Triton's interpreter.

The interpreter must be on before any test imports Triton, because Triton's own library is compiled or interpreted for
good at its import.
"""

import importlib.util
import os
import signal
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch
os.environ.setdefault("DVC_NO_ANALYTICS", "1")

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

# A test that is slow because the machine is busy is not wrong: no example has a deadline.
if importlib.util.find_spec("hypothesis"):  # a GPU machine may lack it
    import hypothesis

    health = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=health)
    hypothesis.settings.load_profile("suite")

MARKERS = {
    "gpu": "needs a CUDA device; skipped without one",
    "slow": "minutes on two cores; left out unless asked for with -m slow",
}


def pytest_configure(config):
    """Register the markers, so that a misspelt one is an error under --strict-markers; make Ctrl-C heard.

    A shell that starts a job in the background has it ignore SIGINT, and children inherit that: the tests of Ctrl-C
    would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


# What exists on Linux alone is left out elsewhere, with the reason (tests/as_on_macos shows that the rest does
# without).
USE_TRITON = {
    f"test_kernels_{name}.py"
    for name in "adamw attention attention_triton cross_entropy decode_attention "
    "launch linear rms_norm rotary swiglu training".split()
}
USE_SECCOMP = {"test_sandbox_parent.py", "test_sandbox_child.py", "test_sandbox_filter.py"}


def pytest_collection_modifyitems(items):
    """Skip tests of Triton where the package is absent and of the sandbox where there is no seccomp."""
    has_triton, is_linux = importlib.util.find_spec("triton") is not None, sys.platform == "linux"
    for item in items:
        if not has_triton and item.path.name in USE_TRITON:
            item.add_marker(pytest.mark.skip(reason="needs the package triton, which there is for Linux alone"))
        if not is_linux and (item.path.name in USE_SECCOMP or "sandbox" in getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.skip(reason="the sandbox needs seccomp of Linux"))
