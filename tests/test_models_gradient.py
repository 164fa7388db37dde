"""models/gradient.py: which path and precision run, by rule."""

import pytest
import torch

from models import gradient
from models.config import GPTConfig, TrainConfig
from models.gpt import GPT
from models.gradient import GradientStep, micro_sequences
from models.optimizer import FlatAdamW

SHAPE = GPTConfig(vocab_size=40, num_layers=1, d_model=16, num_heads=2, num_kv_heads=2, d_ff=24, max_sequence_length=16)
RUN = TrainConfig(run="r", seed=0, data_seed=0, total_tokens=64, batch_sequences=4, sequence_length=16, max_lr=1e-3)


@pytest.mark.parametrize(("batch", "length", "expected"), [(16, 256, 4), (8, 128, 8), (12, 256, 4), (7, 256, 1), (4, 2048, 1), (1, 64, 1), (10, 200, 5)])
def test_micro_batches_divide_the_batch(batch, length, expected):
    assert micro_sequences(batch, length) == expected


@pytest.mark.parametrize(("has_bf16", "asked", "expected"), [(True, "auto", "bf16"), (False, "auto", "fp32"), (False, "bf16", "bf16"), (True, "fp32", "fp32")])
def test_precision_follows_the_hardware(monkeypatch, has_bf16, asked, expected):
    monkeypatch.setattr(gradient, "cpu_has_bf16", lambda: has_bf16)
    model = GPT(SHAPE)
    step = GradientStep(model, FlatAdamW(model, RUN), asked, 4, 16)
    assert (step.precision, step.kernel_path()) == (expected, "cpu")


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
