"""The choice of path, what is recorded of it, and that importing the room touches neither Triton nor a GPU."""

import subprocess
import sys

import pytest
import torch

from kernels import launch
from kernels.swiglu import swiglu
from tests.kernel_checks import HAS_CUDA, randn

OPERATORS = ("attention", "cross_entropy", "decode_attention", "linear", "rms_norm", "rotary", "swiglu")


def test_importing_touches_neither_triton_nor_a_gpu():
    imports = "; ".join(f"import kernels.{operator}" for operator in OPERATORS)
    code = (
        f"import sys, torch; {imports}; assert 'triton' not in sys.modules; assert not torch.cuda.is_initialized();"
        " print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "fine", done.stderr


def test_auto_is_triton_on_cuda_and_the_reference_elsewhere():
    assert launch.choose_path("cpu") == "reference"
    assert launch.choose_path(torch.device("cuda", 1)) == "triton"


def test_a_wish_is_met_or_refused(monkeypatch):
    assert launch.choose_path("cpu", "sdpa") == "sdpa"
    for wish, reason in (("fast", "unknown"), ("flash", "CUDA")):
        with pytest.raises(ValueError, match=reason):
            launch.choose_path("cpu", wish)
    with pytest.raises(ValueError, match="unknown"):
        swiglu(randn(2), randn(2), path="sdpa")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(ValueError, match="CUDA device"):
        launch.choose_path("cpu", "triton")
    monkeypatch.setattr(launch, "has_package", lambda name: False)
    with pytest.raises(ValueError, match="needs the package triton"):
        launch.choose_path("cuda")


def test_paths_used_names_what_ran():
    for path in ("reference", "triton"):
        swiglu(randn(2), randn(2), path=path)
        assert launch.paths_used()["swiglu"] == path
    swiglu(randn(2), randn(2))
    assert launch.paths_used()["swiglu"] == ("triton" if HAS_CUDA else "reference")


def test_has_package():
    assert launch.has_package("torch.nn") and not launch.has_package("no_such_package.at_all")


def test_autocast_casts_only_when_it_is_on():
    x = randn(2)
    assert launch.autocast(x)[0] is x
    with torch.autocast(x.device.type, dtype=torch.bfloat16):
        assert launch.autocast(x)[0].dtype == torch.bfloat16


def test_next_power_of_2():
    assert [launch.next_power_of_2(n) for n in (1, 2, 3, 8, 9)] == [1, 2, 4, 8, 16]
