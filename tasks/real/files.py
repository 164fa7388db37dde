"""Published files of the real benchmarks, read whole or refused in one line that names file, place and remedy."""

import re
from collections.abc import Iterator
from pathlib import Path

from files.text import csv_rows, numbered_lines, parse_json, read_text
from tasks.real.rows import REMEDY, Row, read_row


def _parsed(path: Path, text: str) -> Iterator[tuple[str, object]]:
    """(place in the file, row) of all rows. ValueError, naming the place where it knows it."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".csv"):
        yield from ((f"line {number}", row) for number, row in csv_rows(text))
    elif name.endswith((".jsonl", ".tsv")):
        for number, line in numbered_lines(text):
            try:
                yield f"line {number}", parse_json(line) if name.endswith(".jsonl") else _tab_separated(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
    elif name.endswith(".txt"):
        yield from _knowledge_blocks(text)
    else:  # C3: [[lines, [question, ...], id], ...]
        for number, (context, questions, *_) in enumerate(parse_json(text), 1):
            yield from ((f"text {number}", {"context": context} | question) for question in questions)


def _tab_separated(line: str) -> dict[str, str]:
    """MGSM: question TAB final number."""
    fields = line.split("\t")
    if len(fields) != 2:
        raise ValueError(f"{len(fields)} fields, a question and a number were expected")
    return dict(zip(("question_zh", "answer_only"), fields, strict=True))


def _knowledge_blocks(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """NLPCC: blocks of <question id=1>TAB..., <triple id=1>..., <answer id=1>..."""
    questions: dict[str, str] = {}
    answers: dict[str, str] = {}
    for tag, number, value in re.findall(r"^<(question|answer) id=(\d+)>\t([^\n]*)$", text, re.MULTILINE):
        known = questions if tag == "question" else answers
        if number in known:
            raise ValueError(f"{tag} {number} stands twice")
        known[number] = value.strip()
    if alone := sorted(questions.keys() ^ answers.keys(), key=int):
        raise ValueError(f"question {alone[0]} has no answer, or answer {alone[0]} no question")
    yield from (
        (f"question {number}", {"question": question, "answer": answers[number]})
        for number, question in questions.items()
    )


def read_file(benchmark: str, path: Path) -> list[Row]:
    """All rows of a file (.jsonl, .json, .csv, .tsv, .txt, each also .gz); ValueError naming file, place, field and
    remedy."""
    if not path.exists():
        raise ValueError(f"{path}: no such file; it holds {benchmark}, which tasks/real/loader.py says where to get")
    text = read_text(path, REMEDY, f"rows of {benchmark}")
    try:
        raws = list(_parsed(path, text))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a file of {benchmark} ({error}); {REMEDY}") from error
    if not raws:
        raise ValueError(f"{path}: holds no rows of {benchmark}; {REMEDY}")
    return [read_row(benchmark, raw, f"{path}, {place}") for place, raw in raws]
