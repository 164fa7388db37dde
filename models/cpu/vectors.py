"""Vectors of sixteen fp32 numbers inside Numba functions.

Numba's loops become vector code only where LLVM sees how; attention over short sequences is not such a place. Here a
vector is a value that a compiled function can hold, load, add and store. Any CPU can run it: LLVM splits it where
registers are shorter. Stored numbers are fp32 or, where bf16 is emulated, bf16 values in the place of fp32, seen as
uint32: these are rounded to the nearest bf16 (ties to even) when loaded with `load_rounded` and when stored with
`store_rounded`, which leave fp32 alone.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from models.cpu.storage import compiled, rounded_bits

LANES = 16  # one 512-bit register of fp32
_ONE, _LOG2_E = np.float32(1.0), np.float32(1.4426950408889634)
# 2^-127 has no normal fp32 number: its bits come out as an exact zero, which is what a masked score needs.
_LOWEST_EXPONENT, _HIGHEST_EXPONENT = np.float32(-127.0), np.float32(126.0)
# Minimax polynomial of 2^f on [-0.5, 0.5], relative error below 3e-7.
_P1, _P2, _P3 = np.float32(0.6931472), np.float32(0.2402265), np.float32(0.05550411)
_P4, _P5, _P6 = np.float32(0.009618129), np.float32(0.0013333558), np.float32(0.00015403530)
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
VECTOR, BITS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)


class Lanes(types.Type):
    """Numba's name of a vector."""

    def __init__(self):
        super().__init__(name="Lanes")


lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, type_):
        super().__init__(manager, type_, VECTOR)


def _rounded(builder, vector):
    return builder.bitcast(rounded_bits(builder, builder.bitcast(vector, BITS)), VECTOR)


def is_stored(array) -> bool:
    """True for the type of a row of numbers in memory: 1-D, contiguous, fp32 or the bits of bf16 pairs."""
    return (
        isinstance(array, types.Array)
        and array.ndim == 1
        and array.layout == "C"
        and array.dtype in (types.float32, types.uint32)
    )


def element_pointer(context, builder, array_type, array, index):
    """Emits the address of an element."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(builder.bitcast(data, _FLOAT.as_pointer()), [index])


def emit_load(builder, pointer):
    """Emits a load of one vector, from any address."""
    return builder.load(builder.bitcast(pointer, VECTOR.as_pointer()), align=4)


def emit_store(builder, vector, pointer):
    """Emits a store of one vector, to any address."""
    builder.store(vector, builder.bitcast(pointer, VECTOR.as_pointer()), align=4)


def emit_splat(builder, value):
    """Emits a vector with one number in every lane."""
    single = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(single, ir.Constant(VECTOR, ir.Undefined), ir.Constant(BITS, [0] * LANES))


def emit_call(builder, name: str, *vectors):
    """Emits a call of an LLVM intrinsic on vectors, e.g. fma."""
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(VECTOR, [VECTOR] * len(vectors)), f"llvm.{name}.v{LANES}f32"
    )
    return builder.call(function, vectors)


def _loading(is_rounded: bool):
    @intrinsic
    def load(typing_context, array, index):
        """The vector that begins at an element of a flat array."""
        if not is_stored(array):
            return None

        def generate(context, builder, signature, arguments):
            vector = emit_load(builder, element_pointer(context, builder, signature.args[0], *arguments))
            return _rounded(builder, vector) if is_rounded and array.dtype == types.uint32 else vector

        return lanes(array, types.int64), generate

    return load


def _storing(is_rounded: bool):
    @intrinsic
    def store(typing_context, vector, array, index):
        """Writes a vector to a flat array."""
        if not is_stored(array):
            return None

        def generate(context, builder, signature, arguments):
            vector, array_value, index_value = arguments
            vector = _rounded(builder, vector) if is_rounded and array.dtype == types.uint32 else vector
            emit_store(builder, vector, element_pointer(context, builder, signature.args[1], array_value, index_value))
            return context.get_dummy_value()

        return types.void(lanes, array, types.int64), generate

    return store


load, load_rounded = _loading(False), _loading(True)
store, store_rounded = _storing(False), _storing(True)


@intrinsic
def splat(typing_context, value):
    """A number in every place."""
    return lanes(types.float32), lambda context, builder, signature, arguments: emit_splat(builder, arguments[0])


@intrinsic
def lane_numbers(typing_context):
    """0 to 15."""
    return lanes(), lambda context, builder, signature, arguments: ir.Constant(
        VECTOR, [float(place) for place in range(LANES)]
    )


def _vector_function(num_arguments: int, generate):
    """An intrinsic of vectors alone; generate(builder, *vectors) emits it."""

    def emit(context, builder, signature, arguments):
        return generate(builder, *arguments)

    if num_arguments == 1:
        return intrinsic(lambda typing_context, x: (lanes(lanes), emit))
    if num_arguments == 2:
        return intrinsic(lambda typing_context, x, y: (lanes(lanes, lanes), emit))
    return intrinsic(lambda typing_context, x, y, z: (lanes(lanes, lanes, lanes), emit))


def _lowest():
    return ir.Constant(VECTOR, [-1e30] * LANES)


def _two_to(builder, exponent):
    bits = builder.add(builder.fptosi(exponent, BITS), ir.Constant(BITS, [127] * LANES))
    return builder.bitcast(builder.shl(bits, ir.Constant(BITS, [23] * LANES)), VECTOR)


# The first argument stays where it is not a number, so that a NaN comes through.
maximum = _vector_function(2, lambda builder, x, y: builder.select(builder.fcmp_ordered(">", y, x), y, x))
minimum = _vector_function(2, lambda builder, x, y: builder.select(builder.fcmp_ordered("<", y, x), y, x))
multiply_add = _vector_function(3, lambda builder, x, y, z: emit_call(builder, "fmuladd", x, y, z))
round_whole = _vector_function(1, lambda builder, x: emit_call(builder, "rint", x))
two_to = _vector_function(1, _two_to)
keep_from = _vector_function(
    3, lambda builder, x, place, limit: builder.select(builder.fcmp_ordered(">=", place, limit), x, _lowest())
)


def _operate(symbol, instruction: str) -> None:
    emit = _vector_function(2, lambda builder, x, y: getattr(builder, instruction)(x, y))

    @overload(symbol)
    def operate(x, y):
        return (lambda x, y: emit(x, y)) if x == lanes and y == lanes else None


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operate(_symbol, _instruction)


@compiled
def exp(x):
    """exp of a vector, zero below 2^-127 and at most 2^126, without a library call."""
    t = minimum(maximum(x * splat(_LOG2_E), splat(_LOWEST_EXPONENT)), splat(_HIGHEST_EXPONENT))
    n = round_whole(t)
    f = t - n
    value = multiply_add(f, splat(_P6), splat(_P5))
    value = multiply_add(f, value, splat(_P4))
    value = multiply_add(f, value, splat(_P3))
    value = multiply_add(f, value, splat(_P2))
    value = multiply_add(f, value, splat(_P1))
    return multiply_add(f, value, splat(_ONE)) * two_to(n)


def _swapped(builder, x):
    half = LANES // 2
    order = ir.Constant(BITS, [*range(half, LANES), *range(half)])
    return builder.shuffle_vector(x, ir.Constant(VECTOR, ir.Undefined), order)


swap_halves = _vector_function(1, _swapped)
