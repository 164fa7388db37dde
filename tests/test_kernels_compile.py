"""Every kernel compiles for an H100 and H200 (sm_90) and fits its shared memory, on a machine without a GPU.

The interpreter accepts much that the compiler refuses. So the launches of every operator are recorded with their real
arguments, tiles and options, and each is compiled to machine code. That runs in a process of its own, where the
interpreter is off:
    python -m tests.test_kernels_compile
"""

import inspect
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch

from kernels import adamw, attention, cross_entropy, decode_attention, launch, linear, rms_norm, rotary, swiglu

SHARED_MEMORY_BYTES = 227 * 1024
ELEMENTS = {torch.bfloat16: "*bf16", torch.float32: "*fp32", torch.int32: "*i32", torch.int64: "*i64"}


def recorded_launches(dtype: torch.dtype, size: int, only_attention: bool) -> list[tuple]:
    """(kernel, arguments, options) of every launch of every operator, forward and backward, with `size` as head size;
    nothing runs."""
    launches = []

    def record(kernel, grid):
        return lambda *args, **options: launches.append((kernel, args, options))

    def empty(*shape):
        return torch.zeros(*shape, dtype=dtype)

    x, weight, width = empty(2, 16 * size), torch.zeros(16 * size), 16 * size
    q, k = empty(1, 2, 4, size), empty(1, 2, 2, size)
    table, ranges = torch.zeros(2, size // 2), torch.zeros(1, 2, dtype=torch.int32)
    out, lse, targets = empty(1, 2, 4, size), torch.zeros(1, 4, 2), torch.zeros(2, dtype=torch.int64)
    with mock.patch.object(launch.Kernel, "__getitem__", record):
        if not only_attention:
            run = torch.ones(2)
            adamw._update(
                *(torch.zeros(2, 64) for _ in range(4)), run, run.clone(), run.clone(), 32, 0.1, 0.9, 0.95, 1e-8
            )
            rms_norm._forward(x, weight, 1e-5)
            rms_norm._add_forward(x, x.clone(), weight, 1e-5)
            rms_norm._backward(x, x.clone(), x.clone(), weight, 1e-5)
            swiglu._forward(x, x.clone())
            swiglu._backward(x, x.clone(), x.clone())
            rotary._rotate(q, table, table.clone(), False)
            linear._forward(x, empty(64, width))
            cross_entropy._forward(x, empty(64, width), targets, -100, False)
            cross_entropy._backward(lse[0, 0], x, empty(64, width), targets, lse[0, 1], -100)
        for starts, ends in ((None, None), (ranges, ranges.clone())):
            attention._forward(q, k, k.clone(), starts, ends, 0.1)
            attention._backward(out, lse, q, k, k.clone(), out.clone(), lse.clone(), starts, ends, 0.1)
        if not only_attention:
            one = empty(1, 1, 1, size)
            attention._forward(one, one.clone(), one.clone(), None, None, 0.1)
            attention._backward(
                one, lse[:, :1, :1], one, one.clone(), one.clone(), one.clone(), lse[:, 1:2, 1:], None, None, 0.1
            )
            decode_attention._decode(one, one.clone(), one.clone(), one.clone(), one.clone(), None, None, 0.1)
        decode_attention._decode(q, k, k.clone(), k, k.clone(), None, torch.ones(1, dtype=torch.int64), 0.1)
    return launches


def compile_launch(kernel: launch.Kernel, args: tuple, options: dict) -> int:
    """Compile one recorded launch for sm_90; returns the shared memory it needs in bytes."""
    import triton
    from triton.backends.compiler import GPUTarget

    signature, constants, attributes = {}, {}, {}
    parameters = inspect.signature(kernel.function).parameters.values()
    for i, (parameter, value) in enumerate(zip(parameters, args, strict=True)):
        # Triton itself makes a constant of an integer 1, and a kernel must bear that too.
        is_constant = parameter.annotation == "tl.constexpr" or value is None or (isinstance(value, int) and value == 1)
        if is_constant:
            constants[parameter.name] = value
        elif isinstance(value, torch.Tensor) or value % 16 == 0:
            attributes[(i,)] = [["tt.divisibility", 16]]
        signature[parameter.name] = (
            "constexpr"
            if is_constant
            else (
                ELEMENTS[value.dtype]
                if isinstance(value, torch.Tensor)
                else "fp32"
                if isinstance(value, float)
                else "i32"
            )
        )
    source = triton.compiler.ASTSource(kernel.jitted(), signature, constants, attributes)
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options).metadata.shared


def main() -> None:
    assert not launch.is_interpreted(), "unset TRITON_INTERPRET"
    configurations = ((torch.bfloat16, 64, False), (torch.bfloat16, 128, True), (torch.float32, 64, True))
    # All launches are recorded before the first kernel is compiled: from then on its module launches the compiled form
    # directly.
    recorded = [
        (launched, *configuration) for configuration in configurations for launched in recorded_launches(*configuration)
    ]
    for (kernel, args, options), dtype, size, _ in recorded:
        print(kernel.function.__name__, str(dtype)[6:], size, compile_launch(kernel, args, options))


@pytest.mark.skipif(not launch.has_package("triton"), reason="needs the package triton")
def test_compiles_for_sm_90():
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-m", f"tests.{Path(__file__).stem}"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    shared = {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines()}
    kernels = {name.split()[0] for name in shared}
    assert len(kernels) == 15, kernels
    assert max(shared.values()) <= SHARED_MEMORY_BYTES, shared


if __name__ == "__main__":
    main()
