"""models/training_state.py: a state that is damaged or of another run is refused in one line and kept."""

import dataclasses
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from models import checkpoint
from models.train import train
from tests.tiny_run import BATCHES, BF16, FINGERPRINT, RUN, SHAPE


def _stopped(folder) -> Path:
    with pytest.raises(KeyboardInterrupt):
        train(SHAPE, RUN, BATCHES, folder, FINGERPRINT, lambda progress: os.kill(os.getpid(), signal.SIGINT))
    return folder / "state.safetensors"


def _flip(tensors, header):
    tensors["exp_avg.0"].view(torch.uint8)[5] ^= 1


def _counters(**changes):
    def change(tensors, header):
        header["counters"] = json.dumps(json.loads(header["counters"]) | changes)

    return change


@pytest.mark.parametrize(
    "damage,message",
    [
        (_flip, "header field tensor_hash is not that of the tensors: the file changed on disk"),
        (lambda tensors, header: header.pop("tensor_hash"), "header field tensor_hash is missing"),
        (lambda tensors, header: header.pop("identity"), "header field identity is missing"),
        (lambda tensors, header: header.pop("counters"), "header field counters is missing"),
        (lambda tensors, header: header.pop("format"), "no training state of this project"),
        (lambda tensors, header: header.update(identity="[]"), "header field identity is "),
        (lambda tensors, header: header.update(identity="{}"), "header field identity: model_config is missing"),
        (_counters(step="1"), "header field counters: step is '1'"),
        (_counters(loss_sum=None), "header field counters: loss_sum is None"),
        (_counters(other=1), "header field counters: other is missing or unknown"),
        (lambda tensors, header: tensors.pop("flat"), "changed on disk"),
        (lambda tensors, header: header.update(counters="{"), "header field counters is "),
    ],
)
def test_a_damaged_state_is_refused_and_kept(tmp_path, damage, message):
    """Never a silent start from nothing: the file stays, and the line says what to do."""
    state = _stopped(tmp_path)
    tensors, header = checkpoint.read_tensors(state)
    damage(tensors, header)
    checkpoint.write_tensors(state, tensors, header)
    before = state.read_bytes()
    with pytest.raises(ValueError, match=message) as caught:
        train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT)
    assert str(state) in str(caught.value) and "\n" not in str(caught.value) and "delete" in str(caught.value)
    assert state.read_bytes() == before and not (tmp_path / "run.json").exists()


def test_damaged_or_foreign_state_is_one_line(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT, lambda progress: os.kill(os.getpid(), signal.SIGINT))
    state = tmp_path / "state.safetensors"
    with pytest.raises(ValueError, match="field seed was 3, this run says 4"):
        train(SHAPE, dataclasses.replace(RUN, seed=4), BATCHES, tmp_path, FINGERPRINT)
    with pytest.raises(ValueError, match="field tokenizer_fingerprint"):
        train(SHAPE, RUN, BATCHES, tmp_path, "0" * 64)
    state.write_bytes(state.read_bytes()[:200])
    with pytest.raises(ValueError, match="truncated or not a safetensors file"):
        train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT)


def test_a_state_of_a_format_that_followed_the_cpu_is_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(SHAPE, BF16, BATCHES, tmp_path, FINGERPRINT, lambda progress: os.kill(os.getpid(), signal.SIGINT))
    state = tmp_path / "state.safetensors"
    tensors, header = checkpoint.read_tensors(state)
    identity = json.loads(header["identity"])
    identity["train_config"]["precision"] = "auto"
    checkpoint.write_tensors(state, tensors, header | {"identity": json.dumps(identity)})
    with pytest.raises(ValueError, match="field precision was 'auto', this run says 'bf16'; delete the file"):
        train(SHAPE, BF16, BATCHES, tmp_path, FINGERPRINT)
