"""One forward and backward pass, by the path that suits the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from kernels.launch import paths_used
from models.capability import cpu_multiplies_bf16
from models.execution import Execution
from models.gpt import GPT
from models.optimizer import FlatAdamW

if TYPE_CHECKING:  # compiled by numba, which a machine that trains on its GPU may lack
    from models.cpu.storage import Storage

# Sequences are worked through in parts of about this many tokens, so that a part's activations stay in the caches of
# one core.
MICRO_TOKENS = 1024
ALONE = Execution()


def micro_sequences(batch_sequences: int, sequence_length: int) -> int:
    """The largest divisor of the batch whose sequences hold at most MICRO_TOKENS tokens (one at least)."""
    most = max(1, MICRO_TOKENS // sequence_length)
    return max(size for size in range(1, batch_sequences + 1) if batch_sequences % size == 0 and size <= most)


def cpu_storage(precision: str) -> Storage:
    """How numbers of a format are held on this CPU."""
    from models.cpu.storage import EMULATED_BF16, FP32, NATIVE_BF16

    if precision == "fp32":
        return FP32
    return NATIVE_BF16 if cpu_multiplies_bf16() else EMULATED_BF16


class GradientStep:
    """Callable (tokens_BT, targets_BT) -> mean loss in nats; leaves its gradient in optimizer.grad.

    `precision` ("fp32" or "bf16" products) is part of the recipe and the same on every machine: a CPU without bf16
    instructions rounds the operands to bf16 and multiplies them in fp32. kernel_path() says what runs.
    """

    def __init__(
        self,
        model: GPT,
        optimizer: FlatAdamW,
        precision: str,
        batch_sequences: int,
        sequence_length: int,
        execution: Execution = ALONE,
    ):
        self.model, self.optimizer, self.execution = model, optimizer, execution
        self.device_type = optimizer.flat.device.type
        self.precision = precision
        self.num_micro = execution.micro_batches(batch_sequences)
        self._rows = execution.world.rows(batch_sequences)
        self._cpu_step = None
        if self.device_type == "cpu":
            from models.cpu.step import CpuStep

            num_rows = (self._rows.stop - self._rows.start) // self.num_micro
            part = micro_sequences(num_rows, sequence_length)
            self.storage = cpu_storage(precision)
            self._cpu_step = CpuStep(model, optimizer, self.storage, num_rows, sequence_length, part)
        for block in model.blocks:
            block.recompute = execution.recompute

    def kernel_path(self) -> str:
        """ "cpu" for the compiled passes of models/cpu/kernels.py, else the path each operator of `kernels` took."""
        if self._cpu_step is not None:
            return "cpu"
        return " ".join(f"{operator}={path}" for operator, path in sorted(paths_used().items()))

    def __call__(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> float:
        """Mean loss of a batch in nats per token; its gradients stand in the optimizer."""
        if self.num_micro == self.execution.world.size == 1:
            if self._cpu_step is None:
                self.optimizer.grad.zero_()
            return float(self._loss_and_gradient(tokens_BT, targets_BT))
        return self.add_up(tokens_BT, targets_BT)[0]

    def add_up(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor, note: float = 0.0) -> tuple[float, float]:
        """As a call, over micro-batches and processes: the mean loss, and the sum of the processes' notes. All of a
        batch goes in, in every process; each works through its rows."""
        optimizer, world = self.optimizer, self.execution.world
        optimizer.grad_and_notes.zero_()
        total = torch.zeros_like(optimizer.grad) if self._cpu_step is not None and self.num_micro > 1 else None
        parts = zip(
            tokens_BT[self._rows].chunk(self.num_micro), targets_BT[self._rows].chunk(self.num_micro), strict=True
        )
        for tokens, targets in parts:
            optimizer.notes[0] += self._loss_and_gradient(tokens, targets)
            if total is not None:  # the CPU's step writes its gradient over the last one
                total += optimizer.grad
        if total is not None:
            optimizer.grad.copy_(total)
        optimizer.notes[1] = note
        world.add_up(optimizer.grad_and_notes)
        num_parts = self.num_micro * world.size
        optimizer.grad /= num_parts
        loss_sum, notes = optimizer.notes[:2].tolist()
        return loss_sum / num_parts, notes

    def _loss_and_gradient(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> float | torch.Tensor:
        if self._cpu_step is not None:
            return self._cpu_step(tokens_BT, targets_BT)
        with torch.autocast(self.device_type, torch.bfloat16, enabled=self.precision == "bf16"):
            loss = self.model.loss(tokens_BT, targets_BT)
        loss.backward()
        return loss.detach()


def optimizer_and_step(execution: Execution) -> tuple[type, type]:
    """What holds weights and moments, and what computes their gradient."""
    if execution.parallel == "ddp":
        return FlatAdamW, GradientStep
    from models.sharded import ShardedAdamW, ShardedStep

    return ShardedAdamW, ShardedStep
