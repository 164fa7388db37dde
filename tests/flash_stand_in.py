"""What the stand-ins for flash-attn compute: the package's entry points by our reference, documents by their borders.

Shapes: B batch, T time, N all tokens of a packed batch, H heads, K head size.
"""

import torch

from kernels.attention import attention_reference


def plain(q_BTHK, k_BTHK, v_BTHK, scale, causal, asks):
    """flash_attn_func: the output alone, or with the log-sum-exp and an empty third part where it is asked for."""
    assert causal
    out, lse = attention_reference(q_BTHK, k_BTHK, v_BTHK, None, scale)
    return (out, lse, None) if asks else out


def varlen(q_NHK, k_NHK, v_NHK, borders_q, borders_k, scale, causal, asks):
    """flash_attn_varlen_func: as `plain`, document by document."""
    assert torch.equal(borders_q, borders_k) and borders_q.dtype == torch.int32
    parts = []
    for start, end in zip(borders_q[:-1].tolist(), borders_q[1:].tolist()):
        parts.append(plain(*(x[None, start:end] for x in (q_NHK, k_NHK, v_NHK)), scale, causal, True))
    out, lse = torch.cat([part[0][0] for part in parts]), torch.cat([part[1][0] for part in parts], 1)
    return (out, lse, None) if asks else out
