"""Loss and gradient of a GPT on a CPU, written out by hand over buffers that live as long as the run.

Why by hand: at 0.05M-3M parameters autograd spends most of a step on dispatch, casts and fresh memory, not on products. Here the
products go to oneDNN in bf16 (or fp32), everything between two products is one compiled pass (cpu_kernels.py), attention weights
are kept for the backward pass, and the bf16 copy of all weights is one copy of the flat buffer. The residual stream, the norms'
arithmetic, the loss and the optimizer stay in fp32.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from models import cpu_kernels as ops
from models.gpt import GPT


def _as_numpy(tensor: torch.Tensor) -> np.ndarray:
    """A view that Numba understands: bf16 as its bits."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


class _Buffer:
    """One preallocated array, seen by torch (`t`) and by Numba (`n`)."""

    def __init__(self, shape: tuple[int, ...], dtype: torch.dtype):
        self.t = torch.zeros(shape, dtype=dtype)
        self.n = _as_numpy(self.t)
        self.flat = self.n.reshape(-1)


class _LayerBuffers:
    """What one layer keeps from its forward pass."""

    def __init__(self, config, B: int, T: int, dtype: torch.dtype):
        M, D, H, K, F = B * T, config.d_model, config.num_heads, config.head_size, config.d_ff
        self.x_in, self.x_mid = _Buffer((M, D), torch.float32), _Buffer((M, D), torch.float32)
        self.rstd_in, self.rstd_mid = _Buffer((M,), torch.float32), _Buffer((M,), torch.float32)
        self.y_in, self.y_mid = _Buffer((M, D), dtype), _Buffer((M, D), dtype)
        self.q, self.k, self.v = (_Buffer((B * H, T, K), dtype) for _ in range(3))
        self.weights = _Buffer((B * H, T, T), dtype)
        self.attended = _Buffer((M, D), dtype)
        self.gate_up = _Buffer((M, 2 * F), dtype)
        self.activated = _Buffer((M, F), dtype)


class CpuStep:
    """Callable (tokens [B, T] int64, targets) -> mean loss in nats; overwrites the flat gradient of `optimizer`."""

    def __init__(self, model: GPT, optimizer, dtype: torch.dtype, batch_sequences: int, sequence_length: int, micro_sequences: int):
        self.config = config = model.config
        self.optimizer, self.dtype = optimizer, dtype
        self.num_micro = batch_sequences // micro_sequences
        B, T, self.B, self.T = micro_sequences, sequence_length, micro_sequences, sequence_length
        M, D, H, K, V, F = B * T, config.d_model, config.num_heads, config.head_size, config.vocab_size, config.d_ff
        self.layers = [_LayerBuffers(config, B, T, dtype) for _ in range(config.num_layers)]
        self.final_x, self.final_rstd, self.final_y = _Buffer((M, D), torch.float32), _Buffer((M,), torch.float32), _Buffer((M, D), dtype)
        self.qkv = _Buffer((M, D + 2 * config.num_kv_heads * K), dtype)
        self.heads, self.dq, self.dk, self.dv = (_Buffer((B * H, T, K), dtype) for _ in range(4))
        self.dweights = _Buffer((B * H, T, T), dtype)
        self.branch, self.dbranch = _Buffer((M, D), dtype), _Buffer((M, D), dtype)
        self.dactivated = _Buffer((M, F), dtype)
        self.logits = _Buffer((M, V), dtype)
        self.dx, self.dx_stored = _Buffer((M, D), torch.float32), _Buffer((M, D), dtype)
        self.row_T, self.row_V = np.zeros(T, np.float32), np.zeros(V, np.float32)
        self.cos, self.sin = model.cos_TK2[:T].flatten().numpy(), model.sin_TK2[:T].flatten().numpy()
        self.shape_BTHGK = (B, T, H, config.num_kv_heads, K)
        self.q_scale, self.eps = np.float32(1 / math.sqrt(K)), np.float32(config.norm_eps)
        self.gradient_scale = np.float32(1 / (batch_sequences * T))
        # Matrices in the storage type; norm gains and the embedding are read and their gradients summed in fp32.
        self.weights_flat = torch.zeros_like(optimizer.flat, dtype=dtype)
        self.grads_flat = torch.zeros_like(optimizer.flat, dtype=dtype)
        self.weights, self.grads = optimizer.views(self.weights_flat), optimizer.views(self.grads_flat)
        self.optimizer_views = {name: view.detach() for name, view in optimizer.views(optimizer.flat).items()}
        self.weights_fp32 = {name: view.numpy() for name, view in self.optimizer_views.items()}
        self.grads_fp32 = {name: view.numpy() for name, view in optimizer.views(optimizer.grad).items()}

    @torch.no_grad()
    def __call__(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> float:
        self.weights_flat.copy_(self.optimizer.flat)
        self.optimizer.grad.zero_()
        tokens, targets, loss_sum = tokens_BT.reshape(-1), targets_BT.reshape(-1).numpy(), 0.0
        size = self.B * self.T
        for part in range(self.num_micro):
            self.tokens = tokens[part * size : (part + 1) * size]
            self._forward()
            loss_sum += ops.cross_entropy(self.logits.n, targets[part * size : (part + 1) * size], self.gradient_scale, self.row_V)
            self._backward()
            self.optimizer.grad[: self.optimizer.num_decayed].add_(self.grads_flat[: self.optimizer.num_decayed])
            ops.embed_backward(self.tokens.numpy(), self.dx.n, self.grads_fp32["embedding.weight"])
        return loss_sum / len(tokens)

    def _forward(self) -> None:
        gains, first = self.weights_fp32, self.layers[0]
        torch.index_select(self.optimizer_views["embedding.weight"], 0, self.tokens, out=self.dx.t)
        self.branch.t.zero_()
        ops.add_rms_norm(self.dx.n, self.branch.n, first.x_in.n, gains["blocks.0.attention_norm.weight"], first.y_in.n, first.rstd_in.n, self.eps)
        for index, layer in enumerate(self.layers):
            name = f"blocks.{index}."
            self._attention(layer, name)
            ops.add_rms_norm(layer.x_in.n, self.branch.n, layer.x_mid.n, gains[name + "mlp_norm.weight"], layer.y_mid.n, layer.rstd_mid.n, self.eps)
            torch.mm(layer.y_mid.t, self.weights[name + "gate_up.weight"].t(), out=layer.gate_up.t)
            ops.swiglu(layer.gate_up.n, layer.activated.n)
            torch.mm(layer.activated.t, self.weights[name + "down.weight"].t(), out=self.branch.t)
            if index + 1 < len(self.layers):
                following = self.layers[index + 1]
                x, y, rstd, gain = following.x_in, following.y_in, following.rstd_in, f"blocks.{index + 1}.attention_norm.weight"
            else:
                x, y, rstd, gain = self.final_x, self.final_y, self.final_rstd, "norm.weight"
            ops.add_rms_norm(layer.x_mid.n, self.branch.n, x.n, gains[gain], y.n, rstd.n, self.eps)
        torch.mm(self.final_y.t, self.weights["head.weight"].t(), out=self.logits.t)

    def _attention(self, layer: _LayerBuffers, name: str) -> None:
        config, B, T = self.config, self.B, self.T
        by_head = (B, config.num_heads, T, config.head_size)
        torch.mm(layer.y_in.t, self.weights[name + "qkv.weight"].t(), out=self.qkv.t)
        ops.split_heads_rotary(
            self.qkv.flat, self.cos, self.sin, layer.q.flat, layer.k.flat, layer.v.flat, self.shape_BTHGK, self.q_scale
        )
        torch.bmm(layer.q.t, layer.k.t.transpose(1, 2), out=layer.weights.t)
        ops.causal_softmax(layer.weights.n, self.row_T)
        torch.bmm(layer.weights.t, layer.v.t, out=self.heads.t)
        ops.swap_axes(self.heads.n.reshape(by_head), layer.attended.n.reshape(B, T, config.num_heads, config.head_size))
        torch.mm(layer.attended.t, self.weights[name + "attention_out.weight"].t(), out=self.branch.t)

    def _backward(self) -> None:
        torch.mm(self.logits.t.t(), self.final_y.t, out=self.grads["head.weight"])
        torch.mm(self.logits.t, self.weights["head.weight"], out=self.dbranch.t)
        self.dx.t.zero_()
        self._norm_backward(self.final_x, self.final_rstd, "norm.weight")
        for index in reversed(range(len(self.layers))):
            layer, name = self.layers[index], f"blocks.{index}."
            torch.mm(self.dx_stored.t.t(), layer.activated.t, out=self.grads[name + "down.weight"])
            torch.mm(self.dx_stored.t, self.weights[name + "down.weight"], out=self.dactivated.t)
            ops.swiglu_backward(layer.gate_up.n, self.dactivated.n)
            torch.mm(layer.gate_up.t.t(), layer.y_mid.t, out=self.grads[name + "gate_up.weight"])
            torch.mm(layer.gate_up.t, self.weights[name + "gate_up.weight"], out=self.dbranch.t)
            self._norm_backward(layer.x_mid, layer.rstd_mid, name + "mlp_norm.weight")
            self._attention_backward(layer, name)
            self._norm_backward(layer.x_in, layer.rstd_in, name + "attention_norm.weight")

    def _norm_backward(self, x: _Buffer, rstd: _Buffer, name: str) -> None:
        ops.rms_norm_backward(self.dbranch.n, x.n, rstd.n, self.weights_fp32[name], self.dx.n, self.dx_stored.n, self.grads_fp32[name])

    def _attention_backward(self, layer: _LayerBuffers, name: str) -> None:
        config, B, T = self.config, self.B, self.T
        by_head = (B, config.num_heads, T, config.head_size)
        torch.mm(self.dx_stored.t.t(), layer.attended.t, out=self.grads[name + "attention_out.weight"])
        torch.mm(self.dx_stored.t, self.weights[name + "attention_out.weight"], out=self.dbranch.t)
        ops.swap_axes(self.dbranch.n.reshape(B, T, config.num_heads, config.head_size), self.heads.n.reshape(by_head))
        torch.bmm(layer.weights.t.transpose(1, 2), self.heads.t, out=self.dv.t)
        torch.bmm(self.heads.t, layer.v.t.transpose(1, 2), out=self.dweights.t)
        ops.causal_softmax_backward(layer.weights.n, self.dweights.n)
        torch.bmm(self.dweights.t, layer.k.t, out=self.dq.t)
        torch.bmm(self.dweights.t.transpose(1, 2), layer.q.t, out=self.dk.t)
        ops.merge_heads_rotary_backward(
            self.dq.flat, self.dk.flat, self.dv.flat, self.cos, self.sin, self.qkv.flat, self.shape_BTHGK, self.q_scale
        )
        torch.mm(self.qkv.t.t(), layer.y_in.t, out=self.grads[name + "qkv.weight"])
        torch.mm(self.qkv.t, self.weights[name + "qkv.weight"], out=self.dbranch.t)
