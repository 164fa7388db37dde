"""AdamW over one flat buffer, and the learning-rate schedules.

All parameters are moved into one fp32 buffer (matrices first, norm gains last) and become views of it, as do their
gradients: the clip norm is one reduction and AdamW two calls, whatever the number of layers. On a CPU and a 0.2M model
the usual list of tensors costs more in dispatch than in arithmetic. Weight decay acts on the matrices only.
"""

from __future__ import annotations

import math

import torch

from models.config import TrainConfig

# Views start on 64-byte lines so that matrix products read aligned rows.
ALIGN_FLOATS = 16


def learning_rate(config: TrainConfig, step: int) -> float:
    """Learning rate of the update that finishes step `step` (1-based).

    Warm-up is linear. Cosine: Table 4 of arXiv 2403.15796 (to a tenth of the maximum). WSD: arXiv 2404.06395, linear
    decay.
    """
    warmup_steps = min(config.num_steps, config.step_at(config.warmup_tokens))
    if step <= warmup_steps:
        return config.max_lr * step / warmup_steps
    min_lr = config.max_lr * config.min_lr_ratio
    if config.schedule == "cosine":
        progress = (step - warmup_steps) / max(1, config.num_steps - warmup_steps)
        return min_lr + 0.5 * (config.max_lr - min_lr) * (1 + math.cos(math.pi * progress))
    start = decay_start_step(config)
    if step <= start:
        return config.max_lr
    return config.max_lr + (min_lr - config.max_lr) * (step - start) / (config.num_steps - start)


def decay_start_step(config: TrainConfig) -> int:
    """The last step of a wsd run at full learning rate; a branch may start from a trunk at or before it."""
    return config.num_steps - round(config.decay_fraction * config.num_steps)


def flat_layout(named: list[tuple[str, torch.Tensor]]) -> tuple[dict[str, tuple[int, torch.Size]], int, int]:
    """Where each parameter lies in one flat vector (name -> offset and shape), how many numbers from its beginning are
    of matrices, which decay, and its length."""
    matrices = [item for item in named if item[1].dim() > 1]
    gains = [item for item in named if item[1].dim() <= 1]
    # Padding is zero in weights, gradient and moments, and stays so: it adds nothing to the norm and is never moved.
    padded = [-(-parameter.numel() // ALIGN_FLOATS) * ALIGN_FLOATS for _, parameter in matrices + gains]
    layout, offset = {}, 0
    for (name, parameter), length in zip(matrices + gains, padded, strict=True):
        layout[name], offset = (offset, parameter.shape), offset + length
    return layout, sum(padded[: len(matrices)]), offset


class FlatAdamW:
    """AdamW whose parameters, gradients and moments are flat fp32 vectors; the model's parameters become views of
    them."""

    def __init__(self, model: torch.nn.Module, config: TrainConfig):
        named = list(model.named_parameters())
        self._layout, self.num_decayed, num_flat = flat_layout(named)
        device = named[0][1].device
        self.flat = torch.zeros(num_flat, device=device)
        # The gradient and a few further numbers in one piece: several processes add all of it up at once.
        self.grad_and_notes = torch.zeros(num_flat + ALIGN_FLOATS, device=device)
        self.grad, self.notes = self.grad_and_notes[:num_flat], self.grad_and_notes[num_flat:]
        self.grad_clip = config.grad_clip
        weights, gradients = self.views(self.flat), self.views(self.grad)
        for name, parameter in named:
            weights[name].copy_(parameter.data)
            parameter.data, parameter.grad = weights[name], gradients[name]
        groups = []
        for part, weight_decay in (
            (slice(0, self.num_decayed), config.weight_decay),
            (slice(self.num_decayed, None), 0.0),
        ):
            # Two leaves of the one buffer, because weight decay is a setting of a parameter group.
            leaf = self.flat[part]
            leaf.grad = self.grad[part]
            groups.append({"params": [leaf], "weight_decay": weight_decay})
        self._adamw = torch.optim.AdamW(
            groups, lr=config.max_lr, betas=(config.beta1, config.beta2), eps=1e-8, fused=True
        )
        for group in groups:
            leaf = group["params"][0]
            self._adamw.state[leaf] = {
                "step": torch.zeros((), device=device),
                "exp_avg": torch.zeros_like(leaf),
                "exp_avg_sq": torch.zeros_like(leaf),
            }

    def views(self, flat: torch.Tensor) -> dict[str, torch.Tensor]:
        """Views of a vector that is laid out like the flat parameters, by parameter name."""
        return {
            name: flat[offset : offset + shape.numel()].view(shape) for name, (offset, shape) in self._layout.items()
        }

    @torch.no_grad()
    def step(self, lr: float) -> float:
        """Clips the flat gradient and updates in place; returns the norm before clipping.

        When the norm is not finite nothing is changed, so that the caller can keep the last good state.
        """
        norm = float(torch.linalg.vector_norm(self.grad))
        if not math.isfinite(norm):
            return norm
        if norm > self.grad_clip:
            self.grad.mul_(self.grad_clip / norm)
        for group in self._adamw.param_groups:
            group["lr"] = lr
        self._adamw.step()
        return norm

    def whole(self, model: torch.nn.Module) -> torch.nn.Module:
        """The model, whose weights are in one piece here."""
        return model

    def state_tensors(self) -> dict[str, torch.Tensor]:
        """Everything an exact resume needs besides the step number."""
        tensors = {"flat": self.flat}
        for index, group in enumerate(self._adamw.param_groups):
            state = self._adamw.state[group["params"][0]]
            tensors |= {f"exp_avg.{index}": state["exp_avg"], f"exp_avg_sq.{index}": state["exp_avg_sq"]}
        return tensors

    @torch.no_grad()
    def load_state_tensors(self, tensors: dict[str, torch.Tensor], step: int) -> None:
        """Restores what state_tensors gave after `step` updates. ValueError when a tensor is missing or has another
        size."""
        for name, own in self.state_tensors().items():
            if name not in tensors or tensors[name].shape != own.shape:
                raise ValueError(
                    f"state: field {name} is missing or of another size; the state belongs to another model, delete it"
                    " or change the run's folder"
                )
            own.copy_(tensors[name])
        for group in self._adamw.param_groups:
            self._adamw.state[group["params"][0]]["step"].fill_(step)
