"""A model in shards: the gradient of one process within rounding, and states that go on anywhere."""

import json

import pytest
import torch
from safetensors.torch import load_file
from tiny_run import BATCHES, FINGERPRINT, RUN, SHAPE

from models.checkpoint import load
from models.execution import Execution
from models.gpt import GPT
from models.train import train
from tests.process_group import start, train_in

SHARDED = {"parallel": "fsdp"}


def weights(folder):
    model, _ = load(max((folder / "checkpoints").glob("*.safetensors")))
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_gradient_is_that_of_one_process(tmp_path):
    out = tmp_path / "gradients.safetensors"
    done = start(2, ["tests.sharded_gradient", str(out)])
    assert [process.returncode for process in done] == [0, 0], done
    found = load_file(out)
    torch.manual_seed(0)
    model = GPT(SHAPE)
    batch = torch.from_numpy(next(BATCHES(0)).astype("int64"))
    loss = model.loss(batch[:, :-1], batch[:, 1:])
    loss.backward()
    assert float(found["loss"]) == pytest.approx(float(loss.detach()), abs=1e-6)
    for name, parameter in model.named_parameters():
        assert (found[name] - parameter.grad).abs().max() < 1e-6, name


@pytest.mark.parametrize("settings", [{}, {"micro": 1, "recompute": True}], ids=["whole", "micro"])
def test_a_run_in_shards_ends_near_that_of_one_process(tmp_path, settings):
    train(SHAPE, RUN, BATCHES, tmp_path / "one", FINGERPRINT)
    done = train_in(2, tmp_path / "two", **SHARDED, **settings)
    assert [process.returncode for process in done] == [0, 0], done
    assert (weights(tmp_path / "one") - weights(tmp_path / "two")).abs().max() < 1e-4
    record = json.loads((tmp_path / "two" / "run.json").read_text())
    assert record["kernel_path"].startswith("fsdp") and record["device"].endswith(" x 2")
    assert {process.stdout.strip() for process in done} == {record["weight_hash"]}


@pytest.mark.parametrize(
    ("first", "then"),
    [((2, SHARDED), (1, SHARDED)), ((1, SHARDED), (2, SHARDED)), ((2, SHARDED), (1, {})), ((2, {}), (2, SHARDED))],
    ids=["2 to 1", "1 to 2", "shards to one process", "ddp to shards"],
)
def test_a_run_goes_on_with_other_shards_or_none(tmp_path, first, then):
    train(SHAPE, RUN, BATCHES, tmp_path / "whole", FINGERPRINT)
    stopped = train_in(first[0], tmp_path / "parts", stop_at=13, **first[1])
    assert [process.returncode for process in stopped] == [130] * first[0], stopped
    done = train_in(then[0], tmp_path / "parts", **then[1])
    assert [process.returncode for process in done] == [0] * then[0], done
    assert (weights(tmp_path / "whole") - weights(tmp_path / "parts")).abs().max() < 1e-4


def test_without_torchrun_it_is_refused_in_a_line(tmp_path):
    with pytest.raises(ValueError, match="needs `torchrun -m ladder train`"):
        train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT, execution=Execution(parallel="fsdp"))
