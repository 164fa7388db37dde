"""models/cpu/blocks.py: attention of packed qkv against PyTorch's in fp64, at sizes that fill no block and at the
profiles' own."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from models.config import GPTConfig
from models.cpu import blocks as cpu_blocks
from models.cpu.storage import EMULATED_BF16, FP32, Buffer
from models.gpt import rotary_tables, rotate

SHAPES_BTHGK = [
    (2, 5, 1, 1, 2),
    (1, 16, 2, 2, 16),
    (3, 70, 6, 2, 6),
    (1, 40, 4, 1, 32),
    (2, 128, 3, 3, 16),
    (1, 33, 2, 1, 16),
]
TOLERANCE = {FP32: 1e-6, EMULATED_BF16: 8e-3}


def oracle(qkv: torch.Tensor, dout: torch.Tensor, cos, sin, shape) -> tuple[torch.Tensor, torch.Tensor]:
    """attended [M, H K] and the gradient of qkv, in fp64."""
    B, T, H, G, K = shape
    x = qkv.double().requires_grad_()
    q, k, v = x.view(B, T, H + 2 * G, K).split([H, G, G], dim=2)
    q, k = rotate(q, cos.double(), sin.double()), rotate(k, cos.double(), sin.double())
    out = F.scaled_dot_product_attention(*(part.transpose(1, 2) for part in (q, k, v)), is_causal=True, enable_gqa=True)
    out = out.transpose(1, 2).reshape(B * T, H * K)
    out.backward(dout.double())
    return out.detach(), x.grad


def blocks(qkv: torch.Tensor, dout: torch.Tensor, cos, sin, shape, storage) -> tuple[torch.Tensor, torch.Tensor]:
    """The same by the compiled blocks."""
    B, T, H, _G, K = shape
    inputs = [Buffer(tuple(x.shape), storage) for x in (qkv, dout, dout, qkv)]
    given, dattended, attended, dqkv = inputs
    given.t.copy_(qkv)
    dattended.t.copy_(dout)
    highest, inverse = (Buffer((B * H, cpu_blocks.padded(T)), FP32) for _ in range(2))
    rows = cpu_blocks.rotary_rows(cos.numpy(), sin.numpy())
    scale = np.float32(1 / math.sqrt(K))
    cpu_blocks.attention_forward(given.flat, *rows, attended.flat, highest.flat, inverse.flat, shape, scale)
    dqkv.t.fill_(torch.nan)  # must be overwritten
    cpu_blocks.attention_backward(
        dattended.flat, given.flat, *rows, highest.flat, inverse.flat, dqkv.flat, shape, scale
    )
    return attended.t, dqkv.t


def error(ours: torch.Tensor, expected: torch.Tensor) -> float:
    return float((ours.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("storage", [FP32, EMULATED_BF16], ids=["fp32", "emulated"])
@pytest.mark.parametrize("shape", SHAPES_BTHGK, ids=str)
def test_forward_and_backward_equal_the_oracle(shape, storage):
    B, T, H, G, K = shape
    torch.manual_seed(0)
    cos, sin = rotary_tables(GPTConfig(8, 1, H * K, H, G, 8, T), T)
    qkv, dout = torch.randn(B * T, (H + 2 * G) * K), torch.randn(B * T, H * K)
    expected = oracle(qkv, dout, cos, sin, shape)
    for ours, exact in zip(blocks(qkv, dout, cos, sin, shape, storage), expected, strict=True):
        assert error(ours, exact) < TOLERANCE[storage]
        assert storage == FP32 or torch.equal(ours, ours.bfloat16().float()), "what the next product reads must be bf16"


def test_a_key_after_the_query_has_no_weight():
    shape = (1, 20, 1, 1, 16)
    cos, sin = rotary_tables(GPTConfig(8, 1, 16, 1, 1, 8, 20), 20)
    qkv, dout = torch.randn(20, 48), torch.randn(20, 16)
    before = blocks(qkv, dout, cos, sin, shape, FP32)[0].clone()
    qkv[10:, 16:] = 1e4
    assert torch.equal(blocks(qkv, dout, cos, sin, shape, FP32)[0][:10], before[:10])


def test_a_score_that_is_not_a_number_shows():
    shape = (1, 20, 1, 1, 16)
    cos, sin = rotary_tables(GPTConfig(8, 1, 16, 1, 1, 8, 20), 20)
    qkv = torch.randn(20, 48)
    qkv[3, 2] = torch.nan
    attended, _ = blocks(qkv, torch.randn(20, 16), cos, sin, shape, EMULATED_BF16)
    assert attended[3].isnan().all() and attended[:3].isfinite().all()
