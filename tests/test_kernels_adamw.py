"""The fused AdamW update: against torch.optim.AdamW and fp64, runs that are left out, clipping, and proof that the
checks can fail."""

import pytest
import torch

from kernels import adamw as module
from kernels.adamw import adamw, adamw_reference
from tests.kernel_checks import DEVICE, FORWARD_FACTOR, assert_error_within, randn

OPTIONS = {"num_decayed": 3, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95}


def state(num_runs, num_weights):
    weight, grad = randn(num_runs, num_weights), randn(num_runs, num_weights, seed=1)
    return weight, grad, randn(num_runs, num_weights, seed=2), randn(num_runs, num_weights, seed=3).square()


def scalars(num_runs, step=3):
    clip, lr = (0.5 + torch.rand(2, num_runs, generator=torch.Generator().manual_seed(step))).to(DEVICE)
    return clip, lr * 1e-2, torch.full((num_runs,), step, device=DEVICE)


def check(num_runs, num_weights, op=adamw, step=3):
    tensors, per_run = state(num_runs, num_weights), scalars(num_runs, step)
    ours, pytorch, oracle = (tuple(x.clone() for x in tensors) for _ in range(3))
    oracle = tuple(x.double() for x in oracle)
    op(*ours, *per_run, **OPTIONS, path="triton")
    adamw_reference(*pytorch, *per_run, **OPTIONS)
    adamw_reference(*oracle, *(x.double() for x in per_run), **OPTIONS)
    for name, *triple in zip(("weight", "grad", "exp_avg", "exp_avg_sq"), ours, pytorch, oracle, strict=True):
        assert_error_within(name, *triple, FORWARD_FACTOR)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (2, module.BLOCK + 1)], ids=str)
@pytest.mark.parametrize("step", [1, 1000])
def test_matches_oracle(shape, step):
    check(*shape, step=step)


@pytest.mark.parametrize("path", ["triton", "reference"])
def test_is_the_update_of_torch(path):
    weight = randn(1, 7)
    ours, moments = weight.clone(), (torch.zeros(1, 7, device=DEVICE), torch.zeros(1, 7, device=DEVICE))
    decayed, other = weight[0, :3].clone(), weight[0, 3:].clone()
    groups = [{"params": [decayed], "weight_decay": 0.1}, {"params": [other], "weight_decay": 0.0}]
    theirs = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    one, lr = torch.ones(1, device=DEVICE), torch.full((1,), 1e-2, device=DEVICE)
    for step in range(1, 4):
        grad = randn(1, 7, seed=step)
        decayed.grad, other.grad = grad[0, :3].clone(), grad[0, 3:].clone()
        theirs.step()
        adamw(ours, grad, *moments, one, lr, step * one, **OPTIONS, path=path)
        torch.testing.assert_close(ours[0], torch.cat([decayed, other]), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("path", ["triton", "reference"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_run_that_is_not_finite_stays_as_it_was(path, bad):
    tensors, (clip, lr, step) = state(2, 5), scalars(2)
    before = [x.clone() for x in tensors]
    clip[0], tensors[1][0, 2] = bad, bad
    adamw(*tensors, clip, lr, step, **OPTIONS, path=path)
    for name, new, old in zip(("weight", "grad", "exp_avg", "exp_avg_sq"), tensors, before, strict=True):
        if name != "grad":
            assert torch.equal(new[0], old[0]) and not torch.equal(new[1], old[1])


@pytest.mark.parametrize("fault", [{"beta1": 0.91}, {"weight_decay": 0.11}, {"num_decayed": 2}])
def test_check_sees_a_fault(fault):
    with pytest.raises(AssertionError):
        check(2, 5, op=lambda *args, **options: adamw(*args, **(options | fault)))


def test_opcheck():
    torch.library.opcheck(module._update, (*state(2, 5), *scalars(2), 3, 0.1, 0.9, 0.95, 1e-8))


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="contiguous float32"):
        adamw(*(x.t() for x in state(2, 5)), *scalars(5), **OPTIONS)
    with pytest.raises(ValueError, match="must be"):
        adamw(*state(2, 5), *scalars(3), **OPTIONS)
