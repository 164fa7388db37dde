"""The one check at the door of this room: are these rows and arguments that a statistic can be made of?

One convention for all public functions:

- What the DATA say comes back in the result. Rows that cannot be judged (nan, too few, percent where a share is needed,
  a count of 0 items, a constant loss) give a result whose status is "failed: <what, where>" and whose numbers are nan,
  so that one bad task of a table does not end the work on the others. Status "ok..." comes with finite numbers, always.
- What the CALLER got wrong (arrays of different lengths, text in a numeric column, an unknown method, a level of 95) is
  a ValueError that names the argument and the remedy. So is every problem of functions that return plain arrays, which
  have no status.
"""

from collections.abc import Hashable

import numpy as np
import pandas as pd


def float_columns(min_rows: int, **arrays: object) -> tuple[list[np.ndarray | None], str]:
    """The arrays as float columns of one length, and what is wrong with their rows ("" where nothing is).

    A scalar stands for a whole column, None for a column that is not there (returned as None). ValueError for columns
    of different lengths, of more than one dimension, or that hold anything but numbers.
    """
    table = {name: None if array is None else _numbers(name, array) for name, array in arrays.items()}
    lengths = {name: len(column) for name, column in table.items() if column is not None and column.ndim == 1}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{', '.join(f'{name} has {n} rows' for name, n in lengths.items())}; pass one value per row")
    num_rows = next(iter(lengths.values()), 1)
    for name, column in table.items():
        if column is not None and column.ndim == 0:
            table[name] = np.broadcast_to(column, num_rows)
    return list(table.values()), _row_problem(table, num_rows, min_rows)


def _numbers(name: str, array: object) -> np.ndarray:
    try:
        column = np.asarray(array, float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name}: holds something that is no number ({error}); convert or drop it first") from None
    if column.ndim > 1:
        raise ValueError(f"{name}: has shape {column.shape}, needs one value per row")
    return column


def _row_problem(table: dict[str, np.ndarray | None], num_rows: int, min_rows: int) -> str:
    if num_rows < min_rows:
        return f"{num_rows} rows, needs {min_rows}" if num_rows else f"no rows, needs {min_rows}"
    for name, column in table.items():
        if column is not None and not np.isfinite(column).all():
            place = int(np.flatnonzero(~np.isfinite(column))[0])
            return f"{name} is {column[place]} in row {place}; drop such rows first"
    return ""


def run_labels(runs: object, num_rows: int) -> tuple[np.ndarray, str]:
    """Labels [n] of the rows' runs, sortable, and what is wrong with them. ValueError where there is not one label per
    row."""
    labels = np.asarray(runs)
    if labels.ndim != 1 or len(labels) != num_rows:
        raise ValueError(f"runs: has shape {labels.shape}, the other columns {num_rows} rows; pass one label per row")
    missing = pd.isna(labels)
    if missing.any():
        return labels, f"runs holds no label in row {int(np.flatnonzero(missing)[0])}; name the run of every row"
    if labels.dtype == object and len({type(label) for label in labels}) > 1:
        labels = labels.astype(str)
    return labels, ""


def positive_problem(**arrays: np.ndarray | None) -> str:
    """Names the first row with a number that is not above 0 (item counts, sizes, compute), "" where there is none."""
    for name, column in arrays.items():
        if column is not None and not np.all(column > 0):
            place = int(np.flatnonzero(~(np.asarray(column) > 0))[0])
            wrapped = " (an integer product that overflowed?)" if column[place] < 0 else ""
            return f"{name} is {column[place]:g} in row {place}, needs to be above 0{wrapped}"
    return ""


def share_problem(value: np.ndarray, chance: float, num_items: np.ndarray | None) -> str:
    """What is wrong with values that should be shares of items: with num_items all must lie in 0 to 1; without, percent
    is suspected where chance lies strictly between 0 and 1 and a value above 1. ValueError for a chance level that is
    no such number.
    """
    if not np.isfinite(chance) or (num_items is not None and not 0 <= chance <= 1):
        needed = "a share from 0 to 1 (divide percent by 100)" if num_items is not None else "a finite number"
        raise ValueError(f"chance: got {chance}, needs {needed}")
    problem = positive_problem(num_items=num_items)
    if problem:
        return problem
    rounding = 1e-9
    if num_items is not None:
        outside = np.flatnonzero((value < -rounding) | (value > 1 + rounding))
    else:
        outside = np.flatnonzero(value > 1 + rounding) if 0 < chance < 1 else np.empty(0, int)
    if not len(outside):
        return ""
    return f"value is {value[outside[0]]:g} in row {outside[0]}, no share from 0 to 1; divide percent by 100"


def repeated_problem(**arrays: np.ndarray) -> str:
    """Names the first row that repeats the key made of these columns (a checkpoint listed twice), "" where none
    does."""
    seen: dict[Hashable, int] = {}
    for place, key in enumerate(zip(*arrays.values())):
        if key in seen:
            return (
                f"rows {seen[key]} and {place} are one checkpoint ({' and '.join(arrays)} are equal); keep one of them"
            )
        seen[key] = place
    return ""


def check_level(level: float, name: str = "level") -> None:
    """ValueError unless a confidence level lies strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"{name}: got {level}, needs a number between 0 and 1, such as 0.95")


def check_replicates(num_replicates: int) -> None:
    """ValueError below 2 replicates, of which no interval can be made."""
    if num_replicates < 2:
        raise ValueError(
            f"num_replicates: got {num_replicates}, needs 2 or more (200 for a rough interval, 1000 for a good one)"
        )
