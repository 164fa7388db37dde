"""Neighbouring bands of size, and deep against wide, at equal loss."""

from collections.abc import Mapping

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
    groups = {metric: rows[rows.group.isin(pair)].reset_index(drop=True) for metric, pair in PAIRS.items()}
    groups["shape_effect"] = shape_groups(rows)
    for task, column in SHAPE_TASKS.items():
        one = benchmark_rows(rows, task, column, LOSS)
        parts += [stored(thinned(one, DRAWN)), loss_claims(task, one)]
        for metric, grouped in groups.items():
            pairs = benchmark_rows(grouped, task, column, LOSS).assign(group=grouped.group.to_numpy())
            parts.append(group_claims(task, pairs, PAIRS.get(metric, ("deep",))[0], metric))
    return parts


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
