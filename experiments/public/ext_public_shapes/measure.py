"""Neighbouring bands of size, and deep against wide, at equal loss."""

from collections.abc import Mapping

import pandas as pd

from experiments.public.stage import measure_public
from experiments.public.statistics import group_claims, loss_claims
from public_tables.gemstones import SHAPE_TASKS, shape_groups
from public_tables.rows import benchmark_rows, public_size_rows, stored, thinned
from public_tables.table import PublicTable

STEM, SOURCES = "ext_public_shapes", ("gemstones",)
LOSS = "loss_dclm"
DRAWN = 6  # checkpoints a shape
# metric -> the two bands of size, the first the reference
PAIRS = {"size_effect_large": ("0.5B", "1 to 2B"), "small_to_large": ("0.1B", "1 to 2B")}


def measure(tables: Mapping[str, PublicTable]) -> list:
    """Nine cloze tasks over 22 shapes: differences at equal loss where losses overlap."""
    rows = tables["gemstones"].rows
    parts: list = [public_size_rows(rows.assign(params=rows.groupby("size").params.transform("min")))]
    for task, column in SHAPE_TASKS.items():
        one = benchmark_rows(rows, task, column, LOSS)
        parts += [stored(thinned(one, DRAWN)), loss_claims(task, one)]
        for metric in (*PAIRS, "shape_effect"):
            found = group_claims(task, *pair_rows(rows, metric, task), metric)
            parts += [found, in_points(found)]
    return parts


def pair_rows(rows: pd.DataFrame, metric: str, task: str) -> tuple[pd.DataFrame, str]:
    """Rows of the two groups that a metric compares, with the column group, and the reference among them."""
    banded = rows[rows.group.isin(PAIRS.get(metric, ()))].reset_index(drop=True)
    grouped = banded if metric in PAIRS else shape_groups(rows)
    pairs = benchmark_rows(grouped, task, SHAPE_TASKS[task], LOSS).assign(group=grouped.group.to_numpy())
    return pairs, PAIRS.get(metric, ("deep",))[0]


def in_points(found: list[dict]) -> list[dict]:
    """The same differences in points, as claims_public.yaml judges them."""
    return [
        row | {"metric": f"{row['metric']}_points"} | {end: 100 * row[end] for end in ("value", "low", "high")}
        for row in found
    ]


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
