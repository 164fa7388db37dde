"""Weights and resume states on disk: safetensors only, written whole or not at all.

A file is written beside its place, flushed to disk and renamed, so a killed worker leaves the old file or the new one.
A checkpoint holds fp32 weights; its header holds the model's config, tokens_seen, step, the tokenizer's fingerprint and the train loss.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from models.config import GPTConfig
from models.gpt import GPT

FORMAT = "gpt-checkpoint-1"


def atomic_write(path: Path, content: bytes) -> None:
    """Replaces `path` by `content` after the bytes are on disk. OSError with one clear line when the disk is full."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:  # Ctrl-C too leaves nothing beside the file
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OSError(error.errno, f"disk is full while writing {path} ({len(content)} bytes); free some space and rerun, the run continues") from error
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """One safetensors file, atomically; same tensors and metadata give the same bytes."""
    content = save({name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}, metadata=metadata)
    # safetensors writes the metadata in an order that changes from call to call.
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    atomic_write(Path(path), len(text).to_bytes(8, "little") + text + content[start:])


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and header of a safetensors file; ValueError when it is missing, truncated or not safetensors."""
    try:
        with safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such checkpoint; train the run first") from error
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: truncated or not a safetensors file ({error}); delete it and rerun the training") from error


def weight_hash(model: GPT) -> str:
    """sha256 over names and fp32 bytes of all weights, in sorted order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_checkpoint(path: Path, model: GPT, tokens_seen: int, step: int, fingerprint: str, train_loss_nats: float, run: str) -> str:
    """Writes the weights of `model` with their header; returns the weight hash."""
    digest = weight_hash(model)
    metadata = {
        "format": FORMAT,
        "run": run,
        "config": json.dumps(model.config.to_dict(), sort_keys=True),
        "tokens_seen": str(tokens_seen),
        "step": str(step),
        "tokenizer_fingerprint": fingerprint,
        "train_loss_nats": repr(train_loss_nats),
        "weight_hash": digest,
    }
    write_tensors(path, {name: tensor.float() for name, tensor in model.state_dict().items()}, metadata)
    return digest


def load(path: str | Path, expected_fingerprint: str | None = None) -> tuple[GPT, dict]:
    """The model of a checkpoint in eval mode and its header (config dict, tokens_seen, step, tokenizer_fingerprint, train_loss_nats, weight_hash, run).

    ValueError with one line when the file is truncated or foreign, or belongs to another tokenizer.
    """
    tensors, header = read_tensors(Path(path))
    if header.get("format") != FORMAT:
        raise ValueError(f"{path}: a safetensors file but no checkpoint of this project (header field format is {header.get('format')!r}); choose another")
    if expected_fingerprint is not None and header["tokenizer_fingerprint"] != expected_fingerprint:
        raise ValueError(
            f"{path}: trained with tokenizer {header['tokenizer_fingerprint'][:12]}, but the tokenizer given is {expected_fingerprint[:12]}; "
            "rebuild the corpus or retrain the run"
        )
    config = GPTConfig.from_dict(json.loads(header["config"]))
    with torch.random.fork_rng(devices=[]):
        model = GPT(config)
    own = model.state_dict()
    wrong = sorted(name for name in own.keys() | tensors.keys() if name not in own or name not in tensors or own[name].shape != tensors[name].shape)
    if wrong:
        raise ValueError(f"{path}: tensor {wrong[0]} does not fit the config in its header; delete the file and rerun the training")
    model.load_state_dict(tensors)
    metadata = dict(header, config=json.loads(header["config"]), tokens_seen=int(header["tokens_seen"]), step=int(header["step"]))
    metadata["train_loss_nats"] = float(header["train_loss_nats"])
    return model.eval(), metadata
