"""One model over several GPUs, each of which holds a part of every weight, gradient and moment (FSDP2, one unit a
block): for sizes that one GPU does not hold with their optimizer.

States and checkpoints are those of a run in one process, gathered tensor by tensor, so that a run may go on with
another number of processes, or without shards. Norm, clipping and schedule are FlatAdamW's; gradients are averaged by
FSDP. Sums stand in another order than in one process, by about 1e-7 of a gradient in fp32.
"""

from __future__ import annotations

import math

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from kernels.launch import paths_used
from models.config import GPTConfig, TrainConfig
from models.execution import Execution
from models.gpt import GPT
from models.optimizer import flat_layout


class WholeModel:
    """The weights of a sharded model in one piece, as a checkpoint takes them."""

    def __init__(self, config: GPTConfig, tensors: dict[str, torch.Tensor]):
        self.config, self._tensors = config, tensors

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Weights by name."""
        return self._tensors


class ShardedAdamW:
    """AdamW over the shards; shards the model in place. Same contract as FlatAdamW. ValueError without torchrun."""

    def __init__(self, model: GPT, config: TrainConfig):
        if not dist.is_initialized():
            raise ValueError("parallel is 'fsdp', which needs `torchrun -m ladder train`; start it so or choose ddp")
        self._layout, self._num_decayed, self._num_flat = flat_layout(list(model.named_parameters()))
        device_type = config.device.split(":")[0]
        mesh = init_device_mesh(device_type, (dist.get_world_size(),))
        is_half = config.precision == "bf16" and device_type == "cuda"
        policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if is_half else MixedPrecisionPolicy()
        for block in model.blocks:
            fully_shard(block, mesh=mesh, mp_policy=policy)
        fully_shard(model, mesh=mesh, mp_policy=policy)
        register_fsdp_forward_method(model, "loss")  # else its weights would not be gathered there
        # After sharding: fully_shard replaces the parameters, and those named before would be updated in vain.
        self._parameters: dict[str, DTensor] = dict(model.named_parameters())
        self.grad_clip = config.grad_clip
        self._adamw = torch.optim.AdamW(
            [
                {"params": [p for p in self._parameters.values() if p.dim() > 1], "weight_decay": config.weight_decay},
                {"params": [p for p in self._parameters.values() if p.dim() <= 1], "weight_decay": 0.0},
            ],
            lr=config.max_lr,
            betas=(config.beta1, config.beta2),
            eps=1e-8,
            fused=device_type == "cuda",
        )
        for parameter in self._parameters.values():
            # Filled in now rather than at the first step, so that a state can be loaded before any step.
            self._adamw.state[parameter] = {
                "step": torch.zeros((), device=parameter.device if device_type == "cuda" else "cpu"),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    @torch.no_grad()
    def step(self, lr: float) -> float:
        """Clips the gradient and updates; returns the norm before clipping. Nothing is changed where it is not
        finite."""
        # The norm is taken over the whole model, and one all-reduce makes it the same in every process: all clip alike
        # or all skip the step.
        gradients = [parameter.grad for parameter in self._parameters.values()]
        norm = float(torch.nn.utils.get_total_norm(gradients).full_tensor())
        if not math.isfinite(norm):
            return norm
        if norm > self.grad_clip:
            for gradient in gradients:
                gradient.mul_(self.grad_clip / norm)
        for group in self._adamw.param_groups:
            group["lr"] = lr
        self._adamw.step()
        return norm

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        self._adamw.zero_grad(set_to_none=True)

    def gradients(self) -> dict[str, torch.Tensor]:
        """The gradients in one piece, by parameter name; every process must ask."""
        return {name: parameter.grad.full_tensor() for name, parameter in self._parameters.items()}

    def whole(self, model: GPT) -> WholeModel:
        """The weights in one piece, on the CPU; every process must ask."""
        tensors = {name: parameter.detach().full_tensor().cpu() for name, parameter in self._parameters.items()}
        return WholeModel(model.config, tensors)

    def state_tensors(self) -> dict[str, torch.Tensor]:
        """As FlatAdamW's, on the CPU; every process must ask."""
        out = {}
        for field, name in ((None, "flat"), ("exp_avg", "exp_avg"), ("exp_avg_sq", "exp_avg_sq")):
            # One tensor is gathered at a time; the flat state of FlatAdamW is the exchange format between any two
            # numbers of processes.
            flat = torch.zeros(self._num_flat)
            for key, parameter in self._parameters.items():
                offset, shape = self._layout[key]
                part = parameter.detach() if field is None else self._adamw.state[parameter][field]
                flat[offset : offset + shape.numel()] = part.full_tensor().flatten().cpu()
            if field is None:
                out[name] = flat
            else:
                out |= {f"{name}.0": flat[: self._num_decayed], f"{name}.1": flat[self._num_decayed :]}
        return out

    @torch.no_grad()
    def load_state_tensors(self, tensors: dict[str, torch.Tensor], step: int) -> None:
        """Takes what state_tensors of any number of processes, or of FlatAdamW, gave after `step` updates. ValueError
        when a tensor is missing or has another size."""
        whole = {}
        for name in ("flat", "exp_avg", "exp_avg_sq"):
            parts = [tensors.get(name)] if name == "flat" else [tensors.get(f"{name}.{index}") for index in (0, 1)]
            if any(part is None for part in parts) or sum(part.numel() for part in parts) != self._num_flat:
                raise ValueError(
                    f"state: field {name} is missing or of another size; the state belongs to another model, delete it"
                    " or change the run's folder"
                )
            whole[name] = torch.cat(parts)
        for key, parameter in self._parameters.items():
            offset, shape = self._layout[key]
            state = self._adamw.state[parameter]
            for name, target in (
                ("flat", parameter),
                ("exp_avg", state["exp_avg"]),
                ("exp_avg_sq", state["exp_avg_sq"]),
            ):
                full = whole[name][offset : offset + shape.numel()].view(shape).to(parameter.device)
                target.copy_(distribute_tensor(full, parameter.device_mesh, parameter.placements))
            state["step"].fill_(step)


class ShardedStep:
    """Same contract as GradientStep, for a model that ShardedAdamW has sharded."""

    def __init__(
        self,
        model: GPT,
        optimizer: ShardedAdamW,
        precision: str,
        batch_sequences: int,
        sequence_length: int,
        execution: Execution,
    ):
        self.model, self.optimizer, self.precision, self.execution = model, optimizer, precision, execution
        self.num_micro, self._rows = execution.micro_batches(batch_sequences), execution.world.rows(batch_sequences)
        for block in model.blocks:
            block.recompute = execution.recompute

    def kernel_path(self) -> str:
        """The path each operator of `kernels` took; on a CPU that is PyTorch's autograd."""
        return " ".join(["fsdp", *(f"{operator}={path}" for operator, path in sorted(paths_used().items()))])

    def __call__(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor) -> float:
        """Mean loss of a batch in nats per token; its gradients stand in the shards."""
        return self.add_up(tokens_BT, targets_BT)[0]

    def add_up(self, tokens_BT: torch.Tensor, targets_BT: torch.Tensor, note: float = 0.0) -> tuple[float, float]:
        """As GradientStep.add_up."""
        self.optimizer.zero_grad()
        device_type, total = tokens_BT.device.type, 0.0
        parts = zip(
            tokens_BT[self._rows].chunk(self.num_micro), targets_BT[self._rows].chunk(self.num_micro), strict=True
        )
        for tokens, targets in parts:
            with torch.autocast(device_type, torch.bfloat16, enabled=self.precision == "bf16"):
                loss = self.model.loss(tokens, targets) / self.num_micro
            loss.backward()
            total = total + loss.detach()
        # Loss and note in one all-reduce: each is a wait of all processes for the slowest.
        said = torch.stack([total.float(), torch.tensor(note, device=tokens_BT.device)])
        self.execution.world.add_up(said)
        loss_sum, notes = said.tolist()
        return loss_sum / self.execution.world.size, notes
