"""The forward pass that scoring needs: keys and values of a context are computed once and shared by everything that
continues it.

Three uses of one context: the distribution after it, the log-likelihood of continuations, a greedy answer. All rows of
a call have one length, so there is no padding, and a row's result does not depend on the other rows (with packed
weights to the last bit, see `pack_linears`). The head and the last block's feed-forward run only at the positions that
are asked for. Shape suffixes: R rows, T context length, S new tokens, D width, G key-value heads, K head size, V
vocabulary.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn

from models.gpt import GPT, Block

Cache = list[tuple[torch.Tensor, torch.Tensor]]  # per layer rotated keys and values, each [R, T, G, K]


class PackedLinear(nn.Module):
    """A bias-free fp32 linear layer on weights laid out for oneDNN.

    Twice the speed of the plain product at our widths (128 x 384: 180 against 92 GFLOP/s on one Zen 5 core), and its
    rows do not depend on their number, whereas the plain product takes another path for fewer than 4 rows. The
    operators are those torch.compile emits for a frozen linear layer; they have no public name, hence the pinned torch
    version and the test against the plain product."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach().contiguous())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x [..., D] times the weight."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, None, "none", [], "")


def pack_linears(model: GPT) -> GPT:
    """A copy of `model` for inference; on a CPU with oneDNN its linear layers are packed, elsewhere they stay as they
    are. Packed ones are returned as is."""
    if isinstance(model.head, PackedLinear):
        return model
    packed = copy.deepcopy(model).requires_grad_(False).eval()
    if model.embedding.weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return packed
    for module in list(packed.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, PackedLinear(child))
    return packed


def _attend(
    q_RSHK: torch.Tensor, k_RNGK: torch.Tensor, v_RNGK: torch.Tensor, mask: torch.Tensor | None, is_causal: bool = False
) -> torch.Tensor:
    q, k, v = q_RSHK.transpose(1, 2), k_RNGK.transpose(1, 2), v_RNGK.transpose(1, 2)
    out = F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=is_causal, enable_gqa=q.shape[1] != k.shape[1]
    )
    return out.transpose(1, 2).flatten(2)


def _finish(block: Block, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
    x = x + block.attention_out(attended)
    return x + block.mlp(x)


def prefill(model: GPT, tokens_RT: torch.Tensor) -> tuple[torch.Tensor, Cache]:
    """Final normed state of the last position [R, D], and the cache of all positions."""
    T = tokens_RT.shape[1]
    cos, sin = model.cos_TK2[:T], model.sin_TK2[:T]
    x = model.embedding(tokens_RT)
    cache: Cache = []
    for block in model.blocks:
        q, k, v = block.split_qkv(x, cos, sin)
        cache.append((k, v))
        if block is model.blocks[-1]:  # of the last block only the last position is read
            x = _finish(block, x[:, -1:], _attend(q[:, -1:], k, v, None))
        else:
            x = _finish(block, x, _attend(q, k, v, None, is_causal=True))
    return model.norm(x[:, -1]), cache


def extend(model: GPT, tokens_RS: torch.Tensor, cache: Cache) -> torch.Tensor:
    """Final normed states [R, S, D] of S tokens that follow the cached context (row r follows row r of the cache)."""
    T, S = cache[0][0].shape[1], tokens_RS.shape[1]
    cos, sin = model.cos_TK2[T : T + S], model.sin_TK2[T : T + S]
    is_visible = torch.ones(S, T + S, dtype=torch.bool, device=tokens_RS.device).tril(T)
    x = model.embedding(tokens_RS)
    for block, (context_k, context_v) in zip(model.blocks, cache, strict=True):
        q, k, v = block.split_qkv(x, cos, sin)
        x = _finish(block, x, _attend(q, torch.cat([context_k, k], 1), torch.cat([context_v, v], 1), is_visible))
    return model.norm(x)


def log_probabilities(model: GPT, states_MD: torch.Tensor) -> torch.Tensor:
    """Log-softmax over the vocabulary [M, V] in fp32. ValueError where the logits are not finite."""
    log_probabilities_MV = F.log_softmax(model.head(states_MD).float(), dim=-1)
    if not torch.isfinite(log_probabilities_MV).all():
        raise ValueError(
            "logits are NaN or infinite: the weights are damaged or their training diverged; delete the checkpoint and"
            " rerun the training"
        )
    return log_probabilities_MV


def greedy_from_cache(
    model: GPT, first_R: torch.Tensor, rows: list[Cache], max_new_tokens: int, stop_id: int
) -> list[list[int]]:
    """Greedy continuations of R cached contexts of any lengths, without the stop token, at most `max_new_tokens` long.

    `first_R` is the likeliest token after each context, `rows[r]` the cache of context r, each tensor [T_r, G, K]."""
    out: list[list[int]] = [[] for _ in rows]
    lengths_R = torch.tensor([row[0][0].shape[0] for row in rows], device=first_R.device)
    buffers = _stack_caches(rows, int(lengths_R.max()) + max_new_tokens - 1)
    owners_R, token_R, is_running_R = (
        torch.arange(len(rows), device=first_R.device),
        first_R,
        torch.ones_like(first_R, dtype=torch.bool),
    )
    for step in range(max_new_tokens):
        is_running_R = is_running_R & (token_R != stop_id)
        for owner, token in zip(owners_R[is_running_R].tolist(), token_R[is_running_R].tolist(), strict=True):
            out[owner].append(token)
        num_running = int(is_running_R.sum())
        if step == max_new_tokens - 1 or num_running == 0:
            return out
        if num_running <= len(owners_R) // 2:  # dropping a row copies all caches, so only when many are done
            kept = is_running_R.nonzero()[:, 0]
            owners_R, token_R, lengths_R, is_running_R = (
                owners_R[kept],
                token_R[kept],
                lengths_R[kept],
                is_running_R[kept],
            )
            buffers = [(keys[kept], values[kept]) for keys, values in buffers]
        token_R = _decode_step(model, token_R, lengths_R + step, buffers)
    return out


def _stack_caches(rows: list[Cache], num_places: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Per layer keys and values [R, G, N, K], zero beyond each row's own length."""
    stacked = []
    for layer in zip(*rows, strict=True):
        pair = tuple(tensor.new_zeros(len(rows), tensor.shape[1], num_places, tensor.shape[2]) for tensor in layer[0])
        for r, cached in enumerate(layer):
            for buffer, tensor in zip(pair, cached, strict=True):
                buffer[r, :, : tensor.shape[0]] = tensor.transpose(0, 1)
        stacked.append(pair)
    return stacked


def _decode_step(
    model: GPT, token_R: torch.Tensor, place_R: torch.Tensor, buffers: list[tuple[torch.Tensor, torch.Tensor]]
) -> torch.Tensor:
    """The likeliest next token [R] after `token_R` stands at `place_R`; its key and value are written into `buffers`.

    One query a row: plain products are twice as fast here as torch's fused attention, which is made for long queries.
    """
    config, R = model.config, len(token_R)
    rows_R = torch.arange(R, device=token_R.device)
    num_places = int(place_R.max()) + 1
    hidden_R11N = (torch.arange(num_places, device=token_R.device) > place_R[:, None])[:, None, None]
    x_1RD = model.embedding(token_R)[None]  # rows stand on the time axis, so that each has its own rotary position
    cos, sin = model.cos_TK2[place_R], model.sin_TK2[place_R]
    for block, (keys, values) in zip(model.blocks, buffers, strict=True):
        q, k, v = block.split_qkv(x_1RD, cos, sin)
        keys[rows_R, :, place_R], values[rows_R, :, place_R] = k[0], v[0]
        q_RGQK = q.view(R, config.num_kv_heads, -1, config.head_size) * config.head_size**-0.5
        scores_RGQN = (q_RGQK @ keys[:, :, :num_places].transpose(2, 3)).masked_fill_(hidden_R11N, float("-inf"))
        x_1RD = _finish(block, x_1RD, (scores_RGQN.softmax(-1) @ values[:, :, :num_places]).view(1, R, -1))
    return log_probabilities(model, model.norm(x_1RD[0])).argmax(-1)
