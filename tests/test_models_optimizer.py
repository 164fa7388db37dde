"""models/optimizer.py: the flat update equals torch's own AdamW over the list of tensors; schedules at known points."""

import copy
import dataclasses
import math

import pytest
import torch

from models.config import GPTConfig, TrainConfig
from models.gpt import GPT
from models.optimizer import FlatAdamW, decay_start_step, learning_rate

SHAPE = GPTConfig(vocab_size=50, num_layers=2, d_model=20, num_heads=2, num_kv_heads=1, d_ff=28, max_sequence_length=16)
RUN = TrainConfig(
    run="r",
    seed=0,
    data_seed=0,
    total_tokens=2000,
    batch_sequences=2,
    sequence_length=10,
    max_lr=1e-2,
    warmup_tokens=200,
    weight_decay=0.3,
    grad_clip=0.5,
)


def test_flat_update_equals_the_list_of_tensors():
    torch.manual_seed(0)
    gpt = GPT(SHAPE)
    plain = copy.deepcopy(gpt)
    flat = FlatAdamW(gpt, RUN)
    groups = [
        {"params": [p for p in plain.parameters() if p.dim() > 1], "weight_decay": 0.3},
        {"params": [p for p in plain.parameters() if p.dim() == 1], "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    for _ in range(3):
        tokens, targets = torch.randint(0, 50, (2, 4, 16))
        flat.grad.zero_()
        gpt.loss(tokens, targets).backward()
        norm = flat.step(1e-2)
        adamw.zero_grad()
        plain.loss(tokens, targets).backward()
        assert math.isclose(norm, float(torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5)), rel_tol=1e-5)
        adamw.step()
    assert norm > 0.5, "the clip must have acted"
    for (name, ours), theirs in zip(gpt.named_parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=2e-6), name


def test_a_norm_that_is_not_finite_changes_nothing():
    flat = FlatAdamW(GPT(SHAPE), RUN)
    before = flat.flat.clone()
    flat.grad[3] = math.nan
    assert math.isnan(flat.step(1e-2))
    assert torch.equal(flat.flat, before)


@pytest.mark.parametrize(("norm", "kept"), [(0.4, 0.4), (0.6, 0.5), (8.0, 0.5)])
def test_gradient_is_clipped_to_its_norm(norm, kept):
    flat = FlatAdamW(GPT(SHAPE), RUN)
    flat.grad.normal_().mul_(norm / flat.grad.norm())
    assert math.isclose(flat.step(1e-3), norm, rel_tol=1e-5)
    assert math.isclose(float(flat.grad.norm()), kept, rel_tol=1e-5)


def test_state_of_another_model_is_one_line():
    other = FlatAdamW(GPT(dataclasses.replace(SHAPE, d_ff=32)), RUN)
    with pytest.raises(ValueError, match="field flat is missing or of another size"):
        FlatAdamW(GPT(SHAPE), RUN).load_state_tensors(other.state_tensors(), 1)


def test_cosine_at_known_points():
    assert math.isclose(learning_rate(RUN, 5), 0.5e-2)
    assert math.isclose(learning_rate(RUN, 10), 1e-2)
    assert math.isclose(learning_rate(RUN, 55), 0.55e-2)
    assert math.isclose(learning_rate(RUN, 100), 1e-3)


def test_wsd_at_known_points():
    wsd = dataclasses.replace(RUN, schedule="wsd", decay_fraction=0.2)
    assert decay_start_step(wsd) == 80
    assert [round(learning_rate(wsd, step), 6) for step in (5, 11, 80, 90, 100)] == [0.005, 0.01, 0.01, 0.0055, 0.001]


def test_without_warmup_the_first_step_is_at_the_top():
    assert math.isclose(learning_rate(dataclasses.replace(RUN, warmup_tokens=0, schedule="wsd"), 1), 1e-2)
