"""One run in several processes: the gradient of one process to the last bit, resume with any number of them, and one
line where a peer is lost."""

import dataclasses
import json

import pytest
import torch
from tiny_run import BATCHES, BF16, FINGERPRINT, RUN, SHAPE, B

from models.checkpoint import load, weight_hash
from models.execution import Execution, Peers, is_started_together
from models.gpt import GPT
from models.gradient import GradientStep
from models.optimizer import FlatAdamW
from models.train import train
from tests.process_group import train_in


def alone(folder, run=RUN, **execution):
    """The run in this process, to its end."""
    return train(SHAPE, run, BATCHES, folder, FINGERPRINT, execution=Execution(**execution))


def test_rows_are_dealt_out_whole():
    assert [Peers(rank, 4).rows(8) for rank in (0, 3)] == [slice(0, 2), slice(6, 8)]
    with pytest.raises(ValueError, match="3 processes cannot share 8 sequences evenly"):
        Peers(0, 3).rows(8)
    assert Execution(2, world=Peers(0, 2)).micro_batches(8) == 2 and Execution().micro_batches(8) == 1
    with pytest.raises(ValueError, match="micro_sequences 3 does not divide the 4 sequences of a process"):
        Execution(3, world=Peers(0, 2)).micro_batches(8)
    with pytest.raises(ValueError, match="parallel is 'tp'; choose one of ddp, fsdp"):
        Execution(parallel="tp")
    assert not is_started_together()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_micro_batches_add_up_to_the_gradient_of_the_batch(precision):
    def gradient(**execution):
        torch.manual_seed(0)
        model = GPT(SHAPE)
        optimizer = FlatAdamW(model, RUN)
        step = GradientStep(model, optimizer, precision, B, 24, Execution(**execution))
        batch = torch.from_numpy(next(BATCHES(0)).astype("int64"))
        return step(batch[:, :-1], batch[:, 1:]), optimizer.grad.clone()

    loss, whole = gradient()
    for micro in (1, 2):
        other_loss, parts = gradient(micro_sequences=micro)
        tolerance = 2e-6 if precision == "fp32" else 2e-2
        assert loss == pytest.approx(other_loss, rel=1e-5 if precision == "fp32" else 1e-3)
        assert (whole - parts).abs().max() < tolerance * whole.abs().max() and whole.abs().max() > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_two_processes_end_with_the_bytes_of_one(tmp_path, precision):
    run = RUN if precision == "fp32" else BF16
    expected = alone(tmp_path / "one", run, micro_sequences=B // 2)
    done = train_in(2, tmp_path / "two", precision=precision)
    assert [process.returncode for process in done] == [0, 0], done
    assert {process.stdout.strip() for process in done} == {expected.weight_hash}
    record = json.loads((tmp_path / "two" / "run.json").read_text())
    assert record["loss_curve"] == expected.loss_curve and record["device"].endswith(" x 2")
    model, _ = load(max((tmp_path / "two" / "checkpoints").glob("*.safetensors")))
    assert weight_hash(model) == expected.weight_hash


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2)])
def test_a_run_goes_on_with_another_number_of_processes(tmp_path, first, then):
    expected = alone(tmp_path / "whole", micro_sequences=B // 2)
    micro = {1: {"micro": B // 2}, 2: {}}
    stopped = train_in(first, tmp_path / "parts", stop_at=13, **micro[first])
    assert [process.returncode for process in stopped] == [130] * first, stopped
    assert (tmp_path / "parts" / "state.safetensors").exists()
    done = train_in(then, tmp_path / "parts", **micro[then])
    assert {process.stdout.strip() for process in done} == {expected.weight_hash}
    assert not (tmp_path / "parts" / "state.safetensors").exists()


def test_a_peer_that_dies_is_one_line_and_nothing_is_lost(tmp_path):
    first, last = train_in(2, tmp_path / "run", die_at=14)
    assert last.returncode == -9 and first.returncode == 2
    line = first.stderr.strip().splitlines()[-1]
    assert "process 0 of 2: another process ended or cannot be reached" in line and "nothing is lost" in line
    done = train_in(2, tmp_path / "run")
    assert {process.stdout.strip() for process in done} == {alone(tmp_path / "one", micro_sequences=B // 2).weight_hash}


def test_processes_that_cannot_share_a_batch_say_so(tmp_path):
    done = train_in(3, tmp_path / "run")
    assert all("3 processes cannot share 4 sequences evenly" in process.stderr for process in done)


def test_recomputed_blocks_give_the_same_gradient_and_keep_less():
    torch.manual_seed(0)
    model = GPT(dataclasses.replace(SHAPE, num_layers=4))
    batch = torch.from_numpy(next(BATCHES(0)).astype("int64"))
    kept = {}
    gradients = {}
    for recompute in (False, True):
        for block in model.blocks:
            block.recompute = recompute
        model.zero_grad()
        kept[recompute] = 0

        def count(tensor, recompute=recompute):
            kept[recompute] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            loss = model.loss(batch[:, :-1], batch[:, 1:])
        loss.backward()
        gradients[recompute] = [parameter.grad.clone() for parameter in model.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(gradients[False], gradients[True], strict=True))
    assert kept[True] < 0.5 * kept[False]
