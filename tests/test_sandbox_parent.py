"""No program leaves the sandbox, hangs it, or forges a pass; right programs pass; a sandbox that dies costs nothing."""

import os
import signal
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox import filter
from sandbox.parent import Limits, Sandbox, SandboxError, run_all
from tests.sandbox_attacks import ESCAPES, EXHAUSTIONS, FORGERIES
from tests.sandbox_processes import alive, descendants, processes, wait_until

RIGHT = "def f(x):\n    return x[::-1]\n"
RIGHT_TESTS = (
    "def check(candidate):\n    assert candidate([1, 2]) == [2, 1]\n    assert candidate('ab') == 'ba'\n    assert"
    " f((1,)) == (1,)\n"
)
WANTED = "wanted-" + os.urandom(16).hex()
FORGERY_TESTS = (
    "def check(candidate):\n    try:\n        value = candidate()\n    except Exception:\n        value = 0\n   "
    f" assert value == {WANTED!r}\n"
)
ESCAPE_TESTS = "def check(candidate):\n    assert candidate() == 'escaped'\n"
LIMITS = Limits(wall_seconds=3.0, cpu_seconds=1)
PATIENCE_SECONDS = 600.0  # on a busy machine
ATTACKS = [(name, program, ESCAPE_TESTS) for name, program in (ESCAPES | EXHAUSTIONS).items()]
ATTACKS += [(name, program, FORGERY_TESTS) for name, program in FORGERIES.items()]


@pytest.fixture(scope="module")
def verdicts():
    """Of all attacks, each between right programs on the same servers, so that a server that an attack damaged would
    show."""
    jobs = [job for _, program, tests in ATTACKS for job in ((program, tests, "f"), (RIGHT, RIGHT_TESTS, "f"))]
    return run_all(jobs, 4, LIMITS)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(LIMITS) as started:
        yield started


def test_at_least_thirty_attacks_are_tried():
    assert len({name for name, *_ in ATTACKS}) == len(ATTACKS) >= 30


@pytest.mark.parametrize("place", range(len(ATTACKS)), ids=[name for name, *_ in ATTACKS])
def test_attack_does_not_pass_and_harms_nobody(place, verdicts):
    attack, right = verdicts[2 * place : 2 * place + 2]
    assert not attack.passed
    assert attack.reason.isascii() and attack.reason.isprintable() and 0 < len(attack.reason) < 300
    assert attack.seconds < PATIENCE_SECONDS
    assert right.passed, right.reason
    assert not any(os.path.lexists(os.path.join(tempfile.gettempdir(), name)) for name in ("escaped", "link", "folder"))


def test_attacks_would_be_seen_to_succeed():
    """Their tests pass a program that has what it wants."""
    assert all(
        verdict.passed
        for verdict in run_all(
            [
                ("def f():\n    return 'escaped'\n", ESCAPE_TESTS, "f"),
                (f"def f():\n    return {WANTED!r}\n", FORGERY_TESTS, "f"),
            ],
            1,
            LIMITS,
        )
    )


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -(2**70), 1.5, float("inf"), "h\u00e9", b"\0", 1j, [1, (2,)], {"a": {1, 2}}, frozenset({1})],
)
def test_plain_data_goes_there_and_comes_back(value, sandbox):
    tests = (
        f"inf = float('inf')\ndef check(candidate):\n    value = candidate({value!r})\n    assert value == {value!r}"
        f" and type(value) is type({value!r})\n"
    )
    verdict = sandbox.run("def f(x):\n    return x\n", tests, "f")
    assert verdict.passed, verdict.reason
    assert verdict.layers["filter"] and verdict.layers["limits and session"]


def test_subclasses_and_named_arguments_and_exceptions_reach_the_tests(sandbox):
    program = (
        "from collections import Counter\ndef f(text, fails=False):\n    if fails:\n        raise ValueError(text)\n   "
        " return Counter(text)\n"
    )
    tests = (
        "def check(candidate):\n    assert candidate('aab') == {'a': 2, 'b': 1}\n    try:\n"
        "        candidate(text='x', fails=True)\n"
        "    except ValueError:\n        return\n    assert False\n"
    )
    assert sandbox.passes(program, tests, "f")


def test_nothing_is_left_for_the_next_attempt(sandbox):
    assert sandbox.passes(
        "import math\nmath.leftover = 1\ndef f():\n    return 1\n",
        "def check(candidate):\n    assert candidate() == 1\n",
        "f",
    )
    program = "import math\ndef f():\n    return hasattr(math, 'leftover')\n"
    assert sandbox.passes(program, "def check(candidate):\n    assert candidate() is False\n", "f")


def test_no_process_is_left():
    """While one sleeps; more in test_sandbox_processes.py."""
    with Sandbox(LIMITS) as sandbox:
        server = sandbox._process.pid
        started = {(server, processes()[server][2])} | descendants(server)
        assert sandbox.run("import time\ntime.sleep(100)\n", RIGHT_TESTS, "f").reason == "timeout: asleep for 3 s"
        assert {entry for entry in started if entry[0] != server} == descendants(server)
    assert server not in alive(started)
    assert wait_until(lambda: not alive(started))


def test_ctrl_c_does_not_leave_its_answer_to_the_next_attempt(sandbox):
    timer = threading.Timer(0.5, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        sandbox.run("import time\ndef f(x):\n    time.sleep(2)\n", RIGHT_TESTS, "f")
    assert sandbox.passes(RIGHT, RIGHT_TESTS, "f")


def test_one_sandbox_serves_several_threads(sandbox):
    jobs = [
        (f"def f():\n    return {number}\n", f"def check(candidate):\n    assert candidate() == {number}\n", "f")
        for number in range(8)
    ]
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda job: sandbox.passes(*job), jobs))


def test_a_forked_process_has_a_server_of_its_own():
    with Sandbox(LIMITS) as sandbox:
        server = sandbox._process.pid
        child = os.fork()
        if not child:
            with sandbox:
                is_right = sandbox.passes(RIGHT, RIGHT_TESTS, "f") and sandbox._process.pid != server
            os._exit(0 if is_right else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert sandbox.passes(RIGHT, RIGHT_TESTS, "f") and sandbox._process.pid == server and sandbox.num_restarts == 0


def test_a_server_that_dies_is_started_again_and_nothing_is_lost():
    with Sandbox(LIMITS) as sandbox:
        os.killpg(sandbox._process.pid, signal.SIGKILL)
        assert sandbox.passes(RIGHT, RIGHT_TESTS, "f")
        assert sandbox.num_restarts == 1


def test_a_server_that_stands_still_is_replaced(monkeypatch):
    with Sandbox(Limits(wall_seconds=1.0)) as sandbox:
        monkeypatch.setattr("sandbox.parent.GRACE_SECONDS", 1.5)
        stopped = sandbox._process.pid
        for pid in [stopped, *(pid for pid, _ in descendants(stopped))]:
            os.kill(pid, signal.SIGSTOP)

        def patient_from_now_on(start=sandbox._start):
            monkeypatch.setattr("sandbox.parent.GRACE_SECONDS", PATIENCE_SECONDS)
            start()

        monkeypatch.setattr(sandbox, "_start", patient_from_now_on)
        assert sandbox.passes(RIGHT, RIGHT_TESTS, "f")
        assert sandbox.num_restarts == 1 and sandbox._process.pid != stopped


def test_a_server_that_dies_twice_gives_one_line(monkeypatch):
    with Sandbox(LIMITS) as sandbox:

        def dies(*_, read=sandbox._read):
            os.killpg(sandbox._process.pid, signal.SIGKILL)
            return read(PATIENCE_SECONDS)

        starting = sandbox._read
        replies = [dies, starting, dies]  # to the attempt, to the second start, to the attempt again
        monkeypatch.setattr(sandbox, "_read", lambda patience: replies.pop(0)(patience))
        with pytest.raises(
            SandboxError, match="^the sandbox died twice at one attempt[^\n]*nothing was counted[^\n]*$"
        ):
            sandbox.run("while True:\n    pass\n", RIGHT_TESTS, "f")
        monkeypatch.undo()
        assert sandbox.passes(RIGHT, RIGHT_TESTS, "f")


def test_runs_nothing_where_the_filter_does_not_hold(monkeypatch):
    monkeypatch.setattr(filter, "REFUSE", filter.ALLOW)
    with pytest.raises(SandboxError, match="does not hold on this machine .missing: filter"):
        Sandbox(LIMITS)


def test_refuses_another_system(monkeypatch):
    monkeypatch.setattr(filter, "MACHINES", {})
    with pytest.raises(SandboxError, match="^the sandbox needs seccomp of Linux[^\n]*$"):
        Sandbox(LIMITS)


def test_bad_limits_and_numbers():
    with pytest.raises(ValueError, match="memory_bytes is 0"):
        Limits(memory_bytes=0)
    with pytest.raises(ValueError, match="num_workers is 0"):
        run_all([], 0)


def test_an_endless_text_is_not_sent(sandbox):
    assert "longer than" in sandbox.run("#" * (1 << 21), RIGHT_TESTS, "f").reason
