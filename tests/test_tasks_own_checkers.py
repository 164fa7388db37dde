"""Judges of one's own tasks: answers, patterns, tests of programs, checker files and what a failing one says."""

import re
import sys

import pytest

from sandbox.parent import Sandbox
from tasks.own.checkers import AnswerChecker, FileChecker, PatternChecker, TestsChecker, fenced_program, read_checker

needs_seccomp = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs seccomp of Linux")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


def test_answers_pass_whatever_blanks_stand_around_them():
    judge = AnswerChecker(("four", "4"))
    assert all(map(judge.passes, ("4", " four", "\nfour \n"))) and not any(map(judge.passes, ("", "44", "fo ur")))
    assert all(map(judge.viable, ("", "  ", " fo", "four  ", "\n4"))) and not any(map(judge.viable, ("5", "four x")))


def test_a_pattern_matches_the_whole_attempt():
    judge = PatternChecker(re.compile(r"\s*(4|four)\.?"))
    assert judge.passes(" four.") and judge.passes("4") and not judge.passes("4 or 5") and not judge.passes("so 4")
    assert judge.viable("so") and judge.accepted() is None


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("    return 1\n", "    return 1\n"),
        ("Here:\n```python\ndef f():\n    pass\n```\nDone, see ```x```", "def f():\n    pass\n"),
        ("```\nx = 1", "x = 1"),
        ("```py", "```py"),
    ],
)
def test_the_program_of_a_chat_model_stands_between_marks(text, program):
    assert fenced_program(text) == program


@needs_seccomp
def test_programs_are_run_behind_their_opening(sandbox):
    tests = "def check(double):\n    assert double(4) == 8\n"
    judge = TestsChecker("def double(x):\n", tests, "double", sandbox.run)
    assert judge.passes("    return 2 * x\n") and not judge.passes("    return x\n") and not judge.passes("(")
    chat = TestsChecker("", tests, "double", sandbox.run)
    assert chat.passes("Sure:\n```python\ndef double(x):\n    return x + x\n```") and not chat.passes("x + x")


CHECKER = """
import re

def passes(attempt, row):
    numbers = re.findall(r"-?[0-9]+", attempt)
    return bool(numbers) and int(numbers[-1]) == row["sum"]
"""


@needs_seccomp
def test_a_checker_file_judges_the_text_and_its_row(sandbox):
    judge = FileChecker(CHECKER, "mine.py", {"prompt": "2 + 2 \u00e9\n'", "sum": 4}, sandbox.run)
    assert (
        judge.passes("2 + 2 = 4") and judge.passes('"\\\n\u00e9 4') and not judge.passes("5") and not judge.passes("")
    )


@needs_seccomp
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return row['absent'] == 1", "KeyError"),
        ("return 1", r"TypeError passes\(\) returned 1"),
        ("assert False", "AssertionError"),
        ("import numpy", "ModuleNotFoundError"),
        ("while True: pass", "timeout"),
    ],
)
def test_a_checker_that_fails_is_no_refused_attempt(sandbox, body, reason):
    judge = FileChecker(f"def passes(attempt, row):\n    {body}\n", "mine.py", {}, sandbox.run)
    with pytest.raises(ValueError, match=rf"mine.py: the checker did not judge the attempt 'x' \(.*{reason}"):
        judge.passes("x")


def test_a_file_without_the_function_is_named(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def judge(attempt):\n    return True\n")
    with pytest.raises(ValueError, match=r"mine.py: defines no function passes\(attempt, row\)"):
        read_checker(path)
    with pytest.raises(ValueError, match="no such file"):
        read_checker(tmp_path / "absent.py")
