"""What all measurements share: stamps by run and part, resume, rows that stay where checkpoints are not, rows that are
due."""

import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar

import pandas as pd
import pytest

from ladder.measurements.measurement import Measurement, RunFile, read_run_file, write_table
from tests import tiny_ladder
from tests.tiny_ladder import BRANCH, LONG, TRUNK


@dataclass(frozen=True)
class Lengths(Measurement):
    """The simplest measurement there can be: two numbers of a run's name."""

    asked: int = 1
    stem: ClassVar[str] = "scores"
    what: ClassVar[str] = "lengths"

    @property
    def parts(self) -> tuple[str, ...]:
        return ("letters", "digits")

    def request(self, name: str, part: str) -> dict:
        return {"part": part, "asked": self.asked}

    def jobs(self, left: dict, factor: float, after_training: Collection[str] = ()) -> list:
        return []

    def merge(self, name: str) -> None:
        """Nothing is begun elsewhere."""

    def measure(self, name: str, *parts: str) -> None:
        stamps = read_run_file(self.path(name)).stamps | {part: self.stamp(name, part) for part in parts}
        rows = pd.DataFrame({"run": name, "task": list(stamps), "value": len(name)})
        self.write(name, rows, RunFile(stamps))
        self.measured(name, parts)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    ladder = tiny_ladder.ladder(tmp_path_factory.mktemp("trained"))
    tiny_ladder.train_here(ladder, LONG)
    return ladder


@pytest.fixture
def lengths(trained, tmp_path):
    """Measured in both parts, on a copy of the trained ladder."""
    paths = replace(trained.paths, root=tmp_path)
    shutil.copytree(trained.paths.results, paths.results, symlinks=True)
    measurement = Lengths(replace(trained, paths=paths), "code")
    measurement.measure(LONG, *measurement.parts)
    return measurement


def test_a_part_that_is_added_later_is_measured_alone(lengths):
    lengths.path(LONG).unlink()
    lengths.measure(LONG, "letters")
    assert lengths.parts_left(LONG) == ["digits"] and not lengths.is_measured(LONG)
    lengths.measure(LONG, "digits")
    assert lengths.parts_left(LONG) == [] and lengths.is_measured(LONG)


def test_another_request_or_recipe_is_measured_again(lengths):
    assert replace(lengths, asked=2).parts_left(LONG, any_code=True) == list(lengths.parts)
    recipes = lengths.ladder.recipes | {LONG: lengths.ladder.recipes[LONG] | {"stream": "other"}}
    changed = replace(lengths, ladder=replace(lengths.ladder, recipes=recipes))
    assert changed.parts_left(LONG, any_code=True) == list(lengths.parts) and LONG in changed.join()


def test_other_code_measures_again_where_the_checkpoints_are(lengths):
    other = replace(lengths, code="other code")
    assert other.parts_left(LONG) == list(lengths.parts) and other.is_measured(LONG)
    assert other.kept_by_age([LONG]) == []
    shutil.rmtree(lengths.ladder.folder(LONG))
    assert other.parts_left(LONG) == [] and other.kept_by_age([LONG]) == [LONG]
    assert LONG not in other.join()


def test_rows_of_code_that_changed_nothing_can_be_accepted(lengths):
    before = pd.read_parquet(lengths.path(LONG))
    other = replace(lengths, code="other code")
    assert other.accept() == [LONG] and other.accept() == []
    assert other.parts_left(LONG) == []
    pd.testing.assert_frame_equal(pd.read_parquet(lengths.path(LONG)), before)


def test_a_run_that_was_trained_anew_is_measured_again_though_its_rows_look_current(lengths):
    before = lengths.path(LONG).read_bytes()
    shutil.rmtree(lengths.ladder.folder(LONG))
    tiny_ladder.train_here(lengths.ladder, LONG)
    assert lengths.path(LONG).read_bytes() == before and lengths.parts_left(LONG) == list(lengths.parts)
    lengths.measure(LONG, "letters")
    assert lengths.parts_left(LONG) == ["digits"]
    lengths.measure(LONG, "digits")
    assert lengths.parts_left(LONG) == [] and not lengths.ladder.paths.due("scores").exists()


def test_joined_rows_are_in_the_order_of_the_plan_and_absent_runs_are_named(lengths):
    lengths.measure(BRANCH, *lengths.parts)
    assert lengths.join() == [TRUNK]
    assert pd.read_parquet(lengths.table).run.unique().tolist() == [LONG, BRANCH]


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: b"", lambda data: b"no table at all"])
def test_a_damaged_file_is_one_clear_line(lengths, damage):
    path = lengths.path(LONG)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="truncated or not a table of this project .* restore it from git") as caught:
        lengths.parts_left(LONG)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_table_without_stamps_is_refused(lengths):
    write_table(lengths.path(LONG), pd.DataFrame({"a": [1]}), {})
    with pytest.raises(ValueError, match="not a table of this project"):
        lengths.parts_left(LONG)


def test_tables_are_the_same_bytes_again(tmp_path):
    table = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    for name in ("one", "two"):
        write_table(tmp_path / f"{name}.parquet", table, {"stamps": "{}"})
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert read_run_file(tmp_path / "one.parquet") == RunFile() == read_run_file(tmp_path / "none.parquet")
