"""Sleep and processor time of real processes: what sleeps is seen to sleep, what waits for a processor is not, and each
end has its reason."""

import os
import signal
import time

import pytest

from sandbox.watch import Watch, Watched, shown_pid

LIMITS = {"wall_seconds": 3600.0, "cpu_seconds": 3600.0, "memory_bytes": 1 << 30}
BUSY = "end = time.process_time() + 0.4\nwhile time.process_time() < end:\n    pass\ntime.sleep(3600)"


@pytest.fixture
def proc():
    descriptor = os.open("/proc", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def child(source: str) -> int:
    pid = os.fork()
    if not pid:
        try:
            exec(source, {"os": os, "time": time, "signal": signal})
        finally:
            os._exit(0)
    return pid


def watch_of(source: str, proc: int | None, **limits) -> tuple[Watch, int]:
    watch, pid = Watch(LIMITS | limits, proc), child(source)
    watch.add(pid, pid if proc is not None else 0)
    return watch, pid


def reason(watch: Watch, patience: float = 240.0) -> str:
    deadline = time.monotonic() + patience
    while not (said := watch.over()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return said


def test_a_sleeper_has_had_its_time(proc):
    watch, _ = watch_of("time.sleep(3600)", proc, wall_seconds=0.3)
    assert reason(watch) == "timeout: asleep for 0.3 s"
    assert watch.end(False) == ""


def test_a_sleeper_that_wakes_often_has_too(proc):
    watch, _ = watch_of("while True: time.sleep(0.001)", proc, wall_seconds=0.5)
    assert reason(watch).startswith("timeout: asleep")
    watch.end(False)


def test_without_proc_a_sleeper_ends_too(proc, monkeypatch):
    monkeypatch.setattr("sandbox.watch.BLIND_FACTOR", 2)
    watch, _ = watch_of("time.sleep(3600)", None, wall_seconds=0.2)
    assert reason(watch) == "timeout: asleep for 0.2 s"
    watch.end(False)


def test_one_of_two_that_computes_keeps_both_awake(proc):
    watch, _ = watch_of("time.sleep(3600)", proc, wall_seconds=0.4, cpu_seconds=1.5)
    busy = child("while True: pass")
    watch.add(busy, busy)
    assert reason(watch) == "timeout: more than 1.5 s of processor time"
    assert watch.end(False).startswith("timeout: more than")


def test_a_process_that_waits_for_a_processor_is_not_asleep(proc):
    """All on one processor, of which the watched one has a seventh: it takes far longer than it may sleep, and counts
    as awake."""
    spin = "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    others = [child(spin + "while True: pass") for _ in range(6)]
    watch, pid = watch_of(spin + BUSY, proc, wall_seconds=0.5)
    try:
        began = time.monotonic()
        assert reason(watch) == "timeout: asleep for 0.5 s"
        assert time.clock_gettime((~pid << 3) | 2) >= 0.4, "it was ended before it had computed"
        assert time.monotonic() - began > 2 * (0.4 + 0.5)
    finally:
        watch.end(False)
        for other in others:
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)


def test_a_watch_that_was_held_up_counts_little_sleep(proc):
    watch, _ = watch_of("time.sleep(3600)", proc, wall_seconds=0.5)
    time.sleep(1.0)  # as if it had waited for a processor itself
    assert watch.over() == ""
    assert reason(watch)
    watch.end(False)


@pytest.mark.parametrize(
    "source,said",
    [
        ("os.kill(os.getpid(), signal.SIGSYS)", "failed: crashed (SIGSYS)"),
        ("os._exit(1)", ""),
        ("x = bytearray(300 << 20); os.kill(os.getpid(), signal.SIGKILL)", "failed: killed for its memory"),
    ],
)
def test_ends(proc, source, said):
    watch, pid = watch_of("import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n" + source, proc)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert watch.end(True) == said


def test_a_process_killed_from_outside_says_nothing_of_the_program(proc):
    # A fork starts with the peak memory of this test process, which may be a gigabyte: far below the limit all the
    # same.
    watch, pid = watch_of("time.sleep(3600)", proc, memory_bytes=1 << 40)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ProcessLookupError, match="killed from outside"):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        watch.end(True)


def test_processor_time_counts_to_the_end_and_not_to_the_last_look(proc):
    watch, pid = watch_of(
        "end = time.process_time() + 0.4\nwhile time.process_time() < end: pass", proc, cpu_seconds=0.2
    )
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert watch.end(True) == "timeout: more than 0.2 s of processor time"


def test_own_number_in_proc(proc):
    assert shown_pid(proc) == os.getpid() and shown_pid(None) == 0
    watched = Watched(os.getpid(), os.getpid(), proc)
    assert watched.is_visible and watched.is_busy() and watched.active_seconds() > 0 and watched.cpu_seconds() > 0
    assert not Watched(os.getpid(), 0, proc).is_visible
