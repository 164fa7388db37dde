"""Files of tokens: frozen streams and validation sets, and the batches that training reads from them.

A stream that was frozen (`write_tokens`) and one that is drawn on the fly (corpus/stream.py) give the same batches.
Nothing here knows how a corpus is made, so that training does not depend on it.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from files.atomic import atomic_write

CHUNK_TOKENS = 1 << 16
MAGIC = b"EMRGTOK1"  # first bytes of a token file; then uint32 header length, json header, uint16 tokens
LANGUAGE_CODES = ("en", "zh")


class TokenSource(Protocol):
    """Anything that gives `count` tokens from position `start` as uint16."""

    def tokens(self, start: int, count: int) -> np.ndarray:
        """Tokens start to start + count, [count] uint16."""
        ...


class TokenFile:
    """Tokens of a frozen stream. ValueError with one line for an empty, truncated or foreign file."""

    def __init__(self, path: str | Path, expected_fingerprint: str | None = None, check_payload: bool = False):
        self.path = Path(path)
        self.header, offset = _read_header(self.path)
        num_tokens = self.header["num_tokens"]
        if self.path.stat().st_size != offset + 2 * num_tokens:
            raise ValueError(
                f"{path}: truncated: {self.path.stat().st_size} bytes where {offset + 2 * num_tokens} are due; rebuild"
                " it with `python -m corpus`"
            )
        if expected_fingerprint is not None and self.header.get("tokenizer") != expected_fingerprint:
            raise ValueError(
                f"{path}: field tokenizer: made with another tokenizer; rebuild data with `python -m corpus`"
            )
        self._tokens = np.memmap(self.path, np.uint16, "r", offset=offset, shape=(num_tokens,))
        if check_payload and hashlib.sha256(self._tokens.tobytes()).hexdigest() != self.header.get("sha256"):
            raise ValueError(
                f"{path}: field sha256: the tokens are not those that were written; rebuild data with `python -m"
                " corpus`"
            )

    def __len__(self) -> int:
        return len(self._tokens)

    def tokens(self, start: int, count: int) -> np.ndarray:
        """`count` tokens from position `start` (uint16)."""
        if start + count > len(self._tokens):
            raise ValueError(
                f"{self.path}: holds {len(self._tokens)} tokens, position {start + count} was asked for; "
                "raise corpus.train_tokens in the profile and rebuild with `python -m corpus`"
            )
        return np.array(self._tokens[start : start + count])


def _read_header(path: Path) -> tuple[dict, int]:
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, not a token file; rebuild it with `python -m corpus`")
    if not path.exists():
        raise ValueError(f"{path}: no such file; build it with `python -m corpus`")
    with open(path, "rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:8] != MAGIC:
            raise ValueError(
                f"{path}: {'empty' if not head else 'not a token file of this project'}; rebuild it with `python -m"
                " corpus`"
            )
        length = int.from_bytes(head[8:], "little")
        try:
            header = dict(json.loads(file.read(length)).items())  # .items: a list is no header
        except (ValueError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path}: header is damaged; rebuild it with `python -m corpus`") from error
    _require_count(path, header, "num_tokens")
    return header, 12 + length


def _require_count(path: str | Path, header: dict, field: str) -> None:
    if type(header.get(field)) is not int or header[field] < 1:
        raise ValueError(
            f"{path}: field {field} is {header.get(field)!r}, not a positive whole number; rebuild it with `python -m"
            " corpus`"
        )


def write_tokens(path: str | Path, stream: TokenSource, num_tokens: int, header: dict) -> None:
    """Freeze the first `num_tokens` of `stream`; written beside and renamed, so that a file is whole or absent."""
    digest = hashlib.sha256()
    path = Path(path)
    payload, partial = (path.with_name(f".{path.name}{part}.{os.getpid()}.partial") for part in (".payload", ""))
    try:
        with open(payload, "wb") as file:
            for start in range(0, num_tokens, CHUNK_TOKENS):
                block = stream.tokens(start, min(CHUNK_TOKENS, num_tokens - start)).astype("<u2").tobytes()
                # The checksum stands in the header before the tokens but is known after them, so tokens go to a file of
                # their own first.
                digest.update(block)
                file.write(block)
        head = json.dumps(header | {"num_tokens": num_tokens, "sha256": digest.hexdigest()}, sort_keys=True).encode()
        with open(partial, "wb") as file, open(payload, "rb") as source:
            file.write(MAGIC + len(head).to_bytes(4, "little") + head)
            while block := source.read(1 << 22):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        for left in (payload, partial):
            left.unlink(missing_ok=True)


def batches(
    source: TokenSource, batch_sequences: int, sequence_length: int, start_step: int = 0
) -> Iterator[np.ndarray]:
    """Batches [B, T + 1] uint16: inputs are [:, :-1], targets [:, 1:]. Step k reads tokens k*B*T ... (k+1)*B*T, and one
    more."""
    step_tokens = batch_sequences * sequence_length
    step = start_step
    while True:
        # The overlapping token is the target of one row and the input of the next: rows follow each other without a
        # gap.
        flat = source.tokens(step * step_tokens, step_tokens + 1)
        yield np.lib.stride_tricks.as_strided(
            flat, (batch_sequences, sequence_length + 1), (2 * sequence_length, 2)
        ).copy()
        step += 1


@dataclass(frozen=True)
class ValidationSet:
    """Fixed validation sequences S x T: tokens [S, T + 1] uint16, and of each target its language index and UTF-8 bytes
    [S, T]."""

    tokens: np.ndarray
    language: np.ndarray
    num_bytes: np.ndarray


def save_validation(path: str | Path, validation: ValidationSet, header: dict) -> None:
    """Write the validation set as one .npz-free file: token file header, then tokens, languages, bytes."""
    shape = {"num_sequences": validation.tokens.shape[0], "sequence_length": validation.language.shape[1]}
    payload = (
        validation.tokens.astype("<u2").tobytes()
        + validation.language.astype("<i2").tobytes()
        + validation.num_bytes.astype("<i2").tobytes()
    )
    head = json.dumps(
        header | shape | {"num_tokens": len(payload) // 2, "sha256": hashlib.sha256(payload).hexdigest()},
        sort_keys=True,
    ).encode()
    atomic_write(Path(path), MAGIC + len(head).to_bytes(4, "little") + head + payload)


def load_validation(path: str | Path, expected_fingerprint: str | None = None) -> ValidationSet:
    """Read the validation set; the same errors as TokenFile."""
    file = TokenFile(path, expected_fingerprint, check_payload=True)
    for field in ("num_sequences", "sequence_length"):
        _require_count(path, file.header, field)
    num_sequences, length = file.header["num_sequences"], file.header["sequence_length"]
    if len(file) != num_sequences * (3 * length + 1):
        raise ValueError(
            f"{path}: field num_sequences is {num_sequences}, which does not fit {len(file)} stored numbers; rebuild it"
            " with `python -m corpus`"
        )
    flat = file.tokens(0, len(file))
    tokens = flat[: num_sequences * (length + 1)].reshape(num_sequences, length + 1)
    language, num_bytes = flat[tokens.size :].view(np.int16).reshape(2, num_sequences, length)
    return ValidationSet(tokens, language.astype(np.int8), num_bytes)
