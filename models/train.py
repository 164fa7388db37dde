"""Trains one run: AdamW, cosine or warm-up-stable-decay, log-spaced checkpoints, exact resume.

The same model config, train config and batches give the same bytes, whether or not the run was killed and resumed in
between: a resume state holds weights, moments and every running sum, and `batches(start_step)` seeks in the data. Run
folder: checkpoints/<tokens_seen>.safetensors (weights), state.safetensors (resume), states/<tokens_seen>.safetensors
(where branches of a wsd trunk start), run.json (written last: its presence means the run is finished).
"""

from __future__ import annotations

import json
import math
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch

from files.atomic import atomic_write
from models import checkpoint
from models.capability import capability
from models.config import GPTConfig, TrainConfig
from models.execution import Execution, Peers
from models.gpt import GPT
from models.gradient import ALONE, GradientStep, optimizer_and_step
from models.optimizer import learning_rate
from models.training_state import Counters, identity_of, restore, save_state

Batches = Callable[[int], Iterator[np.ndarray]]


@dataclass
class TrainProgress:
    """Where a run stands after an update."""

    run: str
    step: int
    num_steps: int
    tokens_seen: int
    loss_nats: float
    grad_norm: float
    train_seconds: float


@dataclass
class RunRecord:
    """What run.json holds."""

    run: str
    model_config: dict
    train_config: dict
    branch_from: str | None
    tokenizer_fingerprint: str
    versions: dict
    device: str
    precision: str
    kernel_path: str
    num_threads: int
    num_parameters: int
    num_nonembedding_parameters: int
    num_steps: int
    tokens_seen: int
    train_seconds: float
    tokens_per_second: float
    weight_hash: str
    loss_curve: list[dict] = field(default_factory=list)
    # The machines that trained it (models/capability.py), each with the step it began after; those of its trunk come
    # first.
    machines: list[dict] = field(default_factory=list)


def train(
    model_config: GPTConfig,
    train_config: TrainConfig,
    batches: Batches,
    run_dir: str | Path,
    tokenizer_fingerprint: str,
    on_progress: Callable[[TrainProgress], None] | None = None,
    branch_from: str | Path | None = None,
    execution: Execution = ALONE,
) -> RunRecord:
    """Trains a run to its end, or continues it; a finished run is returned from run.json.

    batches(start_step) yields uint16 arrays [B, T+1], one per step, from step start_step on. branch_from is a state of
    a wsd trunk with the same data, at or before this run's decay. KeyboardInterrupt (also on SIGTERM) comes after the
    state was saved. ValueError in one line for a state of another run, a batch of the wrong shape, tokens outside the
    vocabulary, and a loss that is not finite. execution: see models/execution.py; every process of its world calls this
    with the same arguments, gets the same record, and the first of them writes.
    """
    run_dir = Path(run_dir)
    finished = _read_finished(run_dir, model_config, train_config, tokenizer_fingerprint)
    if finished is not None:
        return finished
    if train_config.sequence_length > model_config.max_sequence_length:
        raise ValueError(
            f"run {train_config.run}: sequence_length {train_config.sequence_length} exceeds max_sequence_length"
            f" {model_config.max_sequence_length}"
        )
    # The seed decides the weights and nothing else; the caller's stream of random numbers stays where it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(train_config.seed)
        model = GPT(model_config)
    model.to(train_config.device)
    # Parameters become views of one flat tensor here, so what is restored below lands in the model as well.
    optimizer_kind, step_kind = optimizer_and_step(execution)
    optimizer = optimizer_kind(model, train_config)
    counters = Counters()
    identity = identity_of(model_config, train_config, tokenizer_fingerprint)
    restore(run_dir, optimizer, counters, identity, train_config, branch_from)
    counters.note_machine(capability(train_config.device, train_config.precision))
    gradient_step = step_kind(
        model, optimizer, train_config.precision, train_config.batch_sequences, train_config.sequence_length, execution
    )
    _loop(
        model,
        optimizer,
        gradient_step,
        counters,
        batches,
        run_dir,
        train_config,
        identity,
        tokenizer_fingerprint,
        on_progress,
    )
    record = _record(optimizer.whole(model), gradient_step, counters, train_config, tokenizer_fingerprint, branch_from)
    if not execution.world.all_say(record.weight_hash):
        raise ValueError(f"run {train_config.run}: its processes ended with different weights; train it in one process")
    if execution.world.is_first:
        atomic_write(run_dir / "run.json", (json.dumps(asdict(record), indent=1) + "\n").encode())
        # After run.json, so that a kill between the two leaves a run that counts as finished.
        (run_dir / "state.safetensors").unlink(missing_ok=True)
    execution.world.wait()
    return record


def _loop(
    model, optimizer, gradient_step, counters, batches, run_dir, config, identity, fingerprint, on_progress
) -> None:
    checkpoint_steps = {config.step_at(tokens) for tokens in config.checkpoint_tokens} | {config.num_steps}
    state_steps = {config.step_at(tokens) for tokens in config.state_tokens}
    # A resumed run asks for the batch it would have got next: batches are a function of the step alone.
    source, world = batches(counters.step), gradient_step.execution.world
    is_first = world.is_first
    started, seconds_before = time.perf_counter(), counters.train_seconds
    # A signal is noted and answered between steps; weights and counters then belong together.
    with _deferred_interrupt() as interrupted:
        while counters.step < config.num_steps:
            inputs, targets = _next_batch(source, counters.step, config, model.config)
            loss, is_stopping = _step(gradient_step, inputs, targets, interrupted)
            # The optimizer finds out whether the gradient is finite while it clips: asked of the loss alone, an
            # overflow in the backward pass would reach the weights.
            norm = optimizer.step(learning_rate(config, counters.step + 1)) if math.isfinite(loss) else math.nan
            # Nothing was applied in this step, so the state to keep is that of the step before.
            if not math.isfinite(norm):
                save_state(run_dir / "state.safetensors", optimizer, counters, identity, is_first)
                raise ValueError(
                    f"run {config.run}: loss {loss} or gradient is not finite at step {counters.step + 1}; the last"
                    f" good state (step {counters.step}) is kept in {run_dir / 'state.safetensors'}; lower max_lr or"
                    " look at that batch"
                )
            counters.step += 1
            counters.loss_sum += loss
            counters.loss_count += 1
            counters.timed_tokens += config.tokens_per_step
            counters.train_seconds = seconds_before + time.perf_counter() - started
            tokens_seen = counters.step * config.tokens_per_step
            if on_progress is not None:
                on_progress(
                    TrainProgress(
                        config.run, counters.step, config.num_steps, tokens_seen, loss, norm, counters.train_seconds
                    )
                )
            if counters.step in checkpoint_steps:
                _save_checkpoint(run_dir, optimizer.whole(model), counters, tokens_seen, fingerprint, config.run, world)
            if counters.step in state_steps:
                save_state(
                    run_dir / "states" / f"{tokens_seen:012d}.safetensors", optimizer, counters, identity, is_first
                )
            if counters.step % config.resume_every_steps == 0 or is_stopping():
                save_state(run_dir / "state.safetensors", optimizer, counters, identity, is_first)
            if is_stopping():
                raise KeyboardInterrupt(f"run {config.run}: stopped at step {counters.step}; rerun to continue")


def _step(gradient_step: GradientStep, inputs, targets, interrupted: threading.Event) -> tuple[float, Callable]:
    """Loss of a step, and whether to stop behind it: several processes stop behind the same one."""
    if gradient_step.execution.world.size == 1:
        return gradient_step(inputs, targets), interrupted.is_set
    loss, num_interrupted = gradient_step.add_up(inputs, targets, float(interrupted.is_set()))
    return loss, lambda: num_interrupted > 0


def _next_batch(source, step: int, config: TrainConfig, model_config: GPTConfig) -> tuple[torch.Tensor, torch.Tensor]:
    try:
        batch = next(source)
    except StopIteration:
        raise ValueError(
            f"run {config.run}: the batches ended before step {step + 1} of {config.num_steps}; give a longer source"
        ) from None
    expected = (config.batch_sequences, config.sequence_length + 1)
    if batch.shape != expected:
        raise ValueError(f"run {config.run}: batch at step {step + 1} has shape {batch.shape}, expected {expected}")
    if int(batch.max()) >= model_config.vocab_size:
        raise ValueError(
            f"run {config.run}: token {int(batch.max())} at step {step + 1} is outside the vocabulary of"
            f" {model_config.vocab_size}"
        )
    tokens = torch.from_numpy(batch.astype(np.int64)).to(config.device)
    return tokens[:, :-1], tokens[:, 1:]


@contextmanager
def _deferred_interrupt():
    """An event set by Ctrl-C or SIGTERM, so that a step is never cut in the middle. Signals can be caught in the main
    thread only."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    previous = {
        number: signal.signal(number, lambda *_: interrupted.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield interrupted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _save_checkpoint(
    run_dir: Path, model: GPT, counters: Counters, tokens_seen: int, fingerprint: str, run: str, world: Peers
) -> None:
    loss = counters.mean_loss()
    path = run_dir / "checkpoints" / f"{tokens_seen:012d}.safetensors"
    if world.is_first:
        digest = checkpoint.save_checkpoint(path, model, tokens_seen, counters.step, fingerprint, loss, run)
    else:
        digest = checkpoint.weight_hash(model)
    counters.loss_curve.append(
        {"step": counters.step, "tokens_seen": tokens_seen, "train_loss_nats": loss, "weight_hash": digest}
    )
    counters.loss_sum, counters.loss_count = 0.0, 0


def _read_finished(
    run_dir: Path, model_config: GPTConfig, train_config: TrainConfig, fingerprint: str
) -> RunRecord | None:
    path = run_dir / "run.json"
    if not path.exists():
        return None
    try:
        record = RunRecord(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{path}: truncated or foreign ({' '.join(str(error).split())}); delete it and rerun"
        ) from error
    saved = {
        "model_config": record.model_config,
        "train_config": record.train_config,
        "tokenizer_fingerprint": record.tokenizer_fingerprint,
    }
    if saved != identity_of(model_config, train_config, fingerprint):
        raise ValueError(
            f"{path}: was trained with another config or tokenizer; delete the folder {run_dir} to train it anew"
        )
    return record


def _record(
    model: GPT, gradient_step: GradientStep, counters: Counters, config: TrainConfig, fingerprint: str, branch_from
) -> RunRecord:
    world = gradient_step.execution.world
    device = (
        torch.cuda.get_device_name() if config.device.startswith("cuda") else platform.processor() or platform.machine()
    )
    return RunRecord(
        run=config.run,
        model_config=model.config.to_dict(),
        train_config=json.loads(json.dumps(config.to_dict())),
        branch_from=None if branch_from is None else Path(branch_from).name,
        tokenizer_fingerprint=fingerprint,
        versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        device=f"{config.device} ({device})" + (f" x {world.size}" if world.size > 1 else ""),
        precision=gradient_step.precision,
        kernel_path=gradient_step.kernel_path(),
        num_threads=torch.get_num_threads(),
        num_parameters=model.config.num_parameters,
        num_nonembedding_parameters=model.config.num_nonembedding_parameters,
        num_steps=counters.step,
        tokens_seen=counters.step * config.tokens_per_step,
        train_seconds=round(counters.train_seconds, 3),
        tokens_per_second=round(counters.timed_tokens / max(counters.train_seconds, 1e-9), 1),
        weight_hash=checkpoint.weight_hash(model),
        loss_curve=counters.loss_curve,
        machines=counters.machines,
    )
