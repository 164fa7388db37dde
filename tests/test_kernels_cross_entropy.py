"""Cross-entropy with the projection: losses and both gradients against fp64, ignored tokens, parts, and proof that the
checks can fail."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import cross_entropy as module
from kernels.cross_entropy import linear_cross_entropy, linear_cross_entropy_reference
from tests.kernel_checks import DEVICE, DTYPES, FAULTS, check_op, faulty, poisoned_allocations, randn

ours = functools.partial(linear_cross_entropy, path="triton")


def some_targets(num_tokens: int, vocab_size: int, num_ignored: int = 0) -> torch.Tensor:
    targets = torch.randint(0, vocab_size, (num_tokens,), generator=torch.Generator().manual_seed(num_tokens))
    targets[:num_ignored] = -100
    return targets.to(DEVICE)


def check(x, weight, targets, op=ours):
    check_op(lambda x, w: op(x, w, targets), lambda x, w: linear_cross_entropy_reference(x, w, targets), (x, weight))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 5, 13), (3, 16, 64), (2, 3, 4097)], ids=str)
def test_matches_oracle(shape, dtype):
    num_tokens, width, vocab_size = shape
    targets = some_targets(num_tokens, vocab_size, num_ignored=num_tokens // 2)
    check(randn(num_tokens, width, dtype=dtype), randn(vocab_size, width, dtype=dtype, seed=1), targets)


@pytest.mark.parametrize("dtype", DTYPES)
def test_in_parts(dtype, monkeypatch):
    # 5 x 4 bytes: rows three at a time for a vocabulary of 7, columns one or two at a time for 11 tokens.
    monkeypatch.setattr(module, "LOGITS_BYTES", 3 * 7 * 4)
    check(randn(11, 5, dtype=dtype), randn(7, 5, dtype=dtype, seed=1), some_targets(11, 7, num_ignored=2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_non_contiguous_inputs(dtype):
    check(randn(5, 9, dtype=dtype).t(), randn(7, 10, dtype=dtype)[:, ::2], some_targets(18, 7)[::2])


@given(num_tokens=st.integers(1, 20), width=st.integers(1, 20), vocab_size=st.integers(1, 300))
@settings(max_examples=6, deadline=None, derandomize=True)
def test_any_shape(num_tokens, width, vocab_size):
    check(randn(num_tokens, width), randn(vocab_size, width, seed=1), some_targets(num_tokens, vocab_size))


def test_ignored_tokens():
    x, weight, targets = randn(4, 3).requires_grad_(), randn(5, 3), some_targets(4, 5, num_ignored=4)
    mean, per_token = ours(x, weight, targets)
    mean.backward()
    assert (
        mean.item() == 0
        and torch.equal(per_token, torch.zeros(4, device=DEVICE))
        and torch.equal(x.grad, torch.zeros_like(x))
    )
    targets[0] = 2
    _, per_token = ours(x, weight, targets, ignore_index=2)
    assert per_token[0].item() == 0


def test_a_target_outside_the_vocabulary_is_nan():
    for wrong in (5, -3):
        mean, per_token = ours(randn(2, 3), randn(5, 3), torch.tensor([1, wrong]).to(DEVICE))
        assert torch.isfinite(per_token[0]) and torch.isnan(per_token[1]) and torch.isnan(mean)


def test_large_logits_stay_finite():
    x, weight = randn(3, 4, scale=100), randn(9, 4, seed=1, scale=100)
    check(x, weight, some_targets(3, 9))


def test_same_bits_whatever_the_batch(monkeypatch):
    monkeypatch.setattr(module, "LOGITS_BYTES", 40 * 50 * 4)
    x, weight, targets = randn(70, 33), randn(50, 33, seed=1), some_targets(70, 50)
    _, whole = ours(x, weight, targets, batch_invariant=True)
    _, alone = ours(x[40:41], weight, targets[40:41], batch_invariant=True)
    assert torch.equal(whole[40:41], alone)
    with pytest.raises(ValueError, match="batch_invariant"):
        linear_cross_entropy(x, weight, targets, path="reference", batch_invariant=True)


@pytest.mark.parametrize("fault", FAULTS)
def test_check_sees_a_fault(fault):
    targets = some_targets(7, 13)
    with pytest.raises(AssertionError):
        check_op(
            faulty(lambda x, w: ours(x, w, targets), fault),
            lambda x, w: linear_cross_entropy_reference(x, w, targets),
            (randn(7, 5), randn(13, 5, seed=1)),
        )


def test_check_sees_a_target_off_by_one():
    targets = some_targets(7, 13)
    with pytest.raises(AssertionError):
        check(randn(7, 5), randn(13, 5, seed=1), targets, op=lambda x, w, t: ours(x, w, (t + 1) % 13))


def test_poison_sees_an_unwritten_loss():
    with poisoned_allocations():
        loss, lse = torch.empty(3, device=DEVICE), torch.empty(3, device=DEVICE)
    module._loss_kernel[(2,)](randn(3, 8), some_targets(3, 8), loss, lse, 8, -100, 8)
    assert not torch.isnan(loss[:2]).any() and torch.isnan(loss[2])


def test_gradcheck():
    targets = some_targets(3, 5, num_ignored=1)
    inputs = tuple(x.requires_grad_() for x in (randn(3, 4), randn(5, 4, seed=1)))
    assert torch.autograd.gradcheck(
        lambda x, w: ours(x, w, targets), inputs, eps=1e-2, atol=2e-2, rtol=1e-2, nondet_tol=0.0
    )


def test_opcheck():
    x, weight, targets = randn(3, 8).requires_grad_(), randn(5, 8, seed=1).requires_grad_(), some_targets(3, 5)
    # lse leaves the operator for the backward pass only and has no gradient of its own, so the gradient tests run
    # through the public op.
    torch.library.opcheck(
        module._forward,
        (x, weight, targets, -100, False),
        test_utils=("test_schema", "test_faketensor", "test_autograd_registration"),
    )
    lse = torch.zeros(3, device=DEVICE)
    torch.library.opcheck(module._backward, (lse, x.detach(), weight.detach(), targets, lse, -100))


def test_autocast():
    x, weight, targets = randn(3, 8), randn(5, 8, seed=1), some_targets(3, 5)
    with torch.autocast(DEVICE, dtype=torch.float16):
        mean, _ = ours(x, weight, targets)
    expected, _ = ours(x.half(), weight.half(), targets)
    assert mean.dtype == torch.float32 and torch.equal(mean, expected)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="cross_entropy"):
        ours(randn(2, 4), randn(5, 3), some_targets(2, 5))
