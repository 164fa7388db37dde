"""The batch-invariant matrix product: right, the same bits whatever the batch, and in place of every linear layer of a
model."""

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import linear as module
from kernels.linear import batch_invariant, linear, linear_reference
from tests.kernel_checks import DTYPES, FORWARD_FACTOR, HAS_CUDA, assert_error_within, poisoned_allocations, randn

ours = functools.partial(linear, path="triton")

# On a GPU a row may stand anywhere. The interpreter multiplies tiles by NumPy, whose last bits depend on a row's place
# within the tile (32 rows in fp32), so there the rows keep their place and only the batch around them changes.
SLICES = (
    (slice(0, 1), slice(40, 41), slice(31, 64))
    if HAS_CUDA
    else (slice(0, 1), slice(0, 33), slice(32, 70), slice(64, 65))
)


def check(x, weight, op=ours):
    with poisoned_allocations():
        y = op(x, weight)
    assert_error_within(
        "output", y, linear_reference(x, weight), linear_reference(x.double(), weight.double()), FORWARD_FACTOR
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (33, 7, 65), (3, 65, 5)], ids=str)
def test_matches_oracle(shape, dtype):
    num_rows, width, num_columns = shape
    check(randn(num_rows, width, dtype=dtype), randn(num_columns, width, dtype=dtype, seed=1))
    check(randn(width, num_rows, dtype=dtype).t(), randn(num_columns, 2 * width, dtype=dtype, seed=1)[:, ::2])


@given(num_rows=st.integers(1, 40), width=st.integers(1, 40), num_columns=st.integers(1, 70))
@settings(max_examples=6, deadline=None, derandomize=True)
def test_any_shape(num_rows, width, num_columns):
    check(randn(num_rows, width), randn(num_columns, width, seed=1))


def test_check_sees_a_fault():
    with pytest.raises(AssertionError):
        check(randn(5, 7), randn(3, 7), op=lambda x, w: ours(x, w) * 1.01)
    with pytest.raises(AssertionError):
        check(randn(5, 7), randn(3, 7), op=lambda x, w: ours(x[:, :-1], w[:, :-1]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_same_bits_whatever_the_batch(dtype):
    x, weight = randn(70, 67, dtype=dtype), randn(9, 67, dtype=dtype, seed=1)
    whole = ours(x, weight)
    for rows in SLICES:
        assert torch.equal(whole[rows], ours(x[rows], weight))


def test_in_place_of_every_linear_layer():
    layers = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Linear(6, 3, bias=False)).to(randn(1).device)
    x = randn(2, 4, 5)
    with batch_invariant("triton"):
        y = layers(x)
        assert torch.equal(y[:1, :3], layers(x[:1, :3]))
    hidden = ours(x, layers[0].weight.detach()) + layers[0].bias.detach()
    assert torch.equal(y, ours(hidden, layers[1].weight.detach()))


def test_opcheck():
    torch.library.opcheck(module._forward, (randn(3, 8), randn(5, 8)))


def test_gradients_and_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="no gradient"):
        ours(randn(2, 4).requires_grad_(), randn(5, 4))
    with pytest.raises(ValueError, match="weight"):
        ours(randn(2, 4), randn(5, 3))
