"""Continuations with a cache of keys and values: the likeliest token again and again, sampled tokens, or beam search.

A prompt's answer does not depend on the prompts beside it: each prompt is read alone, and answers are generated in
groups of a fixed number of rows over caches of a fixed length, so every product has the same shape whatever the batch.
Massive sampling from one prompt is evaluation/passuntil/estimates.py, which shares prefixes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import numpy as np
import torch
import torch.nn.functional as F

from models.gpt import GPT

# Rows decoded together; short groups are filled up with idle rows.
GROUP_ROWS = 16
_DAMAGED = (
    "log-probabilities of the next token are NaN or infinite: the weights are damaged or their training diverged;"
    " delete the checkpoint and rerun the training"
)
# Picks each row's next token from logits [R, V]; the number is that of the first row among all prompts.
Choose = Callable[[torch.Tensor, int], list[int]]


def greedy(model: GPT, prompts: list[list[int]], max_new_tokens: int, stop_ids: Collection[int]) -> list[list[int]]:
    """The likeliest token again and again, per prompt, until a stop token (not returned) or max_new_tokens.

    ValueError for an empty prompt and for one that does not fit into max_sequence_length together with its answer.
    """
    return _decode(model, prompts, max_new_tokens, stop_ids, lambda logits_RV, first: logits_RV.argmax(-1).tolist())


def sample(
    model: GPT,
    prompts: list[list[int]],
    max_new_tokens: int,
    stop_ids: Collection[int],
    seeds: list[int],
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> list[list[int]]:
    """One sampled continuation per prompt, until a stop token (not returned) or max_new_tokens; it depends on its
    prompt and seed alone.

    ValueError as `greedy`, for a temperature or top_p out of range, and where there are not as many seeds as prompts.
    """
    check_decoding(temperature, top_p)
    if len(seeds) != len(prompts):
        raise ValueError(f"{len(seeds)} seeds for {len(prompts)} prompts; give one for each")
    generators = [np.random.default_rng(seed) for seed in seeds]

    def choose(logits_RV: torch.Tensor, first: int) -> list[int]:
        # Inverse of the cumulated probability at one uniform number, in fp64 and by the row's own generator: neither
        # the batch nor a library's way of drawing moves an answer.
        weights_RV = np.exp(log_weights(_log_probabilities(logits_RV).cpu().numpy(), temperature, top_p))
        sums_RV = np.cumsum(weights_RV, axis=1)
        rows = zip(generators[first : first + GROUP_ROWS], sums_RV)
        return [
            int(np.searchsorted(sums_V, generator.random() * sums_V[-1], side="right")) for generator, sums_V in rows
        ]

    return _decode(model, prompts, max_new_tokens, stop_ids, choose)


def check_decoding(temperature: float, top_p: float) -> None:
    """ValueError in one line for a temperature of 0 or below and a top_p outside (0, 1]."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(
            f"temperature is {temperature}; give a positive number (for the likeliest token again and again use greedy"
            " decoding)"
        )
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}; give a number above 0 and at most 1")


def log_weights(log_probabilities_RV: np.ndarray, temperature: float, top_p: float) -> np.ndarray:
    """Natural logs [R, V] of the probabilities that tokens are drawn with, temperature and top-p applied; -inf where
    top-p cuts a token off.

    Top-p keeps the likeliest tokens up to the first that brings their sum to top_p (Holtzman et al. 2020); of equal
    ones the lower id goes first. ValueError where a row holds NaN or no probability at all."""
    highest_R1 = log_probabilities_RV.max(1, keepdims=True)
    if not np.isfinite(highest_R1).all():
        raise ValueError(_DAMAGED)
    if temperature == 1 and top_p == 1:
        return log_probabilities_RV
    scaled_RV = _normalized((log_probabilities_RV - highest_R1) / temperature)
    if top_p == 1:
        return scaled_RV
    order_RV = np.argsort(-scaled_RV, axis=1, kind="stable")
    sorted_RV = np.take_along_axis(scaled_RV, order_RV, 1)
    sums_RV = np.cumsum(np.exp(sorted_RV), axis=1)
    # A token stays while the sum before it is below top_p, so the one that reaches top_p stays too and at least one
    # does.
    kept_RV = np.empty_like(scaled_RV)
    np.put_along_axis(kept_RV, order_RV, np.where(sums_RV - np.exp(sorted_RV) >= top_p, -np.inf, sorted_RV), 1)
    return _normalized(kept_RV)


def _normalized(logs_RV: np.ndarray) -> np.ndarray:
    highest_R1 = logs_RV.max(1, keepdims=True)
    return logs_RV - (highest_R1 + np.log(np.exp(logs_RV - highest_R1).sum(1, keepdims=True)))


def _log_probabilities(logits_RV: torch.Tensor) -> torch.Tensor:
    """Natural logs in fp64. ValueError where the logits are not finite."""
    log_probabilities_RV = logits_RV.double().log_softmax(-1)
    if not torch.isfinite(log_probabilities_RV).all():
        raise ValueError(_DAMAGED)
    return log_probabilities_RV


@torch.no_grad()
def beam_search(
    model: GPT, prompt: list[int], num_beams: int, max_new_tokens: int, stop_ids: Collection[int]
) -> tuple[list[int], float]:
    """The likeliest continuation that beam search finds, without its stop token, and its log-probability (nats, stop
    included).

    Scores are sums of log-probabilities, not divided by length. A continuation that ended leaves its beam to another
    one; the search ends when no running one can overtake the best that ended. Where none ends within max_new_tokens,
    the likeliest unended one. Every beam may end at every step. Of equal scores the better parent goes first, then the
    lower token. ValueError as `greedy`, for fewer than 1 beam and for logits that are not finite."""
    _check_prompts(model, [prompt], max_new_tokens)
    if num_beams < 1 or max_new_tokens < 1:
        raise ValueError(f"beam search with {num_beams} beams and {max_new_tokens} new tokens; give at least 1 of each")
    keys, values = _empty_caches(model, num_beams)
    log_probabilities_BV = _log_probabilities(_read_prompt(model, prompt, keys[:, 0], values[:, 0])[None])
    keys[:, 1:], values[:, 1:] = keys[:, :1], values[:, :1]
    stops, best = sorted(stop_ids), ([], -math.inf)
    beams, scores_B = [[]], log_probabilities_BV.new_zeros(1)
    for step in range(max_new_tokens):
        totals_BV = scores_B[:, None] + log_probabilities_BV
        for beam, ended_S in zip(beams, totals_BV[:, stops].tolist()):
            best = max(best, *((beam, score) for score in ended_S), key=lambda entry: entry[1]) if stops else best
        # What ended is kept in `best`, and its place in the beam goes to a continuation that may still overtake it.
        totals_BV[:, stops] = -math.inf
        # A stable sort keeps the order of equal scores: by parent, then by token.
        scores_B, order_B = (part[:num_beams] for part in totals_BV.flatten().sort(descending=True, stable=True))
        parents_B, tokens_B = order_B // totals_BV.shape[1], order_B % totals_BV.shape[1]
        beams = [[*beams[parent], token] for parent, token in zip(parents_B.tolist(), tokens_B.tolist())]
        if step == max_new_tokens - 1 or scores_B[0] <= best[1]:
            break
        # The first steps may have fewer beams than rows; idle rows copy beam 0, so that every product has one shape.
        num_idle = num_beams - len(beams)
        rows_B, tokens_B = F.pad(parents_B, (0, num_idle)), F.pad(tokens_B, (0, num_idle))
        keys, values = keys[:, rows_B], values[:, rows_B]
        places_B = torch.full_like(rows_B, len(prompt) + step)
        log_probabilities_BV = _log_probabilities(_next_logits(model, tokens_B, places_B, keys, values)[: len(beams)])
    return best if best[1] > -math.inf else (beams[0], float(scores_B[0]))


def _check_prompts(model: GPT, prompts: list[list[int]], max_new_tokens: int) -> None:
    for index, prompt in enumerate(prompts):
        if not prompt:
            raise ValueError(f"prompt {index} is empty; begin it with the document token")
        if len(prompt) + max_new_tokens > model.config.max_sequence_length:
            raise ValueError(
                f"prompt {index} has {len(prompt)} tokens, with {max_new_tokens} new ones more than max_sequence_length"
                f" {model.config.max_sequence_length}; shorten it"
            )


@torch.no_grad()
def _decode(
    model: GPT, prompts: list[list[int]], max_new_tokens: int, stop_ids: Collection[int], choose: Choose
) -> list[list[int]]:
    _check_prompts(model, prompts, max_new_tokens)
    if max_new_tokens < 1:
        return [[] for _ in prompts]
    stops, answers = frozenset(stop_ids), []
    for start in range(0, len(prompts), GROUP_ROWS):
        answers.extend(_decode_group(model, prompts[start : start + GROUP_ROWS], start, max_new_tokens, stops, choose))
    return answers


def _empty_caches(model: GPT, num_rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    config, device = model.config, model.embedding.weight.device
    shape = (config.num_layers, num_rows, config.max_sequence_length, config.num_kv_heads, config.head_size)
    return torch.zeros(shape, device=device), torch.zeros(shape, device=device)


def _decode_group(
    model: GPT, prompts: list[list[int]], first: int, max_new_tokens: int, stops: frozenset[int], choose: Choose
) -> list[list[int]]:
    device = model.embedding.weight.device
    keys, values = _empty_caches(model, GROUP_ROWS)
    logits_RV = torch.zeros(GROUP_ROWS, model.config.vocab_size, device=device)
    places_R = torch.zeros(GROUP_ROWS, dtype=torch.int64, device=device)
    for row, prompt in enumerate(prompts):
        logits_RV[row] = _read_prompt(model, prompt, keys[:, row], values[:, row])
        places_R[row] = len(prompt)
    answers: list[list[int]] = [[] for _ in prompts]
    running = set(range(len(prompts)))
    for _ in range(max_new_tokens):
        tokens = choose(logits_RV[: len(prompts)], first)
        for row, token in enumerate(tokens):
            if row in running and token in stops:
                running.discard(row)
            elif row in running:
                answers[row].append(token)
        if not running or max(len(answer) for answer in answers) == max_new_tokens:
            break
        tokens_R = torch.tensor(tokens + [0] * (GROUP_ROWS - len(tokens)), device=device)
        logits_RV = _next_logits(model, tokens_R, places_R, keys, values)
        places_R += 1
    return answers


def _read_prompt(model: GPT, prompt: list[int], keys_LNGK: torch.Tensor, values_LNGK: torch.Tensor) -> torch.Tensor:
    """Fills one row of the caches; returns the logits after the prompt [V]."""
    T = len(prompt)
    x = model.embedding(torch.tensor([prompt], device=keys_LNGK.device))
    for layer, block in enumerate(model.blocks):
        q, k, v = block.split_qkv(x, model.cos_TK2[:T], model.sin_TK2[:T])
        keys_LNGK[layer, :T], values_LNGK[layer, :T] = k[0], v[0]
        attended = _attend(q, k, v, is_causal=True)
        x = x + block.attention_out(attended)
        x = x + block.mlp(x)
    return model.head(model.norm(x[0, -1]))


def _next_logits(
    model: GPT, tokens_R: torch.Tensor, places_R: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """Logits [R, V] one token further in every row; row r stands at places_R[r] and sees the keys up to there."""
    rows_R = torch.arange(len(tokens_R), device=tokens_R.device)
    # Rows that ended may stand at the cache's last place; they overwrite it and are never read.
    places_R = places_R.clamp(max=keys.shape[2] - 1)
    # Rows stand at different places; the mask hides what lies behind a row's place, which is still zero.
    is_seen_R11N = (torch.arange(keys.shape[2], device=tokens_R.device) <= places_R[:, None])[:, None, None]
    cos, sin = model.cos_TK2[places_R][:, None], model.sin_TK2[places_R][:, None]
    x = model.embedding(tokens_R)[:, None]
    for layer, block in enumerate(model.blocks):
        q, k, v = block.split_qkv(x, cos, sin)
        keys[layer, rows_R, places_R], values[layer, rows_R, places_R] = k[:, 0], v[:, 0]
        x = x + block.attention_out(_attend(q, keys[layer], values[layer], mask=is_seen_R11N))
        x = x + block.mlp(x)
    return model.head(model.norm(x[:, 0]))


def _attend(
    q_BTHK: torch.Tensor,
    k_BNGK: torch.Tensor,
    v_BNGK: torch.Tensor,
    mask: torch.Tensor | None = None,
    is_causal: bool = False,
) -> torch.Tensor:
    q, k, v = (part.transpose(1, 2) for part in (q_BTHK, k_BNGK, v_BNGK))
    return (
        F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=is_causal, enable_gqa=q.shape[1] != k.shape[1]
        )
        .transpose(1, 2)
        .flatten(2)
    )
