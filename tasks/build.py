"""The items of both papers' tasks, and with them the whole data of a profile."""

from pathlib import Path

from corpus.build import MANIFEST, PASSUNTIL_FOLDER, build_corpus, build_passuntil_corpus, header, write_manifest
from corpus.editions import EDITIONS, edition_of
from corpus.world import World
from tasks import PASS_TASKS, TASKS
from tasks.base import Item, Task, make_items, save_items
from tasks.graded import GRADED_TASKS
from tasks.graded.items import GradedTask, make_graded_items


def tasks_of(mixture_name: str) -> dict[str, Task]:
    """What is asked of a model that was trained on a mixture: the tasks of its edition of the world."""
    return TASKS if edition_of(mixture_name).name == "v1" else GRADED_TASKS


def edition_items(task: Task, world: World, num_items: int) -> list[Item]:
    """The items of a task of either edition. ValueError in one line where there are not so many distinct ones."""
    make = make_graded_items if isinstance(task, GradedTask) else make_items
    return make(task, world, num_items)


def build(out: Path, corpus: dict, num_items: int, passuntil_corpus: dict | None = None, **items) -> dict:
    """Write all files of data/ and return the manifest of paper L's part (sha-256 of each).

    corpus, passuntil_corpus: keyword arguments of corpus.build; items: see `build_items`."""
    build_corpus(out, **corpus)
    if passuntil_corpus is not None:
        build_passuntil_corpus(out / PASSUNTIL_FOLDER, **passuntil_corpus)
        items["series"] = passuntil_corpus["series"]
    items["further_mixtures"] = corpus.get("further_mixtures", ())
    return build_items(out, corpus["world_seed"], corpus["mixture_name"], num_items, **items)


def build_items(
    out: Path,
    world_seed: int,
    mixture_name: str,
    num_items: int,
    series: dict[str, str] | None = None,
    passuntil_items: int = 0,
    further_mixtures: tuple[str, ...] = (),
) -> dict:
    """Write the items beside a corpus, and the manifests last; returns that of paper L's part.

    series: those of paper P (name -> mixture), with so many items a task; None for paper L alone. further_mixtures: as
    in corpus.build."""
    _write_items(out, tasks_of(mixture_name), edition_of(mixture_name).world(world_seed), num_items)
    about = header(out, world_seed) | {"mixture": mixture_name}
    if further_mixtures:
        about["further_mixtures"] = list(further_mixtures)
    manifest = write_manifest(out, about, out / PASSUNTIL_FOLDER)
    if series is not None:
        part = out / PASSUNTIL_FOLDER
        _write_items(part, PASS_TASKS, EDITIONS["v1"].world(world_seed), passuntil_items)
        write_manifest(part, header(part, world_seed) | {"mixtures": dict(series)})
    return manifest


def _write_items(out: Path, tasks: dict[str, Task], world: World, num_items: int) -> None:
    (out / MANIFEST).unlink(missing_ok=True)
    (out / "items").mkdir(parents=True, exist_ok=True)
    for name, task in tasks.items():
        save_items(out / "items" / f"{name}.jsonl", edition_items(task, world, num_items))
