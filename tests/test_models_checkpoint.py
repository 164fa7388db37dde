"""models/checkpoint.py: what is written comes back; damage, foreign files, another tokenizer and a full disk are one line each."""

import errno
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

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
    assert (metadata["tokens_seen"], metadata["step"], metadata["train_loss_nats"], metadata["run"]) == (640, 20, 1.25, "r")
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


def test_full_disk_keeps_the_old_file(saved, monkeypatch):
    _, path = saved
    before = path.read_bytes()

    def no_space(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="disk is full while writing") as caught:
        checkpoint.atomic_write(path, b"new")
    assert caught.value.errno == errno.ENOSPC and "\n" not in str(caught.value)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path], "no half-written file may stay"
