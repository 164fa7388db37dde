"""models/gradient.py: how a number format is had on a machine, by rule."""

import pytest
import torch

from models import gradient
from models.config import GPTConfig, TrainConfig
from models.cpu.storage import EMULATED_BF16, FP32, NATIVE_BF16
from models.gpt import GPT
from models.gradient import GradientStep, cpu_storage, micro_sequences
from models.optimizer import FlatAdamW

SHAPE = GPTConfig(vocab_size=40, num_layers=1, d_model=16, num_heads=2, num_kv_heads=2, d_ff=24, max_sequence_length=16)
RUN = TrainConfig(run="r", seed=0, data_seed=0, total_tokens=64, batch_sequences=4, sequence_length=16, max_lr=1e-3)


@pytest.mark.parametrize(
    ("batch", "length", "expected"),
    [(16, 256, 4), (8, 128, 8), (12, 256, 4), (7, 256, 1), (4, 2048, 1), (1, 64, 1), (10, 200, 5)],
)
def test_micro_batches_divide_the_batch(batch, length, expected):
    assert micro_sequences(batch, length) == expected


@pytest.mark.parametrize("has_bf16", [True, False])
@pytest.mark.parametrize("asked", ["bf16", "fp32"])
def test_the_machine_decides_how_and_never_what(monkeypatch, has_bf16, asked):
    monkeypatch.setattr(gradient, "cpu_multiplies_bf16", lambda: has_bf16)
    model = GPT(SHAPE)
    step = GradientStep(model, FlatAdamW(model, RUN), asked, 4, 16)
    assert (step.precision, step.kernel_path()) == (asked, "cpu")
    expected = FP32 if asked == "fp32" else NATIVE_BF16 if has_bf16 else EMULATED_BF16
    assert step.storage == expected == cpu_storage(asked)


def test_gradient_lands_in_the_optimizer():
    model = GPT(SHAPE)
    optimizer = FlatAdamW(model, RUN)
    step = GradientStep(model, optimizer, "fp32", 4, 16)
    tokens, targets = torch.randint(0, 40, (2, 4, 16))
    step(tokens, targets)
    ours = optimizer.grad.clone()
    optimizer.grad.zero_()
    model.loss(tokens, targets).backward()
    assert torch.allclose(ours, optimizer.grad, atol=1e-6) and ours.abs().max() > 0
