"""models/train.py: golden losses, exact resume after kill -9 and Ctrl-C, branches of a trunk, and each fault as one
line."""

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from markov_batches import markov_batches

import models.train
from benchmarks.imitated_cpu import WITHOUT_BF16, can_imitate
from models import checkpoint
from models.capability import capability
from models.train import train
from tests.tiny_run import BATCHES, BF16, FINGERPRINT, RUN, SHAPE, B, T

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: its folder, its record, the loss of each step."""
    folder, losses = tmp_path_factory.mktemp("whole"), []
    record = train(SHAPE, RUN, BATCHES, folder, FINGERPRINT, lambda progress: losses.append(progress.loss_nats))
    return folder, record, losses


def same_checkpoints(folder: Path, other: Path) -> bool:
    files = sorted(path.name for path in (other / "checkpoints").iterdir())
    return files == sorted(path.name for path in (folder / "checkpoints").iterdir()) and all(
        (folder / "checkpoints" / name).read_bytes() == (other / "checkpoints" / name).read_bytes() for name in files
    )


def test_golden_losses(whole):
    golden = json.loads((ROOT / "tests/golden/train_20_steps.json").read_text())
    for step, (ours, expected) in enumerate(zip(whole[2][:20], golden["losses"], strict=True)):
        assert ours == pytest.approx(expected, abs=2e-4), f"step {step + 1}: {ours}, golden {expected}"


def test_thirty_steps_leave_what_the_contract_names(whole):
    folder, record, losses = whole
    assert losses[0] == pytest.approx(3.7, abs=0.3) and losses[-1] < 2.5
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "run.json"]
    assert sorted(path.stem for path in (folder / "checkpoints").iterdir()) == [
        "000000000480",
        "000000000960",
        "000000002880",
    ]
    saved = json.loads((folder / "run.json").read_text())
    assert saved == dataclasses.asdict(record)
    assert [point["step"] for point in saved["loss_curve"]] == [5, 10, 30]
    means = [sum(losses[start:end]) / (end - start) for start, end in ((0, 5), (5, 10), (10, 30))]
    assert [point["train_loss_nats"] for point in saved["loss_curve"]] == pytest.approx(means)
    model, metadata = checkpoint.load(folder / "checkpoints/000000002880.safetensors", FINGERPRINT)
    assert saved["weight_hash"] == metadata["weight_hash"] == checkpoint.weight_hash(model)
    assert (saved["kernel_path"], saved["precision"], saved["tokens_seen"], saved["num_steps"]) == (
        "cpu",
        "fp32",
        2880,
        30,
    )


def test_bf16_tracks_fp32(whole, tmp_path):
    losses = []
    train(
        SHAPE,
        dataclasses.replace(RUN, precision="bf16"),
        BATCHES,
        tmp_path,
        FINGERPRINT,
        lambda progress: losses.append(progress.loss_nats),
    )
    assert max(abs(ours - fp32) for ours, fp32 in zip(losses, whole[2], strict=True)) < 0.03


CHILD_ELSEWHERE = """
    import dataclasses, json, sys, torch
    sys.path[:0] = [{tests!r}]
    torch.set_num_threads(1)
    from test_models_train import BATCHES, BF16, FINGERPRINT, SHAPE, train

    losses = []
    record = train(SHAPE, BF16, BATCHES, {folder!r}, FINGERPRINT, lambda progress: losses.append(progress.loss_nats))
    print(json.dumps([losses, dataclasses.asdict(record)]))
"""


def test_a_cpu_without_bf16_follows_the_same_recipe(tmp_path):
    """Every tool is told of such a CPU by the environment of a process of its own. A CPU without AVX-512 is one."""
    found = []
    for name, environment in (("here", {}), ("imitated", WITHOUT_BF16 if can_imitate() else {})):
        code = textwrap.dedent(CHILD_ELSEWHERE).format(tests=str(ROOT / "tests"), folder=str(tmp_path / name))
        variables = os.environ | environment | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=variables
        )
        found.append(json.loads(done.stdout))
    (losses, here), (imitated_losses, imitated) = found
    assert imitated["machines"] == [{"from_step": 0, **here["machines"][0], "bf16": "emulated"}]
    assert here["machines"][0] == {"from_step": 0, **capability("cpu", "bf16")}
    for field in ("train_config", "model_config", "precision", "num_steps", "tokens_seen", "kernel_path"):
        assert here[field] == imitated[field], field
    assert here["precision"] == "bf16"
    assert max(abs(ours - theirs) for ours, theirs in zip(losses, imitated_losses, strict=True)) < 0.01


def test_a_run_that_goes_on_elsewhere_keeps_its_format_and_says_so(tmp_path, monkeypatch):
    def interrupt(progress):
        if progress.step == 6:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(SHAPE, BF16, BATCHES, tmp_path, FINGERPRINT, interrupt)
    first = capability("cpu", "bf16")
    elsewhere = first | {"processor": "another", "isa": "another", "bf16": "emulated"}
    monkeypatch.setattr(models.train, "capability", lambda device, precision: elsewhere)
    record = train(SHAPE, BF16, BATCHES, tmp_path, FINGERPRINT)
    assert record.machines == [{"from_step": 0, **first}, {"from_step": 6, **elsewhere}]
    assert record.precision == "bf16" and record.num_steps == 30


def test_finished_run_is_not_trained_again(whole):
    folder, record, _ = whole
    assert train(SHAPE, RUN, None, folder, FINGERPRINT) == record
    with pytest.raises(ValueError, match="another config or tokenizer"):
        train(SHAPE, dataclasses.replace(RUN, seed=4), None, folder, FINGERPRINT)


CHILD = """
    import dataclasses, sys, torch
    sys.path[:0] = [{tests!r}]
    torch.set_num_threads({threads})
    from test_models_train import BATCHES, FINGERPRINT, RUN, SHAPE, train

    def wait_at_step_14(progress):
        if progress.step == 14:
            print("here", flush=True)
            sys.stdin.read()

    train(SHAPE, RUN, BATCHES, {folder!r}, FINGERPRINT, wait_at_step_14)
"""


def test_kill_then_resume_gives_the_same_bytes(whole, tmp_path):
    code = textwrap.dedent(CHILD).format(
        tests=str(ROOT / "tests"), folder=str(tmp_path), threads=torch.get_num_threads()
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes
    ) as child:
        assert child.stdout.readline() == "here\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL
    steps = []
    train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT, lambda progress: steps.append(progress.step))
    assert steps[0] == 13, "it must go on after the state of step 12"
    assert same_checkpoints(tmp_path, whole[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interrupt_saves_the_step_it_was_in(whole, tmp_path, number):
    def interrupt(progress):
        if progress.step == 6:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt, match="stopped at step 6"):
        train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT, interrupt)
    steps = []
    train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT, lambda progress: steps.append(progress.step))
    assert steps == list(range(7, 31)) and same_checkpoints(tmp_path, whole[0])


def test_branches_share_one_trunk(tmp_path):
    """A branch equals the run that was trained alone with the same budget, bit for bit."""
    wsd = dataclasses.replace(RUN, schedule="wsd", decay_fraction=0.5, checkpoint_tokens=())
    trunk = dataclasses.replace(wsd, run="trunk", state_tokens=(6 * B * T, 10 * B * T))
    train(SHAPE, trunk, BATCHES, tmp_path / "trunk", FINGERPRINT)
    for steps in (12, 20):
        budget = dataclasses.replace(wsd, run=f"b{steps}", total_tokens=steps * B * T)
        alone = train(SHAPE, budget, BATCHES, tmp_path / f"alone{steps}", FINGERPRINT)
        state = tmp_path / "trunk/states" / f"{steps // 2 * B * T:012d}.safetensors"
        seen: list = []
        branch = train(SHAPE, budget, BATCHES, tmp_path / f"branch{steps}", FINGERPRINT, seen.append, branch_from=state)
        assert branch.weight_hash == alone.weight_hash and seen[0].step == steps // 2 + 1
    late = dataclasses.replace(wsd, total_tokens=10 * B * T)
    with pytest.raises(ValueError, match="at or before step 5, the state is at 6"):
        train(
            SHAPE,
            late,
            BATCHES,
            tmp_path / "late",
            FINGERPRINT,
            branch_from=tmp_path / "trunk/states/000000000576.safetensors",
        )
    with pytest.raises(ValueError, match="field max_lr was 0.02"):
        train(SHAPE, dataclasses.replace(wsd, max_lr=0.01), BATCHES, tmp_path / "other", FINGERPRINT, branch_from=state)


def test_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(tmp_path):
    with pytest.raises(ValueError, match=r"not finite at step 2; the last good state \(step 1\)") as caught:
        train(SHAPE, dataclasses.replace(RUN, max_lr=1e18, warmup_tokens=0), BATCHES, tmp_path, FINGERPRINT)
    assert "\n" not in str(caught.value)
    tensors, header = checkpoint.read_tensors(tmp_path / "state.safetensors")
    assert json.loads(header["counters"])["step"] == 1 and torch.isfinite(tensors["flat"]).all()


def test_full_disk_then_rerun(whole, tmp_path, monkeypatch):
    def no_space(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill_disk(progress):
        if progress.step == 9:
            monkeypatch.setattr(os, "fsync", no_space)

    with pytest.raises(OSError, match="No space left on device"):
        train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT, fill_disk)
    monkeypatch.undo()
    train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT)
    assert same_checkpoints(tmp_path, whole[0])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"run": "r"}', "[" * 100_000, "\udcff"])
def test_a_damaged_record_is_one_line(tmp_path, text):
    (tmp_path / "run.json").write_text(text, errors="surrogateescape")
    with pytest.raises(ValueError, match="run.json: truncated or foreign .*; delete it and rerun") as caught:
        train(SHAPE, RUN, BATCHES, tmp_path, FINGERPRINT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        (lambda start: iter([]), "ended before step 1"),
        (markov_batches(B, T + 1), r"shape \(4, 26\), expected \(4, 25\)"),
        (lambda start: (batch + 30 for batch in BATCHES(start)), "outside the vocabulary of 40"),
    ],
    ids=["ended", "shape", "vocabulary"],
)
def test_bad_batches_are_one_line(tmp_path, batches, message):
    with pytest.raises(ValueError, match=message):
        train(SHAPE, RUN, batches, tmp_path, FINGERPRINT)


def test_sequence_longer_than_the_model(tmp_path):
    with pytest.raises(ValueError, match="sequence_length 24 exceeds max_sequence_length 16"):
        train(dataclasses.replace(SHAPE, max_sequence_length=16), RUN, BATCHES, tmp_path, FINGERPRINT)
