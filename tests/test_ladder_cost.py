"""The estimate before the start: core-seconds by the table, scaled by a real probe, and no start without disk."""

import shutil
from dataclasses import replace

import pytest
import torch

from ladder.cost import (
    Machine,
    checkpoint_bytes,
    describe_training,
    longest_chain,
    probe_machine,
    require_disk,
    train_seconds,
)
from ladder.measurements.scores import score_seconds
from ladder.workers.machine import num_cores, num_workers
from tests import tiny_ladder
from tests.tiny_ladder import BRANCH, LONG, TRUNK


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    return tiny_ladder.ladder(tmp_path_factory.mktemp("cost"))


def test_seconds_follow_the_table(ladder):
    profile = ladder.profile
    long = ladder.runs[LONG]
    assert train_seconds(profile, long) == pytest.approx(
        long.trained_tokens / profile.cost.core_tokens_per_second["10k"]
    )
    small = replace(long, paper="passuntil", size="a")
    assert train_seconds(profile, small) == long.trained_tokens / profile.cost.series_core_tokens_per_second["a"]
    assert train_seconds(profile, ladder.runs[BRANCH]) < train_seconds(profile, ladder.runs[TRUNK])
    assert score_seconds(profile, long) == 2 * profile.cost.evaluation_core_seconds["10k"]


def test_a_branch_cannot_end_before_its_parent(ladder):
    runs = [ladder.runs[name] for name in (TRUNK, BRANCH)]
    assert longest_chain(runs, {TRUNK: 10.0, BRANCH: 3.0}) == 13.0
    assert longest_chain([ladder.runs[BRANCH]], {BRANCH: 3.0}) == 3.0


def test_bytes_are_those_on_disk(ladder):
    run = ladder.runs[LONG]
    assert checkpoint_bytes(ladder, [LONG]) == (run.num_checkpoints + 3) * 4 * run.model.num_parameters


def test_cost_is_one_line_with_all_of_it(ladder):
    line = describe_training(ladder, list(ladder.runs), 2, Machine(1.0, 450.0))
    assert line.startswith("training 3 runs of 3: 0.1M tokens, ") and "\n" not in line
    assert all(word in line for word in ("FLOPs", "on 2 workers", "0.9 GB of memory", "MB of disk"))


def test_no_start_without_disk(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    require_disk(tmp_path, free // 2)
    with pytest.raises(ValueError, match="MB are due and .* MB are free; free some space"):
        require_disk(tmp_path, 2 * free)


def test_probe_measures_this_machine(ladder):
    slow = {"10k": 1.0, "20k": 1.0}
    fast = {"10k": 1e9, "20k": 1e9}
    found = [
        probe_machine(
            ladder.profile.model_copy(
                update={"cost": ladder.profile.cost.model_copy(update={"core_tokens_per_second": table})}
            ),
            list(ladder.runs.values()),
            1,
            (),
        )
        for table in (slow, fast)
    ]
    assert found[0].factor < 1.0 < found[1].factor
    assert all(100 < machine.worker_megabytes < 2000 for machine in found)


def test_one_worker_per_core():
    assert num_workers(2) == (2 * torch.cuda.device_count() or num_cores())
