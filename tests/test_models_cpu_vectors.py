"""models/cpu_vectors.py: vectors as values of compiled functions, block products and transposes, against NumPy."""

import numpy as np
import pytest
import torch
from numba import njit

from models import cpu_vectors as vectors
from models.cpu_vectors import LANES, ROWS

RNG = np.random.default_rng(0)


def random(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@njit
def _product(a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count, is_added):
    if is_added:
        vectors.add_block_product(a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count)
    else:
        vectors.block_product(a, a_at, a_row, a_step, b, b_at, b_step, c, c_at, c_row, count)


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
    _product(stored.ravel(), a_at, *strides, b.reshape(-1), 2 * (LANES + 9) + 9, LANES + 9, c.reshape(-1), LANES + 7 + 4, LANES + 7, count, is_added)
    assert np.allclose(c, expected, atol=1e-5) and np.array_equal(c[untouched], before[untouched])


@njit
def _transposed(a, b):
    vectors.transpose_block(a, 1, 20, b, 3, 18)


def test_transpose_block():
    a, b = random(LANES * 20 + 1), np.zeros(LANES * 18 + 3, np.float32)
    _transposed(a, b)
    assert np.array_equal(b[3:].reshape(LANES, 18)[:, :LANES], a[1:].reshape(LANES, 20)[:, :LANES].T) and not b[:3].any()


@njit
def _arithmetic(x, y, out):
    a, b = vectors.load(x, 0), vectors.load(y, 0)
    results = (a + b, a - b, a * b, a / b, vectors.maximum(a, b), vectors.multiply_add(a, b, a), vectors.round_whole(a), vectors.swap_halves(a))
    for row, result in enumerate(results):
        vectors.store(result, out, row * LANES)
    vectors.store(vectors.two_to(vectors.round_whole(a)), out, 8 * LANES)
    vectors.store(vectors.keep_from(a, vectors.lane_numbers(), vectors.splat(np.float32(5))), out, 9 * LANES)


def test_arithmetic():
    x, y, out = random(LANES) * 5, random(LANES), np.zeros((10, LANES), np.float32)
    _arithmetic(x, y, out.reshape(-1))
    kept = np.where(np.arange(LANES) >= 5, x, np.float32(-1e30))
    expected = [x + y, x - y, x * y, x / y, np.maximum(x, y), x * y + x, np.rint(x), np.roll(x, LANES // 2), np.exp2(np.rint(x)), kept]
    assert np.allclose(out, expected, rtol=1e-6, atol=1e-6)


@njit
def _copy(x, y, is_rounded):
    if is_rounded:
        vectors.store(vectors.load_rounded(x, 0), y, 0)
        vectors.store_rounded(vectors.load(x, 0), y, LANES)
    else:
        vectors.store(vectors.load(x, 0), y, 0)


def test_emulated_bf16_is_rounded_and_fp32_is_not():
    x = torch.linspace(-1, 1, LANES)
    for seen, expected in ((torch.uint32, x.bfloat16().float()), (torch.float32, x)):
        y = torch.zeros(2 * LANES)
        _copy(x.view(seen).numpy(), y.view(seen).numpy(), True)
        assert torch.equal(y, torch.cat([expected, expected]))
        _copy(x.view(seen).numpy(), y.view(seen).numpy(), False)
        assert torch.equal(y[:LANES], x)
