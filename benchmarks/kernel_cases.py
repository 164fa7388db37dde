"""What benchmarks/kernels.py times: each operator at the shapes of our profiles and of a LLaMA of 1B parameters, with
its peers.

A case names its inputs, what has to be moved or multiplied at least, and one function per implementation. Peers that
are not installed are left out of the case and listed in the report. The plain PyTorch version ("eager") is each
operator's own reference or PyTorch's function.

Shapes: M tokens, D width, T time, H query heads, G key heads, K head size, F hidden width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from kernels import attention_peers, launch
from kernels.attention import attention
from kernels.cross_entropy import linear_cross_entropy, linear_cross_entropy_reference
from kernels.decode_attention import decode_attention, decode_attention_reference
from kernels.rms_norm import rms_norm, rms_norm_reference
from kernels.rotary import rotary, rotary_reference
from kernels.swiglu import swiglu, swiglu_reference

ELEMENT_BYTES = 2  # bf16


@dataclass
class Case:
    """One operator at one shape. `forward_cost` and `backward_cost` are bytes ("bytes") or floating-point operations
    ("flops")."""

    op: str
    shape: str
    inputs: Callable[[], tuple[torch.Tensor, ...]]
    functions: dict[str, Callable]
    unit: str
    forward_cost: float
    backward_cost: float = 0.0
    has_backward: bool = True
    absent: list[str] = field(default_factory=list)


def _randn(*shape: int, grad: bool = True) -> torch.Tensor:
    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16, requires_grad=grad)


def _liger(functions: dict[str, Callable], make: Callable) -> list[str]:
    """Add Liger's version under its name when the package is there; returns what is absent."""
    if not launch.has_package("liger_kernel"):
        return ["liger"]
    try:
        from liger_kernel.transformers import functional
    except (ImportError, AttributeError) as failure:  # built for another version: one peer less, named in the report
        return [f"liger ({failure})"]
    functions["liger"] = make(functional)
    return []


def rms_norm_case(num_tokens: int, width: int) -> Case:
    """Residual addition and normalisation; Liger and PyTorch normalise after an addition of their own."""
    functions = {
        "ours": lambda x, weight, residual: rms_norm(x, weight, residual_BTD=residual),
        "eager": lambda x, weight, residual: (F.rms_norm(x + residual, (width,), weight, 1e-5), x + residual),
        "compile": torch.compile(lambda x, weight, residual: rms_norm_reference(x, weight, 1e-5, residual)),
    }

    def make(functional):
        def run(x, weight, residual):
            total = x + residual
            return functional.liger_rms_norm(total, weight, 1e-5, in_place=False), total

        return run

    absent = _liger(functions, make)
    size = num_tokens * width * ELEMENT_BYTES
    inputs = lambda: (_randn(num_tokens, width), _randn(width), _randn(num_tokens, width))  # noqa: E731
    # Forward: read x and residual, write y and the sum. Backward: read dy, dsum and the sum, write dx.
    return Case("rms_norm", f"M{num_tokens} D{width}", inputs, functions, "bytes", 4 * size, 4 * size, absent=absent)


def swiglu_case(num_tokens: int, width: int) -> Case:
    """Gate and up as separate contiguous tensors."""
    functions = {
        "ours": swiglu,
        "eager": lambda gate, up: F.silu(gate) * up,
        "compile": torch.compile(swiglu_reference),
    }
    absent = _liger(functions, lambda functional: lambda gate, up: functional.liger_swiglu(gate, up))
    size = num_tokens * width * ELEMENT_BYTES
    inputs = lambda: (_randn(num_tokens, width), _randn(num_tokens, width))  # noqa: E731
    return Case("swiglu", f"M{num_tokens} F{width}", inputs, functions, "bytes", 3 * size, 5 * size, absent=absent)


def rotary_case(batch: int, num_times: int, num_heads: int, size: int) -> Case:
    """One tensor of heads; Liger rotates q and k at once and in place, so it is no peer here."""
    angles = torch.rand(num_times, size // 2, device="cuda")
    cos, sin = angles.cos(), angles.sin()
    compiled = torch.compile(rotary_reference)
    functions = {
        "ours": lambda x: rotary(x, cos, sin),
        "eager": lambda x: rotary_reference(x, cos, sin),
        "compile": lambda x: compiled(x, cos, sin),
    }
    cost = 2 * batch * num_times * num_heads * size * ELEMENT_BYTES
    inputs = lambda: (_randn(batch, num_times, num_heads, size),)  # noqa: E731
    return Case("rotary", f"B{batch} T{num_times} H{num_heads} K{size}", inputs, functions, "bytes", cost, cost)


def cross_entropy_case(num_tokens: int, width: int, vocab_size: int) -> Case:
    """Projection and loss; three matrix products are needed, forward and backward (ours does four, see its file)."""
    targets = torch.randint(0, vocab_size, (num_tokens,), device="cuda")
    compiled = torch.compile(linear_cross_entropy_reference)
    functions = {
        "ours": lambda x, weight: linear_cross_entropy(x, weight, targets)[0],
        "eager": lambda x, weight: linear_cross_entropy_reference(x, weight, targets)[0],
        "compile": lambda x, weight: compiled(x, weight, targets)[0],
    }
    absent = _liger(
        functions, lambda functional: lambda x, weight: functional.liger_fused_linear_cross_entropy(x, weight, targets)
    )
    flops = 2.0 * num_tokens * width * vocab_size
    inputs = lambda: (_randn(num_tokens, width), (_randn(vocab_size, width, grad=False) * width**-0.5).requires_grad_())  # noqa: E731
    return Case(
        "cross_entropy",
        f"M{num_tokens} D{width} V{vocab_size}",
        inputs,
        functions,
        "flops",
        flops,
        2 * flops,
        absent=absent,
    )


def _sdpa(backend: SDPBackend) -> Callable:
    def run(q, k, v):
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        with sdpa_kernel(backend):
            return F.scaled_dot_product_attention(
                q, k, v, is_causal=True, enable_gqa=k.shape[1] != q.shape[1]
            ).transpose(1, 2)

    return run


def attention_case(batch: int, num_times: int, num_heads: int, num_key_heads: int, size: int) -> Case:
    """Causal attention; half of the square of scores is counted: two products forward, five backward."""
    functions = {
        "ours": lambda q, k, v: attention(q, k, v, path="triton")[0],
        "sdpa_flash": _sdpa(SDPBackend.FLASH_ATTENTION),
        "sdpa_cudnn": _sdpa(SDPBackend.CUDNN_ATTENTION),
    }
    absent = []
    try:
        functions[f"flash_attn_{attention_peers.flash_version()}"] = lambda q, k, v: attention(q, k, v, path="flash")[0]
    except (
        ValueError,
        ImportError,
    ) as failure:  # not there, or built for another version: one peer less, named in the report
        absent = [f"flash_attn ({failure})"]
    if num_times <= 1024:  # the whole score matrix: too large beyond
        functions["eager"] = lambda q, k, v: attention(q, k, v, path="reference")[0]
    product = batch * num_heads * num_times**2 * size  # 2 T^2 K flops, halved by causality
    shapes = [(batch, num_times, heads, size) for heads in (num_heads, num_key_heads, num_key_heads)]
    inputs = lambda: tuple(_randn(*shape) for shape in shapes)  # noqa: E731
    name = f"B{batch} T{num_times} H{num_heads} G{num_key_heads} K{size}"
    return Case("attention", name, inputs, functions, "flops", 2.0 * product, 5.0 * product, absent=absent)


def decode_case(num_rows: int, num_prefix: int, num_suffix: int, num_heads: int, num_key_heads: int, size: int) -> Case:
    """One prompt with many rows; the peer reads the prefix once per row. Cost: the caches once, the prefix counted
    once."""

    def each_row_alone(q, prefix_k, prefix_v, suffix_k, suffix_v):
        k, v = (
            torch.cat([prefix.expand(num_rows, -1, -1, -1), suffix[0]], dim=1).transpose(1, 2)
            for prefix, suffix in ((prefix_k, suffix_k), (prefix_v, suffix_v))
        )
        return F.scaled_dot_product_attention(q[0].unsqueeze(2), k, v, enable_gqa=num_heads != num_key_heads).squeeze(
            2
        )[None]

    functions = {
        "ours": lambda *x: decode_attention(*x)[0],
        "eager": lambda *x: decode_attention_reference(*x)[0],
        "sdpa": each_row_alone,
    }
    prefix, suffix = (1, num_prefix, num_key_heads, size), (1, num_rows, num_suffix, num_key_heads, size)
    shapes = [(1, num_rows, num_heads, size), prefix, prefix, suffix, suffix]
    inputs = lambda: tuple(_randn(*shape, grad=False) for shape in shapes)  # noqa: E731
    cost = ELEMENT_BYTES * size * (2 * num_rows * num_heads + 2 * num_key_heads * (num_prefix + num_rows * num_suffix))
    name = f"N{num_rows} S{num_prefix} T{num_suffix} H{num_heads} G{num_key_heads} K{size}"
    return Case("decode_attention", name, inputs, functions, "bytes", cost, has_backward=False)


def cases() -> Iterator[Case]:
    """All cases, the ones that goals are set for first, so that a short run answers them."""
    yield rms_norm_case(16384, 2048)
    yield swiglu_case(16384, 8192)
    yield rotary_case(8, 2048, 32, 64)
    yield cross_entropy_case(8192, 2048, 128256)
    for size in (64, 128):
        for num_times in (1024, 2048, 4096, 8192, 512, 256):
            yield attention_case(16384 // num_times, num_times, 2048 // size, 2048 // size, size)
    yield attention_case(4, 4096, 32, 8, 64)
    yield decode_case(1024, 512, 64, 32, 8, 64)
    # Shapes of the profiles: widths 64 to 256, T 128 and 256, a vocabulary of 1024.
    yield rms_norm_case(4096, 64)
    yield rms_norm_case(4096, 256)
    yield swiglu_case(4096, 512)
    yield rotary_case(32, 128, 4, 32)
    yield cross_entropy_case(4096, 256, 1024)
    yield attention_case(32, 128, 4, 4, 32)
    yield attention_case(16, 256, 4, 4, 64)
    yield decode_case(8192, 128, 32, 4, 4, 32)
    yield rms_norm_case(65536, 4096)
    yield rotary_case(8, 2048, 16, 128)
    yield decode_case(65536, 1024, 16, 8, 8, 64)


def outputs_of(function: Callable, inputs: tuple) -> tuple:
    """The outputs of an operator, always as a tuple."""
    outputs = function(*inputs)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def gradients_of(function: Callable, inputs: tuple, weights: tuple) -> tuple:
    """Gradients of the inputs of an operator where `weights` are those of its outputs."""
    return torch.autograd.grad(outputs_of(function, inputs), inputs, weights)


def relative_error(ours: tuple, expected: tuple) -> float:
    """Largest norm of a difference over the norm of what is expected, over outputs or gradients."""
    return max(
        (((x.float() - y.float()).norm() / y.float().norm().clamp(min=1e-30)).item() for x, y in zip(ours, expected)),
        default=0.0,
    )


def expected_of(case: Case, inputs: tuple, weights: tuple) -> tuple:
    """Outputs and gradients of the most exact implementation there is: eager in fp32 where it fits, else the first
    peer."""
    if "eager" in case.functions and case.op != "cross_entropy":
        wide = tuple(x.detach().float().requires_grad_(x.requires_grad) for x in inputs)
        outputs = outputs_of(case.functions["eager"], wide)
        gradients = torch.autograd.grad(outputs, wide, tuple(w.float() for w in weights)) if case.has_backward else ()
        return tuple(y.detach() for y in outputs), gradients
    peer = case.functions[next(name for name in case.functions if name != "ours")]
    gradients = gradients_of(peer, inputs, weights) if case.has_backward else ()
    return tuple(y.detach() for y in outputs_of(peer, inputs)), gradients


def outputs_of_any(case: Case, inputs: tuple) -> tuple:
    """Outputs of the first implementation that runs: their shapes are those of all. RuntimeError where none does."""
    for function in case.functions.values():
        try:
            with torch.no_grad():
                return outputs_of(function, inputs)
        except Exception:  # noqa: BLE001  said in the row of this implementation
            continue
    raise RuntimeError("no implementation runs")
