"""Attention of one query over a list of keys, in explicit vectors of 16 numbers: three loops that Numba calls as
functions.

Why by hand: a list has some fifty keys, so that the loops which LLVM makes of plain code spend most of their time
before and behind their vector part (100 ns a query and head at 50 keys, against 40 here). A vector is one AVX-512
register; LLVM splits it where registers are shorter. Lists are filled up to whole vectors; arrays are C-contiguous
fp32.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import pack, unpack

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

VECTOR = 16
_F32, _I32, _I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VEC, _IVEC = ir.VectorType(_F32, VECTOR), ir.VectorType(_I32, VECTOR)
_ARRAY = types.Array(types.float32, 1, "C")
_MASKED = -1e30
# The exponential of models/cpu/kernels.py: 2^n times a minimax polynomial of 2^f on [-0.5, 0.5], zero below 2^-127.
_LOG2_E, _LOWEST, _HIGHEST = 1.4426950408889634, -127.0, 126.0
_POLYNOMIAL = (0.00015403530, 0.0013333558, 0.009618129, 0.05550411, 0.2402265, 0.6931472, 1.0)


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_VEC, [ir.Constant(_F32, unpack("f", pack("f", value))[0])] * VECTOR)


def _call(
    builder: ir.IRBuilder, name: str, kinds: list[ir.Type], arguments: list[ir.Value], flags: tuple[str, ...] = ()
) -> ir.Value:
    result = _F32 if name.startswith("llvm.vector.reduce") else _VEC
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, kinds), f"{name}.v{VECTOR}f32")
    return builder.call(function, arguments, fastmath=flags)


def _fma(builder: ir.IRBuilder, left: ir.Value, right: ir.Value, added: ir.Value) -> ir.Value:
    return _call(builder, "llvm.fmuladd", [_VEC] * 3, [left, right, added])


def _largest(builder: ir.IRBuilder, left: ir.Value, right: ir.Value) -> ir.Value:
    return _call(builder, "llvm.maxnum", [_VEC] * 2, [left, right], ("nnan",))


def _place(builder: ir.IRBuilder, base: ir.Value, index: ir.Value) -> ir.Value:
    return builder.bitcast(builder.gep(base, [index]), _VEC.as_pointer())


def _load(builder: ir.IRBuilder, base: ir.Value, index: ir.Value) -> ir.Value:
    return builder.load(_place(builder, base, index), align=4)


def _store(builder: ir.IRBuilder, value: ir.Value, base: ir.Value, index: ir.Value) -> None:
    builder.store(value, _place(builder, base, index), align=4)


def _repeat(builder: ir.IRBuilder, scalar: ir.Value) -> ir.Value:
    unset = ir.Constant(ir.VectorType(scalar.type, VECTOR), ir.Undefined)
    return builder.shuffle_vector(
        builder.insert_element(unset, scalar, ir.Constant(_I32, 0)),
        unset,
        ir.Constant(_IVEC, [ir.Constant(_I32, 0)] * VECTOR),
    )


def _sum(builder: ir.IRBuilder, totals: list[ir.Value]) -> ir.Value:
    # By pairs, always in the same order: the sum is the same whatever LLVM would find fastest.
    values = list(totals)
    while len(values) > 1:
        values = [builder.fadd(left, right) for left, right in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def _exponential(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    power = _largest(builder, builder.fmul(x, _constant(_LOG2_E)), _constant(_LOWEST))
    power = _call(builder, "llvm.minnum", [_VEC] * 2, [power, _constant(_HIGHEST)], ("nnan",))
    # 2^power = 2^whole * 2^rest: the first by a shift into the exponent bits, the second by the polynomial.
    whole = _call(builder, "llvm.rint", [_VEC], [power])
    rest, value = builder.fsub(power, whole), _constant(_POLYNOMIAL[0])
    for coefficient in _POLYNOMIAL[1:]:
        value = _fma(builder, value, rest, _constant(coefficient))
    shifted = [ir.Constant(_IVEC, [ir.Constant(_I32, number)] * VECTOR) for number in (127, 23)]
    bits = builder.shl(builder.add(builder.fptosi(whole, _IVEC), shifted[0]), shifted[1])
    return builder.fmul(value, builder.bitcast(bits, _VEC))


def _loop(builder: ir.IRBuilder, end: ir.Value, step: int, body: Callable[[ir.Value], None]) -> None:
    with cgutils.for_range_slice(builder, ir.Constant(_I64, 0), end, ir.Constant(_I64, step), _I64) as (index, _):
        body(index)


def _pointers(context, builder: ir.IRBuilder, signature, arguments) -> list[ir.Value]:
    return [
        context.make_array(_ARRAY)(context, builder, value).data if kind == _ARRAY else value
        for kind, value in zip(signature.args, arguments)
    ]


@intrinsic
def score_keys(typing_context, query, keys, width, num_keys, scores):
    """scores[j] = sum over i of query[i] * keys[i, j] for keys [K, width]; -1e30 behind `num_keys`, to the end of its
    vector. Returns the largest.

    The length of `query` is a multiple of 16."""

    def generate(context, builder, signature, arguments):
        query_data, keys_data, width, num_keys, scores_data = _pointers(context, builder, signature, arguments)
        size = builder.extract_value(context.make_array(_ARRAY)(context, builder, arguments[0]).shape, 0)
        highest = cgutils.alloca_once(builder, _VEC)
        lanes = ir.Constant(_IVEC, [ir.Constant(_I32, lane) for lane in range(VECTOR)])

        def dimensions(i):
            builder.store(_constant(_MASKED), highest)
            rows = [builder.add(i, ir.Constant(_I64, number)) for number in range(VECTOR)]
            factors = [
                _repeat(builder, builder.load(builder.gep(query_data, [row]))) for row in rows
            ]  # sixteen registers, loaded once
            places = [builder.mul(row, width) for row in rows]
            is_first = builder.icmp_signed("==", i, ir.Constant(_I64, 0))

            def block(j):
                # Four sums side by side: one chain of additions would wait four cycles for each.
                sums = [builder.select(is_first, _constant(0.0), _load(builder, scores_data, j)), *[_constant(0.0)] * 3]
                for number, (factor, place) in enumerate(zip(factors, places)):
                    numbers = _load(builder, keys_data, builder.add(place, j))
                    sums[number % 4] = _fma(builder, factor, numbers, sums[number % 4])
                # Lanes behind the last key hold what was there before; masked now, they weigh nothing in the softmax.
                is_key = builder.icmp_signed(
                    "<", lanes, _repeat(builder, builder.trunc(builder.sub(num_keys, j), _I32))
                )
                found = builder.select(is_key, _sum(builder, sums), _constant(_MASKED))
                _store(builder, found, scores_data, j)
                builder.store(_largest(builder, builder.load(highest), found), highest)

            _loop(builder, num_keys, VECTOR, block)

        _loop(builder, size, VECTOR, dimensions)
        return _call(builder, "llvm.vector.reduce.fmax", [_VEC], [builder.load(highest)], ("nnan",))

    return types.float32(_ARRAY, _ARRAY, types.int64, types.int64, _ARRAY), generate


@intrinsic
def exponentiate(typing_context, scores, highest, num_keys):
    """scores[j] = exp(scores[j] - highest), to the end of the last vector; returns their sum."""

    def generate(context, builder, signature, arguments):
        scores_data, highest, num_keys = _pointers(context, builder, signature, arguments)
        offset, total = _repeat(builder, highest), cgutils.alloca_once(builder, _VEC)
        builder.store(_constant(0.0), total)

        def block(j):
            weight = _exponential(builder, builder.fsub(_load(builder, scores_data, j), offset))
            _store(builder, weight, scores_data, j)
            builder.store(builder.fadd(builder.load(total), weight), total)

        _loop(builder, num_keys, VECTOR, block)
        return _call(
            builder,
            "llvm.vector.reduce.fadd",
            [_F32, _VEC],
            [ir.Constant(_F32, 0.0), builder.load(total)],
            ("reassoc",),
        )

    return types.float32(_ARRAY, types.float32, types.int64), generate


@intrinsic
def sum_values(typing_context, weights, values, size, num_keys, out):
    """out[i] = sum over j of weights[j] * values[j, i] for values [N, size]; size is a multiple of 16, and so is
    the number of rows of values; weights behind `num_keys` are zero."""

    def generate(context, builder, signature, arguments):
        weights_data, values_data, size, num_keys, out_data = _pointers(context, builder, signature, arguments)
        # Eight chains: each addition takes four cycles and two start per cycle.
        sums = [cgutils.alloca_once(builder, _VEC) for _ in range(8)]

        def block(i):
            for total in sums:
                builder.store(_constant(0.0), total)

            def keys(j):
                for number in range(VECTOR):
                    total = sums[number % len(sums)]
                    key = builder.add(j, ir.Constant(_I64, number))
                    numbers = _load(builder, values_data, builder.add(builder.mul(key, size), i))
                    factor = _repeat(builder, builder.load(builder.gep(weights_data, [key])))
                    builder.store(_fma(builder, factor, numbers, builder.load(total)), total)

            _loop(builder, num_keys, VECTOR, keys)
            _store(builder, _sum(builder, [builder.load(total) for total in sums]), out_data, i)

        _loop(builder, size, VECTOR, block)
        return context.get_dummy_value()

    return types.void(_ARRAY, _ARRAY, types.int64, types.int64, _ARRAY), generate
