"""How the compiled passes of a training step hold numbers, and how they read and write them. Three types of array:

uint16   bf16 by its bits (Numba has no bf16), where the CPU multiplies bf16
uint32   bf16 that is emulated: the bits of a fp32 number whose lower half is zero once it is rounded. Products in fp32
leave unrounded
         sums there, as the hardware's own products do before they are stored; whoever reads one rounds it.
float32  fp32

A rounding is to nearest, ties to even, as the hardware's; arithmetic between a read and a write is fp32.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec

import torch
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# Sums may be reordered so that they vectorise. The numpy error model divides without a branch for zero, which would
# keep a loop scalar.
_OPTIONS = {"fastmath": {"reassoc", "contract", "arcp", "nsz", "nnan"}, "error_model": "numpy", "cache": True}
# The modules whose intrinsics stand in compiled functions of other files.
_INTRINSICS = ("models.cpu.storage", "models.cpu.vectors", "models.cpu.tiles")
_INT32 = ir.IntType(32)


@cache
def _digest(modules: tuple[str, ...]) -> str:
    sources = [find_spec(name).loader.get_source(name) for name in modules]
    return hashlib.sha256("".join(sources).encode()).hexdigest()


def compiled(function=None, more_intrinsics: tuple[str, ...] = (), **options):
    """A function compiled by Numba and kept on disk until its own file or the intrinsics change (Numba by itself looks
    at the first alone).

    `more_intrinsics` names further modules whose functions stand in it, `options` are further ones of numba.njit."""
    if function is None:
        return partial(compiled, more_intrinsics=more_intrinsics, **options)
    dispatcher = njit(**_OPTIONS, **options)(function)
    index = dispatcher._cache._cache_file
    index._source_stamp = (index._source_stamp, _digest(_INTRINSICS + more_intrinsics))
    return dispatcher


@dataclass(frozen=True)
class Storage:
    """How numbers of a format are held: the type that torch multiplies, and the type that Numba sees."""

    dtype: torch.dtype
    seen: torch.dtype


NATIVE_BF16 = Storage(torch.bfloat16, torch.uint16)
EMULATED_BF16 = Storage(torch.float32, torch.uint32)
FP32 = Storage(torch.float32, torch.float32)


class Buffer:
    """One preallocated array, zero at first, seen by torch (`t`) and by Numba (`n`, and `flat` without a shape)."""

    def __init__(self, shape: tuple[int, ...], storage: Storage):
        self.t = torch.zeros(shape, dtype=storage.dtype)
        self.n = self.t.view(storage.seen).numpy()
        self.flat = self.n.reshape(-1)


def raised_bits(builder, bits):
    """IR: fp32 bits (a number's or a vector's) whose upper halves are those of the nearest bf16, ties to even."""

    def constant(value: int):
        return ir.Constant(bits.type, [value] * bits.type.count if isinstance(bits.type, ir.VectorType) else value)

    is_odd = builder.and_(builder.lshr(bits, constant(16)), constant(1))
    return builder.add(builder.add(bits, constant(0x7FFF)), is_odd)


def rounded_bits(builder, bits):
    """IR: fp32 bits of the nearest bf16."""
    mask = 0xFFFF0000
    mask = ir.Constant(bits.type, [mask] * bits.type.count if isinstance(bits.type, ir.VectorType) else mask)
    return builder.and_(raised_bits(builder, bits), mask)


@intrinsic
def widen(typing_context, stored):
    """fp32 value of a stored number."""

    def generate(context, builder, signature, arguments):
        if stored == types.uint16:
            bits = builder.shl(builder.zext(arguments[0], _INT32), ir.Constant(_INT32, 16))
            return builder.bitcast(bits, ir.FloatType())
        if stored == types.uint32:
            return builder.bitcast(rounded_bits(builder, arguments[0]), ir.FloatType())
        return arguments[0]

    return types.float32(stored), generate


@intrinsic
def narrow(typing_context, value, like):
    """A fp32 value in the storage type of `like`."""

    def generate(context, builder, signature, arguments):
        if like == types.uint16:
            raised = raised_bits(builder, builder.bitcast(arguments[0], _INT32))
            return builder.trunc(builder.lshr(raised, ir.Constant(_INT32, 16)), ir.IntType(16))
        if like == types.uint32:
            return rounded_bits(builder, builder.bitcast(arguments[0], _INT32))
        return arguments[0]

    return like(value, like), generate
