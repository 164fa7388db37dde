"""Attention by PyTorch's and flash-attn's kernels, under the contract of ours."""

import functools

import pytest
import torch

from kernels import launch
from kernels.attention import attention, attention_reference
from tests.kernel_checks import DEVICE, DTYPES, check_op, in_own_precision, qkv, some_documents


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ["plain", "cache", "documents"])
def test_sdpa_path(case, dtype):
    inputs = qkv(19, 25 if case == "cache" else 19, 4, 2, 16, batch=2, dtype=dtype)
    document_ids = some_documents(2, 19) if case == "documents" else None

    def without_lse_gradient(op):
        return lambda *x: (lambda out, lse: (out, lse.detach()))(*op(*x, document_ids))

    reference = without_lse_gradient(attention_reference)
    check_op(
        without_lse_gradient(functools.partial(attention, path="sdpa")),
        reference,
        inputs,
        own=in_own_precision(reference),
    )
    assert launch.paths_used()["attention"] == "sdpa"


def test_flash_path():
    inputs = qkv(19, 19, 4, 2, 64, batch=2, dtype=torch.bfloat16)
    if DEVICE == "cpu":
        with pytest.raises(ValueError, match="CUDA"):
            attention(*inputs, path="flash")
        return
    if not any(launch.has_package(name) for name in ("flash_attn", "flash_attn_interface")):
        with pytest.raises(ValueError, match="flash-attn"):
            attention(*inputs, path="flash")
        return
    for document_ids in (None, some_documents(2, 19)):
        for ours_x, reference_x in zip(
            attention(*inputs, document_ids, path="flash"), attention_reference(*inputs, document_ids), strict=True
        ):
            torch.testing.assert_close(ours_x, reference_x, rtol=2e-2, atol=2e-2)
