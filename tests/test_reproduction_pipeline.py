"""dvc.yaml: DVC reads it for every profile, its dependencies are what its commands import, and copies are its text."""

import subprocess
import sys

import pytest
import yaml

from experiments import experiment_stems
from ladder.code import reached_files
from profiles.paths import PINNED_DATA, ROOT
from profiles.profile import default_profile, profile_names
from reproduction import pipeline
from reproduction.pipeline import all_stages, figure_stages, out_paths, params_text, pipeline_file, write_copy

MAX_LINES = 180
STAGES = all_stages("cpu")
# What a command imports and no stage names. Plumbing reads and writes whole files or schedules work and changes no
# result; what the plan, the data and the trained runs are, data.json, params and runs.csv say.
PLUMBING = ("files/", "profiles/", "ladder/__init__.py", "ladder/workers/", "ladder/code.py", "experiments/__init__.py")
KNOWN_BY_TABLES = ("ladder/ladder.py", "ladder/plan.py", "ladder/runs.py", "ladder/data.py", "ladder/live_stream.py")
# Items are made by corpus/ and lie in the data; a task takes words from it. What is scored is data.json's.
MADE_INTO_DATA = ("corpus/",)
# Modules whose imports decide what a stage makes.
ENTRIES = {
    "data": (["tasks.build", "ladder.data_folder"], (*KNOWN_BY_TABLES, "models/config.py")),
    "train_loss": (["ladder.training"], ("ladder/live_stream.py", *MADE_INTO_DATA)),
    "train_passuntil": (["ladder.training"], ("ladder/live_stream.py", *MADE_INTO_DATA)),
    "runs@loss": (["ladder.runs_table"], (*KNOWN_BY_TABLES, *MADE_INTO_DATA, "models/")),
    "scores": (["ladder.measurements.scores"], (*KNOWN_BY_TABLES, *MADE_INTO_DATA)),
    "pass_rates": (["ladder.measurements.pass_rates"], (*KNOWN_BY_TABLES, *MADE_INTO_DATA)),
    "threshold_pass_rates": (["ladder.measurements.pass_rates"], (*KNOWN_BY_TABLES, *MADE_INTO_DATA)),
    "verdicts": (["paper.verdicts"], MADE_INTO_DATA),
    "report": (["paper.report"], (*MADE_INTO_DATA, "tasks/", "experiments/tables/")),
}
for _stem in figure_stages("cpu"):
    _name = next(name for name in STAGES if name.startswith("measure_") and name.endswith(f"@{_stem}"))
    _made = () if "corpus" in STAGES[_name]["deps"] else MADE_INTO_DATA
    ENTRIES[_name] = ([f"experiments.{_stem}.measure"], (*_made, "ladder/measurements/__init__.py"))
    ENTRIES[f"draw@{_stem}"] = ([f"experiments.{_stem}.plot"], MADE_INTO_DATA)


def uncovered(name: str, deps: list[str]) -> set[str]:
    """Files that a stage's command imports and that none of its dependencies holds."""
    modules, known = ENTRIES[name]
    files = {path.relative_to(ROOT).as_posix() for path in reached_files(modules)}
    return {
        file
        for file in files
        if not file.startswith((*PLUMBING, *known))
        and not file.endswith("/__init__.py")
        and not any(file == dep or file.startswith(f"{dep}/") for dep in deps)
    }


@pytest.mark.parametrize("name", ENTRIES)
def test_dependencies_are_what_the_command_imports(name):
    assert not uncovered(name, STAGES[name]["deps"])


def test_a_dependency_less_would_be_found():
    deps = STAGES["train_loss"]["deps"]
    assert uncovered("train_loss", [dep for dep in deps if dep != "ladder/runs.py"]) == {"ladder/runs.py"}
    assert "models/gpt.py" in uncovered("train_loss", [dep for dep in deps if dep != "models"])


@pytest.mark.parametrize("name", ["train_loss", "train_passuntil"])
def test_training_depends_on_nothing_else(name):
    files = {path.relative_to(ROOT).as_posix() for path in reached_files(["ladder.training"])}
    unused = [
        dep for dep in STAGES[name]["deps"] if not any(file == dep or file.startswith(f"{dep}/") for file in files)
    ]
    assert unused == ["results/cpu/data.json"]


@pytest.mark.parametrize("profile", profile_names())
def test_every_dependency_is_there_or_made_by_a_stage(profile):
    stages = all_stages(profile)
    made = {out for stage in stages.values() for out in out_paths(stage)}
    for name, stage in stages.items():
        assert not [path for path in stage["deps"] if path not in made and not (ROOT / path).exists()], name


def test_no_two_stages_and_no_two_profiles_write_one_file():
    outs = [out for profile in profile_names() for stage in all_stages(profile).values() for out in out_paths(stage)]
    assert len(outs) == len(set(outs))


def test_nothing_committed_is_deleted_before_a_stage_runs():
    """`persist`: DVC leaves outputs in place, so that an interrupted stage leaves the table that git holds."""
    for stage in STAGES.values():
        for out in stage["outs"]:
            assert next(iter(out.values()))["persist"], out


def test_figures_read_tables_and_never_checkpoints():
    checkpoints = {out for name in ("train_loss", "train_passuntil") for out in out_paths(STAGES[name])}
    readers = [name for name, stage in STAGES.items() if checkpoints & set(stage["deps"])]
    assert not readers, "a figure would train for an hour where the checkpoints are not"


def test_every_folder_is_measured_and_drawn_once():
    assert set(figure_stages("cpu")) == set(experiment_stems())
    names = [name.split("@")[1] for name in STAGES if name.startswith(("measure_", "draw@"))]
    assert sorted(names) == sorted([*experiment_stems()] * 2)


def test_the_text_is_short_and_says_what_each_stage_is_for():
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert not [name for name, stage in yaml.safe_load(text)["stages"].items() if not stage.get("desc")]


def test_no_command_names_a_machine():
    for stage in STAGES.values():
        words = stage["cmd"].split()
        assert words[:2] == ["python", "-m"] and words[-2:] == ["--profile", "cpu"]
        assert not {"--minutes", "--index", "--run"} & set(words)


def test_dvc_resolves_the_same_stages():
    command = [sys.executable, "-m", "dvc", "stage", "list", "--name-only", "dvc.yaml"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert [name.split(":")[-1] for name in listed] == list(STAGES)


def test_copies_are_the_text_of_the_root():
    copies = sorted((ROOT / "profiles").glob("*/dvc.yaml"))
    assert [path.parent.name for path in copies] == ["full"]
    for path in copies:
        assert path.read_bytes() == (ROOT / "dvc.yaml").read_bytes(), (
            "run python -m reproduction.pipeline --profile full"
        )
        assert path.with_name("params.yaml").read_text(encoding="utf-8") == params_text(path.parent.name)


def test_a_copy_is_written_where_it_is_called_for(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    assert write_copy(default_profile(), tmp_path) == [], "the text itself serves it"
    written = write_copy("smoke", tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "profiles/smoke/dvc.yaml",
        "profiles/smoke/params.yaml",
    ]
    assert yaml.safe_load(written[1].read_text()) == {"profile": "smoke", "root": "../.."}
    assert pipeline_file("smoke", tmp_path) == written[0] and pipeline_file(default_profile()) == ROOT / "dvc.yaml"


def test_a_text_that_dvc_cannot_read_is_one_line(tmp_path, monkeypatch):
    for text in ("", "<<<<<<< HEAD\na: 1\n=======\n", "- a\n"):
        (tmp_path / "dvc.yaml").write_text(text)
        with pytest.raises(ValueError, match="dvc.yaml: ") as caught:
            pipeline.all_stages("cpu", tmp_path)
        assert "\n" not in str(caught.value)


def test_pinned_data_can_be_compared_without_a_cache():
    (out,) = yaml.safe_load((ROOT / "data.dvc").read_text(encoding="utf-8"))["outs"]
    assert out["path"] == "data" and out["md5"].endswith(".dir") and PINNED_DATA == "cpu"
    assert out["cache"] is False, "dvc status would call rebuilt data 'not in cache' on a fresh clone"
