"""Loss and gradient of a GPT on a CPU, written out by hand over buffers that live as long as the run.

Why by hand: at 0.05M-3M parameters autograd spends most of a step on dispatch, casts and fresh memory, not on products.
Here the products go to torch in bf16, where the CPU multiplies it, or in fp32; everything between two products is one
compiled pass (models/cpu/kernels.py, models/cpu/attention.py), and the stored copy of all weights is one pass over the
flat buffer. The residual stream, the norms' arithmetic, the loss and the optimizer stay in fp32. Where bf16 is emulated
the same numbers are rounded at the same places, and the products are those of fp32: sums in another order are all that
differs.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

import numpy as np
import torch

from models.capability import cpu_maker
from models.cpu import kernels as ops
from models.cpu import passes
from models.cpu.attention import make_attention
from models.cpu.storage import EMULATED_BF16, FP32, NATIVE_BF16, Buffer, Storage
from models.gpt import GPT


@contextmanager
def products_of_bf16_operands():
    """Within it torch's fp32 products may treat their operands as bf16, which is exact where they are bf16 already.

    Without bf16 instructions that only moves them from MKL to oneDNN, which uses AVX-512 on every maker's CPU; MKL does
    on Intel's alone, where it is up to a tenth faster than oneDNN, and is half as fast elsewhere."""
    matmul = torch.backends.mkldnn.matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        matmul.fp32_precision = before


class _LayerBuffers:
    """What one layer keeps from its forward pass, besides what its attention keeps."""

    def __init__(self, config, M: int, storage: Storage):
        D, F = config.d_model, config.d_ff
        self.x_in, self.x_mid = Buffer((M, D), FP32), Buffer((M, D), FP32)
        self.rstd_in, self.rstd_mid = Buffer((M,), FP32), Buffer((M,), FP32)
        self.y_in, self.y_mid = Buffer((M, D), storage), Buffer((M, D), storage)
        self.attended = Buffer((M, D), storage)
        self.gate_up = Buffer((M, 2 * F), storage)
        self.activated = Buffer((M, F), storage)


class CpuStep:
    """Callable (tokens [B, T] int64, targets) -> mean loss in nats; overwrites the flat gradient of `optimizer`."""

    def __init__(
        self, model: GPT, optimizer, storage: Storage, batch_sequences: int, sequence_length: int, micro_sequences: int
    ):
        self.config = config = model.config
        self.optimizer = optimizer
        self.swiglu_passes = ops if storage == NATIVE_BF16 else passes
        is_elsewhere_faster = storage == EMULATED_BF16 and cpu_maker() != "GenuineIntel"
        self.products = products_of_bf16_operands if is_elsewhere_faster else nullcontext
        self.num_micro = batch_sequences // micro_sequences
        self.num_rows = M = micro_sequences * sequence_length
        D, V, F = config.d_model, config.vocab_size, config.d_ff
        self.attention = make_attention(model, micro_sequences, sequence_length, storage)
        self.layers = [_LayerBuffers(config, M, storage) for _ in range(config.num_layers)]
        self.final_x, self.final_rstd, self.final_y = Buffer((M, D), FP32), Buffer((M,), FP32), Buffer((M, D), storage)
        self.branch, self.dbranch = Buffer((M, D), storage), Buffer((M, D), storage)
        self.dactivated = Buffer((M, F), storage)
        self.logits = Buffer((M, V), storage)
        self.dx, self.dx_stored = Buffer((M, D), FP32), Buffer((M, D), storage)
        self.row_V = np.zeros(V, np.float32)
        self.eps, self.gradient_scale = np.float32(config.norm_eps), np.float32(1 / (batch_sequences * sequence_length))
        # Matrices in the storage type; norm gains and the embedding are read and their gradients summed in fp32.
        size = tuple(optimizer.flat.shape)
        self.weights_stored, self.grads_stored = Buffer(size, storage), Buffer(size, storage)
        self.weights, self.grads = optimizer.views(self.weights_stored.t), optimizer.views(self.grads_stored.t)
        self.optimizer_views = {name: view.detach() for name, view in optimizer.views(optimizer.flat).items()}
        self.weights_fp32 = {name: view.numpy() for name, view in self.optimizer_views.items()}
        self.grads_fp32 = {name: view.numpy() for name, view in optimizer.views(optimizer.grad).items()}

    @torch.no_grad()
    def __call__(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> float:
        """Mean loss of a batch in nats per token; its gradients stand in the optimizer."""
        # All weights into the storage type in one pass: the products below read the copy, the optimizer keeps fp32.
        ops.store_numbers(self.optimizer.flat.detach().numpy(), self.weights_stored.n)
        self.optimizer.grad.zero_()
        tokens, targets, loss_sum = tokens_BT.reshape(-1), targets_BT.reshape(-1).numpy(), 0.0
        size, decayed = self.num_rows, slice(self.optimizer.num_decayed)
        for part in range(self.num_micro):
            self.tokens = tokens[part * size : (part + 1) * size]
            # A micro batch is as many sequences as keep a layer's buffers in the cache; its gradients are added up in
            # fp32.
            with self.products():
                self._forward()
                loss_sum += ops.cross_entropy(
                    self.logits.n, targets[part * size : (part + 1) * size], self.gradient_scale, self.row_V
                )
                self._backward()
            # Matrices stand first in the flat tensors. Gains and the embedding are summed in fp32 by their own passes;
            # the place of the embedding among the stored gradients stays zero.
            ops.add_numbers(self.grads_stored.n[decayed], self.optimizer.grad.numpy()[decayed])
            ops.embed_backward(self.tokens.numpy(), self.dx.n, self.grads_fp32["embedding.weight"])
        return loss_sum / len(tokens)

    def _forward(self) -> None:
        gains, first = self.weights_fp32, self.layers[0]
        torch.index_select(self.optimizer_views["embedding.weight"], 0, self.tokens, out=self.dx.t)
        # The first norm has no branch to add; a zero keeps one compiled pass for every norm.
        self.branch.t.zero_()
        ops.add_rms_norm(
            self.dx.n,
            self.branch.n,
            first.x_in.n,
            gains["blocks.0.attention_norm.weight"],
            first.y_in.n,
            first.rstd_in.n,
            self.eps,
        )
        for index, layer in enumerate(self.layers):
            name = f"blocks.{index}."
            torch.mm(layer.y_in.t, self.weights[name + "qkv.weight"].t(), out=self.attention.qkv(index).t)
            self.attention.forward(index, layer.attended)
            torch.mm(layer.attended.t, self.weights[name + "attention_out.weight"].t(), out=self.branch.t)
            ops.add_rms_norm(
                layer.x_in.n,
                self.branch.n,
                layer.x_mid.n,
                gains[name + "mlp_norm.weight"],
                layer.y_mid.n,
                layer.rstd_mid.n,
                self.eps,
            )
            torch.mm(layer.y_mid.t, self.weights[name + "gate_up.weight"].t(), out=layer.gate_up.t)
            self.swiglu_passes.swiglu(layer.gate_up.n, layer.activated.n)
            torch.mm(layer.activated.t, self.weights[name + "down.weight"].t(), out=self.branch.t)
            # The residual add of this layer and the norm of the next are one pass over the stream.
            if index + 1 < len(self.layers):
                following = self.layers[index + 1]
                x, y, rstd, gain = (
                    following.x_in,
                    following.y_in,
                    following.rstd_in,
                    f"blocks.{index + 1}.attention_norm.weight",
                )
            else:
                x, y, rstd, gain = self.final_x, self.final_y, self.final_rstd, "norm.weight"
            ops.add_rms_norm(layer.x_mid.n, self.branch.n, x.n, gains[gain], y.n, rstd.n, self.eps)
        torch.mm(self.final_y.t, self.weights["head.weight"].t(), out=self.logits.t)

    def _backward(self) -> None:
        # cross_entropy has left the gradient of the logits where the logits were.
        torch.mm(self.logits.t.t(), self.final_y.t, out=self.grads["head.weight"])
        torch.mm(self.logits.t, self.weights["head.weight"], out=self.dbranch.t)
        self.dx.t.zero_()
        self._norm_backward(self.final_x, self.final_rstd, "norm.weight")
        for index in reversed(range(len(self.layers))):
            layer, name = self.layers[index], f"blocks.{index}."
            # dx_stored is the gradient of the stream in the storage type: the branch's output gradient is the stream's.
            torch.mm(self.dx_stored.t.t(), layer.activated.t, out=self.grads[name + "down.weight"])
            torch.mm(self.dx_stored.t, self.weights[name + "down.weight"], out=self.dactivated.t)
            self.swiglu_passes.swiglu_backward(layer.gate_up.n, self.dactivated.n)
            torch.mm(layer.gate_up.t.t(), layer.y_mid.t, out=self.grads[name + "gate_up.weight"])
            torch.mm(layer.gate_up.t, self.weights[name + "gate_up.weight"], out=self.dbranch.t)
            self._norm_backward(layer.x_mid, layer.rstd_mid, name + "mlp_norm.weight")
            torch.mm(self.dx_stored.t.t(), layer.attended.t, out=self.grads[name + "attention_out.weight"])
            torch.mm(self.dx_stored.t, self.weights[name + "attention_out.weight"], out=self.dbranch.t)
            dqkv = self.attention.backward(index, self.dbranch)
            torch.mm(dqkv.t.t(), layer.y_in.t, out=self.grads[name + "qkv.weight"])
            torch.mm(dqkv.t, self.weights[name + "qkv.weight"], out=self.dbranch.t)
            self._norm_backward(layer.x_in, layer.rstd_in, name + "attention_norm.weight")

    def _norm_backward(self, x: Buffer, rstd: Buffer, name: str) -> None:
        ops.rms_norm_backward(
            self.dbranch.n, x.n, rstd.n, self.weights_fp32[name], self.dx.n, self.dx_stored.n, self.grads_fp32[name]
        )
