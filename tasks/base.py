"""What a task and an item are, how items are made, written and read."""

import json
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from corpus.documents import Draw
from corpus.lexicon import LANGUAGES
from corpus.world import EVALUATION, TRAIN, World
from files.atomic import atomic_write
from files.text import numbered_lines, parse_json, read_text

REMEDY = "rebuild it with `python -m corpus`"


@dataclass(frozen=True)
class Item:
    """One question. Choice form: one request (context, continuation) per choice and `answer` the index of the right
    one. Open form: one request (context, reference solution) and `answer` the text that must be extracted from a
    generation.
    """

    task: str
    item_id: int
    requests: tuple[tuple[str, str], ...]
    answer: int | str


@dataclass(frozen=True)
class AliasedItem(Item):
    """An open item with several right answers: `accepted` lists all of them, `answer` among them."""

    accepted: tuple[str, ...] = ()


@dataclass(frozen=True)
class GradedItem(Item):
    """An item of the second world. `unit` names the fact or template it is one question on: what a bootstrap over items
    draws. `difficulty` is its place in the task's law, 0 to 1."""

    unit: str = ""
    difficulty: float = 0.0


def equal_texts(said: str, right: str) -> bool:
    """True where two answers are the same text, white space at both ends aside: how our own tasks compare."""
    return said.strip() == right.strip()


# One question of a task, drawn for a split: (question pieces, choices as pieces, index of the right one) for choice
# tasks, (question pieces, [reference solution], answer text) for open ones.
Question = tuple[list[str], list[list[str]], int | str]


@dataclass(frozen=True)
class Task:
    """One task: what it stands for and how it is asked and judged (paper L, Table 1)."""

    name: str
    paper_task: str
    language: str
    task_type: str
    prompting: str  # "zero-shot", "few-shot" or "few-shot-cot"
    num_shots: int
    answer_form: str  # "choice" or "open"
    metric: str  # "accuracy" or "exact_match"
    chance: float  # expected score of a guesser who knows the form of the answer
    max_new_tokens: int
    question: Callable[[Draw, World, "Task", str], Question] = field(repr=False)
    stop: str = ""
    length_normalized: bool = False
    continuation_pieces: int = (
        0  # choice form: the last so many pieces are scored, the rest is context (0: the whole choice)
    )
    version: int = 1
    extract: Callable[[str], str] = field(default=str.strip, repr=False)
    matches: Callable[[str, str], bool] = field(
        default=equal_texts, repr=False
    )  # (extracted answer, right answer) -> the same

    def is_right(self, item: Item, said: str) -> bool:
        """True where an extracted answer to an open item is one of its right answers."""
        accepted = item.accepted if isinstance(item, AliasedItem) else (str(item.answer),)
        return any(self.matches(said, right) for right in accepted)


def make_items(task: Task, world: World, num_items: int) -> list[Item]:
    """`num_items` distinct items of the evaluation split, the same for the same world; shots come from the training
    split.

    ValueError where the task cannot give so many distinct ones."""
    draw = random.Random(f"items/{world.seed}/{task.name}/{task.version}").random
    items: dict[tuple, Item] = {}
    for _ in range(20 * num_items):
        shots = "".join(_shot_text(task, task.question(draw, world, task, TRAIN)) for _ in range(task.num_shots))
        question = task.question(draw, world, task, EVALUATION)
        if _asks_what_shots_answer(shots, "".join(question[0])):
            continue
        item = _item(task, len(items), shots, question)
        items.setdefault((item.requests, item.answer), item)
        if len(items) == num_items:
            return list(items.values())
    raise ValueError(
        f"task {task.name} has only {len(items)} distinct items, {num_items} were asked for; lower evaluation.num_items"
    )


def _shot_text(task: Task, question: Question) -> str:
    pieces, choices, answer = question
    text = "".join(pieces + (choices[answer] if task.answer_form == "choice" else choices[0]))
    return text if text.endswith(task.stop) else text + task.stop


def _asks_what_shots_answer(shots: str, question: str) -> bool:
    """True where a shot already holds the asked sentence (a closed-book fact drawn twice): its answer would stand in
    the prompt."""
    return bool(question) and question.split("?")[0].split("\uff1f")[0] in shots


def _item(task: Task, item_id: int, shots: str, question: Question) -> Item:
    pieces, choices, answer = question
    cut = -task.continuation_pieces or None
    requests = []
    for choice in choices:
        scored = choice[cut:] if cut else choice
        requests.append((shots + "".join(pieces + (choice[:cut] if cut else [])), "".join(scored)))
    return Item(task.name, item_id, tuple(requests), answer)


def stop_mark(task_language: str) -> str:
    """The mark that ends a sentence of the language."""
    return LANGUAGES[task_language].stop


def save_items(path: str | Path, items: list[Item]) -> None:
    """One json object a line."""
    lines = (json.dumps(asdict(item), ensure_ascii=False, sort_keys=True) for item in items)
    atomic_write(Path(path), "".join(line + "\n" for line in lines).encode())


def load_items(path: str | Path) -> list[Item]:
    """Read items; ValueError with one line naming file, line and remedy."""
    items = []
    for number, line in numbered_lines(read_text(Path(path), REMEDY, "items")):
        try:
            items.append(_read_item(parse_json(line)))
        except KeyError as error:
            raise ValueError(f"{path}, line {number}: not an item (field {error} is absent); {REMEDY}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}, line {number}: not an item ({error}); {REMEDY}") from error
    return items


def _read_item(row: dict) -> Item:
    requests = tuple((context, continuation) for context, continuation in row["requests"])
    item = Item(row["task"], row["item_id"], requests, row["answer"])
    if "accepted" in row:
        item = AliasedItem(item.task, item.item_id, requests, item.answer, tuple(row["accepted"]))
        if not (item.accepted and all(isinstance(text, str) for text in item.accepted) and len(requests) == 1):
            raise ValueError("field accepted is no list of texts, or the item has choices")
    if "unit" in row:
        item = GradedItem(item.task, item.item_id, requests, item.answer, row["unit"], row["difficulty"])
        if not (isinstance(item.unit, str) and item.unit and isinstance(item.difficulty, float)):
            raise ValueError("field unit is no name, or field difficulty no number")
    if not (
        isinstance(item.task, str)
        and type(item.item_id) is int
        and all(isinstance(text, str) for request in item.requests for text in request)
    ):
        raise ValueError("field task, item_id or requests is of another type")
    if not (
        (isinstance(item.answer, str) and len(item.requests) == 1)
        or (type(item.answer) is int and 0 <= item.answer < len(item.requests))
    ):
        raise ValueError(f"field answer is {item.answer!r} with {len(item.requests)} requests")
    return item
