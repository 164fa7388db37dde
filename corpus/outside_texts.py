"""Documents of a corpus of one's own, in a fixed order and in bounded memory: json lines, parquet, or plain text.

A folder is read file by file in the order of names. A plain text file is one document per paragraph (blank lines part
them), since a whole book as one document would leave a packed sequence without a beginning of text.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

READ_ROWS = 1024  # of a parquet file at a time
ENDINGS = (".jsonl", ".parquet", ".txt")


def outside_documents(path: Path, column: str) -> Iterator[str]:
    """The documents of a file or folder that are not blank; `column` is the field that holds the text, in json lines
    and parquet.

    ValueError in one line naming the file and the remedy: nothing of a known ending, no text, no such column, no
    document at all."""
    num_documents = 0
    for file in _files(path):
        reader = {".jsonl": _json_lines, ".parquet": _parquet_rows, ".txt": _paragraphs}[file.suffix]
        for document in reader(file, column):
            if document.strip():
                num_documents += 1
                yield document
    if not num_documents:
        raise ValueError(f"{path}: holds no text; name another file or folder in corpus.path")


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder; change corpus.path")
    found = sorted(file for file in path.iterdir() if file.suffix in ENDINGS) if path.is_dir() else [path]
    if not found or found[0].suffix not in ENDINGS:
        raise ValueError(f"{path}: no file ending in {', '.join(ENDINGS)}; change corpus.path")
    return found


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # Binary, line by line: a decoder over the whole file could not name the line, and text mode cuts at \r too.
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}: line {number} is not UTF-8 text; save it as UTF-8 or remove it") from error


def _json_lines(path: Path, column: str) -> Iterator[str]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: line {number} is no json; correct or remove it") from error
        if not isinstance(row, dict) or column not in row:
            fields = ", ".join(row) if isinstance(row, dict) else type(row).__name__
            raise ValueError(f"{path}: line {number} has no field {column!r} (it has {fields}); change corpus.column")
        if not isinstance(row[column], str):
            raise ValueError(f"{path}: line {number}: field {column!r} is no text; change corpus.column")
        yield row[column]


def _parquet_rows(path: Path, column: str) -> Iterator[str]:
    try:
        table = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: is no parquet file; change corpus.path") from error
    with table:
        if column not in table.schema_arrow.names:
            names = ", ".join(table.schema_arrow.names)
            raise ValueError(f"{path}: has no column {column!r} (it has {names}); change corpus.column")
        kind = table.schema_arrow.field(column).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise ValueError(f"{path}: column {column!r} holds {kind}, no text; change corpus.column")
        for rows in table.iter_batches(READ_ROWS, columns=[column]):
            yield from (text for text in rows.column(0).to_pylist() if text is not None)


def _paragraphs(path: Path, column: str) -> Iterator[str]:
    kept: list[str] = []
    for _, line in _lines(path):
        if line.strip():
            kept.append(line)
        else:
            yield "".join(kept)
            kept = []
    yield "".join(kept)
