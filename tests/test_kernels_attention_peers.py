"""Attention by PyTorch's and flash-attn's kernels, under the contract of ours."""

import functools
import importlib
import sys

import pytest
import torch

from kernels import attention_peers, launch
from kernels.attention import attention, attention_reference, document_range
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


def is_flash_there():
    try:
        return bool(attention_peers.flash_version())
    except ValueError:
        return False


def test_flash_path():
    inputs = qkv(19, 19, 4, 2, 64, batch=2, dtype=torch.bfloat16)
    if DEVICE == "cpu":
        with pytest.raises(ValueError, match="CUDA"):
            attention(*inputs, path="flash")
        return
    if not is_flash_there():
        with pytest.raises(ValueError, match="flash-attn"):
            attention(*inputs, path="flash")
        return
    for document_ids in (None, some_documents(2, 19)):
        for ours_x, reference_x in zip(
            attention(*inputs, document_ids, path="flash"), attention_reference(*inputs, document_ids), strict=True
        ):
            torch.testing.assert_close(ours_x, reference_x, rtol=2e-2, atol=2e-2)


# What releases of flash-attn take: 2.8.3.post2 and the preview of version 4 inside it, 3.0.0, and version 4.
PLAIN = {
    "2": "q, k, v, dropout_p=0.0, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0,"
    " alibi_slopes=None, deterministic=False, return_attn_probs=False",
    "preview": "q, k, v, softmax_scale=None, causal=False, window_size=(None, None), learnable_sink=None, softcap=0.0,"
    " pack_gqa=None",
    "3": "q, k, v, softmax_scale=None, causal=False, qv=None, q_descale=None, k_descale=None, v_descale=None,"
    " window_size=(-1, -1), attention_chunk=0, softcap=0.0, num_splits=1, pack_gqa=None, deterministic=False,"
    " sm_margin=0, return_attn_probs=False",
    "4": "q, k, v, softmax_scale=None, causal=False, window_size=(None, None), learnable_sink=None, softcap=0.0,"
    " num_splits=1, pack_gqa=None, deterministic=False, score_mod=None, mask_mod=None, return_lse=False",
}
LENGTHS = {
    "2": "cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k,",
    "preview": "cu_seqlens_q=None, cu_seqlens_k=None, seqused_q=None, seqused_k=None, page_table=None,",
    "3": "cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, seqused_q=None, seqused_k=None,",
    "4": "cu_seqlens_q=None, cu_seqlens_k=None, seqused_q=None, seqused_k=None, page_table=None,",
}
MODULES = {"2": "flash_attn", "preview": "flash_attn/cute", "3": "flash_attn_interface", "4": "flash_attn/cute"}
BODY = """
from tests.flash_stand_in import plain, varlen
def flash_attn_func({plain}):
    return plain(q, k, v, softmax_scale, causal, {asked})
def flash_attn_varlen_func({lengths}):
    return varlen(q, k, v, cu_seqlens_q, cu_seqlens_k, softmax_scale, causal, {asked})
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts modules with the signatures of releases, which compute by our reference, on the path of imports, and
    distributions beside them."""
    for name in list(sys.modules):
        if name.split(".")[0] in ("flash_attn", "flash_attn_interface"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    attention_peers.flash_package.cache_clear()

    def put(kind, distribution=None, broken=""):
        asked = next((one for one in ("return_attn_probs", "return_lse") if one in PLAIN[kind]), "False")
        lengths = PLAIN[kind].replace("q, k, v,", f"q, k, v, {LENGTHS[kind]}")
        body = broken or BODY.format(plain=PLAIN[kind], lengths=lengths, asked=asked)
        folder = tmp_path / MODULES[kind]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").write_text(body)
        if distribution:
            name, release = distribution
            about = tmp_path / f"{name}-{release}.dist-info"
            about.mkdir()
            (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n")
        importlib.invalidate_caches()

    yield put
    attention_peers.flash_package.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] in ("flash_attn", "flash_attn_interface")]:
        del sys.modules[name]


TWO, THREE, FOUR = ("flash_attn", "2.8.3.post2"), ("flash_attn_3", "3.0.0"), ("flash_attn_4", "4.0.0b5")


@pytest.mark.parametrize(
    ("installed", "version", "release"),
    [
        ([("2", TWO), ("preview", None)], 2, "2.8.3.post2"),
        ([("2", TWO), ("preview", None), ("3", THREE)], 3, "3.0.0"),
        ([("2", TWO), ("4", FOUR)], 4, "4.0.0b5"),
    ],
    ids=["two_with_its_preview", "three_beside_two", "four"],
)
def test_flash_is_found_and_called_as_its_signature_says(install, installed, version, release):
    for one in installed:
        install(*one)
    package = attention_peers.flash_package()
    assert (package.version, package.release) == (version, release)
    q, k, v = qkv(19, 19, 4, 2, 16, batch=2)
    documents_BT = some_documents(2, 19)
    for document_ids, starts in ((None, None), (documents_BT, document_range(documents_BT)[0])):
        out, lse = attention_peers.flash(q, k, v, starts, 0.25)
        expected_out, expected_lse = attention_reference(q, k, v, document_ids, scale=0.25)
        torch.testing.assert_close(out, expected_out, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(lse, expected_lse, rtol=1e-5, atol=1e-5)


def test_a_flash_that_does_not_serve_is_named_with_its_reason(install):
    install("2")
    install("preview", ("fa4", "0.1"))
    install("3", THREE, broken="raise OSError('libcudart.so.12: cannot open shared object file')")
    with pytest.raises(ValueError) as caught:
        attention_peers.flash_package()
    for part in (
        "flash_attn_interface 3.0.0 cannot be imported: OSError: libcudart.so.12",
        "flash_attn.cute 0.1 returns no log-sum-exp",
        "flash_attn is there without flash-attn, as a preview",
    ):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
