"""The pool: order, needs, killed workers, errors, stops, a killed parent. Real processes, small jobs."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ladder.workers import pool as sweep_pool
from ladder.workers.pool import Job, longest_first, run_jobs
from ladder.workers.progress import Progress
from tests import pool_jobs
from tests.tiny_command import ROOT, wait_for


def run(jobs, workers=2, **options):
    """Outcome and what was said."""
    stream = io.StringIO()
    progress = Progress("test", {job.name: job.cost for job in jobs}, stream, is_quiet=True)
    return run_jobs(jobs, workers, progress, **options), stream.getvalue()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_all_jobs_run_longest_first_and_needs_are_kept(tmp_path):
    finished = []
    jobs = [
        Job("short", 1.0, pool_jobs.write, str(tmp_path / "short")),
        Job("branch", 9.0, pool_jobs.write, str(tmp_path / "branch"), ("trunk",)),
        Job("trunk", 2.0, pool_jobs.write, str(tmp_path / "trunk")),
    ]
    outcome, _ = run(jobs, workers=1, on_finish=finished.append)
    assert finished == ["trunk", "branch", "short"]
    assert outcome.finished == dict.fromkeys(finished, "slot 0") and not outcome.failed and not outcome.is_stopped
    assert all((tmp_path / name).exists() for name in finished)


def test_a_parent_counts_with_what_waits_for_it():
    jobs = [
        Job("alone", 8.0, pool_jobs.write, ""),
        Job("trunk", 5.0, pool_jobs.write, ""),
        Job("branch", 4.0, pool_jobs.write, "", ("trunk",)),
        Job("twig", 1.0, pool_jobs.write, ""),
    ]
    assert [job.name for job in longest_first(jobs)] == ["trunk", "alone", "branch", "twig"]


def test_jobs_of_an_earlier_turn_come_first_whatever_they_cost():
    jobs = [
        Job("costly", 8.0, pool_jobs.write, "", turn=1),
        Job("cheap", 1.0, pool_jobs.write, ""),
        Job("dear", 2.0, pool_jobs.write, ""),
    ]
    assert [job.name for job in longest_first(jobs)] == ["dear", "cheap", "costly"]


def test_a_killed_worker_is_named_and_its_job_started_once_more(tmp_path):
    outcome, said = run([Job("run_a", 1.0, pool_jobs.kill_once, str(tmp_path / "mark"))])
    assert outcome.finished == {"run_a": "survived"}
    assert said.splitlines() == [
        "run_a: its worker was killed (SIGKILL, perhaps for want of memory); started again from its last state"
    ]


def test_a_worker_killed_twice_is_reported_and_the_others_go_on(tmp_path):
    jobs = [
        Job("bad", 2.0, pool_jobs.kill_always, str(tmp_path / "starts")),
        Job("good", 1.0, pool_jobs.write, str(tmp_path / "good")),
        Job("child", 1.0, pool_jobs.write, str(tmp_path / "child"), ("bad",)),
    ]
    outcome, said = run(jobs)
    assert (tmp_path / "starts").read_text() == "xx"
    assert list(outcome.failed) == ["bad"] and "for the second time" in outcome.failed["bad"]
    assert (
        list(outcome.finished) == ["good"]
        and outcome.skipped == ["child"]
        and "child: left out, because bad failed" in said
    )


def test_an_error_is_one_line_and_not_tried_again(tmp_path):
    outcome, said = run([Job("run_a", 1.0, pool_jobs.fail, None), Job("run_b", 1.0, pool_jobs.fill_disk, None)])
    assert outcome.failed["run_a"] == "run_a: run.yaml: field x is wrong; repair it"
    assert (
        outcome.failed["run_b"]
        == "run_b: x.safetensors: No space left on device; free some space and start again, finished work is kept"
    )
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_all_workers_and_says_so(tmp_path, number):
    mark = tmp_path / "mark"

    def stop_when_begun():
        wait_for(lambda: mark.exists() and mark.read_text())
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=stop_when_begun)
    thread.start()
    outcome, _ = run([Job("run_a", 1.0, pool_jobs.sleep, str(mark))])
    thread.join()
    assert outcome.is_stopped and not outcome.finished and not outcome.failed
    assert not is_alive(int(mark.read_text()))


def test_a_second_ctrl_c_kills_a_worker_that_does_not_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_pool, "JOIN_SECONDS", 100_000.0)
    mark = tmp_path / "mark"

    def stop_twice():
        for num_lines in (1, 2):
            wait_for(lambda wanted=num_lines: mark.exists() and mark.read_text().count("\n") == wanted)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop_twice)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run([Job("run_a", 1.0, pool_jobs.refuse_to_stop, str(mark))])
    thread.join()
    assert not is_alive(int(mark.read_text().split()[0]))


def test_a_deadline_stops_as_ctrl_c_does(tmp_path):
    outcome, _ = run([Job("run_a", 1.0, pool_jobs.sleep, str(tmp_path / "mark"))], deadline=time.monotonic() + 0.2)
    assert outcome.is_stopped and not outcome.failed


POOLS = {
    "ours": (
        """
import ladder
from ladder.workers.pool import Job, run_jobs
from ladder.workers.progress import Progress
from tests import pool_jobs
functions = (pool_jobs.sleep, pool_jobs.count_without_end)
jobs = [Job(str(place), 1.0, function, f"{sys.argv[1]}/{place}") for place, function in enumerate(functions)]
run_jobs(jobs, 2, Progress("t", {job.name: 1.0 for job in jobs}, is_quiet=True))
"""
    ),
    "of figures": (
        """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from reproduction.figures import _begin_worker
from tests import pool_jobs
with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=_begin_worker) as pool:
    list(pool.map(pool_jobs.sleep_in_executor, [f"{sys.argv[1]}/{place}" for place in range(2)]))
"""
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
@pytest.mark.parametrize("pool", POOLS)
def test_workers_end_with_a_parent_that_is_killed(tmp_path, pool):
    script = tmp_path / "pool.py"
    lines = "".join(f"    {line}\n" for line in POOLS[pool].strip().splitlines())
    script.write_text(f"import sys\nif __name__ == '__main__':\n{lines}")
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    marks = [tmp_path / str(place) for place in range(2)]
    wait_for(lambda: parent.poll() is not None or all(mark.exists() and mark.read_text() for mark in marks))
    workers = [int(mark.read_text()) for mark in marks]
    assert parent.poll() is None and all(is_alive(worker) for worker in workers)
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(is_alive(worker) for worker in workers))


def test_figures_are_drawn_by_workers_that_end_with_their_parent():
    assert "initializer=_begin_worker" in (Path(ROOT) / "reproduction" / "figures.py").read_text(encoding="utf-8")
