"""The sandbox starts with the first program and ends with its context."""

import sys

import pytest

from evaluation.passuntil.programs import Programs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs seccomp of Linux")
TESTS = "def check(f):\n    assert f() == 1\n"


def test_a_sandbox_is_started_once_and_only_where_a_program_is_run():
    with Programs() as programs:
        assert programs._sandbox is None
        assert programs.passes("def f():\n    return 1\n", TESTS, "f")
        started = programs._sandbox
        assert programs.run("def f():\n    return 2\n", TESTS, "f").reason.startswith("failed")
        assert programs._sandbox is started and started._process is not None
    assert programs._sandbox is None and started._process is None
