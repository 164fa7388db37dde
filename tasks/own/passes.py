r"""A task of one's own from a file of json lines, for measurements of pass rates.

One object a line. `prompt` is what the model reads; one of these says what passes:

    {"prompt": "Q: 2 + 2\nA:", "answer": "4"}                       answers, blanks around them left out of account
    {"prompt": "Q: a vowel\nA:", "answers": ["a", "e", "i"]}
    {"prompt": "Q: 2 + 2\nA:", "regex": "\\s*(4|four)\\.?"}        the whole attempt is matched
    {"prompt": "def double(x):\n", "entry_point": "double",         a program: prompt and attempt together, or `opening`
     "tests": "def check(double):\n    assert double(4) == 8\n"}    and attempt where the line has a field opening

With a checker file, every line is judged by its `passes(attempt, row)`, row being the object of the line. Beside
regex, tests and a checker file, `answer` is a reference: its likelihood stands in the table, and it must pass.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from files.text import numbered_lines, parse_json, read_text
from tasks.checkers import Checker
from tasks.own.checkers import AnswerChecker, FileChecker, PatternChecker, Run, TestsChecker, read_checker

WAYS = ("regex", "tests", "answers", "answer")
REMEDY = "see `python -m evaluation.passuntil --help` for the form of a line"


@dataclass(frozen=True)
class OwnItem:
    """One line: what the model reads, a right answer where the line names one, and the judge of attempts."""

    item_id: int  # the place of the line among those that are not empty, from 0
    prompt: str
    reference: str | None
    checker: Checker


def load_own_passes(
    path: Path, run: Run, checker_file: Path | None = None, num_items: int | None = None, is_chat: bool = False
) -> tuple[OwnItem, ...]:
    """The first `num_items` items of a file. run: runs programs and checker files (sandbox.parent.Sandbox.run).

    is_chat: prompts are messages, no beginnings of programs. ValueError in one line naming file and line for a line
    that says nothing of what passes, or whose own reference does not."""
    source = None if checker_file is None else read_checker(checker_file)
    items = []
    for number, line in numbered_lines(read_text(path, REMEDY, "items")):
        try:
            row = parse_json(line)
            if not isinstance(row, dict):
                raise ValueError("no object")
            judge = FileChecker(source, str(checker_file), row, run) if source else _checker(row, run, is_chat)
            items.append(_item(len(items), row, judge))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}; {REMEDY}") from error
        if len(items) == num_items:
            break
    if not items or (num_items is not None and not 1 <= num_items <= len(items)):
        raise ValueError(f"{path}: holds {len(items)} items, {num_items or 1} are asked for; ask for those there are")
    return tuple(items)


def _checker(row: dict, run: Run, is_chat: bool) -> Checker:
    way = next((name for name in WAYS if name in row), None)
    if way is None:
        raise ValueError(f"no field says what passes; give one of {', '.join(WAYS)}, or a checker file")
    if way == "answers":
        answers = row["answers"]
        if not isinstance(answers, list) or not answers or not all(_is_text(text) for text in answers):
            raise ValueError("field answers is no list of texts")
        return AnswerChecker(tuple(text.strip() for text in answers))
    if way == "answer":
        return AnswerChecker((_text(row, "answer").strip(),))
    if way == "regex":
        try:
            return PatternChecker(re.compile(_text(row, "regex")))
        except re.error as error:
            raise ValueError(f"field regex is no regular expression ({error})") from error
    entry_point = _text(row, "entry_point")
    if not entry_point.isidentifier():
        raise ValueError(f"field entry_point is {entry_point!r}, not the name of a function")
    opening = "" if is_chat else _text(row, "prompt")
    if "opening" in row and not isinstance(opening := row["opening"], str):
        raise ValueError("field opening is no text")
    return TestsChecker(opening, _text(row, "tests"), entry_point, run)


def _item(item_id: int, row: dict, judge: Checker) -> OwnItem:
    """The item of a line, its checker tried on the reference or else on an empty attempt: a checker that fails is found
    before anything is sampled."""
    reference = _text(row, "answer") if "answer" in row else None
    if reference is None and isinstance(judge, AnswerChecker):
        reference = judge.answers[0]
    prompt = _text(row, "prompt")
    if reference is None:
        judge.passes("")
        return OwnItem(item_id, prompt, None, judge)
    # A model writes a blank before the first word, so that is what its likelihood is asked for.
    if isinstance(judge, AnswerChecker) and not prompt[-1].isspace() and not reference[0].isspace():
        reference = f" {reference}"
    if not judge.passes(reference):
        raise ValueError(f"field answer, {reference[:60]!r}, does not pass what the line says of passing; correct one")
    return OwnItem(item_id, prompt, reference, judge)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _text(row: dict, field: str) -> str:
    if field not in row:
        raise ValueError(f"field {field} is absent")
    if not _is_text(row[field]):
        raise ValueError(f"field {field} is {str(row[field])[:40]!r}, not a text")
    return row[field]
