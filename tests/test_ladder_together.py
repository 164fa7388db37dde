"""`torchrun -m ladder train`: a run by two processes is the run of one, and what it refuses is one line."""

import json

import pytest
import tiny_ladder
from tiny_ladder import BRANCH, LONG, TRUNK

from ladder.training import prepare_folder, train_here
from models.execution import Peers
from tests.process_group import start


def micro(ladder):
    """The same ladder, each batch in two parts."""
    sweep = ladder.profile.sweep.model_copy(update={"micro_sequences": 2})
    return tiny_ladder.Ladder(
        ladder.profile.model_copy(update={"sweep": sweep}), ladder.paths, ladder.runs, ladder.recipes
    )


def record(ladder, name):
    return json.loads((ladder.folder(name) / "run.json").read_text())


def test_torchrun_trains_a_trunk_and_its_branch_in_two_processes(tmp_path):
    alone = micro(tiny_ladder.ladder(tmp_path / "one"))
    for name in (TRUNK, BRANCH):
        prepare_folder(alone, name)
        train_here(alone, name, "cpu", Peers(), lambda progress: None)
    two = tiny_ladder.ladder(tmp_path / "two")
    words = ["train", "loss", "--here", "--name", BRANCH, "--name", TRUNK]
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    (done,) = start(1, [*command, "-m", "tests.tiny_command", str(tmp_path / "two"), *words])
    assert done.returncode == 0, done.stderr[-2000:]
    assert "training 2 runs of 3 one after another: ddp, 2 processes, 1 parts of a batch in each" in done.stdout
    assert done.stdout.count(f"{TRUNK}: ") == 1
    for name in (TRUNK, BRANCH):
        assert record(two, name)["weight_hash"] == record(alone, name)["weight_hash"]
        assert two.is_trained(name)
    (again,) = start(1, [*command, "-m", "tests.tiny_command", str(tmp_path / "two"), *words])
    assert again.returncode == 0 and "training 0 runs of 3" in again.stdout


@pytest.mark.parametrize(
    ("size", "words", "message"),
    [
        (1, ["measure", "scores"], "torchrun is for `ladder train`"),
        (3, ["train", "loss", "--here", "--run", LONG], "3 processes cannot share 4 sequences evenly"),
    ],
)
def test_what_it_refuses_is_said_in_a_line(tmp_path, size, words, message):
    tiny_ladder.ladder(tmp_path)
    done = start(size, ["tests.tiny_command", str(tmp_path), *words])
    assert message in done[0].stderr and done[0].returncode not in (0, None), done
    assert not (tiny_ladder.Paths("tiny", tmp_path).runs("loss") / LONG).exists()
