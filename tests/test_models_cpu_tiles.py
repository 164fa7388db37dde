"""models/cpu/tiles.py: block products of any strides and transposes, against NumPy."""

import numpy as np
import pytest
from numba import njit

from models.cpu import tiles
from models.cpu.tiles import ROWS
from models.cpu.vectors import LANES

RNG = np.random.default_rng(0)


def random(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@njit
def _product(a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count, is_added):
    if is_added:
        tiles.add_block_product(a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count)
    else:
        tiles.block_product(a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count)


@pytest.mark.parametrize("count", [1, 2, 33])
@pytest.mark.parametrize("is_transposed", [False, True])
@pytest.mark.parametrize("is_added", [False, True])
def test_block_product(count, is_transposed, is_added):
    a, b, c = random(ROWS + 3, count + 5), random(count + 2, LANES + 9), random(ROWS + 1, LANES + 7)
    expected, untouched = c.copy(), np.ones_like(c, bool)
    block = slice(1, ROWS + 1), slice(4, LANES + 4)
    product = a[3:, 5:].astype(np.float64) @ b[2:, 9:]
    expected[block] = product + c[block] if is_added else product
    untouched[block] = False
    stored = np.ascontiguousarray(a.T) if is_transposed else a
    strides = (1, ROWS + 3) if is_transposed else (count + 5, 1)
    a_at = 3 * strides[0] + 5 * strides[1]
    before = c.copy()
    _product(
        stored.ravel(),
        a_at,
        *strides,
        b.reshape(-1),
        2 * (LANES + 9) + 9,
        LANES + 9,
        c.reshape(-1),
        LANES + 7 + 4,
        LANES + 7,
        count,
        is_added,
    )
    assert np.allclose(c, expected, atol=1e-5) and np.array_equal(c[untouched], before[untouched])


@njit
def _transposed(a, b):
    tiles.transpose_block(a, 1, 20, b, 3, 18)


def test_transpose_block():
    a, b = random(LANES * 20 + 1), np.zeros(LANES * 18 + 3, np.float32)
    _transposed(a, b)
    assert (
        np.array_equal(b[3:].reshape(LANES, 18)[:, :LANES], a[1:].reshape(LANES, 20)[:, :LANES].T) and not b[:3].any()
    )
