"""Stages of the public folders: absent tables keep committed results, present ones are measured and drawn, and dvc.yaml
names what the commands import."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from dvc.parsing import DataResolver
from dvc.repo import Repo

from experiments.public import stage
from experiments.public.drawing import plot_public
from experiments.public.folders import PROFILE, public_stems
from experiments.style import plotting
from ladder.code import reached_files
from paper.public_claims import CLAIMS_PUBLIC_FILE, load_public_claims
from profiles.paths import ROOT, Paths
from public_tables.sources import SOURCES
from public_tables.table import PublicTable

STEM, PIPELINE = "ext_planted", ROOT / "experiments" / "public" / "dvc.yaml"
PLUMBING = ("files/", "profiles/", "ladder/", "experiments/__init__.py", "experiments/public/folders.py")


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setenv("PUBLIC_DATA", str(tmp_path))
    return Paths(PROFILE, tmp_path)


def measure(tables):
    """A planted measurement."""
    rows = tables["olmo"].rows
    return [[{"kind": "statistic", "task": "all", "metric": "mean", "value": rows.value.mean(), "status": "ok"}]]


def planted_reader():
    table = PublicTable(SOURCES["olmo"], pd.DataFrame({"value": [1.0, 2.0, None]}))
    table.drop(table.rows.value.isna(), "no value")
    return table


def test_absent_tables_keep_the_committed_results_and_say_so_in_one_line(paths, capsys):
    paths.results.mkdir(parents=True)
    paths.results_csv(STEM).write_text("as committed\n")
    assert stage.measured_public(paths, STEM, ("olmo",), measure) is None
    assert paths.results_csv(STEM).read_text() == "as committed\n"
    (line,) = capsys.readouterr().out.splitlines()
    assert SOURCES["olmo"].file in line and "python -m experiments.public fetch" in line


def test_without_tables_and_without_results_it_is_an_error(paths):
    with pytest.raises(ValueError, match="get it by `python -m experiments.public fetch`"):
        stage.measured_public(paths, STEM, ("olmo",), measure)


def test_a_folder_is_measured_with_its_source_and_what_was_dropped(paths, monkeypatch, capsys):
    monkeypatch.setattr(stage, "absent_tables", lambda names: [])
    monkeypatch.setitem(stage.READERS, "olmo", planted_reader)
    table = stage.measured_public(paths, STEM, ("olmo",), measure)
    assert table[table.kind == "source"].value.tolist() == [2]
    assert "dropped 1 of 3 rows: no value" in table[table.kind == "source"].status.iloc[0]
    assert table[table.kind == "statistic"].value.tolist() == [1.5]
    assert "dropped 1 of 3" in capsys.readouterr().out and paths.results_csv(STEM).exists()


def test_a_folder_is_drawn(paths, monkeypatch, capsys):
    monkeypatch.setattr(stage, "absent_tables", lambda names: [])
    monkeypatch.setitem(stage.READERS, "olmo", planted_reader)
    stage.measured_public(paths, STEM, ("olmo",), measure)
    monkeypatch.setattr("experiments.public.drawing.Paths", lambda profile: Paths(profile, paths.root))
    monkeypatch.setattr(sys, "argv", ["plot"])
    with pytest.raises(SystemExit) as end:
        plot_public(STEM, lambda results: plotting.new_figure(2.0))
    assert end.value.code == 0 and paths.figure(STEM).exists()
    assert "mean" in paths.figure(STEM).with_suffix(".md").read_text()


def stages() -> dict:
    with Repo(str(ROOT), uninitialized=True) as repo:
        return DataResolver(repo, str(PIPELINE.parent), yaml.safe_load(PIPELINE.read_text())).resolve()["stages"]


def uncovered(stem: str, step: str, deps: list[str]) -> set[str]:
    """Files that a stage imports and none of its dependencies holds."""
    module = f"experiments.public.{stem}.{'plot' if step == 'draw' else step}"
    files = {path.relative_to(ROOT).as_posix() for path in reached_files([module])}
    return {
        file
        for file in files
        if not file.startswith((*PLUMBING, "corpus/", "sandbox/"))
        and not file.endswith("/__init__.py")
        and not any(file == dep or file.startswith(f"{dep}/") for dep in deps)
    }


@pytest.mark.parametrize("stem", public_stems())
def test_every_folder_has_its_stages_with_all_that_they_import(stem):
    known = stages()
    for step in ("measure", "draw"):
        text = known[f"{step}@{stem}"]
        assert uncovered(stem, step, text["deps"]) == set()
        assert all(next(iter(out.values()))["persist"] for out in text["outs"])
    assert {name.split("@")[1] for name in known if "@" in name} == set(public_stems())
    assert "analysis/rows.py" in uncovered(stem, "measure", []), "a dependency less would be found"


def test_the_verdicts_have_a_stage_with_all_that_they_read():
    stage = stages()["verdicts"]
    assert stage["cmd"] == "python -m paper.public_verdicts"
    judged = {f"results/{PROFILE}/{claim.folder}.csv" for claim in load_public_claims()}
    assert judged <= set(stage["deps"]) and {CLAIMS_PUBLIC_FILE.name} <= {Path(dep).name for dep in stage["deps"]}
    files = {path.relative_to(ROOT).as_posix() for path in reached_files(["paper.public_verdicts"])}
    asked = {file for file in files if file.startswith(("paper/", "public_tables/", "experiments/tables/results"))}
    held = {file for file in asked if file in stage["deps"] or file.endswith("__init__.py")}
    assert asked == held, asked - held


def test_the_root_pipeline_does_not_know_them():
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only", "dvc.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "public" not in listed
