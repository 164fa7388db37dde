"""What a model is asked, by name: one of the twelve published benchmarks, from files or the hub, or one of our
stand-ins, from a folder of items."""

from __future__ import annotations

from pathlib import Path

from tasks import TASKS
from tasks.base import Item, Task, load_items
from tasks.real.forms import FORMS
from tasks.real.loader import load_files, load_hub

HUB = "hub"
ANSWERS = ("letter", "cloze")


def load_asked(
    name: str, data: str, num_items: int | None = None, answers: str = "letter", num_shots: int | None = None
) -> tuple[Task, tuple[Item, ...]]:
    """A task and its first `num_items` items. data: "hub", or a folder: of a published benchmark's files
    (tasks.real.loader.FILES), or one that holds items/ of our stand-ins.

    ValueError in one line for an unknown task, files that are absent or damaged, and a form that the task lacks."""
    if name in FORMS:
        if data == HUB:
            loaded = load_hub(name, num_items, answers, num_shots)
        else:
            loaded = load_files(name, data, num_items, answers, num_shots)
        return loaded.task, _first(name, loaded.items, num_items)
    if name not in TASKS:
        raise ValueError(
            f"task is {name!r}; choose a benchmark ({', '.join(FORMS)}) or one of ours ({', '.join(TASKS)})"
        )
    if data == HUB:
        raise ValueError(f"{name} is made here, not on the hub; name the folder that holds its items/ with --data")
    if answers != "letter" or num_shots is not None:
        raise ValueError(
            f"{name}: the items of our own tasks are written with their form and shots; leave the options out"
        )
    return TASKS[name], _first(name, tuple(load_items(Path(data) / "items" / f"{name}.jsonl")), num_items)


def _first(name: str, items: tuple[Item, ...], num_items: int | None) -> tuple[Item, ...]:
    if not items or (num_items is not None and not 1 <= num_items <= len(items)):
        raise ValueError(f"{name}: {len(items)} items are there, num_items is {num_items}; ask for 1 to {len(items)}")
    return items[:num_items]
