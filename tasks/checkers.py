"""What passes: for every task of paper P (and for the maths and exam tasks of paper L) a checker of sampled attempts.

Texts are compared as they are, leading space included: an attempt is what the model adds behind the context, up to the
stop.
"""

import json
from dataclasses import dataclass
from typing import Protocol

from tasks.base import Item, Task
from tasks.knowledge import KNOWLEDGE_TASKS
from tasks.maths import MATHS_TASKS
from tasks.pass_tasks import PASS_ONLY_TASKS
from tasks.programs import Tests, is_viable, passes_tests


class Checker(Protocol):
    """Judges the attempts at one item."""

    def passes(self, text: str) -> bool:
        """True where the complete attempt is right."""

    def viable(self, text: str) -> bool:
        """True where this text or a continuation of it may still pass. Prefix-closed: viable(t + u) implies
        viable(t)."""

    def accepted(self) -> tuple[str, ...] | None:
        """All texts that pass, where they can be listed."""


@dataclass(frozen=True)
class ExactChecker:
    """Passes the listed texts and no other."""

    texts: tuple[str, ...]

    def passes(self, text: str) -> bool:
        """True for a listed text."""
        return text in self.texts

    def viable(self, text: str) -> bool:
        """True for a beginning of a listed text."""
        return any(accepted.startswith(text) for accepted in self.texts)

    def accepted(self) -> tuple[str, ...]:
        """The listed texts."""
        return self.texts


@dataclass(frozen=True)
class ProgramChecker:
    """Passes every program of the closed language that gives the right output on all hidden tests."""

    tests: Tests

    def passes(self, text: str) -> bool:
        """Runs the program; it cannot hang (corpus/pages/programs.py)."""
        return passes_tests(text, self.tests)

    def viable(self, text: str) -> bool:
        """True for the beginning of a program, right or wrong."""
        return is_viable(text)

    def accepted(self) -> None:
        """Right programs are too many to list."""


@dataclass(frozen=True)
class SolutionChecker:
    """Passes every solution whose extracted answer is right, whatever its chain of thought (exact match of paper L)."""

    task: Task
    answer: str

    def passes(self, text: str) -> bool:
        """True where the text behind the last answer mark is the answer."""
        return self.task.extract(text) == self.answer

    def viable(self, text: str) -> bool:
        """Always True: a wrong answer may be followed by another answer mark, and the last one counts."""
        return True

    def accepted(self) -> None:
        """Solutions are too many to list."""


def _program_checker(item: Item) -> ProgramChecker:
    try:
        tests = tuple((tuple(given), tuple(wanted)) for given, wanted in json.loads(item.answer)["tests"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"task {item.task}, item {item.item_id}: field answer holds no tests ({error}); rebuild it with `python -m"
            " corpus`"
        ) from error
    return ProgramChecker(tests)


_MATHS = {task.name: task for task in MATHS_TASKS}
_EXAMS = {task.name: task for task in KNOWLEDGE_TASKS if task.name in ("exam", "exam_zh")}
_TASKS = {task.name: task for task in PASS_ONLY_TASKS} | _MATHS | _EXAMS


def checker(task_name: str, item: Item) -> Checker:
    """The checker of an item. ValueError in one line for a task without checker and for an item of another task."""
    if task_name not in _TASKS:
        raise ValueError(f"task {task_name!r} has no checker; choose one of {', '.join(_TASKS)}")
    if item.task != task_name:
        raise ValueError(
            f"item {item.item_id} is of task {item.task!r}, not of {task_name!r}; read the items of that task"
        )
    if isinstance(item.answer, int) != (task_name in _EXAMS):
        wanted = "the index of a choice" if task_name in _EXAMS else "a text"
        raise ValueError(
            f"task {task_name}, item {item.item_id}: field answer is {item.answer!r}, not {wanted}; "
            "rebuild it with `python -m corpus`"
        )
    if task_name in _EXAMS:
        return ExactChecker((item.requests[item.answer][1],))
    if task_name in _MATHS:
        return SolutionChecker(_MATHS[task_name], item.answer)
    return _program_checker(item) if task_name == "program_synthesis" else ExactChecker((item.answer,))


def attempt_limits(task_name: str) -> tuple[str, int]:
    """(stop, max_new_tokens) of an attempt: an exam answer is one token, the others as their task says. ValueError as
    `checker`."""
    if task_name not in _TASKS:
        raise ValueError(f"task {task_name!r} has no checker; choose one of {', '.join(_TASKS)}")
    return ("", 1) if task_name in _EXAMS else (_TASKS[task_name].stop, _TASKS[task_name].max_new_tokens)
