"""One training process of benchmarks/train_cpu.py: trains one tool's model as that tool's own loop does, a few steps at
a time.

Commands come as JSON lines on stdin, answers go to stdout: {"do": "model", ...} builds a fresh model and takes one step
untimed; {"do": "steps", "n": N} trains N more steps and answers with their losses. Between commands the process sleeps,
so that tools can take turns. Run by the driver; `python benchmarks/train_cpu_worker.py TOOL` where TOOL is ours,
nanogpt, transformers or litgpt.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import torch

VOCAB_SIZE, BATCH_SEQUENCES, SEQUENCE_LENGTH = 1024, 8, 128
NUM_BATCHES, NUM_STEPS, WARMUP_STEPS, MAX_LR = 64, 1000, 10, 3e-3
FOLLOWERS = 8


class Rebuild(Exception):
    """The driver wants another model."""


class Session:
    """The conversation with the driver. A tool's loop calls `step_done` after each update."""

    def __init__(self):
        self.answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # whatever the tools print goes to stderr
        self.steps_left = 0
        self.losses: list[float] = []
        self.cpu_start = 0.0
        self.order: dict = {}

    def answer(self, **fields) -> None:
        """One JSON line to the driver."""
        self.answers.write(json.dumps(fields) + "\n")
        self.answers.flush()

    def step_done(self, loss: float) -> None:
        """Notes a step; when the ordered steps are done, answers and waits for the next command."""
        self.losses.append(loss)
        self.steps_left -= 1
        if self.steps_left > 0:
            return
        self.answer(losses=self.losses, cpu_seconds=time.process_time() - self.cpu_start)
        self.listen()

    def listen(self) -> None:
        """Waits for a command; returns when more steps of the present model are wanted."""
        line = sys.stdin.readline()
        if not line:
            raise SystemExit(0)
        self.order = json.loads(line)
        self.losses = []
        self.cpu_start = time.process_time()
        if self.order["do"] == "model":
            self.steps_left = 1
            raise Rebuild
        self.steps_left = self.order["n"]


def worker_batches() -> list[np.ndarray]:
    """uint16 [B, T+1] from one Markov chain: the same for every tool and size."""
    rng = np.random.default_rng(0)
    followers = rng.integers(0, VOCAB_SIZE, (VOCAB_SIZE, FOLLOWERS))
    rows = np.empty((NUM_BATCHES * BATCH_SEQUENCES, SEQUENCE_LENGTH + 1), np.uint16)
    rows[:, 0] = rng.integers(0, VOCAB_SIZE, len(rows))
    for t in range(SEQUENCE_LENGTH):
        rows[:, t + 1] = followers[rows[:, t], np.minimum(rng.geometric(0.4, len(rows)) - 1, FOLLOWERS - 1)]
    return list(rows.reshape(NUM_BATCHES, BATCH_SEQUENCES, -1))


def lr_at(step: int) -> float:
    """Warm-up and cosine, the same for every tool; steps count from 1."""
    if step <= WARMUP_STEPS:
        return MAX_LR * step / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / (NUM_STEPS - WARMUP_STEPS)
    return MAX_LR * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


def run_ours(session: Session, data: list[np.ndarray]) -> None:
    """models.train.train, as the sweep calls it."""
    from models.config import GPTConfig, TrainConfig
    from models.cpu import step as cpu_step
    from models.train import train

    if maker := os.environ.get("IMITATED_MAKER"):  # as imitated_cpu.py makes MKL see it
        cpu_step.cpu_maker = lambda: maker

    shape, order = session.order["shape"], session.order
    config = GPTConfig(vocab_size=VOCAB_SIZE, max_sequence_length=SEQUENCE_LENGTH, **shape)
    tokens_per_step = BATCH_SEQUENCES * SEQUENCE_LENGTH
    settings = TrainConfig(
        run="benchmark",
        seed=0,
        data_seed=0,
        total_tokens=NUM_STEPS * tokens_per_step,
        batch_sequences=BATCH_SEQUENCES,
        sequence_length=SEQUENCE_LENGTH,
        max_lr=MAX_LR,
        warmup_tokens=WARMUP_STEPS * tokens_per_step,
        precision=order["precision"],
    )
    with tempfile.TemporaryDirectory() as folder:
        train(
            config,
            settings,
            lambda start: iter(data * 100),
            folder,
            "benchmark",
            lambda progress: session.step_done(progress.loss_nats),
        )


def run_nanogpt(session: Session, data: list[np.ndarray]) -> None:
    """nanoGPT's GPT-2 model and the loop of its train.py."""
    sys.path.insert(0, os.environ["NANOGPT"])
    from model import GPT, GPTConfig

    shape, order = session.order["shape"], session.order
    gpt = GPT(
        GPTConfig(
            block_size=SEQUENCE_LENGTH,
            vocab_size=VOCAB_SIZE,
            n_layer=shape["num_layers"],
            n_head=shape["num_heads"],
            n_embd=shape["d_model"],
            dropout=0.0,
            bias=False,
        )
    )
    optimizer = gpt.configure_optimizers(0.1, MAX_LR, (0.9, 0.95), "cpu")
    model = torch.compile(gpt) if order["compile"] else gpt
    context = torch.autocast("cpu", torch.bfloat16) if order["precision"] == "bf16" else nullcontext()
    for step, batch in enumerate(data * 100, start=1):
        for group in optimizer.param_groups:
            group["lr"] = lr_at(step)
        tokens = torch.from_numpy(batch.astype(np.int64))
        with context:
            _, loss = model(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        session.step_done(loss.item())


def run_litgpt(session: Session, data: list[np.ndarray]) -> None:
    """litgpt's LLaMA-like model and the loop of its pretrain.py (Lightning Fabric)."""
    import lightning
    from litgpt.model import GPT, Config
    from litgpt.utils import chunked_cross_entropy

    shape, order = session.order["shape"], session.order
    fabric = lightning.Fabric(
        accelerator="cpu", devices=1, precision="bf16-mixed" if order["precision"] == "bf16" else "32-true"
    )
    config = Config(
        block_size=SEQUENCE_LENGTH,
        vocab_size=VOCAB_SIZE,
        padded_vocab_size=VOCAB_SIZE,
        n_layer=shape["num_layers"],
        n_head=shape["num_heads"],
        n_embd=shape["d_model"],
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP",
        intermediate_size=shape["d_ff"],
    )
    model = GPT(config)
    model.apply(
        lambda module: (
            module.weight.data.normal_(0, 0.02) if isinstance(module, torch.nn.Linear | torch.nn.Embedding) else None
        )
    )
    model = fabric.setup(torch.compile(model) if order["compile"] else model)
    optimizer = fabric.setup_optimizers(
        torch.optim.AdamW(model.parameters(), lr=MAX_LR, weight_decay=0.1, betas=(0.9, 0.95))
    )
    for step, batch in enumerate(data * 100, start=1):
        for group in optimizer.param_groups:
            group["lr"] = lr_at(step)
        tokens = torch.from_numpy(batch.astype(np.int64))
        loss = chunked_cross_entropy(model(tokens[:, :-1].contiguous()), tokens[:, 1:].contiguous())
        fabric.backward(loss)
        fabric.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        optimizer.zero_grad()
        session.step_done(loss.item())


def run_transformers(session: Session, data: list[np.ndarray]) -> None:
    """transformers.Trainer with LlamaForCausalLM, with its faster (fused) AdamW."""
    import transformers

    shape, order = session.order["shape"], session.order
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=VOCAB_SIZE,
            hidden_size=shape["d_model"],
            intermediate_size=shape["d_ff"],
            num_hidden_layers=shape["num_layers"],
            num_attention_heads=shape["num_heads"],
            num_key_value_heads=shape["num_kv_heads"],
            max_position_embeddings=SEQUENCE_LENGTH + 1,
            use_cache=False,
            dtype="float32",
        )
    )

    class LossKeeper(transformers.Trainer):
        loss = math.nan

        def compute_loss(self, *arguments, **options):
            result = super().compute_loss(*arguments, **options)
            self.loss = result.detach() if isinstance(result, torch.Tensor) else result[0].detach()
            return result

    class Reporter(transformers.TrainerCallback):
        def on_step_end(self, arguments, state, control, **options):
            session.step_done(float(trainer.loss))

    # The model shifts targets itself: B rows of T + 1 tokens give the same B * T targets as elsewhere.
    rows = [torch.from_numpy(row.astype(np.int64)) for batch in data for row in batch]
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            use_cpu=True,
            per_device_train_batch_size=BATCH_SEQUENCES,
            max_steps=NUM_STEPS,
            learning_rate=MAX_LR,
            weight_decay=0.1,
            adam_beta2=0.95,
            max_grad_norm=1.0,
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": 0.1},
            warmup_steps=WARMUP_STEPS,
            optim="adamw_torch_fused",
            bf16=order["precision"] == "bf16",
            torch_compile=order["compile"],
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            train_sampling_strategy="sequential",
        )
        dataset = [{"input_ids": row, "labels": row} for row in rows]
        trainer = LossKeeper(model=model, args=arguments, train_dataset=dataset, callbacks=[Reporter()])
        trainer.train()


def main(tool: str) -> None:
    """Serves the driver until stdin closes."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    loops = {"ours": run_ours, "nanogpt": run_nanogpt, "transformers": run_transformers, "litgpt": run_litgpt}
    session, data = Session(), worker_batches()
    session.steps_left = 1
    while True:
        with suppress(Rebuild):
            session.listen()
        while session.order["do"] == "model":
            torch.set_num_threads(session.order["threads"])
            torch.manual_seed(0)
            try:
                loops[tool](session, data)
            except Rebuild:
                continue


if __name__ == "__main__":
    main(sys.argv[1])
