"""Cross-entropy fused with the output projection.

loss_m = logsumexp_v(x_m . w_v) - x_m . w_target(m); rows whose target is ignore_index have loss 0 and do not count in the mean.

Shapes: M tokens, D width, V vocabulary.
"""

from __future__ import annotations

import torch

from kernels import launch


def linear_cross_entropy_reference(
    x_MD: torch.Tensor, weight_VD: torch.Tensor, targets_M: torch.Tensor, ignore_index: int = -100
) -> tuple[torch.Tensor, torch.Tensor]:
    """Plain PyTorch with whole logits; same contract as linear_cross_entropy."""
    logits_MV = torch.nn.functional.linear(x_MD, weight_VD)
    logits_MV = logits_MV.to(launch.accumulation_dtype(logits_MV))
    loss_M = torch.nn.functional.cross_entropy(logits_MV, targets_M, ignore_index=ignore_index, reduction="none")
    num_counted = (targets_M != ignore_index).sum().clamp(min=1)
    return loss_M.sum() / num_counted, loss_M


def linear_cross_entropy(
    x_MD: torch.Tensor, weight_VD: torch.Tensor, targets_M: torch.Tensor, ignore_index: int = -100, path: str = "auto"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean loss in nats (fp32 scalar) and loss per token (fp32 [M]) of predicting targets (int64) from x through weight.

    Ignored tokens have loss 0; when all are ignored the mean is 0. Both outputs carry gradients.
    """
    launch.resolve("cross_entropy", x_MD.device, path, ("reference",))
    x_MD, weight_VD = launch.autocast(x_MD, weight_VD)
    return linear_cross_entropy_reference(x_MD, weight_VD, targets_M, ignore_index)
