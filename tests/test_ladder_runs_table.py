"""The table of runs: rows of runs trained here, rows kept for runs trained elsewhere, and damage in one line."""

import json
import shutil
from dataclasses import replace

import pytest

from ladder.runs_table import COLUMNS, MACHINES, committed_runs, read_runs_table, require_one_format, write_runs_tables
from tests import tiny_ladder
from tests.tiny_ladder import BRANCH, LONG, TRUNK, train_here


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The whole ladder of paper L, trained without a stop."""
    ladder = tiny_ladder.ladder(tmp_path_factory.mktemp("trained"))
    train_here(ladder, LONG, TRUNK, BRANCH)
    write_runs_tables(ladder)
    return ladder


@pytest.fixture
def ladder(trained, tmp_path):
    """A copy of the trained ladder, to change."""
    paths = replace(trained.paths, root=tmp_path)
    shutil.copytree(trained.paths.results, paths.results, symlinks=True)
    return replace(trained, paths=paths)


def test_the_table_of_runs_keeps_rows_of_another_machine(ladder):
    table = read_runs_table(ladder.paths.runs_table("loss"))
    assert list(table) == list(ladder.runs) and tuple(table[LONG]) == (*COLUMNS, MACHINES)
    assert (
        table[BRANCH]["parent"] == TRUNK
        and table[LONG]["weight_hash"] == json.loads((ladder.folder(LONG) / "run.json").read_text())["weight_hash"]
    )
    shutil.rmtree(ladder.folder(LONG))
    assert committed_runs(ladder) == set(ladder.runs)
    write_runs_tables(ladder)
    assert read_runs_table(ladder.paths.runs_table("loss")) == table
    changed = replace(ladder, recipes=ladder.recipes | {LONG: ladder.recipes[LONG] | {"stream": "other"}})
    write_runs_tables(changed)
    assert LONG not in read_runs_table(ladder.paths.runs_table("loss"))


def edit_record(ladder, name, **changes):
    """Change fields of a run's record."""
    path = ladder.folder(name) / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_rows_say_on_what_machines_a_run_was_trained(ladder):
    isa = json.loads((ladder.folder(LONG) / "run.json").read_text())["machines"][0]["isa"]
    assert read_runs_table(ladder.paths.runs_table("loss"))[LONG][MACHINES].startswith(f"{isa} bf16 ")
    kind = {"from_step": 0, "processor": "one", "isa": "AVX512", "bf16": "native"}
    edit_record(ladder, LONG, machines=[kind, kind | {"from_step": 40, "isa": "AVX2", "bf16": "emulated"}])
    write_runs_tables(ladder)
    assert (
        read_runs_table(ladder.paths.runs_table("loss"))[LONG][MACHINES]
        == "AVX512 bf16 native, from step 40 AVX2 bf16 emulated"
    )


def test_a_table_of_before_stays_as_it_is(ladder):
    """Records without machines make a table without the column, byte for byte."""
    for name in ladder.runs:
        edit_record(ladder, name, machines=[])
    write_runs_tables(ladder)
    before = ladder.paths.runs_table("loss").read_bytes()
    assert before.decode().splitlines()[0] == ",".join(COLUMNS)
    for name in ladder.runs:
        shutil.rmtree(ladder.folder(name))
    write_runs_tables(ladder)
    assert ladder.paths.runs_table("loss").read_bytes() == before


def test_a_run_of_a_cpu_that_took_fp32_is_not_today_s(ladder):
    """Its recipe said "auto", as that of a bf16 run did; its record says what it was."""
    assert ladder.is_trained(LONG)
    edit_record(ladder, LONG, precision="fp32")
    assert not ladder.is_trained(LONG)
    ladder.paths.runs_table("loss").write_text(
        "\n".join(ladder.paths.runs_table("loss").read_text().splitlines()[:1]) + "\n"
    )
    assert LONG not in committed_runs(ladder)


def test_a_row_of_another_format_is_refused_in_one_line(ladder):
    table = ladder.paths.runs_table("loss").read_text()
    ladder.paths.runs_table("loss").write_text(table.replace(",bf16,", ",fp32,", 1))
    with pytest.raises(
        ValueError, match=f"runs.csv: run {LONG}, field precision is 'fp32', profile tiny says 'bf16'; remove the row"
    ) as caught:
        require_one_format(ladder)
    assert "\n" not in str(caught.value)
    shutil.rmtree(ladder.folder(LONG))
    write_runs_tables(ladder)
    assert LONG not in read_runs_table(ladder.paths.runs_table("loss"))


def test_a_foreign_table_of_runs_is_refused(ladder):
    ladder.paths.runs_table("loss").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="columns are not those of a table of runs"):
        read_runs_table(ladder.paths.runs_table("loss"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text[: len(text) // 2],
        lambda text: text + "<<<<<<< HEAD\n",
        lambda text: "\udcff" + text,
        lambda text: text + '"',
        lambda text: text.partition("\n")[2],
    ],
)
def test_a_damaged_table_of_runs_is_refused(tmp_path, damage):
    """Taken for an empty one, it would be written anew without the rows of runs that other machines trained."""
    path = tmp_path / "runs.csv"
    path.write_text(
        damage(
            "\n".join(
                [",".join(COLUMNS), *(",".join(f"{run}{place}" for place in range(len(COLUMNS))) for run in "ab")]
            )
            + "\n"
        ),
        errors="surrogateescape",
    )
    with pytest.raises(ValueError, match="restore the file from git or delete it") as caught:
        read_runs_table(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)
