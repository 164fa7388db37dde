"""Anybody's texts as a token file that training reads: files, folders or hub names through `datasets`, as a stream.

    freeze_texts("tokens.bin", read_texts("corpus.jsonl"), load_tokenizer("data/tokenizer.json"))

Documents are packed one after another, each behind the document start, as in the streams of this corpus. Memory does
not grow with the texts.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from corpus.token_file import write_tokens
from corpus.tokenizer import BOS_ID, fingerprint

# Suffix of a file (a compressed one without its last) -> builder of `datasets`.
BUILDERS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet", ".txt": "text"}
COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
BATCH_TEXTS = 256  # encoded together: `tokenizers` works on them in parallel
MAX_IDS = 1 << 16  # token files hold uint16


def read_texts(source: str, field: str = "text", split: str = "train", revision: str | None = None) -> Iterator[str]:
    """The texts of a file, a folder or a data set on the hub, one after another. ValueError in one line that names
    source and field where there are none."""
    import datasets  # seconds to import, and only here

    path = Path(source)
    try:
        if path.is_file():
            suffix = path.with_suffix("").suffix if path.suffix in COMPRESSED else path.suffix
            if suffix not in BUILDERS:
                raise ValueError(f"files that end in {', '.join(BUILDERS)} are read, not in {path.suffix!r}")
            rows = datasets.load_dataset(BUILDERS[suffix], data_files=str(path), split="train", streaming=True)
        else:
            rows = datasets.load_dataset(source, split=split, streaming=True, revision=revision)
        rows = iter(rows)
        first = next(rows, None)
    except Exception as error:  # noqa: BLE001 - builders raise errors of pyarrow, json, fsspec and their own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(
            f"{source}: cannot be read as a data set ({reason}); name a file, a folder or a hub name"
        ) from None
    if first is None:
        raise ValueError(f"{source}: holds no rows; name another file or split")
    if not isinstance(first.get(field), str):
        raise ValueError(f"{source}: field {field} is no text; it has {', '.join(first)}: name one with --field")
    return _texts(source, field, first, rows)


def _texts(source: str, field: str, first: dict, rows: Iterator[dict]) -> Iterator[str]:
    yield first[field]
    for number, row in enumerate(rows, start=2):
        if not isinstance(row.get(field), str):
            raise ValueError(
                f"{source}: row {number}, field {field} is {row.get(field)!r}, no text; leave that row out"
            )
        yield row[field]


def freeze_texts(path: Path, texts: Iterable[str], tokenizer: Tokenizer, max_tokens: int | None = None) -> int:
    """Write the tokens of all texts, or the first `max_tokens` of them, as a token file; returns how many there are.

    ValueError where there are none, or where the tokenizer has more ids than two bytes hold."""
    if tokenizer.get_vocab_size() > MAX_IDS:
        raise ValueError(f"{path}: the tokenizer has {tokenizer.get_vocab_size()} ids, token files hold {MAX_IDS}")
    payload = path.with_name(f".{path.name}.texts.{os.getpid()}.partial")
    try:
        with open(payload, "wb") as file:
            count = 0
            for block in token_blocks(texts, tokenizer):
                block = block if max_tokens is None else block[: max_tokens - count]
                file.write(block.tobytes())
                count += len(block)
                if count == max_tokens:
                    break
        if not count:
            raise ValueError(f"{path}: no text gave a token; nothing was written")
        write_tokens(path, _Payload(np.memmap(payload, np.uint16, "r")), count, {"tokenizer": fingerprint(tokenizer)})
        return count
    finally:
        payload.unlink(missing_ok=True)


def token_blocks(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[np.ndarray]:
    """Token ids [n] uint16 of batches of texts, each text behind the document start."""
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == BATCH_TEXTS:
            yield _encoded(batch, tokenizer)
            batch = []
    if batch:
        yield _encoded(batch, tokenizer)


def _encoded(batch: list[str], tokenizer: Tokenizer) -> np.ndarray:
    ids = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
    return np.fromiter((token for one in ids for token in (BOS_ID, *one.ids)), np.uint16)


class _Payload:
    """Tokens that lie in a file, as `write_tokens` takes them."""

    def __init__(self, tokens: np.ndarray):
        self._tokens = tokens

    def tokens(self, start: int, count: int) -> np.ndarray:
        return np.array(self._tokens[start : start + count])
