"""Vectors of sixteen fp32 numbers inside Numba functions, and the block of a matrix product that is built of them.

Numba's loops become vector code only where LLVM sees how; attention over short sequences is not such a place. Here a vector is a value
that a compiled function can hold, load, add and store. Any CPU can run it: LLVM splits it where registers are shorter.
Stored numbers are fp32 or, where bf16 is emulated, bf16 values in the place of fp32, seen as uint32: these are rounded to the nearest bf16
(ties to even) when loaded with `load_rounded` and when stored with `store_rounded`, which leave fp32 alone.
Each element of a product is summed in the order of its reduction, whatever the width of the registers.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from models.cpu_storage import compiled, rounded_bits

LANES = 16  # one 512-bit register of fp32
ROWS = 16  # rows of a block product: as many sums in flight hide the latency of a multiply-add
_ONE, _LOG2_E = np.float32(1.0), np.float32(1.4426950408889634)
# 2^-127 has no normal fp32 number: its bits come out as an exact zero, which is what a masked score needs.
_LOWEST_EXPONENT, _HIGHEST_EXPONENT = np.float32(-127.0), np.float32(126.0)
# Minimax polynomial of 2^f on [-0.5, 0.5], relative error below 3e-7.
_P1, _P2, _P3 = np.float32(0.6931472), np.float32(0.2402265), np.float32(0.05550411)
_P4, _P5, _P6 = np.float32(0.009618129), np.float32(0.0013333558), np.float32(0.00015403530)
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_VECTOR, _BITS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)


class Lanes(types.Type):
    """Numba's name of a vector."""

    def __init__(self):
        super().__init__(name="Lanes")


lanes = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, type_):
        super().__init__(manager, type_, _VECTOR)


def _rounded(builder, vector):
    return builder.bitcast(rounded_bits(builder, builder.bitcast(vector, _BITS)), _VECTOR)


def _is_stored(array) -> bool:
    return isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C" and array.dtype in (types.float32, types.uint32)


def _pointer(context, builder, array_type, array, index):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(builder.bitcast(data, _FLOAT.as_pointer()), [index])


def _load(builder, pointer):
    return builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)


def _store(builder, vector, pointer):
    builder.store(vector, builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)


def _splat(builder, value):
    single = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(single, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(_BITS, [0] * LANES))


def _call(builder, name: str, *vectors):
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * len(vectors)), f"llvm.{name}.v{LANES}f32")
    return builder.call(function, vectors)


def _loading(is_rounded: bool):
    @intrinsic
    def load(typing_context, array, index):
        """The vector that begins at an element of a flat array."""
        if not _is_stored(array):
            return None

        def generate(context, builder, signature, arguments):
            vector = _load(builder, _pointer(context, builder, signature.args[0], *arguments))
            return _rounded(builder, vector) if is_rounded and array.dtype == types.uint32 else vector

        return lanes(array, types.int64), generate

    return load


def _storing(is_rounded: bool):
    @intrinsic
    def store(typing_context, vector, array, index):
        """Writes a vector to a flat array."""
        if not _is_stored(array):
            return None

        def generate(context, builder, signature, arguments):
            vector, array_value, index_value = arguments
            vector = _rounded(builder, vector) if is_rounded and array.dtype == types.uint32 else vector
            _store(builder, vector, _pointer(context, builder, signature.args[1], array_value, index_value))
            return context.get_dummy_value()

        return types.void(lanes, array, types.int64), generate

    return store


load, load_rounded = _loading(False), _loading(True)
store, store_rounded = _storing(False), _storing(True)


@intrinsic
def splat(typing_context, value):
    """A number in every place."""
    return lanes(types.float32), lambda context, builder, signature, arguments: _splat(builder, arguments[0])


@intrinsic
def lane_numbers(typing_context):
    """0 to 15."""
    return lanes(), lambda context, builder, signature, arguments: ir.Constant(_VECTOR, [float(place) for place in range(LANES)])


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
    return ir.Constant(_VECTOR, [-1e30] * LANES)


def _two_to(builder, exponent):
    bits = builder.add(builder.fptosi(exponent, _BITS), ir.Constant(_BITS, [127] * LANES))
    return builder.bitcast(builder.shl(bits, ir.Constant(_BITS, [23] * LANES)), _VECTOR)


# The first argument stays where it is not a number, so that a NaN comes through.
maximum = _vector_function(2, lambda builder, x, y: builder.select(builder.fcmp_ordered(">", y, x), y, x))
minimum = _vector_function(2, lambda builder, x, y: builder.select(builder.fcmp_ordered("<", y, x), y, x))
multiply_add = _vector_function(3, lambda builder, x, y, z: _call(builder, "fmuladd", x, y, z))
round_whole = _vector_function(1, lambda builder, x: _call(builder, "rint", x))
two_to = _vector_function(1, _two_to)
keep_from = _vector_function(3, lambda builder, x, place, limit: builder.select(builder.fcmp_ordered(">=", place, limit), x, _lowest()))


def _operate(symbol, instruction: str) -> None:
    emit = _vector_function(2, lambda builder, x, y: getattr(builder, instruction)(x, y))

    @overload(symbol)
    def operate(x, y):
        return (lambda x, y: emit(x, y)) if x == lanes and y == lanes else None


for _symbol, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv")):
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
    order = ir.Constant(_BITS, [*range(half, LANES), *range(half)])
    return builder.shuffle_vector(x, ir.Constant(_VECTOR, ir.Undefined), order)


swap_halves = _vector_function(1, _swapped)


def _transposed(builder, rows: list) -> list:
    """IR: sixteen vectors as the columns of what they were the rows of, by exchanging ever larger squares of two of them."""
    for size in (1, 2, 4, 8):
        low = [place - size + LANES if place & size else place for place in range(LANES)]
        high = [place + LANES if place & size else place + size for place in range(LANES)]
        rows = [
            builder.shuffle_vector(rows[row & ~size], rows[row | size], ir.Constant(_BITS, high if row & size else low)) for row in range(LANES)
        ]
    return rows


@intrinsic
def transpose_block(typing_context, a, a_at, a_row, b, b_at, b_row):
    """b[b_at + l * b_row + r] = a[a_at + r * a_row + l] for LANES rows and columns."""
    if not (_is_stored(a) and _is_stored(b)):
        return None

    def generate(context, builder, signature, arguments):
        a, a_at, a_row, b, b_at, b_row = arguments
        of = signature.args

        def row(array_type, array, at, width, number):
            return _pointer(context, builder, array_type, array, builder.add(at, builder.mul(width, ir.Constant(width.type, number))))

        rows = [_load(builder, row(of[0], a, a_at, a_row, number)) for number in range(LANES)]
        for number, column in enumerate(_transposed(builder, rows)):
            _store(builder, column, row(of[3], b, b_at, b_row, number))
        return context.get_dummy_value()

    whole = types.int64
    return types.void(a, whole, whole, b, whole, whole), generate


def _block_product(is_added: bool):
    @intrinsic
    def product(typing_context, a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count):
        """c[c_at + r * c_row + l] = (or +=) sum over i < count of a[a_at + r * a_row + i * a_step] * b[b_at + i * b_step + l]."""
        if not all(map(_is_stored, (a, b, c))):
            return None
        whole = types.int64

        def generate(context, builder, signature, arguments):
            a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count = arguments
            of = signature.args

            def element_a(row, step):
                place = builder.add(builder.add(a_at, builder.mul(step, a_step)), builder.mul(a_row, ir.Constant(count.type, row)))
                return builder.load(_pointer(context, builder, of[0], a, place))

            rows_c = [builder.add(c_at, builder.mul(c_row, ir.Constant(count.type, row))) for row in range(ROWS)]
            pointers_c = [_pointer(context, builder, of[7], c, place) for place in rows_c]
            before, loop, after = builder.basic_block, builder.append_basic_block("product"), builder.append_basic_block("product.end")
            starts = [_load(builder, pointer) if is_added else ir.Constant(_VECTOR, [0.0] * LANES) for pointer in pointers_c]
            builder.branch(loop)
            builder.position_at_end(loop)
            step, totals = builder.phi(count.type), [builder.phi(_VECTOR) for _ in range(ROWS)]
            row_b = _load(builder, _pointer(context, builder, of[4], b, builder.add(b_at, builder.mul(step, b_step))))
            sums = [_call(builder, "fmuladd", _splat(builder, element_a(row, step)), row_b, total) for row, total in enumerate(totals)]
            following = builder.add(step, ir.Constant(count.type, 1))
            for phi, first, then in zip((step, *totals), (ir.Constant(count.type, 0), *starts), (following, *sums), strict=True):
                phi.add_incoming(first, before)
                phi.add_incoming(then, loop)
            builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
            builder.position_at_end(after)
            for total, pointer in zip(sums, pointers_c, strict=True):
                _store(builder, total, pointer)
            return context.get_dummy_value()

        return types.void(a, whole, whole, whole, b, whole, whole, c, whole, whole, whole), generate

    return product


# Of ROWS rows r, LANES columns l and at least one product each.
block_product, add_block_product = _block_product(False), _block_product(True)
