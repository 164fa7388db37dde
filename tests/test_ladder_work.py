"""Starts side by side: who excludes whom, and how an outcome is told."""

import multiprocessing

import pytest

from files.lock import Busy
from ladder import work
from ladder.work import EXIT_FAILED, EXIT_STOPPED, conclude, hold, in_turn
from ladder.workers.pool import Job, Outcome, longest_first
from profiles.paths import Paths


def occupy(root, lineages, ready, done):
    with hold(Paths("tiny", root), lineages):
        ready.set()
        done.wait(60)


@pytest.fixture
def other(tmp_path, monkeypatch):
    """Another process that holds what it is told to."""
    context, started = multiprocessing.get_context("spawn"), []
    monkeypatch.setattr(work, "MOMENT_SECONDS", 0.2)

    def begin(lineages):
        ready, done = context.Event(), context.Event()
        process = context.Process(target=occupy, args=(tmp_path, lineages, ready, done))
        process.start()
        started.append((process, done))
        assert ready.wait(60)

    yield begin
    for process, done in started:
        done.set()
        process.join()


def is_free(root, lineages):
    try:
        with hold(Paths("tiny", root), lineages):
            return True
    except Busy as error:
        assert "in use by process" in str(error) and "\n" not in str(error)
        return False


def test_in_turn_a_run_is_measured_as_soon_as_it_is_trained():
    def train(name, cost):
        return Job(name, cost, work.train_run, (None, name))

    jobs = [train("large", 9.0), train("short", 1.0), train("long", 5.0)]
    jobs += [
        Job(f"scores of {name}", 0.1, work.train_run, (None, name), (name,)) for name in ("large", "short", "long")
    ]
    measuring = {job.name for job in jobs if job.needs}
    ordered = [job.name for job in longest_first(in_turn(jobs, {"short": 0, "long": 0, "large": 1}, measuring))]
    assert set(ordered[:2]) == {"scores of short", "scores of long"}  # both wait for their run
    assert ordered[2:] == ["long", "short", "scores of large", "large"]


def test_a_start_on_all_runs_excludes_every_other(tmp_path, other):
    other(None)
    assert not is_free(tmp_path, None) and not is_free(tmp_path, {"a"})


def test_starts_on_lineages_exclude_the_same_lineage_and_a_start_on_all(tmp_path, other):
    other({"a", "b"})
    assert is_free(tmp_path, {"c"}) and not is_free(tmp_path, {"b", "c"}) and not is_free(tmp_path, None)


def test_failures_are_told_one_line_each(capsys):
    assert conclude(Outcome(finished={"a": ""}, failed={"b": "b: no"}, skipped=["c"]), "go") == EXIT_FAILED
    assert capsys.readouterr().err.splitlines() == [
        "error: b: no",
        "1 failed, 1 left out, 1 finished and kept; go on with `go`",
    ]
    assert conclude(Outcome(finished={"a": ""}), "go") == 0
    assert conclude(Outcome(is_stopped=True), "go") == EXIT_STOPPED
