"""Many runs of one shape trained together: R models in one launch, the whole step in one CUDA graph.

A model of a million parameters leaves most of a large GPU idle and spends its time launching kernels. Here the weights
of R runs (seeds, or data orders) lie side by side in one [R, P] tensor: each matrix product is one batched product over
the runs, each norm, rotation and attention sees the runs as more rows, and AdamW updates all of them in one kernel. On
CUDA the whole step - forward, backward, clipping, update - is captured once as a graph and replayed, so launches cost
nothing. The runs do not influence each other: a run whose gradient is not finite stops changing and the others go on.
The schedule is shared.

Shape suffixes: R runs, B sequences, T time, D width, M = B * T, P weights of a run.
"""

from __future__ import annotations

import torch

from kernels.adamw import adamw
from kernels.attention import attention
from kernels.cross_entropy import linear_cross_entropy
from kernels.rms_norm import rms_norm
from kernels.rotary import rotary
from kernels.swiglu import swiglu
from models.config import TrainConfig
from models.gpt import GPT

WARMUP_STEPS = 3  # PyTorch's own number before a capture: kernels are compiled and work spaces allocated by then


class StackedRuns:
    """R models of one shape with their optimizer. step(tokens_RBT, targets_RBT, lr) trains all of them by one step.

    precision: "fp32", or "bf16" products under autocast. Raises ValueError when the models' shapes differ.
    """

    def __init__(self, models: list[GPT], config: TrainConfig, precision: str = "fp32"):
        if any(model.config != models[0].config for model in models):
            raise ValueError("StackedRuns: the models must have one shape; stack those of one size")
        self.config, self.train_config, self.precision = models[0].config, config, precision
        self._models = models
        named = sorted(
            models[0].named_parameters(), key=lambda item: item[1].dim() <= 1
        )  # matrices, which decay, come first
        self.num_decayed = sum(parameter.numel() for _, parameter in named if parameter.dim() > 1)
        device = named[0][1].device
        parameters = [dict(model.named_parameters()) for model in models]
        self.flat_RP = torch.stack(
            [torch.cat([weights[name].detach().flatten() for name, _ in named]) for weights in parameters]
        )
        self.grad_RP, self.exp_avg_RP, self.exp_avg_sq_RP = (torch.zeros_like(self.flat_RP) for _ in range(3))
        self.step_R = torch.zeros(len(models), device=device)
        self.lr_R = torch.zeros(len(models), device=device)
        self.weights, at = {}, 0
        for name, parameter in named:
            part = slice(at, at + parameter.numel())
            leaf = self.flat_RP[:, part].view(-1, *parameter.shape).requires_grad_()
            # Weights and gradients are views of one tensor each: autograd adds into the flat gradient, and AdamW reads
            # it whole.
            leaf.grad = self.grad_RP[:, part].view(-1, *parameter.shape)
            self.weights[name], at = leaf, part.stop
        self._ones_D = torch.ones(self.config.d_model, device=device)
        self._tables = (models[0].cos_TK2, models[0].sin_TK2)
        self._graph, self._static = None, None

    def _norm(self, x_RMD: torch.Tensor, name: str) -> torch.Tensor:
        return rms_norm(x_RMD, self._ones_D, self.config.norm_eps) * self.weights[name].unsqueeze(1)

    def _linear(self, x_RMD: torch.Tensor, name: str) -> torch.Tensor:
        return torch.bmm(x_RMD, self.weights[name].transpose(1, 2))

    def _block(self, x_RMD: torch.Tensor, prefix: str, num_times: int) -> torch.Tensor:
        config, num_runs = self.config, x_RMD.shape[0]
        qkv = self._linear(self._norm(x_RMD, f"{prefix}.attention_norm.weight"), f"{prefix}.qkv.weight")
        heads = qkv.view(-1, num_times, config.num_heads + 2 * config.num_kv_heads, config.head_size)
        q, k, v = heads.split([config.num_heads, config.num_kv_heads, config.num_kv_heads], dim=2)
        cos, sin = (table[:num_times] for table in self._tables)
        attended, _ = attention(rotary(q, cos, sin), rotary(k, cos, sin), v)
        x_RMD = x_RMD + self._linear(attended.reshape(num_runs, -1, config.d_model), f"{prefix}.attention_out.weight")
        gate, up = self._linear(self._norm(x_RMD, f"{prefix}.mlp_norm.weight"), f"{prefix}.gate_up.weight").chunk(
            2, dim=-1
        )
        return x_RMD + self._linear(swiglu(gate, up), f"{prefix}.down.weight")

    def loss(self, tokens_RBT: torch.Tensor, targets_RBT: torch.Tensor) -> torch.Tensor:
        """Mean loss in nats of each run, [R]."""
        num_runs, _, num_times = tokens_RBT.shape
        device_type = tokens_RBT.device.type
        with torch.autocast(device_type, torch.bfloat16, enabled=self.precision == "bf16"):
            runs = torch.arange(num_runs, device=tokens_RBT.device)[:, None]
            x_RMD = self.weights["embedding.weight"][runs, tokens_RBT.flatten(1)]
            for layer in range(self.config.num_layers):
                x_RMD = self._block(x_RMD, f"blocks.{layer}", num_times)
            x_RMD = self._norm(x_RMD, "norm.weight")
            head_RVD, targets_RM = self.weights["head.weight"], targets_RBT.flatten(1)
            return torch.stack([linear_cross_entropy(x_RMD[r], head_RVD[r], targets_RM[r])[0] for r in range(num_runs)])

    def _step(self, tokens_RBT: torch.Tensor, targets_RBT: torch.Tensor) -> torch.Tensor:
        config = self.train_config
        loss_R = self.loss(tokens_RBT, targets_RBT)
        loss_R.sum().backward()  # a run's loss depends on its own weights alone
        norm_R = torch.linalg.vector_norm(self.grad_RP, dim=1)
        is_finite_R = torch.isfinite(norm_R)
        # NaN tells the kernel to leave the run as it is; a branch on the host would wait for the GPU.
        clip_R = torch.where(is_finite_R, (config.grad_clip / norm_R).clamp(max=1.0), float("nan"))
        self.step_R += is_finite_R
        state = (self.flat_RP.detach(), self.grad_RP, self.exp_avg_RP, self.exp_avg_sq_RP)
        adamw(*state, clip_R, self.lr_R, self.step_R, self.num_decayed, config.weight_decay, config.beta1, config.beta2)
        self.grad_RP.zero_()
        return loss_R.detach()

    def _capture(self, tokens_RBT: torch.Tensor, targets_RBT: torch.Tensor) -> None:
        """Record the step as a CUDA graph; the weights are afterwards what they were before."""
        tokens, targets = tokens_RBT.clone(), targets_RBT.clone()
        state = (self.flat_RP.detach(), self.exp_avg_RP, self.exp_avg_sq_RP, self.step_R)
        # The warm-up before a capture trains for real; the state is put back, so the graph begins where the run does.
        before = [x.clone() for x in state]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARMUP_STEPS):
                self._step(tokens, targets)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            loss_R = self._step(tokens, targets)
        for x, old in zip(state, before, strict=True):
            x.copy_(old)
        self._static = (tokens, targets, loss_R)

    def step(self, tokens_RBT: torch.Tensor, targets_RBT: torch.Tensor, lr: float) -> torch.Tensor:
        """One update of every run; returns their losses before it, [R] on the device (reading them waits for the GPU).

        tokens, targets: int64 on the models' device, one shape at every call.
        """
        self.lr_R.fill_(lr)
        if not tokens_RBT.is_cuda:
            return self._step(tokens_RBT, targets_RBT)
        if self._graph is None:
            self._capture(tokens_RBT, targets_RBT)
        tokens, targets, loss_R = self._static
        # A graph reads the addresses it was captured with, so batches are copied to where it looks.
        tokens.copy_(tokens_RBT)
        targets.copy_(targets_RBT)
        self._graph.replay()
        return loss_R.clone()

    @torch.no_grad()
    def write_back(self) -> None:
        """Copy the trained weights into the models that were handed in."""
        for run, model in enumerate(self._models):
            for name, parameter in model.named_parameters():
                parameter.copy_(self.weights[name][run])
