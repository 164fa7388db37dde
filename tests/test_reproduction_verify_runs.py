"""A table of runs against the plan of its profile: every column that the plan fixes is compared, clocks and machines
are not."""

import csv
from functools import partial

import pytest

from ladder.runs import plan_runs
from ladder.runs_table import COLUMNS
from profiles.paths import Paths
from profiles.profile import load_profile
from reproduction.verify.disk import Disk, Findings
from reproduction.verify.runs import check_runs

PROFILE = "cpu"
PLAN = load_profile(PROFILE)


@pytest.fixture
def table(tmp_path):
    """The committed table, to be changed."""
    path = tmp_path / "runs.csv"
    path.write_bytes(Paths(PROFILE).runs_table("loss").read_bytes())
    (tmp_path / "scores.parquet").touch()  # the ladder is whole
    return path


def mismatches(table):
    findings = Findings()
    runs, rows = check_runs(Disk(table.parent), findings, table, partial(plan_runs, PLAN, "loss"))
    assert len(runs) <= len(rows)
    return findings.mismatches


def change(table, column, edit, row=3):
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[row][column] = edit(rows[row][column])
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows[row]["run"]


def test_the_committed_table_is_the_plan(table):
    assert mismatches(table) == []


NOT_PLANNED = {"train_seconds", "tokens_per_second", "device", "kernel_path", "torch", "weight_hash", "recipe_hash"}


@pytest.mark.parametrize("column", [column for column in COLUMNS if column not in {*NOT_PLANNED, "run", "config"}])
def test_a_changed_cell_is_named(table, column):
    run = change(table, column, lambda value: "9" + value)
    (line,) = mismatches(table)
    assert line.startswith(f"runs.csv: row of {run}: column {column}: ")


@pytest.mark.parametrize("column", sorted(NOT_PLANNED))
def test_what_no_plan_fixes_is_left_to_others(table, column):
    """Hashes are compared with the parts (reproduction/verify/tables.py); clocks and machines with nothing."""
    change(table, column, lambda value: "9" + value)
    assert mismatches(table) == []


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"weight_decay":0.1', '"weight_decay":0.2', "train.weight_decay"),
        ('"num_layers":', '"num_layers":1', "model.num_layers"),
        ('"seed":0', '"seed":1', "train.seed"),
        ('"grad_clip":1.0,', "", "train.grad_clip"),
        ('"train":{', '"train":{"more":1,', "train.more"),
    ],
)
def test_a_changed_setting_is_named(table, old, new, field):
    run = change(table, "config", lambda text: text.replace(old, new, 1))
    assert any(line.startswith(f"runs.csv: row of {run}: column config: {field}: ") for line in mismatches(table))


def test_a_damaged_setting_is_one_line(table):
    change(table, "config", lambda text: text[:50])
    (line,) = mismatches(table)
    assert line.startswith("runs.csv: cannot be checked (") and line.endswith(
        "restore it with `git checkout -- runs.csv`"
    )


@pytest.mark.parametrize("content", ["", "run\n", ",".join(COLUMNS) + "\n"])
def test_an_empty_table_is_one_line(table, content):
    table.write_text(content)
    (line,) = mismatches(table)
    assert line.startswith("runs.csv: cannot be checked (") and any(
        words in line for words in ("holds no r", "cut off")
    )


def test_rows_are_those_of_the_plan_in_its_order(table):
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join([lines[0], *lines[2:]]), encoding="utf-8")
    assert [line.split(";")[0] for line in mismatches(table)] == [
        f"runs.csv: row of {lines[1].split(',')[0]}: nothing here, {lines[1].split(',')[0]} in the profile's plan"
    ]
    table.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]), encoding="utf-8")
    assert [line.split(":")[1] for line in mismatches(table)] == [" order of the rows"]
    table.write_text("".join([*lines, lines[-1]]), encoding="utf-8")
    (line,) = mismatches(table)
    assert line.startswith(
        f"runs.csv: number of rows (each run once): {len(lines)} here, {len(lines) - 1} in the record"
    )


def test_a_ladder_under_way_is_held_to_the_rows_it_has(table):
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(lines[:-1]), encoding="utf-8")
    assert len(mismatches(table)) == 1
    (table.parent / "scores.parquet").unlink()
    assert mismatches(table) == []
    change(table, "seed", lambda value: "9" + value)
    assert len(mismatches(table)) == 1
