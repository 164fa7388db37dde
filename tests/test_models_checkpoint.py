"""models/checkpoint.py: what is written comes back; damage, foreign files, another tokenizer and a full disk are one
line each."""

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models import checkpoint
from models.config import GPTConfig
from models.gpt import GPT

SHAPE = GPTConfig(vocab_size=50, num_layers=2, d_model=32, num_heads=4, num_kv_heads=2, d_ff=40, max_sequence_length=16)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    gpt = GPT(SHAPE)
    path = tmp_path / "checkpoints" / "000000000640.safetensors"
    checkpoint.save_checkpoint(path, gpt, 640, 20, "f" * 64, 1.25, "r")
    return gpt, path


def test_round_trip(saved):
    gpt, path = saved
    torch.manual_seed(5)
    expected_draw = torch.rand(1)
    torch.manual_seed(5)
    loaded, metadata = checkpoint.load(path, "f" * 64)
    assert torch.equal(torch.rand(1), expected_draw), "loading must leave the random state alone"
    tokens = torch.randint(0, 50, (2, 16))
    assert torch.equal(loaded(tokens), gpt(tokens))
    assert not loaded.training
    assert (metadata["tokens_seen"], metadata["step"], metadata["train_loss_nats"], metadata["run"]) == (
        640,
        20,
        1.25,
        "r",
    )
    assert metadata["config"] == SHAPE.to_dict()
    assert metadata["weight_hash"] == checkpoint.weight_hash(loaded)


def test_same_weights_same_bytes(saved, tmp_path):
    gpt, path = saved
    again = tmp_path / "again.safetensors"
    checkpoint.save_checkpoint(again, gpt, 640, 20, "f" * 64, 1.25, "r")
    assert again.read_bytes() == path.read_bytes()


def test_hash_sees_one_weight(saved):
    gpt, _ = saved
    before = checkpoint.weight_hash(gpt)
    with torch.no_grad():
        gpt.norm.weight[0] += 1e-6
    assert checkpoint.weight_hash(gpt) != before


def _one_line(path: Path, message: str, fingerprint=None):
    with pytest.raises(ValueError, match=message) as caught:
        checkpoint.load(path, fingerprint)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 5, 400, -1])
def test_truncated(saved, keep):
    _, path = saved
    path.write_bytes(path.read_bytes()[:keep])
    _one_line(path, "truncated or not a safetensors file")


def test_missing_foreign_and_other_tokenizer(saved, tmp_path):
    _, path = saved
    _one_line(tmp_path / "none.safetensors", "no such checkpoint")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, foreign)
    _one_line(foreign, "no checkpoint of this project")
    _one_line(path, "trained with tokenizer ffffffffffff, but the tokenizer given is 000000000000", "0" * 64)


def test_weights_that_do_not_fit_their_header(saved):
    _, path = saved
    tensors, header = checkpoint.read_tensors(path)
    tensors["norm.weight"] = torch.zeros(3)
    checkpoint.write_tensors(path, tensors, header)
    _one_line(path, "tensor norm.weight does not fit")


def _rewritten(path: Path, change_tensors=lambda tensors: None, **fields) -> None:
    """The file with some header fields changed (None: left out) and tensors changed, hash and all else kept."""
    tensors, header = checkpoint.read_tensors(path)
    change_tensors(tensors)
    header |= fields
    save_file(tensors, path, metadata={name: value for name, value in header.items() if value is not None})


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("place", [1, 2, 5, 1000, 5000])
def test_a_bit_that_changed_on_disk_is_found(saved, place, bit):
    _, path = saved
    data = bytearray(path.read_bytes())
    data[-place] ^= 1 << bit
    path.write_bytes(data)
    _one_line(path, "header field weight_hash is .*the file changed on disk; restore it, or delete the file")


@pytest.mark.parametrize("field", checkpoint.FIELDS)
def test_a_header_that_lacks_a_field(saved, field):
    _, path = saved
    _rewritten(path, **{field: None})
    _one_line(path, f"header field {field} is missing; delete the file and rerun")


@pytest.mark.parametrize(
    "field,value",
    [
        ("tokens_seen", "many"),
        ("tokens_seen", "-1"),
        ("tokens_seen", "1.5"),
        ("step", ""),
        ("train_loss_nats", "low"),
        ("train_loss_nats", ""),
        ("config", "{"),
        ("config", "[]"),
        ("config", "null"),
        ("config", "[" * 100_000),
        ("run", ""),
        ("tokenizer_fingerprint", ""),
        ("weight_hash", ""),
        ("weight_hash", "0" * 64),
    ],
)
def test_a_header_field_of_another_type(saved, field, value):
    _, path = saved
    _rewritten(path, **{field: value})
    _one_line(path, f"header field {field} is ")


@pytest.mark.parametrize(
    "changes",
    [
        {"d_model": "32"},
        {"d_model": 32.0},
        {"d_model": True},
        {"num_layers": -1},
        {"num_heads": 3},
        {"rope_theta": "big"},
        {"rope_theta": None},
        {"rope_theta": 0},
        {"norm_eps": "small"},
        {"norm_eps": -1e-5},
        {"norm_eps": True},
        {"arch": "mamba"},
        {"arch": 5},
        {"colour": "red"},
        {"vocab_size": None},
        {"rope_theta": float("inf")},
    ],
)
def test_a_config_that_does_not_fit(saved, changes):
    _, path = saved
    _rewritten(path, config=json.dumps(SHAPE.to_dict() | changes))
    _one_line(path, "header field config does not fit .GPTConfig: .*; delete the file and rerun")


@pytest.mark.parametrize(
    "changes",
    [
        {"d_model": 64},
        {"vocab_size": 51},
        {"num_layers": 1},
        {"num_layers": 10**9},
        {"d_ff": 41},
        {"d_model": 2**40},
        {"num_kv_heads": 4},
    ],
)
def test_a_config_of_other_weights(saved, changes):
    """Found before anything of that size is built."""
    _, path = saved
    _rewritten(path, config=json.dumps(SHAPE.to_dict() | changes))
    _one_line(path, "tensor .* does not fit the config in its header")


def test_a_length_that_fits_no_memory(saved):
    _, path = saved
    _rewritten(path, config=json.dumps(SHAPE.to_dict() | {"max_sequence_length": 2**50}))
    _one_line(path, f"max_sequence_length {2**50} takes more memory than there is")


@pytest.mark.parametrize(
    "change,message",
    [
        (lambda tensors: tensors.pop("norm.weight"), "tensor norm.weight does not fit"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "tensor extra does not fit"),
        (
            lambda tensors: tensors.update({"norm.weight": torch.zeros(32, dtype=torch.float16)}),
            "tensor norm.weight is of type torch.float16, not float32",
        ),
        (lambda tensors: tensors.update({"norm.weight": torch.zeros(32, dtype=torch.int64)}), "of type torch.int64"),
        (lambda tensors: tensors.update({"norm.weight": torch.zeros(1, 32)}), "tensor norm.weight does not fit"),
        (lambda tensors: tensors.update({"norm.weight": torch.full((32,), float("nan"))}), "the file changed on disk"),
        (
            lambda tensors: tensors.update(
                {"head.weight": tensors["embedding.weight"].clone(), "embedding.weight": tensors["head.weight"].clone()}
            ),
            "changed on disk",
        ),
    ],
)
def test_tensors_of_another_kind(saved, change, message):
    _, path = saved
    _rewritten(path, change)
    _one_line(path, message)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 8, b"PK\x03\x04", b"\xff" * 100, b"{}" * 50, b"\x08\0\0\0\0\0\0\0{}      ", b"<html>" * 20]
)
def test_what_is_no_checkpoint_at_all(tmp_path, content):
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    _one_line(path, "not a safetensors file|no checkpoint of this project")


def test_a_folder_is_no_checkpoint(tmp_path):
    _one_line(tmp_path, "is a folder, not a checkpoint")


def test_a_file_of_another_writer_with_the_same_content_loads(saved, tmp_path):
    """The hash is of the weights, not of the file: its order of tensors and fields is free."""
    gpt, path = saved
    again = tmp_path / "again.safetensors"
    save_file(load_file(path), again, metadata=checkpoint.read_tensors(path)[1])
    assert checkpoint.weight_hash(checkpoint.load(again)[0]) == checkpoint.weight_hash(gpt)


def test_full_disk_keeps_the_old_file(saved, monkeypatch):
    _, path = saved
    before = path.read_bytes()

    def no_space(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left on device") as caught:
        checkpoint.write_tensors(path, {"weight": torch.ones(1)}, {})
    assert caught.value.errno == errno.ENOSPC and "\n" not in str(caught.value)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path], "no half-written file may stay"
