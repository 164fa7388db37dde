"""models/cpu/vectors.py: vectors as values of compiled functions, against NumPy and torch."""

import numpy as np
import torch
from numba import njit

from models.cpu import vectors
from models.cpu.vectors import LANES

RNG = np.random.default_rng(0)


def random(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@njit
def _arithmetic(x, y, out):
    a, b = vectors.load(x, 0), vectors.load(y, 0)
    results = (
        a + b,
        a - b,
        a * b,
        a / b,
        vectors.maximum(a, b),
        vectors.multiply_add(a, b, a),
        vectors.round_whole(a),
        vectors.swap_halves(a),
    )
    for row, result in enumerate(results):
        vectors.store(result, out, row * LANES)
    vectors.store(vectors.two_to(vectors.round_whole(a)), out, 8 * LANES)
    vectors.store(vectors.keep_from(a, vectors.lane_numbers(), vectors.splat(np.float32(5))), out, 9 * LANES)


def test_arithmetic():
    x, y, out = random(LANES) * 5, random(LANES), np.zeros((10, LANES), np.float32)
    _arithmetic(x, y, out.reshape(-1))
    kept = np.where(np.arange(LANES) >= 5, x, np.float32(-1e30))
    expected = [
        x + y,
        x - y,
        x * y,
        x / y,
        np.maximum(x, y),
        x * y + x,
        np.rint(x),
        np.roll(x, LANES // 2),
        np.exp2(np.rint(x)),
        kept,
    ]
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
