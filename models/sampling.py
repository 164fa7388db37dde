"""Greedy continuation with a cache of keys and values.

A prompt's answer does not depend on the prompts beside it: each prompt is read alone, and answers are generated in groups of a fixed number of
rows over caches of a fixed length, so every product has the same shape whatever the batch.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
import torch.nn.functional as F

from models.gpt import GPT

# Rows decoded together; short groups are filled up with idle rows.
GROUP_ROWS = 16


@torch.no_grad()
def greedy(model: GPT, prompts: list[list[int]], max_new_tokens: int, stop_ids: Collection[int]) -> list[list[int]]:
    """The likeliest token again and again, per prompt, until a stop token (not returned) or max_new_tokens.

    ValueError for an empty prompt and for one that does not fit into max_sequence_length together with its answer.
    """
    for index, prompt in enumerate(prompts):
        if not prompt:
            raise ValueError(f"prompt {index} is empty; begin it with the document token")
        if len(prompt) + max_new_tokens > model.config.max_sequence_length:
            raise ValueError(
                f"prompt {index} has {len(prompt)} tokens, with {max_new_tokens} new ones more than max_sequence_length "
                f"{model.config.max_sequence_length}; shorten it"
            )
    if max_new_tokens < 1:
        return [[] for _ in prompts]
    stops, answers = frozenset(stop_ids), []
    for start in range(0, len(prompts), GROUP_ROWS):
        answers.extend(_decode_group(model, prompts[start : start + GROUP_ROWS], max_new_tokens, stops))
    return answers


def _decode_group(model: GPT, prompts: list[list[int]], max_new_tokens: int, stops: frozenset[int]) -> list[list[int]]:
    config, device = model.config, model.embedding.weight.device
    shape = (config.num_layers, GROUP_ROWS, config.max_sequence_length, config.num_kv_heads, config.head_size)
    keys, values = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
    tokens_R = torch.zeros(GROUP_ROWS, dtype=torch.int64, device=device)
    places_R = torch.zeros(GROUP_ROWS, dtype=torch.int64, device=device)
    for row, prompt in enumerate(prompts):
        tokens_R[row] = _read_prompt(model, prompt, keys[:, row], values[:, row])
        places_R[row] = len(prompt)
    answers: list[list[int]] = [[] for _ in prompts]
    running = set(range(len(prompts)))
    for _ in range(max_new_tokens):
        for row, token in enumerate(tokens_R[: len(prompts)].tolist()):
            if row in running and token in stops:
                running.discard(row)
            elif row in running:
                answers[row].append(token)
        if not running or max(len(answer) for answer in answers) == max_new_tokens:
            break
        tokens_R = _next_tokens(model, tokens_R, places_R, keys, values)
        places_R += 1
    return answers


def _read_prompt(model: GPT, prompt: list[int], keys_LNGK: torch.Tensor, values_LNGK: torch.Tensor) -> torch.Tensor:
    """Fills one row of the caches; returns the likeliest token after the prompt."""
    T = len(prompt)
    x = model.embedding(torch.tensor([prompt], device=keys_LNGK.device))
    for layer, block in enumerate(model.blocks):
        q, k, v = block.split_qkv(x, model.cos_TK2[:T], model.sin_TK2[:T])
        keys_LNGK[layer, :T], values_LNGK[layer, :T] = k[0], v[0]
        attended = _attend(q, k, v, is_causal=True)
        x = x + block.attention_out(attended)
        x = x + block.mlp(x)
    return model.head(model.norm(x[0, -1])).argmax()


def _next_tokens(model: GPT, tokens_R: torch.Tensor, places_R: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """One token further in every row; row r stands at places_R[r] and sees the keys up to there."""
    rows_R = torch.arange(GROUP_ROWS, device=tokens_R.device)
    # Rows that ended may stand at the cache's last place; they overwrite it and are never read.
    places_R = places_R.clamp(max=keys.shape[2] - 1)
    is_seen_R11N = (torch.arange(keys.shape[2], device=tokens_R.device) <= places_R[:, None])[:, None, None]
    cos, sin = model.cos_TK2[places_R][:, None], model.sin_TK2[places_R][:, None]
    x = model.embedding(tokens_R)[:, None]
    for layer, block in enumerate(model.blocks):
        q, k, v = block.split_qkv(x, cos, sin)
        keys[layer, rows_R, places_R], values[layer, rows_R, places_R] = k[:, 0], v[:, 0]
        x = x + block.attention_out(_attend(q, keys[layer], values[layer], mask=is_seen_R11N))
        x = x + block.mlp(x)
    return model.head(model.norm(x[:, 0])).argmax(-1)


def _attend(q_BTHK: torch.Tensor, k_BNGK: torch.Tensor, v_BNGK: torch.Tensor, mask: torch.Tensor | None = None, is_causal: bool = False) -> torch.Tensor:
    q, k, v = (part.transpose(1, 2) for part in (q_BTHK, k_BNGK, v_BNGK))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_causal, enable_gqa=q.shape[1] != k.shape[1]).transpose(1, 2).flatten(2)
