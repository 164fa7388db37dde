"""The plan as rows: numbers that array jobs deal out, costs, and what is done of each run."""

import shutil

import pytest

from ladder.overview import plan_rows
from ladder.runs_table import write_runs_tables
from tests import tiny_ladder
from tests.tiny_ladder import BRANCH, LONG, TRUNK


@pytest.fixture
def ladder(tmp_path):
    return tiny_ladder.ladder(tmp_path)


def test_a_branch_has_the_number_of_its_trunk(ladder):
    rows = {row[1]: row for row in plan_rows(ladder)}
    assert list(rows) == [LONG, TRUNK, BRANCH]
    assert rows[LONG][0] == "0" and rows[TRUNK][0] == rows[BRANCH][0] == "1"
    assert {row[-1] for row in rows.values()} == {"to train"}
    assert [row[1] for row in plan_rows(ladder, {TRUNK})] == [TRUNK]


def test_states_are_those_of_disk_and_table(ladder):
    tiny_ladder.train_here(ladder, LONG)
    write_runs_tables(ladder)
    assert [row[-1] for row in plan_rows(ladder)] == ["trained here", "to train", "to train"]
    shutil.rmtree(ladder.folder(LONG))
    assert next(row[-1] for row in plan_rows(ladder)) == "trained elsewhere"
