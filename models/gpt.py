"""A LLaMA-like decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU, untied head.

q, k, v share one matrix, gate and up another: fewer, larger products. Weights map one to one on transformers'
LlamaForCausalLM (models/huggingface.py). On CUDA every operator is ours (kernels); on a CPU this file is the plain
reference, which scoring uses, while training takes the hand-written step of models/cpu/step.py. Shape suffixes: B
batch, T time, D width, H heads, G key-value heads, K head size, F hidden width, V vocabulary, M = B * T.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from kernels.attention import attention
from kernels.cross_entropy import linear_cross_entropy
from kernels.rms_norm import rms_norm
from kernels.rotary import rotary
from kernels.swiglu import swiglu
from models.config import GPTConfig

# Every matrix starts with standard deviation INIT_GAIN / sqrt(fan_in): 0.018 at the width of GPT-2 (there 0.02), and
# the same activations at the widths of 32 to 256 used here, where a fixed 0.02 would start far too small.
INIT_GAIN = 0.5


def rotary_tables(
    config: GPTConfig, length: int, device: torch.device | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """cos and sin [T, K/2] in fp32 (RoFormer, arXiv 2104.09864; frequencies theta^(-2i/K))."""
    exponents = torch.arange(0, config.head_size, 2, dtype=torch.float32, device=device) / config.head_size
    angles_TK2 = torch.outer(torch.arange(length, dtype=torch.float32, device=device), config.rope_theta**-exponents)
    return angles_TK2.cos(), angles_TK2.sin()


def rotate(x_BTHK: torch.Tensor, cos_TK2: torch.Tensor, sin_TK2: torch.Tensor) -> torch.Tensor:
    """Rotary positions in the half-split layout of transformers' Llama; tables [T, K/2] or [B, T, K/2]."""
    if x_BTHK.is_cuda:
        return rotary(x_BTHK, cos_TK2, sin_TK2)
    first, second = x_BTHK.chunk(2, dim=-1)
    cos, sin = cos_TK2.unsqueeze(-2).to(x_BTHK.dtype), sin_TK2.unsqueeze(-2).to(x_BTHK.dtype)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


class Norm(nn.RMSNorm):
    """RMSNorm over the last axis (arXiv 1910.07467)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x of any leading shape, normed and scaled."""
        return rms_norm(x, self.weight, self.eps) if x.is_cuda else super().forward(x)


class Block(nn.Module):
    """One decoder layer: x + attention(norm(x)), then x + swiglu(norm(x))."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.recompute = False  # keep the input alone and compute the inside again in the backward pass
        d_kv = config.num_kv_heads * config.head_size
        self.attention_norm = Norm(config.d_model, eps=config.norm_eps)
        self.qkv = nn.Linear(config.d_model, config.d_model + 2 * d_kv, bias=False)
        self.attention_out = nn.Linear(config.d_model, config.d_model, bias=False)
        self.mlp_norm = Norm(config.d_model, eps=config.norm_eps)
        self.gate_up = nn.Linear(config.d_model, 2 * config.d_ff, bias=False)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=False)

    def split_qkv(
        self, x_BTD: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Normed and rotated q [B, T, H, K] and k, and v [B, T, G, K]."""
        config = self.config
        B, T, _ = x_BTD.shape
        qkv = self.qkv(self.attention_norm(x_BTD)).view(
            B, T, config.num_heads + 2 * config.num_kv_heads, config.head_size
        )
        q, k, v = qkv.split([config.num_heads, config.num_kv_heads, config.num_kv_heads], dim=2)
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def mlp(self, x_BTD: torch.Tensor) -> torch.Tensor:
        """The feed-forward branch of x [B, T, D], its norm included."""
        gate, up = self.gate_up(self.mlp_norm(x_BTD)).chunk(2, dim=-1)
        return self.down(swiglu(gate, up) if gate.is_cuda else F.silu(gate) * up)

    def forward(self, x_BTD: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        """x [B, T, D] after both branches; tables [T, K/2]."""
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(self._branches, x_BTD, cos, sin, use_reentrant=False)
        return self._branches(x_BTD, cos, sin)

    def _branches(self, x_BTD: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        q, k, v = self.split_qkv(x_BTD, cos, sin)
        if q.is_cuda:
            attended, _ = attention(q, k, v)
        else:
            q, k, v = (part.transpose(1, 2) for part in (q, k, v))
            attended = F.scaled_dot_product_attention(
                q, k, v, is_causal=True, enable_gqa=k.shape[1] != q.shape[1]
            ).transpose(1, 2)
        x_BTD = x_BTD + self.attention_out(attended.reshape(x_BTD.shape))
        return x_BTD + self.mlp(x_BTD)


class GPT(nn.Module):
    """The whole decoder; weights are fp32, drawn from the global torch generator."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = Norm(config.d_model, eps=config.norm_eps)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        cos, sin = rotary_tables(config, config.max_sequence_length)
        self.register_buffer("cos_TK2", cos, persistent=False)
        self.register_buffer("sin_TK2", sin, persistent=False)
        self._init_weights()

    @torch.no_grad()
    def _init_weights(self) -> None:
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            std = INIT_GAIN / math.sqrt(parameter.shape[1])
            if name.endswith(("attention_out.weight", "down.weight")):
                # Residual branches add up over 2 * num_layers outputs (GPT-2, section 2.3).
                std /= math.sqrt(2 * self.config.num_layers)
            parameter.normal_(0.0, std)

    def hidden(self, tokens_BT: torch.Tensor) -> torch.Tensor:
        """Final normed states [B, T, D]. ValueError when T exceeds max_sequence_length."""
        T = tokens_BT.shape[1]
        if T > self.config.max_sequence_length:
            raise ValueError(
                f"sequence of {T} tokens is longer than max_sequence_length {self.config.max_sequence_length}; cut it"
            )
        x_BTD = self.embedding(tokens_BT)
        for block in self.blocks:
            x_BTD = block(x_BTD, self.cos_TK2[:T], self.sin_TK2[:T])
        return self.norm(x_BTD)

    def forward(self, tokens_BT: torch.Tensor) -> torch.Tensor:
        """Logits [B, T, V] in fp32."""
        return self.head(self.hidden(tokens_BT)).float()

    def per_token_loss(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each target in nats, [B, T] fp32."""
        logits_BTV = self(tokens_BT)
        return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), reduction="none").view_as(targets_BT)

    def loss(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy in nats per token."""
        if tokens_BT.is_cuda:
            return linear_cross_entropy(self.hidden(tokens_BT).flatten(0, 1), self.head.weight, targets_BT.flatten())[0]
        logits_BTV = self(tokens_BT)
        return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten())
