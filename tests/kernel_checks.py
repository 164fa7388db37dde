"""How the kernels are checked: against an oracle one precision up, with errors measured beside PyTorch's own.

Without a CUDA device the Triton kernels run in its interpreter on the CPU (conftest.py switches it on), in fp32: this
file is the one place that leaves half precision out there (the interpreter's tl.dot returns garbage for bf16, and its
casts truncate instead of rounding).
"""

import contextlib
from collections.abc import Callable, Iterator
from unittest import mock

import pytest
import torch

from kernels import launch

HAS_CUDA = torch.cuda.is_available()

DEVICE = "cuda" if HAS_CUDA else "cpu"
on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not HAS_CUDA, reason="half precision needs a CUDA device; the interpreter gets it wrong"),
]
HALF_DTYPES = [
    pytest.param(torch.float16, id="fp16", marks=on_gpu),
    pytest.param(torch.bfloat16, id="bf16", marks=on_gpu),
]
DTYPES = [pytest.param(torch.float32, id="fp32"), *HALF_DTYPES]
FORWARD_FACTOR, GRADIENT_FACTOR = 2.0, 3.0

Tensors = tuple[torch.Tensor, ...]


def randn(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    """Normal numbers that depend on shape and seed alone, on the device under test."""
    generator = torch.Generator().manual_seed(seed * 1009 + sum(shape))
    return (torch.randn(shape, generator=generator) * scale).to(DEVICE, dtype)


def qkv(
    num_queries: int,
    num_keys: int,
    num_heads: int,
    num_key_heads: int,
    size: int,
    batch: int = 1,
    dtype: torch.dtype = torch.float32,
) -> Tensors:
    """Queries [batch, num_queries, num_heads, size], keys and values [batch, num_keys, num_key_heads, size]."""
    shapes = [(num_queries, num_heads), (num_keys, num_key_heads), (num_keys, num_key_heads)]
    return tuple(
        randn(batch, num_times, heads, size, dtype=dtype, seed=i) for i, (num_times, heads) in enumerate(shapes)
    )


def some_documents(batch: int, num_times: int) -> torch.Tensor:
    """Runs of a few tokens; one number comes back later in another run, which must stay apart from the first."""
    borders = torch.rand(batch, num_times, generator=torch.Generator().manual_seed(num_times)) < 0.15
    return (borders.cumsum(1) % 3).to(DEVICE)


@contextlib.contextmanager
def poisoned_allocations() -> Iterator[None]:
    """Within this context torch.empty and torch.empty_like hold NaN, so that memory a kernel leaves unwritten shows."""
    empty, empty_like = torch.empty, torch.empty_like

    def poison(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.fill_(float("nan")) if tensor.is_floating_point() else tensor

    torch.empty = lambda *args, **kwargs: poison(empty(*args, **kwargs))
    torch.empty_like = lambda *args, **kwargs: poison(empty_like(*args, **kwargs))
    try:
        yield
    finally:
        torch.empty, torch.empty_like = empty, empty_like


def assert_error_within(
    name: str, ours: torch.Tensor, pytorch: torch.Tensor, oracle: torch.Tensor, factor: float
) -> None:
    """Largest error of `ours` against the oracle must be at most `factor` times PyTorch's in the same type.

    The floor, four units in the last place of the largest value, covers tiny problems where PyTorch is exact by luck.
    """
    assert ours is not None, f"{name}: no gradient"
    assert ours.shape == oracle.shape and ours.dtype == pytorch.dtype, (
        f"{name}: {ours.shape} {ours.dtype} for {oracle.shape} {pytorch.dtype}"
    )
    assert torch.isfinite(ours).all() or not torch.isfinite(oracle).all(), f"{name}: not finite"
    if oracle.numel() == 0:
        return
    error, own_error = ((x.double() - oracle.double()).abs().max().item() for x in (ours, pytorch))
    floor = 4 * torch.finfo(ours.dtype).eps * oracle.abs().max().item()
    assert error <= factor * own_error + floor, (
        f"{name}: error {error:.3e} exceeds {factor} x PyTorch's {own_error:.3e} + {floor:.1e}"
    )


def outputs_and_gradients(op: Callable, inputs: Tensors) -> tuple[Tensors, tuple]:
    """Run op on fresh leaves of the inputs' layout; gradients of a fixed random weighing of all its outputs."""
    leaves = tuple(x.detach().requires_grad_() for x in inputs)
    outputs = op(*leaves)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    with_gradient = [y for y in outputs if y.requires_grad]
    weights = [randn(*y.shape, seed=7 + i).to(y.dtype) for i, y in enumerate(with_gradient)]
    gradients = (
        torch.autograd.grad(with_gradient, leaves, weights, allow_unused=True)
        if with_gradient
        else (None,) * len(leaves)
    )
    return tuple(y.detach() for y in outputs), gradients


def in_own_precision(reference: Callable) -> Callable:
    """A reference that computes in the type of its inputs rather than in fp32: what PyTorch itself errs in half
    precision.

    Measure for operators that feed rounded values to a matrix product. Row statistics are still handed out in fp32.
    """

    def run(*inputs: torch.Tensor):
        with mock.patch.object(launch, "accumulation_dtype", lambda x: x.dtype):
            out, *statistics = reference(*inputs)
        return (out, *(x if x.dtype == torch.float64 else x.float() for x in statistics))

    return run


def check_op(op: Callable, reference: Callable, inputs: Tensors, own: Callable | None = None) -> None:
    """Forward and every gradient of `op` against `reference` in fp64, twice, on poisoned memory; the inputs stay as
    they were.

    own: what stands for PyTorch in the inputs' type, the reference by default.
    """
    before = tuple(x.clone() for x in inputs)
    with poisoned_allocations():
        ours, our_gradients = outputs_and_gradients(op, inputs)
        again, again_gradients = outputs_and_gradients(op, inputs)
    pytorch, pytorch_gradients = outputs_and_gradients(own or reference, inputs)
    oracle, oracle_gradients = outputs_and_gradients(reference, tuple(x.double() for x in inputs))
    for i, triple in enumerate(zip(ours, pytorch, oracle, strict=True)):
        assert_error_within(f"output {i}", *triple, FORWARD_FACTOR)
    for i, triple in enumerate(zip(our_gradients, pytorch_gradients, oracle_gradients, strict=True)):
        assert_error_within(f"gradient {i}", *triple, GRADIENT_FACTOR)
    for first, second in zip(ours + our_gradients, again + again_gradients, strict=True):
        assert torch.equal(first, second), "a second call on the same inputs gives other bits"
    for x, y in zip(inputs, before, strict=True):
        assert torch.equal(x, y), "an input was overwritten"


def faulty(op: Callable, fault: str) -> Callable:
    """`op` with one planted fault, to prove that check_op fails on it."""

    def scaled_forward(*inputs: torch.Tensor):
        outputs = op(*inputs)
        return (outputs[0] * 1.01, *outputs[1:]) if isinstance(outputs, tuple) else outputs * 1.01

    def scaled_gradient(*inputs: torch.Tensor):
        copies = [x.clone() for x in inputs]
        copies[-1].register_hook(lambda gradient: gradient * 1.01)
        return op(*copies)

    def dropped_gradient(*inputs: torch.Tensor):
        return op(*inputs[:-1], inputs[-1].detach())

    def overwritten_input(*inputs: torch.Tensor):
        outputs = op(*inputs)
        inputs[0].data.mul_(1.01)
        return outputs

    return {f.__name__: f for f in (scaled_forward, scaled_gradient, dropped_gradient, overwritten_input)}[fault]


FAULTS = ("scaled_forward", "scaled_gradient", "dropped_gradient", "overwritten_input")
