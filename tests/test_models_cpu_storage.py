"""models/cpu/storage.py: what is stored is what torch stores in bf16, bit for bit, whether as bf16 or in the place of
fp32."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import models
from models.cpu import kernels as ops
from models.cpu.storage import EMULATED_BF16, FP32, NATIVE_BF16, Buffer

SPECIAL = torch.tensor(
    [
        0.0,
        -0.0,
        1 + 2.0**-8,
        1 + 3 * 2.0**-8,
        -(1 + 2.0**-9),
        3e38,
        -3.4e38,
        1e-40,
        2.0**-133,
        torch.inf,
        -torch.inf,
        torch.nan,
    ]
)


def numbers() -> torch.Tensor:
    """Ties, subnormals, infinities, NaN, and random bits of every exponent."""
    bits = torch.randint(-(2**31), 2**31 - 1, (4096,), generator=torch.Generator().manual_seed(0)).to(torch.int32)
    drawn = bits.view(torch.float32)
    return torch.cat([SPECIAL, drawn[torch.isfinite(drawn)]])


@pytest.mark.parametrize("storage", [NATIVE_BF16, EMULATED_BF16], ids=["native", "emulated"])
def test_a_written_number_is_the_nearest_bf16(storage):
    values = numbers()
    stored = Buffer(tuple(values.shape), storage)
    ops.store_numbers(values.numpy(), stored.n)
    assert torch.equal(stored.t.float().nan_to_num(nan=7.0), values.bfloat16().float().nan_to_num(nan=7.0))


def test_an_unrounded_sum_is_rounded_when_it_is_read():
    sums = torch.linspace(-3, 3, 1001)
    stored, total = Buffer((1001,), EMULATED_BF16), np.zeros(1001, np.float32)
    stored.t.copy_(sums)  # as a product leaves it
    ops.add_numbers(stored.n, total)
    assert torch.equal(torch.from_numpy(total), sums.bfloat16().float())
    assert not torch.equal(sums.bfloat16().float(), sums)


def test_fp32_is_left_alone():
    values = numbers()
    stored = Buffer(tuple(values.shape), FP32)
    ops.store_numbers(values.numpy(), stored.n)
    assert torch.equal(stored.t.view(torch.int32), values.view(torch.int32))


@pytest.mark.parametrize("storage", [NATIVE_BF16, EMULATED_BF16, FP32])
def test_torch_and_numba_see_one_array(storage):
    buffer = Buffer((3, 4), storage)
    buffer.t[1, 2] = -2.0
    assert buffer.n[1, 2] != 0 and buffer.flat[6] == buffer.n[1, 2] and np.count_nonzero(buffer.n) == 1


CHILD = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
from models.cpu.kernels import store_numbers
stored = np.zeros(2, np.uint32)
store_numbers(np.array([1.00390625, 1.01171875], np.float32), stored)
print(stored.view(np.float32).tolist(), sum(store_numbers.stats.cache_hits.values()))
"""


def test_a_change_of_the_intrinsics_is_compiled_anew(tmp_path):
    """Numba keeps what it compiled by the file of the function; what is rounded stands in another one."""
    shutil.copytree(Path(models.__file__).parent, tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))

    def run() -> str:
        command = [sys.executable, "-c", CHILD.format(folder=str(tmp_path))]
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
        ).stdout.strip()

    assert [run(), run()] == ["[1.0, 1.015625] 0", "[1.0, 1.015625] 1"]
    source = tmp_path / "models/cpu/storage.py"
    source.write_text(source.read_text().replace("0x7FFF)), is_odd", "0x0000)), is_odd"))  # truncates instead
    assert run() == "[1.0, 1.0078125] 0"
