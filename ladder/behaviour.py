"""Would today's code train the runs that yesterday's code trained? Asked of what the code does, not of how it is
written.

Every run folder keeps the losses of one tiny training (seconds) made by the code that trained the run. A later sweep
makes them anew: where they agree, the run stands, however the code was edited in between; where they differ, it is
trained again. The tiny training turns every knob far up, so that a change of any of them shows in its losses. It takes
the CPU path; that the GPU path computes the same is the business of the kernels' tests.
"""

import json
import tempfile
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np

from files.atomic import atomic_write
from models.config import GPTConfig, TrainConfig

FILE_NAME = "behaviour.json"
# The same code gives the same bits on one machine; changing weight decay, beta2, the clip norm or eps of the norms by a
# fifth moves a loss by 0.02 or more.
TOLERANCE_NATS = 1e-2
NUM_STEPS = 36


@cache
def training_losses(precision: str) -> tuple[float, ...]:
    """Mean training loss (nats) of each third of a tiny run on seeded tokens, by the code as it stands, in some seconds
    on a CPU."""
    from models.train import train

    model = GPTConfig(
        vocab_size=64, num_layers=2, d_model=32, num_heads=4, num_kv_heads=2, d_ff=48, max_sequence_length=32
    )
    tokens_per_step = 8 * 32
    config = TrainConfig(
        run="behaviour",
        seed=7,
        data_seed=7,
        total_tokens=NUM_STEPS * tokens_per_step,
        batch_sequences=8,
        sequence_length=32,
        max_lr=3e-2,
        min_lr_ratio=0.2,
        warmup_tokens=4 * tokens_per_step,
        schedule="wsd",
        decay_fraction=0.5,
        weight_decay=0.5,
        grad_clip=0.5,
        precision=precision,
        checkpoint_tokens=tuple(NUM_STEPS * tokens_per_step * part // 3 for part in (1, 2, 3)),
        resume_every_steps=NUM_STEPS,
    )
    # Two batches by turns, which the model learns by heart: its loss falls far, and what changes the way shows in it.
    batches = np.random.default_rng(7).integers(0, 64, (2, 8, 33)).astype(np.uint16)[np.arange(NUM_STEPS) % 2]
    with tempfile.TemporaryDirectory() as folder:
        record = train(model, config, lambda start: islice(iter(batches), start, None), folder, "behaviour")
    return tuple(point["train_loss_nats"] for point in record.loss_curve)


def remember(folder: Path, precision: str) -> None:
    """Write today's losses into a run folder."""
    atomic_write(folder / FILE_NAME, json.dumps({"losses_nats": training_losses(precision)}).encode())


def has_changed(folder: Path, precision: str) -> bool:
    """True where a run folder holds losses that today's code does not make again, or none."""
    try:
        stored = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))["losses_nats"]
    except (FileNotFoundError, json.JSONDecodeError, KeyError):
        return True
    return bool(np.max(np.abs(np.subtract(stored, training_losses(precision)))) > TOLERANCE_NATS)
