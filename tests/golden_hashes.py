"""Hashes of what must not change unnoticed: tokenizer, first chunk of the stream, items of every task.

A change of the tokenizer or the stream needs a new mixture name or DATA_FORMAT_VERSION, a change of items a new Task.version.
`PYTHONPATH=. python tests/golden_hashes.py` then accepts it, and refuses what has no new version. (Before the first results
are committed there is nothing to protect: remove tests/golden/*.json first.)
"""

import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from small_corpus import MIXTURE, WORLD_SEED, items, stream, tokenizer

from corpus.__main__ import DATA_FORMAT_VERSION
from corpus.tokenizer import fingerprint
from tasks import TASKS

GOLDEN = Path(__file__).parent / "golden"


def corpus_entry() -> dict:
    """Version and hashes of the corpus: the tokenizer and the first chunk (65,536 tokens) of seed 1."""
    return {"version": f"{MIXTURE}, format {DATA_FORMAT_VERSION}, world {WORLD_SEED}", "tokenizer": fingerprint(tokenizer()),
            "first_chunk": hashlib.sha256(stream(1).chunk(0)[0].astype("<u2").tobytes()).hexdigest()}


def items_entry(task: str) -> dict:
    """Version of a task and hash of what a model is asked and what is right, in the order of the file."""
    rows = json.dumps([asdict(item) for item in items(task)], ensure_ascii=True, sort_keys=True)
    return {"version": TASKS[task].version, "sha256": hashlib.sha256(rows.encode()).hexdigest()}


def stored(name: str) -> dict:
    """The accepted entry of `corpus` or a task; empty where there is none."""
    path = GOLDEN / ("corpus.json" if name == "corpus" else "items.json")
    entries = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return entries if name == "corpus" else entries.get(name, {})


def unversioned(old: dict, new: dict) -> bool:
    """True where something changed under the same version."""
    return bool(old) and old != new and old["version"] == new["version"]


def main() -> int:
    """Write the entries; 1 and nothing written where one has changed without a version."""
    entries = {"corpus": corpus_entry(), **{task: items_entry(task) for task in TASKS}}
    refused = [name for name, entry in entries.items() if unversioned(stored(name), entry)]
    if refused:
        print(f"changed without a new version: {', '.join(refused)}", file=sys.stderr)
        return 1
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / "corpus.json").write_text(json.dumps(entries.pop("corpus"), indent=1) + "\n", encoding="utf-8")
    (GOLDEN / "items.json").write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
