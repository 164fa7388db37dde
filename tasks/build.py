"""The items of both papers' tasks, and with them the whole data of a profile."""

from pathlib import Path

from corpus.build import MANIFEST, PASSUNTIL_FOLDER, build_corpus, build_passuntil_corpus, header, write_manifest
from corpus.world import make_world
from tasks import PASS_TASKS, TASKS
from tasks.base import Task, make_items, save_items


def build(out: Path, corpus: dict, num_items: int, passuntil_corpus: dict | None = None, **items) -> dict:
    """Write all files of data/ and return the manifest of paper L's part (sha-256 of each).

    corpus, passuntil_corpus: keyword arguments of corpus.build; items: see `build_items`."""
    build_corpus(out, **corpus)
    if passuntil_corpus is not None:
        build_passuntil_corpus(out / PASSUNTIL_FOLDER, **passuntil_corpus)
        items["series"] = passuntil_corpus["series"]
    return build_items(out, corpus["world_seed"], corpus["mixture_name"], num_items, **items)


def build_items(
    out: Path,
    world_seed: int,
    mixture_name: str,
    num_items: int,
    series: dict[str, str] | None = None,
    passuntil_items: int = 0,
) -> dict:
    """Write the items beside a corpus, and the manifests last; returns that of paper L's part.

    series: those of paper P (name -> mixture), with so many items a task; None for paper L alone."""
    _write_items(out, TASKS, world_seed, num_items)
    manifest = write_manifest(out, header(out, world_seed) | {"mixture": mixture_name}, out / PASSUNTIL_FOLDER)
    if series is not None:
        part = out / PASSUNTIL_FOLDER
        _write_items(part, PASS_TASKS, world_seed, passuntil_items)
        write_manifest(part, header(part, world_seed) | {"mixtures": dict(series)})
    return manifest


def _write_items(out: Path, tasks: dict[str, Task], world_seed: int, num_items: int) -> None:
    (out / MANIFEST).unlink(missing_ok=True)
    (out / "items").mkdir(parents=True, exist_ok=True)
    world = make_world(world_seed)
    for name, task in tasks.items():
        save_items(out / "items" / f"{name}.jsonl", make_items(task, world, num_items))
