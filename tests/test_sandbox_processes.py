"""No process of the sandbox outlives it or the process that made it, however that ends: with namespaces, and where they
are refused as in containers."""

import signal
import subprocess

import pytest

from tests.sandbox_processes import NO_NAMESPACES_LEFT, PATIENCE_SECONDS, alive, descendants, said, start, wait_until

# Sleeps until it is ended; nothing but what a test does ends it within its patience.
SLEEPS = """
import os, signal, sys, threading, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, under which the tests may run, has it ignored
from sandbox.parent import Limits, Sandbox, SandboxError
sandbox = Sandbox(Limits(wall_seconds=36000, cpu_seconds=36000))
print(sandbox.layers["namespaces"], flush=True)
job = ("import time\\ndef f():\\n    time.sleep(36000)\\n", "def check(candidate):\\n    candidate()\\n", "f")
"""
INTERRUPTED = (
    SLEEPS
    + """
try:
    with sandbox:
        sandbox.run(*job)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    time.sleep(36000)
"""
)
CLOSED = (
    SLEEPS
    + """
def work():
    try:
        sandbox.run(*job)
    except SandboxError as error:
        print(error, flush=True)
        time.sleep(36000)
threading.Thread(target=work, daemon=True).start()
signal.sigwait({signal.SIGUSR1})
sandbox.close()
time.sleep(36000)
""".replace("threading.Thread", "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\nthreading.Thread")
)
LEFT_OPEN = (
    SLEEPS
    + """
threading.Thread(target=sandbox.run, args=job, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
signal.sigwait({signal.SIGUSR1})
"""
)
DROPPED = (
    SLEEPS
    + """
import gc
del sandbox
gc.collect()
print("dropped", flush=True)
time.sleep(36000)
"""
)
# A fork holds the pipes open: the end of the owner must be seen without their end.
HELD_BY_A_FORK = (
    SLEEPS.replace(
        "job =",
        """
if not os.fork():
    time.sleep(36000)
job =""",
    )
    + "sandbox.run(*job)\n"
)
WAYS = {
    "with namespaces": {},
    "namespaces refused": {"refuses_namespaces": True},
    "no namespaces left": {"before": NO_NAMESPACES_LEFT},
}


@pytest.fixture(params=WAYS)
def way(request):
    if request.param == "no namespaces left":
        try:
            subprocess.run([*NO_NAMESPACES_LEFT, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("no user namespace with settings of its own can be made here")
    return request.param


def sleeping(source: str, way: str, extra: int = 0) -> tuple[subprocess.Popen, set[tuple[int, str]]]:
    """A process whose attempt sleeps, and what it has started: server (two processes with namespaces), candidate, judge
    and `extra` others."""
    process = start(source, **WAYS[way])
    is_apart = said(process)
    assert is_apart in ("True", "False"), process.stderr.read()
    assert way == "with namespaces" or is_apart == "False"
    number = 3 + (is_apart == "True") + extra
    assert wait_until(lambda: len(descendants(process.pid)) == number)
    return process, descendants(process.pid)


def ended(process: subprocess.Popen) -> None:
    process.kill()
    process.communicate()


def test_ctrl_c_in_a_sleeping_attempt(way):
    process, started = sleeping(INTERRUPTED, way)
    process.send_signal(signal.SIGINT)
    assert said(process) == "interrupted"
    assert wait_until(lambda: not alive(started))
    ended(process)


def test_close_from_another_thread_in_a_sleeping_attempt(way):
    process, started = sleeping(CLOSED, way)
    process.send_signal(signal.SIGUSR1)
    assert said(process) == "the sandbox was closed during an attempt; nothing was counted for it"
    assert wait_until(lambda: not alive(started))
    ended(process)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_death_of_the_owner(way, number):
    process, started = sleeping(HELD_BY_A_FORK, way, extra=1)
    process.send_signal(number)
    process.wait(PATIENCE_SECONDS)
    assert wait_until(lambda: len(alive(started)) == 1)  # the fork
    for pid in alive(started):
        subprocess.run(["kill", "-9", str(pid)], check=True)
    process.communicate()


def test_end_of_the_interpreter_without_close(way):
    process, started = sleeping(LEFT_OPEN, way)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(PATIENCE_SECONDS) == 0
    assert wait_until(lambda: not alive(started))
    process.communicate()


def test_death_of_the_server_alone(way):
    """Nothing but the kernel can end its children then."""
    process, started = sleeping(SLEEPS + "sandbox.run(*job)\n", way)
    (server,) = [pid for pid, _ in started if _parent(pid) == process.pid]
    subprocess.run(["kill", "-9", str(server)], check=True)
    assert wait_until(lambda: not alive(started))
    ended(process)


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="ascii") as status:
        return int(status.read().rsplit(")", 1)[1].split()[1])


def test_a_sandbox_that_nobody_holds_any_more(way):
    process = start(DROPPED, **WAYS[way])
    assert said(process) in ("True", "False")
    assert said(process) == "dropped"
    assert wait_until(lambda: not descendants(process.pid))
    ended(process)


def test_processes_left_would_be_found():
    """The search sees a process whose parents have died."""
    process = start(
        "import subprocess, time\nsubprocess.Popen(['sleep', '36000'], start_new_session=True)\nprint(flush=True)\n"
        "time.sleep(36000)\n"
    )
    assert said(process) == ""
    assert wait_until(lambda: len(descendants(process.pid)) == 1)
    started = descendants(process.pid)
    process.kill()
    process.wait()
    assert not wait_until(lambda: not alive(started), patience=0.3)
    for pid in alive(started):
        subprocess.run(["kill", "-9", str(pid)], check=True)
    process.communicate()
