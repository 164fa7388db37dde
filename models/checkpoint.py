"""Weights and resume states on disk: safetensors only, written whole or not at all.

A file is written beside its place, flushed to disk and renamed, so a killed worker leaves the old file or the new one.
A checkpoint holds fp32 weights; its header holds the model's config, tokens_seen, step, the tokenizer's fingerprint and
the train loss.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from files.atomic import atomic_write
from models.config import GPTConfig
from models.gpt import GPT

FORMAT = "gpt-checkpoint-1"
REMEDY = "delete the file and rerun the training"
FIELDS = {
    "run": str,
    "config": dict,
    "tokens_seen": int,
    "step": int,
    "tokenizer_fingerprint": str,
    "train_loss_nats": float,
    "weight_hash": str,
}


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """One safetensors file, atomically; same tensors and metadata give the same bytes."""
    content = save(
        {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}, metadata=metadata
    )
    # safetensors writes the metadata in an order that changes from call to call.
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    # The format wants tensors on 8-byte boundaries; spaces are part of its JSON.
    text += b" " * (-len(text) % 8)
    atomic_write(Path(path), len(text).to_bytes(8, "little") + text + content[start:])


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and header of a safetensors file; ValueError when it is missing, truncated or not safetensors."""
    if Path(path).is_dir():
        raise ValueError(f"{path}: is a folder, not a checkpoint; name a .safetensors file in it")
    try:
        with safe_open(str(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such checkpoint; train the run first") from error
    except (SafetensorError, OSError, UnicodeError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: truncated or not a safetensors file ({reason}); {REMEDY}") from error


def header_field(path: Path, header: dict[str, str], field: str, kind: type) -> object:
    """One field of a header: text, number, or for a dict the JSON object in it. ValueError naming file and field where
    it is absent or ill-typed."""
    if field not in header:
        raise ValueError(f"{path}: header field {field} is missing; {REMEDY}")
    try:
        value = json.loads(header[field]) if kind is dict else kind(header[field])
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}: header field {field} is {header[field][:40]!r}, not a {kind.__name__}; {REMEDY}"
        ) from error
    if (kind is dict and not isinstance(value, dict)) or (kind is int and value < 0) or (kind is str and not value):
        raise ValueError(
            f"{path}: header field {field} is {header[field][:40]!r}, not a valid {kind.__name__}; {REMEDY}"
        )
    return value


def tensor_hash(tensors: dict[str, torch.Tensor]) -> str:
    """sha256 over names and fp32 bytes of tensors, in sorted order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().data)
    return digest.hexdigest()


def weight_hash(model: GPT) -> str:
    """`tensor_hash` of all weights."""
    return tensor_hash(model.state_dict())


def save_checkpoint(
    path: Path, model: GPT, tokens_seen: int, step: int, fingerprint: str, train_loss_nats: float, run: str
) -> str:
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
    """The model of a checkpoint in eval mode and its header (config dict, tokens_seen, step, tokenizer_fingerprint,
    train_loss_nats, weight_hash, run).

    ValueError with one line when the file is truncated or foreign, when a header field is missing or does not fit, when
    the weights are not those that the header's hash names, or when it belongs to another tokenizer."""
    path = Path(path)
    tensors, header = read_tensors(path)
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{path}: a safetensors file but no checkpoint of this project (header field format is"
            f" {header.get('format')!r}); choose another"
        )
    metadata = dict(header) | {field: header_field(path, header, field, kind) for field, kind in FIELDS.items()}
    if expected_fingerprint is not None and metadata["tokenizer_fingerprint"] != expected_fingerprint:
        raise ValueError(
            f"{path}: trained with tokenizer {metadata['tokenizer_fingerprint'][:12]}, but the tokenizer given is"
            f" {expected_fingerprint[:12]}; rebuild the corpus or retrain the run"
        )
    model = _empty_model(path, metadata["config"], tensors)
    if (found := tensor_hash(tensors)) != metadata["weight_hash"]:
        raise ValueError(
            f"{path}: header field weight_hash is {metadata['weight_hash'][:12]}, the weights' own hash is"
            f" {found[:12]}: the file changed on disk; restore it, or {REMEDY}"
        )
    model.load_state_dict(tensors)
    return model.eval(), metadata


def _empty_model(path: Path, fields: dict, tensors: dict[str, torch.Tensor]) -> GPT:
    """A model of the header's shape, which the tensors fit. ValueError naming the field or tensor that does not."""
    try:
        config = GPTConfig.from_dict(fields)
    except ValueError as error:
        raise ValueError(f"{path}: header field config does not fit ({error}); {REMEDY}") from error
    # A header may claim a billion layers; a real file holds at least one tensor for each.
    own = _shapes(config) if config.num_layers <= len(tensors) else {}
    for name in sorted(own.keys() | tensors.keys()):
        if name not in own or name not in tensors or own[name].shape != tensors[name].shape:
            raise ValueError(f"{path}: tensor {name} does not fit the config in its header; {REMEDY}")
        if tensors[name].dtype != torch.float32:
            raise ValueError(f"{path}: tensor {name} is of type {tensors[name].dtype}, not float32; {REMEDY}")
    try:
        with torch.random.fork_rng(devices=[]):
            return GPT(config)
    except (RuntimeError, MemoryError) as error:  # its position tables, whose length no tensor shows
        length = config.max_sequence_length
        raise ValueError(
            f"{path}: header field config: max_sequence_length {length} takes more memory than there is; {REMEDY}"
        ) from error


def _shapes(config: GPTConfig) -> dict[str, torch.Tensor]:
    """The weights of a shape on a device without memory, since a damaged header may ask for a model of any size; empty
    for an absurd one."""
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return GPT(config).state_dict()
    except RuntimeError:
        return {}
