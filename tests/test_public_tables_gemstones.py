"""Reading Gemstones: bands of size, deep and wide shapes."""

import pandas as pd
import pytest

from public_tables.gemstones import SHAPE_TASKS, clean_gemstones, read_gemstones, shape_groups
from public_tables.sources import SOURCES
from public_tables.table import PublicTable, absent_tables

SHAPES = {
    "256x23": 4.8e7,
    "256x80": 1.04e8,
    "768x3": 1.04e8,
    "512x20": 1.0e8,
    "768x45": 4.8e8,
    "2048x27": 1.9e9,
    "9x9": 3e9,
}


def planted() -> pd.DataFrame:
    """Two checkpoints of each shape; one shape has a size outside the bands."""
    scores = dict.fromkeys(SHAPE_TASKS.values(), 0.3) | {"loss_dclm": 3.0, "loss_fineweb_edu": 3.0}
    return pd.DataFrame(
        [
            scores
            | {"model": f"Gemstone-{shape}", "width": int(shape.split("x")[0]), "depth": int(shape.split("x")[1])}
            | {"params": params, "step": step, "tokens": step * 1e6}
            for shape, params in SHAPES.items()
            for step in (1, 2)
        ]
    )


def cleaned(frame: pd.DataFrame) -> PublicTable:
    return clean_gemstones(PublicTable(SOURCES["gemstones"], frame))


def test_bands_and_what_lies_outside_them():
    table = cleaned(planted())
    assert table.rows.groupby("group").run.nunique().to_dict() == {"0.05B": 1, "0.1B": 3, "0.5B": 1, "1 to 2B": 1}
    assert table.notes == ["dropped 2 of 14 rows: a size outside the four bands"]
    assert list(table.rows.run.unique())[:2] == ["256x23", "256x80"]


def test_deep_and_wide_at_one_size():
    groups = shape_groups(cleaned(planted()).rows)
    assert dict(zip(groups.run, groups.group)) == {"256x80": "deep", "768x3": "wide"}, "20 layers are neither"


def test_faults_are_errors():
    with pytest.raises(ValueError, match="repeat one key"):
        cleaned(planted().assign(step=1))


@pytest.mark.skipif(bool(absent_tables(("gemstones",))), reason="the Gemstones table is not here")
def test_the_real_table():
    rows = read_gemstones().rows
    assert len(rows) == 770 and rows.groupby("group").run.nunique().to_dict() == {
        "0.05B": 3,
        "0.1B": 9,
        "0.5B": 4,
        "1 to 2B": 6,
    }
