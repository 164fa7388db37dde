"""The server on its own: it ends with its input, says what holds, and its candidate holds nothing of the tests."""

import json
import subprocess
import sys

from sandbox import filter
from sandbox.child import ENCODINGS, MODULES
from sandbox.parent import child_source
from sandbox.values import LENGTH, LENGTHS

LIMITS = {"wall_seconds": 60.0, "cpu_seconds": 30, "memory_bytes": 1 << 29, "reply_bytes": 1 << 16}
# Looks through all containers of its interpreter for a word of the tests.
SEARCH = """
import gc
gc.unfreeze()
def f():
    word = "".join(["hid", "den-mark"])  # never in one piece in a container
    texts = [o for o in gc.get_objects() if isinstance(o, (dict, list, tuple))]
    return any(word in repr(o)[:200000] for o in texts)
"""


def talk(*attempts: tuple[str, str], settings: dict | None = None) -> tuple[int, list]:
    """Exit status of the server and its messages after these (program, tests)."""
    settings = settings or {"limits": LIMITS, "filter": filter.filter_program().hex()}
    data = json.dumps(settings).encode()
    data = LENGTH.pack(len(data)) + data
    for attempt in attempts:
        texts = [json.dumps([text, "f"]).encode() for text in attempt]
        data += LENGTHS.pack(*map(len, texts)) + b"".join(texts)
    command = [sys.executable, "-P", "-s", "-S", "-c", child_source()]
    ended = subprocess.run(command, input=data, capture_output=True, env={"PYTHONHASHSEED": "0"}, timeout=600)
    messages, rest = [], ended.stdout
    while rest:
        (length,) = LENGTH.unpack(rest[: LENGTH.size])
        message = json.loads(rest[LENGTH.size : LENGTH.size + length])
        messages += [] if message is None else [message]  # null is a sign of life
        rest = rest[LENGTH.size + length :]
    return ended.returncode, messages


def test_server_says_its_layers_and_ends_with_its_input():
    status, (layers,) = talk()
    assert status == 0
    assert set(layers) == {
        "same addresses",
        "namespaces",
        "empty root",
        "no capabilities",
        "filter",
        "limits and session",
    }
    assert layers["filter"] and layers["limits and session"] and layers["no capabilities"]


def test_filter_layer_is_found_absent_where_all_is_allowed():
    everything = (b"\x06\0\0\0" + (0x7FFF0000).to_bytes(4, "little")).hex()
    _, (layers,) = talk(settings={"limits": LIMITS, "filter": everything})
    assert layers["filter"] is False


def test_damaged_filter_holds_nothing():
    _, (layers,) = talk(settings={"limits": LIMITS, "filter": "00" * 8})
    assert layers["filter"] is False and layers["limits and session"] is False


def test_attempts_follow_one_another_and_hold_nothing_of_the_tests_or_of_the_last():
    tests = "MARK = 'hidden-mark'\ndef check(candidate):\n    assert candidate() is False\n"
    status, (_, first, second) = talk((SEARCH, tests), (SEARCH, tests))
    assert (status, first, second) == (0, [True, "passed"], [True, "passed"])


def test_search_would_find_a_mark_of_its_own():
    tests = "def check(candidate):\n    assert candidate() is True\n"
    _, (_, verdict) = talk((SEARCH + "held = ['hidden-mark']\n", tests))
    assert verdict == [True, "passed"]


def test_all_modules_are_of_the_standard_library():
    assert {name.split(".")[0] for name in MODULES} <= set(sys.stdlib_module_names)
    assert all(f"encodings.{name}" in sys.modules or __import__(f"encodings.{name}") for name in ENCODINGS)


def test_a_long_attempt_gives_signs_of_life():
    program = "import time\ndef f():\n    time.sleep(2.5)\n    return 1\n"
    _, (_, verdict) = talk((program, "def check(candidate):\n    assert candidate() == 1\n"))
    assert verdict == [True, "passed"]
    settings = json.dumps({"limits": LIMITS, "filter": filter.filter_program().hex()}).encode()
    texts = [json.dumps([text, "f"]).encode() for text in (program, "def check(candidate):\n    candidate()\n")]
    data = LENGTH.pack(len(settings)) + settings + LENGTHS.pack(*map(len, texts)) + b"".join(texts)
    ended = subprocess.run(
        [sys.executable, "-S", "-c", child_source()], input=data, capture_output=True, env={}, timeout=600
    )
    assert ended.stdout.count(LENGTH.pack(4) + b"null") >= 1
