"""Curves that exist as pictures only, where a reader has digitised them: llama_digitised.csv beside the public tables.

Columns: model (a name such as LLaMA-65B), task (a name of benchmarks.py), loss_nats, accuracy (a share from 0 to 1).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from files.tables import read_csv
from public_tables.benchmarks import BENCHMARKS
from public_tables.table import public_folder

DIGITISED = "llama_digitised.csv"
COLUMNS = ("model", "task", "loss_nats", "accuracy")


def digitised_rows(folder: Path | None = None) -> list[dict]:
    """Rows of kind "published", none where there is no such file. ValueError names column, line and remedy."""
    path = (folder or public_folder()) / DIGITISED
    if not path.exists():
        return []
    remedy = f"needs columns {', '.join(COLUMNS)}, tasks of {', '.join(BENCHMARKS)}, accuracy as a share"
    table = read_csv(path, remedy)
    if absent := [column for column in COLUMNS if column not in table]:
        raise ValueError(f"{path}: column {absent[0]} is missing; {remedy}")
    loss, value = (pd.to_numeric(table[column], errors="coerce") for column in ("loss_nats", "accuracy"))
    wrong = ~table.task.isin(BENCHMARKS) | ~np.isfinite(loss) | ~value.between(0, 1)
    if wrong.any():
        raise ValueError(f"{path}, line {int(np.argmax(wrong)) + 2}: not usable; {remedy}")
    return [
        {
            "kind": "published",
            "task": row.task,
            "metric": "accuracy",
            "run": row.model,
            "loss_nats": loss[row.Index],
            "value": value[row.Index],
            "status": f"ok: digitised by a reader, {DIGITISED}",
        }
        for row in table.itertuples()
    ]
