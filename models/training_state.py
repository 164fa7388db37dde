"""The state of a run that was stopped: weights, moments and every running sum, so that a resume ends with the same
bytes.

A state names the configs and the tokenizer it belongs to, and the hash of its tensors: one of another run or that
changed on disk is refused in one line and kept, because a run must never start again from nothing because its state
cannot be read.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch

from models import checkpoint
from models.config import GPTConfig, TrainConfig
from models.optimizer import FlatAdamW, decay_start_step

STATE_FORMAT = "gpt-state-1"
IDENTITY_FIELDS = ("model_config", "train_config", "tokenizer_fingerprint")


class Counters:
    """Everything besides tensors that a resume must bring back."""

    def __init__(self):
        self.step = 0
        self.loss_sum = 0.0
        self.loss_count = 0
        self.train_seconds = 0.0
        self.timed_tokens = 0
        self.loss_curve: list[dict] = []
        self.machines: list[dict] = []

    def note_machine(self, machine: dict[str, str]) -> None:
        """Adds the machine at hand where it is of another kind than the one before."""
        if not self.machines or {**self.machines[-1], "from_step": 0} != {**machine, "from_step": 0}:
            self.machines.append({"from_step": self.step, **machine})

    def mean_loss(self) -> float:
        """Mean loss since the last checkpoint; NaN before the first step."""
        return self.loss_sum / self.loss_count if self.loss_count else math.nan


def identity_of(model_config: GPTConfig, train_config: TrainConfig, fingerprint: str) -> dict:
    """What a state and a finished run belong to: both configs and the tokenizer."""
    return {
        "model_config": model_config.to_dict(),
        "train_config": json.loads(json.dumps(train_config.to_dict())),
        "tokenizer_fingerprint": fingerprint,
    }


def save_state(path: Path, optimizer: FlatAdamW, counters: Counters, identity: dict, is_writer: bool = True) -> None:
    """Writes a state, atomically. Every process of a run asks for the tensors, which may be in parts; one writes."""
    tensors = optimizer.state_tensors()
    if not is_writer:
        return
    metadata = {
        "format": STATE_FORMAT,
        "identity": json.dumps(identity, sort_keys=True),
        "counters": json.dumps(vars(counters)),
        "tensor_hash": checkpoint.tensor_hash(tensors),
    }
    checkpoint.write_tensors(path, tensors, metadata)


def read_state(path: Path) -> tuple[dict[str, torch.Tensor], dict, dict]:
    """Tensors, identity and counters of a state. ValueError in one line where it is damaged, lacks a field or changed
    on disk: a run never starts again from nothing because its state cannot be read."""
    tensors, header = checkpoint.read_tensors(path)
    if header.get("format") != STATE_FORMAT:
        raise ValueError(f"{path}: no training state of this project; delete it and rerun")
    identity, counters = (checkpoint.header_field(path, header, name, dict) for name in ("identity", "counters"))
    for part, found, wanted in (("identity", identity, IDENTITY_FIELDS), ("counters", counters, vars(Counters()))):
        if absent := sorted(set(wanted) ^ set(found)):
            raise ValueError(
                f"{path}: header field {part}: {absent[0]} is missing or unknown; delete the file to start afresh"
            )
    for name, value in vars(Counters()).items():
        kinds = (int, float) if isinstance(value, float) else type(value)
        if not isinstance(counters[name], kinds) or isinstance(counters[name], bool):
            raise ValueError(
                f"{path}: header field counters: {name} is {counters[name]!r}; delete the file to start afresh"
            )
    if checkpoint.header_field(path, header, "tensor_hash", str) != checkpoint.tensor_hash(tensors):
        raise ValueError(
            f"{path}: header field tensor_hash is not that of the tensors: the file changed on disk; "
            "restore it or delete it to start afresh"
        )
    return tensors, identity, counters


def restore(
    run_dir: Path, optimizer: FlatAdamW, counters: Counters, identity: dict, config: TrainConfig, branch_from
) -> None:
    """Continues from the run's own state, or starts from a trunk's; a fresh run has neither."""
    own = run_dir / "state.safetensors"
    if not own.exists() and branch_from is None:
        return
    path = own if own.exists() else Path(branch_from)
    tensors, saved, stored = read_state(path)
    # The schedule's end may differ between a trunk and its branch, nothing that shaped the weights so far may.
    free = {"resume_every_steps"}
    if path != own:
        free |= {"run", "total_tokens", "decay_fraction", "min_lr_ratio", "checkpoint_tokens", "state_tokens"}
    for part in IDENTITY_FIELDS:
        if not isinstance(saved[part], dict):
            pairs = [(part, saved[part], identity[part])]
        else:
            pairs = [(name, saved[part].get(name), value) for name, value in identity[part].items() if name not in free]
        for name, before, now in pairs:
            if before != now:
                raise ValueError(
                    f"{path}: field {name} was {before!r}, this run says {now!r}; delete the file to start afresh or"
                    " restore the profile"
                )
    if path != own and (config.schedule != "wsd" or stored["step"] > decay_start_step(config)):
        raise ValueError(
            f"{path}: a branch needs schedule wsd and a state at or before step {decay_start_step(config)}, the state"
            f" is at {stored['step']}"
        )
    optimizer.load_state_tensors(tensors, stored["step"])
    vars(counters).update(stored)
    if path != own:
        counters.loss_curve, counters.train_seconds, counters.timed_tokens = [], 0.0, 0
