"""benchmarks/imitated_cpu.py: a process under it is one on a CPU without bf16, to oneDNN, to Numba and to us."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import train_cpu
from benchmarks.imitated_cpu import WITHOUT_BF16, can_imitate, mkl_as_on_intel
from benchmarks.train_cpu import ROOT

CHILD = """
import json
import numba.core.config, torch
from models.capability import capability
from numba.core.registry import cpu_target
product = torch.mm(torch.randn(64, 64), torch.randn(64, 64))
codegen = cpu_target.target_context.codegen()
print(json.dumps([capability("cpu", "bf16")["bf16"], codegen._get_host_cpu_name(), "avx512bf16" in
codegen._get_host_cpu_features()]))
"""


def run(environment: dict[str, str]) -> list:
    """What a fresh process under an environment finds."""
    variables = os.environ | environment | {"PYTHONPATH": str(ROOT.parent)}
    return json.loads(
        subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, env=variables).stdout
    )


@pytest.mark.skipif(not can_imitate(), reason="this CPU has no AVX-512, so it cannot pass for one that has")
def test_a_worker_sees_a_cpu_without_bf16(tmp_path):
    assert run(WITHOUT_BF16 | mkl_as_on_intel(tmp_path)) == ["emulated", "cascadelake", False]


def test_the_environment_makes_the_difference():
    assert run({})[1] != "cascadelake" or run({})[0] == "emulated"


def test_a_cpu_that_cannot_pass_for_another_is_told_so(monkeypatch):
    monkeypatch.setattr(train_cpu, "can_imitate", lambda: False)
    monkeypatch.setattr(sys, "argv", ["train_cpu", "--imitate", "--tools", "ours"])
    with pytest.raises(SystemExit, match="has no AVX-512.*leave --imitate out"):
        train_cpu.main()
