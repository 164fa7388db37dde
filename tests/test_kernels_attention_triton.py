"""The attention kernels themselves: the tiles of half precision on a GPU, tile borders, unwritten memory."""

import functools

import pytest
import torch

from kernels import attention as module
from kernels import attention_triton
from kernels.attention import attention, attention_reference
from tests.kernel_checks import (
    DEVICE,
    DTYPES,
    HALF_DTYPES,
    check_op,
    in_own_precision,
    poisoned_allocations,
    qkv,
    some_documents,
)

ours = functools.partial(attention, path="triton")


def check(inputs, document_ids=None):
    def reference(*x):
        return attention_reference(*x, document_ids)

    check_op(lambda *x: ours(*x, document_ids), reference, inputs, own=in_own_precision(reference))


@pytest.mark.parametrize("dtype", HALF_DTYPES)
@pytest.mark.parametrize(
    "shape", [(257, 257, 4, 2, 128), (1, 300, 2, 2, 80), (513, 513, 2, 1, 64), (130, 200, 2, 2, 96)], ids=str
)
def test_matches_oracle_at_the_tiles_of_half_precision(shape, dtype):
    check(qkv(*shape, batch=2, dtype=dtype))
    if shape[0] == shape[1]:
        check(qkv(*shape, batch=2, dtype=dtype), some_documents(2, shape[0]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_last_tile_of_one_query_and_one_key(dtype, monkeypatch):
    monkeypatch.setattr(attention_triton, "tiles", lambda *_: (16, 32, 4, 2))
    check(qkv(33, 33, 1, 1, 16, dtype=dtype))
    check(qkv(17, 33, 1, 1, 16, dtype=dtype))
    monkeypatch.setattr(attention_triton, "tiles", lambda *_: (32, 16, 4, 2))
    check(qkv(33, 33, 1, 1, 16, dtype=dtype), some_documents(1, 33))


def test_head_sizes_up_to_the_largest_have_tiles():
    for dtype in (torch.float32, torch.bfloat16):
        for size in (16, 64, 80, attention_triton.MAX_HEAD_SIZE):
            for pass_name in ("forward", "dkdv", "dq"):
                assert all(value & (value - 1) == 0 for value in attention_triton.tiles(pass_name, size, dtype)[:3])


def test_poison_sees_an_unwritten_tile():
    q, k, v = qkv(33, 33, 1, 1, 16)
    with poisoned_allocations():
        out, lse = torch.empty_like(q), torch.empty(1, 1, 33, device=DEVICE)
    counts, constants, options = module._kernel_arguments("forward", q, k, v, False)
    attention_triton.attention_forward_kernel[(1,)](q, k, v, None, out, lse, *counts, 1.0, *constants, **options)
    assert torch.isnan(out).any() and torch.isnan(lse).any()
