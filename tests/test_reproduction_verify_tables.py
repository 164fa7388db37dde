"""Raw tables against their parts and the plan: bit by bit, nan equals nan, and the line names run, row and column."""

import pyarrow as pa
import pytest

from profiles.paths import ROOT
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.tables import check_tables, compare_rows

TABLE = pa.table({"run": ["a", "a", "b"], "value": [0.1, float("nan"), 0.3], "places": [[1, 2], [], None]})


def compared(found):
    findings = Findings()
    compare_rows(findings, "scores.parquet", TABLE, found, "scores", "restore it")
    return findings.mismatches


def test_equal_tables_are_silent_nan_and_all():
    assert compared(TABLE) == []


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        (
            "value",
            [0.1, float("nan"), 0.30000000000000004],
            "row 3 (run b): column value: 0.30000000000000004 here, 0.3 in scores",
        ),
        ("value", [0.1, 0.2, 0.3], "row 2 (run a): column value: 0.2 here, nan in scores"),
        ("value", [0.1, None, 0.3], "row 2 (run a): column value: nothing here, nan in scores"),
        (
            "value",
            [float("nan"), float("nan"), 0.0],
            "row 1 (run a): column value: nan here, 0.1 in scores (2 rows differ)",
        ),
        ("places", [[1, 2], [], [3]], "row 3 (run b): column places: [3] here, nothing in scores"),
        ("places", [[2, 1], [], None], "row 1 (run a): column places: [2, 1] here, [1, 2] in scores"),
    ],
)
def test_a_changed_bit_names_row_run_and_column(column, values, told):
    place = TABLE.column_names.index(column)
    assert compared(TABLE.set_column(place, column, pa.array(values, TABLE[column].type))) == [
        f"scores.parquet: {told}; restore it"
    ]


def test_rows_and_columns_are_counted():
    assert compared(TABLE.slice(1)) == ["scores.parquet: number of rows: 2 here, 3 in scores; restore it"]
    assert compared(TABLE.drop_columns(["places"]))[0].startswith(
        "scores.parquet: columns: ['run', 'value'] here, ['run', 'value', 'places'] in scores"
    )


def test_the_committed_tables_are_those_of_their_runs():
    findings = Findings()
    check_tables(Disk(ROOT), findings, ["cpu"])
    assert findings.mismatches == [] and findings.num_compared > 2000


def test_a_profile_without_results_has_nothing_to_check():
    findings = Findings()
    check_tables(Disk(ROOT), findings, ["paper"])
    assert findings == Findings()
