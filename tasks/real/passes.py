"""The published files of paper P's tasks, as items with checkers, for anyone's real model.

    loaded = load_passes("HumanEval", "path/to/files", runner=sandbox.passes)    # FILES names the file of each task;
    runner only for HumanEval loaded = load_passes("emoji_movie_bigbench", "path/to/files", removes_guessable=True)

Nothing is downloaded and no row is stored here. Paper P wants tasks that guessing does not pass and removes items that
guessing can hit by exact match (its section 5.3, Appendix D.5: common words as film titles); its list is not published.
`is_guessable` is ours: a title of one common English word. Date Understanding is published with options; asked open,
with the text of the right option as the answer, guessing has no letter to hit. The rows of unnatural in-context
learning are {"subtask", "id", "shots": [[input, output], ...], "input", "target"}, one json object a line, a form of
ours: the publisher's shot counts and word lists are not known to us.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from files.text import numbered_lines, parse_json, read_text
from tasks.base import Item, Task
from tasks.checkers import Checker, ExactChecker
from tasks.real.pass_checkers import HumanEvalChecker, Runner, TitleChecker, is_guessable

UICL_SUBTASKS = (
    "identity",
    "reverse_natural_content",
    "reverse_to_natural_content",
    "dates",
    "dates_unnatural_form",
    "dates_unnatural_content",
    "dates_unnatural_content_and_form",
    "unnatural_addition_2_digit",
)
BIGBENCH = "https://github.com/google/BIG-bench, bigbench/benchmark_tasks"
# Task -> (file, where it is published).
FILES = {
    "HumanEval": ("HumanEval.jsonl.gz", "https://github.com/openai/human-eval, data/HumanEval.jsonl.gz"),
    "emoji_movie_bigbench": ("emoji_movie.task.json", f"{BIGBENCH}/emoji_movie/task.json"),
    "date_understanding_bigbench": (
        "date_understanding.bbh.json",
        "https://github.com/suzgunmirac/BIG-Bench-Hard, bbh/date_understanding.json",
    ),
} | {
    f"uicl_{name}_bigbench": ("uicl_regenerated.jsonl", f"{BIGBENCH}/unnatural_in_context_learning")
    for name in UICL_SUBTASKS
}
NUM_SHOTS = 2  # of films and dates; the first rows of the file, which are not asked
NUM_UICL_SHOTS = 16


@dataclass(frozen=True)
class LoadedPasses:
    """A task ready to be sampled: checkers[i] judges attempts at items[i]; `removed` are references that the filter
    left out."""

    task: Task
    items: tuple[Item, ...]
    checkers: tuple[Checker, ...]
    removed: tuple[str, ...] = ()


def _no_generator(*_) -> None:
    raise ValueError("items of a published task are loaded (tasks.real.passes.load_passes), not made")


def _task(name: str, paper_task: str, task_type: str, num_shots: int, max_new_tokens: int, stop: str) -> Task:
    return Task(
        name=name,
        paper_task=paper_task,
        language="en",
        task_type=task_type,
        prompting="few-shot" if num_shots else "zero-shot",
        num_shots=num_shots,
        answer_form="open",
        metric="pass_rate",
        chance=0.0,
        max_new_tokens=max_new_tokens,
        question=_no_generator,
        stop=stop,
        extract=str,
    )


# HumanEval has no single stop: an attempt ends at the end-of-text token or at max_new_tokens, its checker cuts the
# text.
REAL_PASS_TASKS = {
    task.name: task
    for task in (
        _task("HumanEval", "HumanEval", "program synthesis", 0, 256, ""),
        _task("emoji_movie_bigbench", "Emoji Movie", "riddle", NUM_SHOTS, 16, "\n"),
        _task("date_understanding_bigbench", "Date Understanding", "date arithmetic", NUM_SHOTS, 16, "\n"),
        *(
            _task(
                f"uicl_{name}_bigbench",
                f"unnatural in-context learning: {name}",
                "in-context learning",
                NUM_UICL_SHOTS,
                24,
                "\n",
            )
            for name in UICL_SUBTASKS
        ),
    )
}


def _text(row: dict, field: str) -> str:
    """A field that holds a text. ValueError naming the field where it is absent, blank or something else."""
    if not isinstance(row, dict) or field not in row:
        raise ValueError(f"field {field!r} is absent")
    if not isinstance(row[field], str) or not row[field].strip():
        raise ValueError(f"field {field!r} is {str(row[field])[:40]!r}, not a text")
    return row[field]


def _humaneval(row: dict, runner: Runner) -> tuple[tuple[str, str], str, Checker]:
    prompt, tests, entry_point, solution = (
        _text(row, name) for name in ("prompt", "test", "entry_point", "canonical_solution")
    )
    if not entry_point.isidentifier():
        raise ValueError(f"field 'entry_point' is {entry_point!r}, not a name")
    answer = json.dumps({"tests": tests, "entry_point": entry_point})
    return (prompt, solution), answer, HumanEvalChecker(prompt, tests, entry_point, runner)


def _answered(row: dict, name: str) -> tuple[str, str]:
    """(question, answer): the published target, of dates the text of the right option and the question without its
    options."""
    question, target = _text(row, "input"), _text(row, "target")
    if name == "date_understanding_bigbench":
        question, _, listed = question.partition("\nOptions:\n")
        options = dict(re.findall(r"^(\([A-Z]\)) (.*)$", listed, re.MULTILINE))
        if target.strip() not in options:
            raise ValueError(f"field 'target' is {target!r}, none of the options {', '.join(options)}")
        target = options[target.strip()].strip()
    return question.strip(), target


def _question(question: str, opening: str = "Q: ", answer: str = "A:") -> str:
    return f"{opening}{question}\n{answer}"


def _riddles(name: str, rows: list[dict]) -> Iterator[tuple[int, str, str]]:
    """(item id, context, answer); the first NUM_SHOTS rows that guessing does not hit are the shots."""
    pairs = [_at(place, _answered, row, name) for place, row in enumerate(rows)]
    shown = [place for place, (_, answer) in enumerate(pairs) if not is_guessable(answer)][:NUM_SHOTS]
    shots = "".join(f"{_question(pairs[place][0])} {pairs[place][1]}\n\n" for place in shown)
    for place, (question, answer) in enumerate(pairs):
        if place not in shown:
            yield place, shots + _question(question), answer


def _at(place: int, read: Callable, *arguments):
    """What `read` gives. ValueError that names the row, counted from 0 as the items are."""
    try:
        return read(*arguments)
    except ValueError as error:
        raise ValueError(f"row {place}: not a published row ({error}); fetch the file again") from error


def _in_context(name: str, rows: list[dict]) -> Iterator[tuple[int, str, str]]:
    for place, row in enumerate(rows):
        if f"uicl_{_at(place, _text, row, 'subtask')}_bigbench" == name:
            yield _at(place, _shown_pairs, row)


def _shown_pairs(row: dict) -> tuple[int, str, str]:
    question, target, pairs = _text(row, "input"), _text(row, "target"), row.get("shots")
    if type(row.get("id")) is not int:
        raise ValueError(f"field 'id' is {row.get('id')!r}, not a whole number")
    if (
        not isinstance(pairs, list)
        or not pairs
        or not all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in pairs
        )
    ):
        raise ValueError("field 'shots' is no list of pairs of texts")
    shots = "".join(f"{_question(given, 'Input: ', 'Output:')} {wanted}\n" for given, wanted in pairs[:NUM_UICL_SHOTS])
    return row["id"], shots + _question(question, "Input: ", "Output:"), target


def _rows(path: Path) -> list[dict]:
    """Objects of a .json with field examples, or of a .jsonl, either of them gzipped or not. ValueError naming file,
    and line where there is one."""
    remedy = "fetch it again from its publisher"
    text = read_text(path, remedy)
    rows: list = []
    if ".jsonl" not in path.name:
        try:
            rows = parse_json(text)["examples"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}: not readable as the published file ({type(error).__name__}: {error}); {remedy}"
            ) from error
        if not isinstance(rows, list):
            raise ValueError(f"{path}: not readable as the published file (field examples is no list); {remedy}")
        return rows
    for number, line in numbered_lines(text):
        try:
            rows.append(parse_json(line))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}; {remedy}") from error
    return rows


def make_passes(
    name: str,
    rows: list[dict],
    num_items: int | None = None,
    removes_guessable: bool = False,
    runner: Runner | None = None,
) -> LoadedPasses:
    """Items and checkers of published rows. ValueError where a row lacks a field, where the task has no runner or too
    few rows."""
    task, items, judges, removed = REAL_PASS_TASKS[name], [], [], []
    if name == "HumanEval" and runner is None:
        raise ValueError("HumanEval needs a runner of programs; give sandbox.parent.Sandbox().passes")
    if name == "HumanEval":
        for item_id, row in enumerate(rows):
            request, answer, judge = _at(item_id, _humaneval, row, runner)
            items.append(Item(name, item_id, (request,), answer))
            judges.append(judge)
    else:
        asked = _in_context(name, rows) if name.startswith("uicl_") else _riddles(name, rows)
        for item_id, context, answer in asked:
            if removes_guessable and is_guessable(answer):
                removed.append(answer)
                continue
            items.append(Item(name, item_id, ((context, f" {answer}"),), f" {answer}"))
            judges.append(TitleChecker(answer) if name == "emoji_movie_bigbench" else ExactChecker((f" {answer}",)))
    if not items or (num_items is not None and not 1 <= num_items <= len(items)):
        raise ValueError(
            f"{name}: {len(items)} items are there, num_items is {num_items}; ask for 1 to {len(items)} or fetch the"
            " whole file"
        )
    return LoadedPasses(task, tuple(items[:num_items]), tuple(judges[:num_items]), tuple(removed))


def load_passes(
    name: str,
    source: str | Path,
    num_items: int | None = None,
    removes_guessable: bool = False,
    runner: Runner | None = None,
) -> LoadedPasses:
    """A published task from its file, or from the folder that holds it under the name in FILES. ValueError names file
    and publisher."""
    if name not in FILES:
        raise ValueError(f"task is {name!r}; choose one of {', '.join(FILES)}")
    file, published = FILES[name]
    path = Path(source) / file if Path(source).is_dir() else Path(source)
    try:
        rows = _rows(path)
    except ValueError as error:
        raise ValueError(f"{error} ({published})") from error
    try:
        return make_passes(name, rows, num_items, removes_guessable, runner)
    except ValueError as error:
        raise ValueError(f"{path}: {error} ({published})") from error
