"""Hashes of what must not change unnoticed: tokenizers, first chunk of each stream, items of every task.

A change of the tokenizer or the stream needs a new mixture name or DATA_FORMAT_VERSION, a change of items a new
Task.version.
`PYTHONPATH=. python tests/golden_hashes.py` then accepts it, and refuses what has no new version. (Before the first
results
are committed there is nothing to protect: remove tests/golden/*.json first.)
"""

import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

import small_graded
import small_pass
from small_corpus import MIXTURE, WORLD_SEED, items, stream, tokenizer

from corpus.build import DATA_FORMAT_VERSION, PASSUNTIL_MIXTURES
from corpus.stream import TokenStream
from corpus.tokenizer import fingerprint
from tasks import PASS_TASKS, TASKS
from tasks.base import Item, Task
from tasks.build import edition_items
from tasks.graded import GRADED_TASKS

GOLDEN = Path(__file__).parent / "golden"


def corpus_entry() -> dict:
    """Version and hashes of the corpus: the tokenizer and the first chunk (65,536 tokens) of seed 1."""
    return {
        "version": f"{MIXTURE}, format {DATA_FORMAT_VERSION}, world {WORLD_SEED}",
        "tokenizer": fingerprint(tokenizer()),
        "first_chunk": _chunk_hash(stream(1)),
    }


def _chunk_hash(source: TokenStream) -> str:
    return hashlib.sha256(source.chunk(0)[0].astype("<u2").tobytes()).hexdigest()


def passuntil_entry() -> dict:
    """The same of paper P's tokenizer and of each of its mixtures."""
    chunks = {mixture: _chunk_hash(small_pass.stream(mixture, 1)) for mixture in PASSUNTIL_MIXTURES}
    return {
        "version": f"{', '.join(PASSUNTIL_MIXTURES)}, format {DATA_FORMAT_VERSION}, world {WORLD_SEED}",
        "tokenizer": fingerprint(small_pass.tokenizer()),
        "first_chunk": chunks,
    }


GRADED_STREAMS = ("v2a", "v2b", "v2c", "v2cal", "v2n")


def graded_entry() -> dict:
    """The same of the second world: both tokenizers and each of its mixtures."""
    return {
        "version": f"{', '.join(GRADED_STREAMS)}, format {DATA_FORMAT_VERSION}, world {small_graded.WORLD_SEED}",
        "tokenizer": {mixture: fingerprint(small_graded.tokenizer(mixture)) for mixture in ("v2a", "v2n")},
        "first_chunk": {mixture: _chunk_hash(small_graded.stream(mixture, 1)) for mixture in GRADED_STREAMS},
    }


def graded_items_entry(task: str) -> dict:
    """The same of a task of the second world."""
    return _hashed(GRADED_TASKS[task], edition_items(GRADED_TASKS[task], small_graded.world(), 500))


def items_entry(task: str) -> dict:
    """Version of a task and hash of what a model is asked and what is right, in the order of the file."""
    return _hashed(TASKS[task], items(task))


def pass_items_entry(task: str) -> dict:
    """The same of a task of paper P."""
    return _hashed(PASS_TASKS[task], small_pass.items(task))


def _hashed(task: Task, made: list[Item]) -> dict:
    rows = json.dumps([asdict(item) for item in made], ensure_ascii=True, sort_keys=True)
    return {"version": task.version, "sha256": hashlib.sha256(rows.encode()).hexdigest()}


FILES = {
    "corpus": "corpus.json",
    "passuntil": "passuntil.json",
    "graded": "graded.json",
}  # one entry each; the others hold one entry a task


def stored(name: str, file: str = "items.json") -> dict:
    """The accepted entry of `corpus`, `passuntil` or a task; empty where there is none."""
    path = GOLDEN / FILES.get(name, file)
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return entries if name in FILES else entries.get(name, {})


def unversioned(old: dict, new: dict) -> bool:
    """True where something changed under the same version."""
    return bool(old) and old != new and old["version"] == new["version"]


def main() -> int:
    """Write the entries; 1 and nothing written where one has changed without a version."""
    found = {
        "corpus.json": corpus_entry(),
        "passuntil.json": passuntil_entry(),
        "graded.json": graded_entry(),
        "graded_items.json": {task: graded_items_entry(task) for task in GRADED_TASKS},
        "items.json": {task: items_entry(task) for task in TASKS},
        "pass_items.json": {task: pass_items_entry(task) for task in PASS_TASKS},
    }
    entries = [
        ("corpus", "", found["corpus.json"]),
        ("passuntil", "", found["passuntil.json"]),
        ("graded", "", found["graded.json"]),
        *(
            (task, file, entry)
            for file in ("items.json", "pass_items.json", "graded_items.json")
            for task, entry in found[file].items()
        ),
    ]
    refused = [name for name, file, entry in entries if unversioned(stored(name, file), entry)]
    if refused:
        print(f"changed without a new version: {', '.join(refused)}", file=sys.stderr)
        return 1
    GOLDEN.mkdir(exist_ok=True)
    for file, content in found.items():
        (GOLDEN / file).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
