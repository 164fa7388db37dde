"""No program leaves the sandbox, hangs it, or forges a pass; right programs pass; a sandbox that dies costs nothing."""

import os
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from evaluation import sandbox_filter
from evaluation.sandbox import Limits, Sandbox, SandboxError, run_all
from tests.sandbox_attacks import ESCAPES, EXHAUSTIONS, FORGERIES

RIGHT = "def f(x):\n    return x[::-1]\n"
RIGHT_TESTS = "def check(candidate):\n    assert candidate([1, 2]) == [2, 1]\n    assert candidate('ab') == 'ba'\n    assert f((1,)) == (1,)\n"
WANTED = "wanted-" + os.urandom(16).hex()
FORGERY_TESTS = f"def check(candidate):\n    try:\n        value = candidate()\n    except Exception:\n        value = 0\n    assert value == {WANTED!r}\n"
ESCAPE_TESTS = "def check(candidate):\n    assert candidate() == 'escaped'\n"
LIMITS = Limits(wall_seconds=3.0, cpu_seconds=1)
ATTACKS = [(name, program, ESCAPE_TESTS) for name, program in (ESCAPES | EXHAUSTIONS).items()]
ATTACKS += [(name, program, FORGERY_TESTS) for name, program in FORGERIES.items()]


@pytest.fixture(scope="module")
def verdicts():
    """Of all attacks, each between right programs on the same servers, so that a server that an attack damaged would show."""
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
    assert attack.reason and "\n" not in attack.reason and len(attack.reason) < 300
    assert attack.seconds < LIMITS.wall_seconds + 3
    assert right.passed, right.reason
    assert not any(os.path.lexists(os.path.join(tempfile.gettempdir(), name)) for name in ("escaped", "link", "folder"))


def test_attacks_would_be_seen_to_succeed():
    """Their tests pass a program that has what it wants."""
    assert all(verdict.passed for verdict in run_all([("def f():\n    return 'escaped'\n", ESCAPE_TESTS, "f"),
                                                     (f"def f():\n    return {WANTED!r}\n", FORGERY_TESTS, "f")], 1, LIMITS))


@pytest.mark.parametrize("value", [None, True, 3, -(2**70), 1.5, float("inf"), "h\u00e9", b"\0", 1j, [1, (2,)], {"a": {1, 2}}, frozenset({1})])
def test_plain_data_goes_there_and_comes_back(value, sandbox):
    tests = f"inf = float('inf')\ndef check(candidate):\n    value = candidate({value!r})\n    assert value == {value!r} and type(value) is type({value!r})\n"
    verdict = sandbox.run("def f(x):\n    return x\n", tests, "f")
    assert verdict.passed, verdict.reason
    assert verdict.layers["filter"] and verdict.layers["limits and session"]


def test_subclasses_and_named_arguments_and_exceptions_reach_the_tests(sandbox):
    program = "from collections import Counter\ndef f(text, fails=False):\n    if fails:\n        raise ValueError(text)\n    return Counter(text)\n"
    tests = ("def check(candidate):\n    assert candidate('aab') == {'a': 2, 'b': 1}\n    try:\n        candidate(text='x', fails=True)\n"
             "    except ValueError:\n        return\n    assert False\n")
    assert sandbox.passes(program, tests, "f")


@pytest.mark.parametrize("module", ["math", "re", "collections", "itertools", "heapq", "hashlib", "datetime", "statistics", "typing", "string", "functools"])
def test_usual_modules_can_be_imported(module, sandbox):
    assert sandbox.passes(f"import {module}\ndef f():\n    return {module}.__name__\n", f"def check(candidate):\n    assert candidate() == {module!r}\n", "f")


def test_nothing_is_left_for_the_next_attempt(sandbox):
    assert sandbox.passes("import math\nmath.leftover = 1\ndef f():\n    return 1\n", "def check(candidate):\n    assert candidate() == 1\n", "f")
    program = "import math\ndef f():\n    return hasattr(math, 'leftover')\n"
    assert sandbox.passes(program, "def check(candidate):\n    assert candidate() is False\n", "f")


def test_no_process_is_left():
    with Sandbox(LIMITS) as sandbox:
        group = sandbox._process.pid
        sandbox.run("import time\ntime.sleep(100)\n", RIGHT_TESTS, "f")
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


def test_a_server_that_dies_is_started_again_and_nothing_is_lost():
    with Sandbox(LIMITS) as sandbox:
        os.killpg(sandbox._process.pid, signal.SIGKILL)
        assert sandbox.passes(RIGHT, RIGHT_TESTS, "f")
        assert sandbox.num_restarts == 1


def test_a_server_that_stands_still_is_replaced(monkeypatch):
    monkeypatch.setattr("evaluation.sandbox.GRACE_SECONDS", 0.5)
    with Sandbox(Limits(wall_seconds=1.0)) as sandbox:
        os.killpg(sandbox._process.pid, signal.SIGSTOP)
        sent = next(pid for pid in _children(sandbox._process.pid)) if sandbox.layers["namespaces"] else sandbox._process.pid
        os.kill(sent, signal.SIGSTOP)
        began = time.monotonic()
        assert sandbox.run(RIGHT, RIGHT_TESTS, "f").reason in ("passed", "timeout")
        assert sandbox.num_restarts == 1 and time.monotonic() - began < 15


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as listed:
        return [int(child) for child in listed.read().split()]


def test_a_server_that_dies_twice_gives_one_line():
    with Sandbox(LIMITS) as sandbox, ThreadPoolExecutor(1) as pool:
        future = pool.submit(sandbox.run, "while True:\n    pass\n", RIGHT_TESTS, "f")
        while not future.done():
            process = sandbox._process
            if process is not None and process.poll() is None and (sandbox.layers or sandbox.num_restarts):
                time.sleep(0.2)
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        with pytest.raises(SandboxError, match="^the sandbox d[^\n]*$"):
            future.result()
        assert sandbox.passes(RIGHT, RIGHT_TESTS, "f")


def test_runs_nothing_where_the_filter_does_not_hold(monkeypatch):
    monkeypatch.setattr(sandbox_filter, "REFUSE", sandbox_filter.ALLOW)
    with pytest.raises(SandboxError, match="does not hold on this machine .missing: filter"):
        Sandbox(LIMITS)


def test_refuses_another_system(monkeypatch):
    monkeypatch.setattr(sandbox_filter, "MACHINES", {})
    with pytest.raises(SandboxError, match="needs seccomp of Linux"):
        Sandbox(LIMITS)


def test_bad_limits_and_numbers():
    with pytest.raises(ValueError, match="memory_bytes is 0"):
        Limits(memory_bytes=0)
    with pytest.raises(ValueError, match="num_workers is 0"):
        run_all([], 0)


def test_an_endless_text_is_not_sent(sandbox):
    assert "longer than" in sandbox.run("#" * (1 << 21), RIGHT_TESTS, "f").reason
