"""models/cpu/step.py: loss and every gradient against autograd one precision up (fp64), with grouped heads and odd
sizes."""

import copy
import math

import pytest
import torch

from models.config import GPTConfig, TrainConfig
from models.cpu.step import CpuStep
from models.cpu.storage import EMULATED_BF16, FP32, NATIVE_BF16, Storage
from models.gpt import GPT
from models.optimizer import FlatAdamW

B, T = 3, 70
SHAPE = GPTConfig(vocab_size=61, num_layers=2, d_model=36, num_heads=6, num_kv_heads=2, d_ff=41, max_sequence_length=80)
RUN = TrainConfig(run="r", seed=0, data_seed=0, total_tokens=B * T, batch_sequences=B, sequence_length=T, max_lr=1e-3)


def errors(ours: dict[str, torch.Tensor], oracle: dict[str, torch.Tensor]) -> dict[str, float]:
    """Relative error per parameter, in the norm of the oracle."""
    return {name: float((ours[name].double() - oracle[name]).norm() / oracle[name].norm()) for name in oracle}


@pytest.fixture(scope="module")
def case():
    torch.manual_seed(0)
    gpt = GPT(SHAPE)
    with torch.no_grad():
        for parameter in gpt.parameters():  # gains off one and sharper attention, so that no term hides
            parameter.add_(torch.randn_like(parameter) * 0.1) if parameter.dim() == 1 else parameter.mul_(2)
    tokens, targets = torch.randint(0, 61, (2, B, T))
    oracle = copy.deepcopy(gpt).double()
    loss = oracle.loss(tokens, targets)
    loss.backward()
    gradients = {name: parameter.grad.clone() for name, parameter in oracle.named_parameters()}
    return gpt, tokens, targets, float(loss.detach()), gradients


def hand_written(gpt: GPT, tokens, targets, storage: Storage, micro: int) -> tuple[float, dict[str, torch.Tensor]]:
    optimizer = FlatAdamW(copy.deepcopy(gpt), RUN)
    optimizer.grad.fill_(math.nan)  # the step must overwrite, not add
    step = CpuStep(gpt, optimizer, storage, B, T, micro)
    loss = step(tokens, targets)
    assert math.isclose(loss, step(tokens, targets)), "a second call on the same buffers must give the same"
    return loss, {name: view.clone() for name, view in optimizer.views(optimizer.grad).items()}


@pytest.mark.parametrize("micro", [3, 1])
def test_fp32_equals_autograd(case, micro):
    gpt, tokens, targets, loss, oracle = case
    ours, gradients = hand_written(gpt, tokens, targets, FP32, micro)
    assert math.isclose(ours, loss, rel_tol=1e-6)
    for name, error in errors(gradients, oracle).items():
        assert error < 1e-5, f"{name}: relative error {error:.1e}"


@pytest.mark.parametrize("storage", [NATIVE_BF16, EMULATED_BF16], ids=["native", "emulated"])
def test_bf16_is_as_exact_as_autocast(case, storage):
    gpt, tokens, targets, loss, oracle = case
    plain = copy.deepcopy(gpt)
    with torch.autocast("cpu", torch.bfloat16):
        plain_loss = plain.loss(tokens, targets)
    plain_loss.backward()
    theirs = errors({name: parameter.grad for name, parameter in plain.named_parameters()}, oracle)
    ours_loss, gradients = hand_written(gpt, tokens, targets, storage, 3)
    assert abs(ours_loss - loss) < 2 * abs(float(plain_loss.detach()) - loss) + 1e-3
    for name, error in errors(gradients, oracle).items():
        assert error < 2 * theirs[name] + 1e-3, f"{name}: relative error {error:.1e}, autocast has {theirs[name]:.1e}"


def test_emulated_bf16_is_native_bf16_but_for_the_order_of_sums(case):
    """Far nearer to the native step than bf16 is to exact: only sums that fall to the two sides of a rounding
    differ."""
    gpt, tokens, targets, _loss, oracle = case
    native_loss, native = hand_written(gpt, tokens, targets, NATIVE_BF16, 3)
    emulated_loss, emulated = hand_written(gpt, tokens, targets, EMULATED_BF16, 3)
    assert abs(emulated_loss - native_loss) < 2e-4
    rounding = errors(native, oracle)
    for name, error in errors(emulated, {name: gradient.double() for name, gradient in native.items()}).items():
        assert error < 0.6 * rounding[name], (
            f"{name}: {error:.1e} from native bf16, which is {rounding[name]:.1e} from exact"
        )


def test_operands_of_every_emulated_product_are_bf16(case, monkeypatch):
    gpt, tokens, targets, *_ = case
    seen, product = [], torch.mm

    def checked(left, right, out):
        seen.append(all(torch.equal(operand, operand.bfloat16().float()) for operand in (left, right)))
        return product(left, right, out=out)

    monkeypatch.setattr(torch, "mm", checked)
    hand_written(gpt, tokens, targets, EMULATED_BF16, 3)
    assert len(seen) == 2 * (12 * SHAPE.num_layers + 3) and all(seen)


def test_the_check_sees_one_percent(case):
    *_, oracle = case
    assert all(
        error > 1e-5 for error in errors({name: gradient * 1.01 for name, gradient in oracle.items()}, oracle).values()
    )
