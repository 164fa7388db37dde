"""models/cpu/attention.py: both ways of attention give the same numbers, layer by layer, through one interface."""

import pytest
import torch

from models.config import GPTConfig
from models.cpu.attention import BatchedAttention, BlockAttention, make_attention
from models.cpu.storage import EMULATED_BF16, FP32, NATIVE_BF16, Buffer
from models.gpt import GPT

B, T = 2, 37
SHAPE = GPTConfig(vocab_size=8, num_layers=2, d_model=64, num_heads=4, num_kv_heads=2, d_ff=8, max_sequence_length=48)


def outputs(attention, storage, qkv: list[torch.Tensor], dout: list[torch.Tensor]) -> list[torch.Tensor]:
    """attended of both layers, then the gradients in the order of a backward pass."""
    found, buffer = [], Buffer((B * T, 64), storage)
    for layer in range(2):
        attention.qkv(layer).t.copy_(qkv[layer])
        attention.forward(layer, buffer)
        found.append(buffer.t.float().clone())
    for layer in (1, 0):
        buffer.t.copy_(dout[layer])
        found.append(attention.backward(layer, buffer).t.float().clone())
    return found


@pytest.fixture(scope="module")
def case():
    torch.manual_seed(0)
    return GPT(SHAPE), [torch.randn(B * T, 128) for _ in range(2)], [torch.randn(B * T, 64) for _ in range(2)]


@pytest.mark.parametrize(
    ("storage", "batched_storage", "tolerance"),
    [(FP32, FP32, 1e-6), (EMULATED_BF16, NATIVE_BF16, 4e-3)],
    ids=["fp32", "bf16"],
)
def test_blocks_equal_batched_products(case, storage, batched_storage, tolerance):
    model, qkv, dout = case
    ours = outputs(BlockAttention(model, B, T, storage), storage, qkv, dout)
    theirs = outputs(BatchedAttention(model, B, T, batched_storage), batched_storage, qkv, dout)
    for block, batched in zip(ours, theirs, strict=True):
        assert float((block - batched).norm() / batched.norm()) < tolerance


def test_the_format_decides(case):
    model = case[0]
    made = [type(make_attention(model, B, T, storage)) for storage in (NATIVE_BF16, EMULATED_BF16, FP32)]
    assert made == [BatchedAttention, BlockAttention, BlockAttention]
