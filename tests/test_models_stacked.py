"""Stacked runs: each run does what it would do alone, and a broken run does not touch its neighbours."""

import pytest
import torch

from models.config import GPTConfig, TrainConfig
from models.gpt import GPT
from models.optimizer import FlatAdamW
from models.stacked import StackedRuns
from tests.kernel_checks import DEVICE

CONFIG = GPTConfig(vocab_size=17, num_layers=2, d_model=16, num_heads=4, num_kv_heads=2, d_ff=24, max_sequence_length=8)
TRAIN = TrainConfig(
    run="r", seed=0, data_seed=0, total_tokens=4096, batch_sequences=3, sequence_length=8, max_lr=1e-2, grad_clip=0.5
)
NUM_STEPS, LR = 4, 1e-2


def some_models(num_runs):
    torch.manual_seed(0)
    return [GPT(CONFIG).to(DEVICE) for _ in range(num_runs)]


def some_tokens(num_runs, step):
    generator = torch.Generator().manual_seed(step)
    tokens = torch.randint(0, CONFIG.vocab_size, (num_runs, 3, 9), generator=generator).to(DEVICE)
    return tokens[..., :-1], tokens[..., 1:]


def test_each_run_trains_as_it_would_alone():
    alone, stacked_models = some_models(2), some_models(2)
    stacked = StackedRuns(stacked_models, TRAIN)
    optimizers = [FlatAdamW(model, TRAIN) for model in alone]
    for step in range(NUM_STEPS):
        tokens, targets = some_tokens(2, step)
        losses = stacked.step(tokens, targets, LR)
        for run, (model, optimizer) in enumerate(zip(alone, optimizers, strict=True)):
            optimizer.grad.zero_()
            loss = model.loss(tokens[run], targets[run])
            loss.backward()
            optimizer.step(LR)
            torch.testing.assert_close(losses[run], loss.detach(), rtol=1e-5, atol=1e-5)
    stacked.write_back()
    for model, expected in zip(stacked_models, alone, strict=True):
        for (name, weight), other in zip(model.named_parameters(), expected.parameters(), strict=True):
            torch.testing.assert_close(
                weight, other, rtol=2e-4, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}"
            )


def test_the_comparison_would_see_another_learning_rate():
    first, second = StackedRuns(some_models(1), TRAIN), StackedRuns(some_models(1), TRAIN)
    for step in range(2):
        first.step(*some_tokens(1, step), LR)
        second.step(*some_tokens(1, step), 1.01 * LR)
    assert (first.flat_RP - second.flat_RP).abs().max() > 1e-4


def test_a_run_that_is_not_finite_stops_alone():
    models = some_models(2)
    stacked, alone = StackedRuns(models, TRAIN), StackedRuns(models[1:], TRAIN)
    with torch.no_grad():
        stacked.weights["norm.weight"][0, 0] = float("nan")
    before = stacked.flat_RP[0].clone()
    for step in range(2):
        tokens, targets = some_tokens(2, step)
        losses = stacked.step(tokens, targets, LR)
        alone.step(tokens[1:], targets[1:], LR)
    assert torch.isnan(losses[0]) and torch.isfinite(losses[1])
    assert torch.equal(stacked.flat_RP[0].nan_to_num(), before.nan_to_num()) and stacked.step_R.tolist() == [0, 2]
    torch.testing.assert_close(stacked.flat_RP[1], alone.flat_RP[0])


def test_models_of_two_shapes_are_refused():
    other = GPT(GPTConfig(**(CONFIG.to_dict() | {"d_ff": 32}))).to(DEVICE)
    with pytest.raises(ValueError, match="one shape"):
        StackedRuns([*some_models(1), other], TRAIN)
