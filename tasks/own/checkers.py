"""Judges of attempts at a task of one's own: listed answers, a pattern, tests of a program, a Python file."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from files.text import read_text
from sandbox.parent import Verdict

Run = Callable[[str, str, str], Verdict]  # (program, tests, entry point) -> verdict; sandbox.parent.Sandbox.run
MAX_REMEMBERED = 100_000
REFUSED = "not a pass"
# Stands behind the text of a checker file, in the process of the judge; the attempt comes as plain data from the other.
_ASK = """

import json as _json


def check(candidate):
    said = passes(candidate(), _json.loads({row}))
    if said is not True and said is not False:
        raise TypeError(f"passes() returned {{said!r}}, not True or False")
    if not said:
        raise AssertionError({refused!r})
"""


@dataclass(frozen=True)
class AnswerChecker:
    """Passes the listed answers, whatever blanks and line breaks stand around them."""

    answers: tuple[str, ...]

    def passes(self, text: str) -> bool:
        """True for a listed answer."""
        return text.strip() in self.answers

    def viable(self, text: str) -> bool:
        """True for a beginning of a listed answer and for one with blanks behind it."""
        begun = text.lstrip()
        return any(answer.startswith(begun) for answer in self.answers) or self.passes(text)

    def accepted(self) -> None:
        """Blanks make the passing texts too many to list."""


@dataclass(frozen=True)
class PatternChecker:
    """Passes what a regular expression (Python's) matches as a whole."""

    pattern: re.Pattern

    def passes(self, text: str) -> bool:
        """True where the whole attempt, blanks included, is matched."""
        return self.pattern.fullmatch(text) is not None

    def viable(self, text: str) -> bool:
        """Always True: whether a beginning can still be matched is not asked."""
        return True

    def accepted(self) -> None:
        """A pattern does not list its texts."""


class TestsChecker:
    """Passes a program that passes tests: `opening` and the attempt together, or the attempt's first block between
    ``` marks (as chat models write) behind the opening."""

    __test__ = False  # no test of pytest's

    def __init__(self, opening: str, tests: str, entry_point: str, run: Run):
        self._judge = lru_cache(MAX_REMEMBERED)(
            lambda text: run(opening + fenced_program(text), tests, entry_point).passed
        )

    def passes(self, text: str) -> bool:
        """Runs the program in the sandbox, once for each distinct attempt."""
        return self._judge(text)

    def viable(self, text: str) -> bool:
        """Always True: the program is run at its end alone."""
        return True

    def accepted(self) -> None:
        """Right programs are too many to list."""


def fenced_program(text: str) -> str:
    """The first block between ``` marks, without the name of a language on the first of them; the whole text where it
    has no such block."""
    block = re.search(r"```[^\n`]*\n(.*?)(?:```|\Z)", text, re.DOTALL)
    return block.group(1) if block else text


class FileChecker:
    """Passes what `passes(attempt, row)` of a Python file calls True; the file runs in the sandbox, apart from
    everything. ValueError in one line where it cannot be read, fails, or answers anything but True or False."""

    def __init__(self, source: str, name: str, row: dict, run: Run):
        tests = source + _ASK.format(row=ascii(json.dumps(row)), refused=REFUSED)

        @lru_cache(MAX_REMEMBERED)
        def judge(text: str) -> bool:
            verdict = run(f"def attempt():\n    return {text!a}\n", tests, "attempt")
            # A checker that fails says nothing of the attempt: counted as no pass, it would measure a rate of 0.
            if not verdict.passed and verdict.reason != f"failed: AssertionError {REFUSED}":
                raise ValueError(f"{name}: the checker did not judge the attempt {text[:60]!r} ({verdict.reason})")
            return verdict.passed

        self._judge = judge

    def passes(self, text: str) -> bool:
        """Asks the file, once for each distinct attempt."""
        return self._judge(text)

    def viable(self, text: str) -> bool:
        """Always True: the file is asked at the end alone."""
        return True

    def accepted(self) -> None:
        """A file does not list its texts."""


def read_checker(path: Path) -> str:
    """The text of a checker file. ValueError in one line where it is absent, no text, or defines no `passes`."""
    source = read_text(path, "write a Python file that defines passes(attempt, row)", "checker")
    if not re.search(r"^def passes\(", source, re.MULTILINE):
        raise ValueError(f"{path}: defines no function passes(attempt, row); add it, it returns True or False")
    return source
