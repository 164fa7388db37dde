"""Tables and yaml files from disk, read whole or refused in one line that names file, place and remedy.

pandas pads a row that was cut off with nan and reads on; here a csv has as many fields as columns in every row and ends
with a line end, as everything that this project writes does.
"""

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import yaml

from files.text import csv_rows, parse_json, read_text


def read_csv(path: Path, remedy: str, **options) -> pd.DataFrame:
    """A csv table with the options of pandas. ValueError where the file is absent, cut off or damaged, or has no
    rows."""
    text = read_text(path, remedy)
    if not text.endswith("\n"):
        raise ValueError(f"{path}: cut off in its last line; {remedy}")
    try:
        num_rows = sum(1 for _ in csv_rows(text))
        table = pd.read_csv(io.StringIO(text), **options)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path}: damaged ({' '.join(str(error).split())}); {remedy}") from error
    if not num_rows:
        raise ValueError(f"{path}: holds no rows; {remedy}")
    return table


def read_parquet(path: Path, remedy: str, columns: list[str] | None = None) -> pd.DataFrame:
    """A parquet table. ValueError where the file is absent, a folder, truncated or foreign, or lacks a column."""
    if path.is_dir():
        raise ValueError(f"{path}: is a folder, not a table; {remedy}")
    try:
        return pd.read_parquet(path, columns=columns)
    except FileNotFoundError as error:
        raise ValueError(f"{path}: not found; {remedy}") from error
    except (OSError, ValueError, pa.ArrowException, KeyError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ValueError(f"{path}: not readable as parquet ({reason}); {remedy}") from error


def read_yaml(path: Path, shown: str, remedy: str) -> dict:
    """A yaml file with a mapping at its top; `shown` names it in messages. ValueError for anything else, and for a
    field that stands twice."""
    try:
        content = yaml.load(read_text(path, remedy, "fields"), Loader=_OnceLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(
            f"{shown}: not readable as yaml: {' '.join(str(error).split()) or 'nested too deeply'}"
        ) from None
    except ValueError as error:
        raise ValueError(str(error).replace(str(path), shown)) from None
    if not isinstance(content, dict):
        raise ValueError(f"{shown}: holds no fields; {remedy}")
    return content


def read_json(path: Path, shown: str, remedy: str, kind: type = dict):
    """A JSON file with an object (or, by `kind`, a list of objects) at its top. ValueError for anything else."""
    try:
        content = parse_json(read_text(path, remedy, "fields"))
    except ValueError as error:
        reason = str(error).replace(str(path), shown)
        raise ValueError(reason if reason.startswith(shown) else f"{shown}: damaged ({reason}); {remedy}") from None
    if not isinstance(content, kind) or (kind is list and not all(isinstance(row, dict) for row in content)):
        raise ValueError(f"{shown}: damaged (holds no {'list of objects' if kind is list else 'object'}); {remedy}")
    return content


class _OnceLoader(yaml.SafeLoader):
    """SafeLoader that refuses a field which stands twice: yaml would keep the last one in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """The mapping of a node."""
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if twice := sorted(name for name in set(names) if names.count(name) > 1):
            raise yaml.constructor.ConstructorError(None, None, f"field {twice[0]} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)
