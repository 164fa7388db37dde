"""One forward and backward pass, by the path that suits the device."""

from __future__ import annotations

import torch

from kernels.launch import paths_used
from models.cpu_step import CpuStep
from models.gpt import GPT
from models.optimizer import FlatAdamW


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware; without it bf16 products are emulated and slower than fp32."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


# Sequences are worked through in parts of about this many tokens, so that a part's activations stay in the caches of one core.
MICRO_TOKENS = 1024


def micro_sequences(batch_sequences: int, sequence_length: int) -> int:
    """The largest divisor of the batch whose sequences hold at most MICRO_TOKENS tokens (one at least)."""
    most = max(1, MICRO_TOKENS // sequence_length)
    return max(size for size in range(1, batch_sequences + 1) if batch_sequences % size == 0 and size <= most)


class GradientStep:
    """Callable (tokens_BT, targets_BT) -> mean loss in nats; leaves its gradient in optimizer.grad.

    `precision` ("fp32" or "bf16" products) and kernel_path() say what runs. precision "auto" follows the hardware, never a timing:
    bf16 on CUDA and on CPUs that multiply it, else fp32.
    """

    def __init__(self, model: GPT, optimizer: FlatAdamW, precision: str, batch_sequences: int, sequence_length: int):
        self.model, self.optimizer = model, optimizer
        self.device_type = optimizer.flat.device.type
        if precision == "auto":
            precision = "bf16" if self.device_type == "cuda" or cpu_has_bf16() else "fp32"
        self.precision = precision
        self._cpu_step = None
        if self.device_type == "cpu":
            dtype = torch.bfloat16 if precision == "bf16" else torch.float32
            part = micro_sequences(batch_sequences, sequence_length)
            self._cpu_step = CpuStep(model, optimizer, dtype, batch_sequences, sequence_length, part)

    def kernel_path(self) -> str:
        """"cpu" for the compiled passes of cpu_kernels.py, else the path each operator of `kernels` took."""
        if self._cpu_step is not None:
            return "cpu"
        return " ".join(f"{operator}={path}" for operator, path in sorted(paths_used().items()))

    def __call__(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> float:
        if self._cpu_step is not None:
            return self._cpu_step(tokens_BT, targets_BT)
        self.optimizer.grad.zero_()
        with torch.autocast(self.device_type, torch.bfloat16, enabled=self.precision == "bf16"):
            loss = self.model.loss(tokens_BT, targets_BT)
        loss.backward()
        return float(loss.detach())
