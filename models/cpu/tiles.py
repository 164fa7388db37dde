"""Squares of sixteen numbers inside Numba functions: the block of a matrix product, and the transpose of one.

Written as LLVM over whole vectors (models/cpu/vectors.py), because neither becomes one from Numba's loops. Each element
of a product is summed in the order of its reduction, whatever the width of the registers.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from models.cpu.vectors import (
    BITS,
    LANES,
    VECTOR,
    element_pointer,
    emit_call,
    emit_load,
    emit_splat,
    emit_store,
    is_stored,
)

ROWS = 16  # rows of a block product: as many sums in flight hide the latency of a multiply-add


def _transposed(builder, rows: list) -> list:
    """IR: sixteen vectors as the columns of what they were the rows of, by exchanging ever larger squares of two of
    them."""
    for size in (1, 2, 4, 8):
        # In each round a lane whose bit is set trades places with the lane `size` away in the partner row.
        low = [place - size + LANES if place & size else place for place in range(LANES)]
        high = [place + LANES if place & size else place + size for place in range(LANES)]
        rows = [
            builder.shuffle_vector(rows[row & ~size], rows[row | size], ir.Constant(BITS, high if row & size else low))
            for row in range(LANES)
        ]
    return rows


@intrinsic
def transpose_block(typing_context, a, a_at, a_row, b, b_at, b_row):
    """b[b_at + l * b_row + r] = a[a_at + r * a_row + l] for LANES rows and columns."""
    if not (is_stored(a) and is_stored(b)):
        return None

    def generate(context, builder, signature, arguments):
        a, a_at, a_row, b, b_at, b_row = arguments
        of = signature.args

        def row(array_type, array, at, width, number):
            return element_pointer(
                context,
                builder,
                array_type,
                array,
                builder.add(at, builder.mul(width, ir.Constant(width.type, number))),
            )

        rows = [emit_load(builder, row(of[0], a, a_at, a_row, number)) for number in range(LANES)]
        for number, column in enumerate(_transposed(builder, rows)):
            emit_store(builder, column, row(of[3], b, b_at, b_row, number))
        return context.get_dummy_value()

    whole = types.int64
    return types.void(a, whole, whole, b, whole, whole), generate


def _block_product(is_added: bool):
    @intrinsic
    def product(typing_context, a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count):
        """c[c_at + r * c_row + l] = (or +=) sum over i < count of a[a_at + r * a_row + i * a_step] * b[b_at + i *
        b_step + l]."""
        if not all(map(is_stored, (a, b, c))):
            return None
        whole = types.int64

        def generate(context, builder, signature, arguments):
            a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count = arguments
            of = signature.args

            # One number of a, to be spread over all lanes: a may be a transposed view, so its elements need not be
            # neighbours.
            def element_a(row, step):
                place = builder.add(
                    builder.add(a_at, builder.mul(step, a_step)), builder.mul(a_row, ir.Constant(count.type, row))
                )
                return builder.load(element_pointer(context, builder, of[0], a, place))

            rows_c = [builder.add(c_at, builder.mul(c_row, ir.Constant(count.type, row))) for row in range(ROWS)]
            pointers_c = [element_pointer(context, builder, of[7], c, place) for place in rows_c]
            # A loop of one basic block: phi nodes carry the step and ROWS running sums in registers from one round to
            # the next.
            before, loop, after = (
                builder.basic_block,
                builder.append_basic_block("product"),
                builder.append_basic_block("product.end"),
            )
            starts = [
                emit_load(builder, pointer) if is_added else ir.Constant(VECTOR, [0.0] * LANES)
                for pointer in pointers_c
            ]
            builder.branch(loop)
            builder.position_at_end(loop)
            step, totals = builder.phi(count.type), [builder.phi(VECTOR) for _ in range(ROWS)]
            row_b = emit_load(
                builder, element_pointer(context, builder, of[4], b, builder.add(b_at, builder.mul(step, b_step)))
            )
            # fmuladd may fuse; that rounds once instead of twice and is the same on every machine that has the
            # instruction.
            sums = [
                emit_call(builder, "fmuladd", emit_splat(builder, element_a(row, step)), row_b, total)
                for row, total in enumerate(totals)
            ]
            following = builder.add(step, ir.Constant(count.type, 1))
            # Each phi is its start on entry and the value of the last round afterwards.
            for phi, first, then in zip(
                (step, *totals), (ir.Constant(count.type, 0), *starts), (following, *sums), strict=True
            ):
                phi.add_incoming(first, before)
                phi.add_incoming(then, loop)
            builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
            builder.position_at_end(after)
            for total, pointer in zip(sums, pointers_c, strict=True):
                emit_store(builder, total, pointer)
            return context.get_dummy_value()

        return types.void(a, whole, whole, whole, b, whole, whole, c, whole, whole, whole), generate

    return product


# Of ROWS rows r, LANES columns l and at least one product each.
block_product, add_block_product = _block_product(False), _block_product(True)
