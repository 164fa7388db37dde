"""The token stream: documents packed one after another, seekable, the same for every model size.

The stream of a seed is a sequence of chunks; chunk c is drawn from a generator keyed by (world, mixture, split, seed,
c), so that any place is reached without replaying what lies before it. A stream can be frozen into a file
(`write_file`) or drawn on the fly; both give the same batches.
"""

import hashlib
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from corpus.mixture import Mixture
from corpus.tokenizer import BOS_ID, PieceEncoder
from corpus.world import TRAIN, VALIDATION, World
from files.atomic import atomic_write

CHUNK_TOKENS = 1 << 16
MAGIC = b"EMRGTOK1"  # first bytes of a token file; then uint32 header length, json header, uint16 tokens
LANGUAGE_CODES = ("en", "zh")


class TokenSource(Protocol):
    """Anything that gives `count` tokens from position `start` as uint16."""

    def tokens(self, start: int, count: int) -> np.ndarray: ...


class TokenStream:
    """Tokens of one seed drawn on the fly; the last chunk is kept, so that reading on is free."""

    def __init__(self, world: World, mixture: Mixture, encoder: PieceEncoder, seed: int, split: str = TRAIN):
        self._world, self._mixture, self._encoder, self._seed, self._split = world, mixture, encoder, seed, split
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def chunk(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (uint16) and language index (int8) of chunk `index`, CHUNK_TOKENS each; the last document is cut."""
        if index not in self._kept:
            draw = random.Random(f"{self._world.seed}/{self._mixture.name}/{self._split}/{self._seed}/{index}").random
            ids: list[int] = []
            borders, languages = [0], []
            while len(ids) < CHUNK_TOKENS:
                pieces, code = self._mixture.document(draw, self._world, self._split)
                ids.append(BOS_ID)
                ids += self._encoder.encode(pieces)
                borders.append(len(ids))
                languages.append(LANGUAGE_CODES.index(code))
            language = np.repeat(np.array(languages, np.int8), np.diff(borders))
            self._kept = {index: (np.array(ids[:CHUNK_TOKENS], np.uint16), language[:CHUNK_TOKENS])}
        return self._kept[index]

    def _gather(self, start: int, count: int, part: int) -> np.ndarray:
        first, last = start // CHUNK_TOKENS, (start + count - 1) // CHUNK_TOKENS
        joined = np.concatenate([self.chunk(index)[part] for index in range(first, last + 1)])
        return joined[start - first * CHUNK_TOKENS :][:count]

    def tokens(self, start: int, count: int) -> np.ndarray:
        """`count` tokens from position `start` (uint16)."""
        return self._gather(start, count, 0)

    def languages(self, start: int, count: int) -> np.ndarray:
        """Language index of each token (int8, into LANGUAGE_CODES)."""
        return self._gather(start, count, 1)


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


def write_file(path: str | Path, stream: TokenStream, num_tokens: int, header: dict) -> None:
    """Freeze the first `num_tokens` of `stream`; written beside and renamed, so that a file is whole or absent."""
    digest = hashlib.sha256()
    path = Path(path)
    payload, partial = (path.with_name(f".{path.name}{part}.{os.getpid()}.partial") for part in (".payload", ""))
    try:
        with open(payload, "wb") as file:
            for start in range(0, num_tokens, CHUNK_TOKENS):
                block = stream.tokens(start, min(CHUNK_TOKENS, num_tokens - start)).astype("<u2").tobytes()
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


def make_validation(
    world: World,
    mixture: Mixture,
    encoder: PieceEncoder,
    bytes_of_token: list[int],
    num_sequences: int,
    sequence_length: int,
) -> ValidationSet:
    """Draw the validation set from the validation split of the world; every sequence begins at its own place in the
    stream."""
    stream = TokenStream(world, mixture, encoder, seed=0, split=VALIDATION)
    count = num_sequences * (sequence_length + 1)
    tokens = stream.tokens(0, count).reshape(num_sequences, sequence_length + 1)
    language = stream.languages(0, count).reshape(tokens.shape)[:, 1:]
    return ValidationSet(tokens, language, np.array(bytes_of_token, np.int16)[tokens[:, 1:]])


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
