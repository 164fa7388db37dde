"""`python -m evaluation.passuntil` killed, stopped, started twice and out of disk: one line each, and the same table in
the end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import small_pass
import torch

from corpus.tokenizer import fingerprint
from evaluation.passuntil.__main__ import main
from models import checkpoint
from models.config import GPTConfig
from models.gpt import GPT
from tasks.base import Item, save_items
from tests.tiny_command import LIMIT_SECONDS, ROOT, wait_for

TASK = "emoji_movie"
# The command, held at its N-th report (TINY_HOLD), keeping its state after every batch, with files of at most so many
# bytes.
COMMAND = """
import resource, sys
from evaluation.passuntil import __main__ as command, state
from tests.tiny_command import hold

class Held(command.PassProgress):
    report = staticmethod(hold(lambda fraction: None))

    def update(self, num_done, fraction):
        super().update(num_done, fraction)
        self.report(fraction)

command.PassProgress, state.SAVE_SECONDS = Held, 0.0
if limit := int(sys.argv.pop(1)):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(command.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A checkpoint, its tokenizer and two items."""
    path, tokenizer = tmp_path_factory.mktemp("pass_progress"), small_pass.tokenizer()
    (path / "data" / "items").mkdir(parents=True)
    tokenizer.save(str(path / "data" / "tokenizer.json"))
    contexts = [item.requests[0][0] for item in small_pass.items(TASK)[:2]]
    save_items(
        path / "data" / "items" / f"{TASK}.jsonl",
        [Item(TASK, index, ((context, ""),), "") for index, context in enumerate(contexts)],
    )
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.get_vocab_size(), 2, 32, 2, 1, 88, 96)).eval()
    checkpoint.save_checkpoint(path / "own.safetensors", model, 1000, 10, fingerprint(tokenizer), 6.9, "small")
    return path


def arguments(folder: Path, out: Path) -> list[str]:
    named = {
        "model": folder / "own.safetensors",
        "task": TASK,
        "data": folder / "data",
        "out": out,
        "cap": 2000,
        "target": 0,
        "method": "sampled",
    }
    return [text for name, value in named.items() for text in (f"--{name}", str(value))]


def start(folder: Path, out: Path, hold_at: int = 0, limit: int = 0) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(limit), *arguments(folder, out)],
        cwd=ROOT,
        env=os.environ | {"TINY_HOLD": f"{hold_at} {out.parent / 'mark'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def held(folder: Path, out: Path) -> subprocess.Popen:
    """The command in the middle of the second item."""
    process, mark = start(folder, out, hold_at=11), out.parent / "mark"
    wait_for(lambda: process.poll() is not None or (mark.exists() and mark.read_text().endswith("\n")))
    assert process.poll() is None, process.communicate()
    mark.unlink()
    return process


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory) -> pd.DataFrame:
    """The table that nobody disturbed, without the clock."""
    out = tmp_path_factory.mktemp("whole") / "passes.parquet"
    assert main(arguments(folder, out)) == 0 and [path.name for path in out.parent.iterdir()] == ["passes.parquet"]
    return pd.read_parquet(out).drop(columns="seconds")


def ends_as_if_undisturbed(folder: Path, out: Path, whole: pd.DataFrame) -> bool:
    assert main(arguments(folder, out)) == 0 and [path.name for path in out.parent.iterdir()] == ["passes.parquet"]
    return pd.read_parquet(out).drop(columns="seconds").equals(whole)


def test_a_killed_command_goes_on_from_its_state_and_leaves_nothing_unfinished(folder, tmp_path, whole, capsys):
    out = tmp_path / "passes.parquet"
    process = held(folder, out)
    process.kill()
    process.communicate(timeout=LIMIT_SECONDS)
    for name in (".passes.parquet.4.partial", ".passes.parquet.state.json.4.partial"):
        (tmp_path / name).write_text("")
    assert ends_as_if_undisturbed(folder, out, whole)
    assert "1 items are done already" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_command_says_so_in_one_line_and_keeps_its_state(folder, tmp_path, whole, number):
    out = tmp_path / "passes.parquet"
    process = held(folder, out)
    process.send_signal(number)
    _, err = process.communicate(timeout=LIMIT_SECONDS)
    assert (
        process.returncode == 130 and err == "passuntil: interrupted; the same command goes on from what was counted\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["passes.parquet.state.json"]
    assert ends_as_if_undisturbed(folder, out, whole)


def test_a_second_start_is_refused_and_another_table_is_not(folder, tmp_path, whole, capsys):
    out, other = tmp_path / "passes.parquet", tmp_path / "other" / "passes.parquet"
    process = held(folder, out)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(arguments(folder, out)) == 2
    line = capsys.readouterr().err
    assert f"passuntil: --out {out} is in use by process {process.pid} on " in line and len(line.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert ends_as_if_undisturbed(folder, other, whole)
    process.kill()
    process.communicate(timeout=LIMIT_SECONDS)
    other.unlink()
    other.parent.rmdir()
    assert ends_as_if_undisturbed(folder, out, whole)


def test_a_table_that_another_process_wrote_meanwhile_is_not_written_over(folder, tmp_path, capsys, monkeypatch):
    from evaluation.passuntil import progress

    out, exclusive = tmp_path / "passes.parquet", progress.exclusive

    def after_another_process(path, work):
        out.write_bytes(b"precious")
        return exclusive(path, work)

    monkeypatch.setattr(progress, "exclusive", after_another_process)
    assert main(arguments(folder, out)) == 2
    assert "another process has just written it" in capsys.readouterr().err and out.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("limit", [300, 1500, 3000])
def test_a_full_disk_is_one_line_and_loses_nothing(folder, tmp_path, whole, limit):
    """By a limit on the length of files, which is met by the lock, the state or the table."""
    out = tmp_path / "passes.parquet"
    process = start(folder, out, limit=limit)
    _, err = process.communicate(timeout=LIMIT_SECONDS)
    assert (
        process.returncode == 1
        and len(err.splitlines()) == 1
        and err.startswith("passuntil: ")
        and "free some space" in err
    ), err
    assert {path.name for path in tmp_path.iterdir()} <= {"passes.parquet.state.json"}
    assert ends_as_if_undisturbed(folder, out, whole)
