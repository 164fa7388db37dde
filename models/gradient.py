"""One forward and backward pass: adds the gradient of the mean loss to the parameters' .grad and returns the loss."""

from __future__ import annotations

import torch

from models.gpt import GPT


class GradientStep:
    """Callable (tokens_BT, targets_BT) -> loss in nats; `precision` and `kernel_path` say what ran."""

    def __init__(self, model: GPT, precision: str, batch_sequences: int, sequence_length: int):
        self.model = model
        self.device_type = next(model.parameters()).device.type
        self.precision = "bf16" if precision == "auto" else precision
        self.kernel_path = "torch"

    def __call__(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> float:
        with torch.autocast(self.device_type, torch.bfloat16, enabled=self.precision == "bf16"):
            loss = self.model.loss(tokens_BT, targets_BT)
        loss.backward()
        return float(loss.detach())
