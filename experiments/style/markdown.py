"""Numbers and tables for people, as GitHub shows them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

NO_VALUE = "n/a"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], is_text: bool = False) -> str:
    """A GitHub table; the first column is aligned left, the others right unless the table is text."""
    lines = [list(header), ["---"] + ["---" if is_text else "---:"] * (len(header) - 1), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def number(statistic: pd.Series, factor: float = 1.0, decimals: int = 2) -> str:
    """A statistic row as "value [low, high]"; what kept it from being determined where there is no value."""
    if not statistic.status.startswith("ok") or not np.isfinite(statistic.value):
        return statistic.status.split(":")[0].replace("failed", NO_VALUE)
    shown = [_plain(factor * part, decimals) for part in (statistic.value, statistic.low, statistic.high)]
    return (
        f"{shown[0]} [{shown[1]}, {shown[2]}]"
        if np.isfinite(statistic.low) and np.isfinite(statistic.high)
        else shown[0]
    )


def _plain(value: float, decimals: int) -> str:
    """Fixed decimals without a minus sign before zero."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.") else text
