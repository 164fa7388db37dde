"""Causal attention of a training step on a CPU, by the number format: one interface, two ways.

BatchedAttention: batched products over [B * H] heads, weights kept for the backward pass; where the CPU multiplies
bf16. BlockAttention: the compiled blocks of models/cpu/blocks.py over fp32 numbers (fp32, or bf16 that is emulated):
two to three times as fast there as batched products. Each takes the product y W_qkv [M, (H + 2 G) K] and gives heads
side by side [M, D], and back.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from models.cpu import blocks
from models.cpu import kernels as ops
from models.cpu.storage import FP32, NATIVE_BF16, Buffer, Storage
from models.gpt import GPT


class BatchedAttention:
    """Attention of all layers by batched products."""

    def __init__(self, model: GPT, B: int, T: int, storage: Storage):
        config = model.config
        H, K, D = config.num_heads, config.head_size, config.d_model
        self._qkv = Buffer((B * T, D + 2 * config.num_kv_heads * K), storage)
        self._by_head, self._by_time = (B, H, T, K), (B, T, H, K)
        self._kept = [
            tuple(Buffer((B * H, T, width), storage) for width in (K, K, K, T)) for _ in range(config.num_layers)
        ]
        self._heads, self._dq, self._dk, self._dv = (Buffer((B * H, T, K), storage) for _ in range(4))
        self._dweights = Buffer((B * H, T, T), storage)
        self._row_T = np.zeros(T, np.float32)
        tables = (model.cos_TK2[:T].flatten().numpy(), model.sin_TK2[:T].flatten().numpy())
        self._cos, self._sin = tables
        self._shape_BTHGK = (B, T, H, config.num_kv_heads, K)
        self._q_scale = np.float32(1 / math.sqrt(K))

    def qkv(self, layer: int) -> Buffer:
        """Where `forward` of this layer finds the product, and `backward` leaves its gradient."""
        return self._qkv

    def forward(self, layer: int, attended: Buffer) -> None:
        """From qkv(layer) to attended [M, D]."""
        q, k, v, weights = self._kept[layer]
        ops.split_heads_rotary(
            self._qkv.flat, self._cos, self._sin, q.flat, k.flat, v.flat, self._shape_BTHGK, self._q_scale
        )
        torch.bmm(q.t, k.t.transpose(1, 2), out=weights.t)
        ops.causal_softmax(weights.n, self._row_T)
        torch.bmm(weights.t, v.t, out=self._heads.t)
        ops.swap_axes(self._heads.n.reshape(self._by_head), attended.n.reshape(self._by_time))

    def backward(self, layer: int, dattended: Buffer) -> Buffer:
        """The gradient of qkv from that of attended."""
        q, k, v, weights = self._kept[layer]
        ops.swap_axes(dattended.n.reshape(self._by_time), self._heads.n.reshape(self._by_head))
        torch.bmm(weights.t.transpose(1, 2), self._heads.t, out=self._dv.t)
        torch.bmm(self._heads.t, v.t.transpose(1, 2), out=self._dweights.t)
        ops.causal_softmax_backward(weights.n, self._dweights.n)
        torch.bmm(self._dweights.t, k.t, out=self._dq.t)
        torch.bmm(self._dweights.t.transpose(1, 2), q.t, out=self._dk.t)
        ops.merge_heads_rotary_backward(
            self._dq.flat,
            self._dk.flat,
            self._dv.flat,
            self._cos,
            self._sin,
            self._qkv.flat,
            self._shape_BTHGK,
            self._q_scale,
        )
        return self._qkv


class BlockAttention:
    """Attention of all layers by compiled blocks."""

    def __init__(self, model: GPT, B: int, T: int, storage: Storage):
        config = model.config
        H, K, D = config.num_heads, config.head_size, config.d_model
        width, padded = D + 2 * config.num_kv_heads * K, blocks.padded(T)
        self._kept = [
            (Buffer((B * T, width), storage), *(Buffer((B * H, padded), FP32) for _ in range(2)))
            for _ in range(config.num_layers)
        ]
        self._dqkv = Buffer((B * T, width), storage)
        self._cos, self._sin = blocks.rotary_rows(model.cos_TK2[:T].numpy(), model.sin_TK2[:T].numpy())
        self._shape_BTHGK = (B, T, H, config.num_kv_heads, K)
        self._q_scale = np.float32(1 / math.sqrt(K))

    def qkv(self, layer: int) -> Buffer:
        """Where `forward` of this layer finds the product; it is kept."""
        return self._kept[layer][0]

    def forward(self, layer: int, attended: Buffer) -> None:
        """From qkv(layer) to attended [M, D]."""
        qkv, highest, inverse = self._kept[layer]
        blocks.attention_forward(
            qkv.flat, self._cos, self._sin, attended.flat, highest.flat, inverse.flat, self._shape_BTHGK, self._q_scale
        )

    def backward(self, layer: int, dattended: Buffer) -> Buffer:
        """The gradient of qkv from that of attended."""
        qkv, highest, inverse = self._kept[layer]
        blocks.attention_backward(
            dattended.flat,
            qkv.flat,
            self._cos,
            self._sin,
            highest.flat,
            inverse.flat,
            self._dqkv.flat,
            self._shape_BTHGK,
            self._q_scale,
        )
        return self._dqkv


def make_attention(model: GPT, B: int, T: int, storage: Storage) -> BatchedAttention | BlockAttention:
    """Attention over B sequences of T tokens, numbers held as `storage` says."""
    return (BatchedAttention if storage == NATIVE_BF16 else BlockAttention)(model, B, T, storage)
