"""Text files that somebody else wrote, read whole: an error is one line that names the file, the place in it and the
remedy.

Lines end at \\n (or \\r\\n) and nowhere else: str.splitlines also cuts at U+2028, U+0085, \\x0b and more, which stand
inside texts of published sets.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

MAX_FIELD_CHARACTERS = 2**31 - 1  # the csv module's own limit of 131,072 is shorter than some published passages


def read_text(path: Path, remedy: str, holds: str = "rows") -> str:
    """The text of a UTF-8 file without its byte order mark, gzipped where the name ends in .gz; `holds` names its rows.

    ValueError in one line naming the file and `remedy` where it is absent, a folder, not to be opened, damaged, empty
    or of another encoding."""
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, not a file; {remedy}")
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file; {remedy}") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else f"damaged gzip: {error}"
        raise ValueError(f"{path}: not readable ({reason}); {remedy}") from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError(f"{path}: not readable as UTF-8 (it is UTF-16); save it as UTF-8, or {remedy}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"byte {error.start} is {data[error.start]:#04x}"
        raise ValueError(f"{path}: not readable as UTF-8 ({place}); {remedy}") from error
    if not text.strip():
        raise ValueError(f"{path}: holds no {holds}; {remedy}")
    return text


def parse_json(text: str) -> object:
    """The value of a JSON text. ValueError in one line, for nesting too deep as well."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("no json: nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"no json: {' '.join(str(error).split())}") from error


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, line) of all lines that are not blank, counted from 1."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.removesuffix("\r")


def csv_rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row by column) of a csv text with a head line; fields may be long and hold line breaks.

    ValueError naming the line for quotes that do not close, and for a row with more or fewer fields than columns."""
    limit = csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        columns = next(reader)
        if len(set(columns)) < len(columns):
            raise ValueError(f"column {max(columns, key=columns.count)} stands twice in the first line")
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(columns):
                raise ValueError(f"line {reader.line_num}: {len(fields)} fields for {len(columns)} columns")
            yield reader.line_num, dict(zip(columns, fields, strict=True))
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: no csv: {error}") from error
    finally:
        csv.field_size_limit(limit)
