"""Every experiment folder end to end on planted scores: measure, plot, bytes, and a ladder too small to conclude
anything from."""

import ast
import importlib
import io
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from experiments.style.stage import plot_main, plot_stage
from experiments.tables.results import RESULT_COLUMNS
from experiments.tables.stage import measure_stage
from profiles.paths import PAPERS, ROOT, Paths
from tests.planted_scores import Plant, runs_table, scores_table

STEMS = sorted(path.parent.name for path in (ROOT / "experiments").glob("loss_*/measure.py"))
PROFILE = "smoke"  # the corpus and the ladder that tables 3, 4 and 5 read; the scores are planted


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Paths:
    """A results folder with scores of one seed."""
    paths = Paths(PROFILE, tmp_path_factory.mktemp("planted"))
    for paper in PAPERS:
        (paths.results / paper).mkdir(parents=True)
    scores = scores_table(Plant(seeds=(0,), num_checkpoints=8))
    scores.to_parquet(paths.scores)
    runs_table(scores).to_csv(paths.runs_table("loss"), index=False)
    return paths


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Paths:
    """Two long and four small runs of three checkpoints, ten items, nothing learnt."""
    paths = Paths(PROFILE, tmp_path_factory.mktemp("tiny"))
    for paper in PAPERS:
        (paths.results / paper).mkdir(parents=True)
    scores = scores_table(Plant(seeds=(0,), num_checkpoints=3, num_items=10, onset=0.5))
    kept = [f"long_{size}_10M_s0" for size in ("0.2M", "0.8M")] + [
        f"small_{size}_{tokens}M_s0" for size in ("0.05M", "0.1M") for tokens in (1, 2)
    ]
    scores[scores.run.isin(kept)].to_parquet(paths.scores)
    runs_table(scores).to_csv(paths.runs_table("loss"), index=False)
    return paths


def run(paths: Paths, stem: str) -> tuple[pd.DataFrame, list]:
    measure, plot = (importlib.import_module(f"experiments.{stem}.{part}") for part in ("measure", "plot"))
    assert measure.STEM == plot.STEM == stem
    return measure_stage(paths, stem, measure.measure), plot_stage(paths, stem, plot.draw, getattr(plot, "table", None))


def test_all_folders_of_the_issue_are_there():
    assert len(STEMS) == 11


def test_a_stage_has_one_thread_whatever_the_shell_says():
    """Sums of a threaded BLAS end in other digits; numpy reads the number when it is imported."""
    script = "import experiments, torch; print(torch.get_num_threads())"
    told = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"OMP_NUM_THREADS": "2"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["1"]


@pytest.mark.parametrize("stem", STEMS)
def test_folder_measures_and_plots(planted, stem):
    table, files = run(planted, stem)
    assert list(table.columns[: len(RESULT_COLUMNS)]) == list(RESULT_COLUMNS)
    assert all(path.stat().st_size > 100 for path in files)
    places = (planted.results, planted.figures)
    assert all(path.is_relative_to(places[0]) or path.is_relative_to(places[1]) for path in files)


def test_plotting_again_gives_the_same_bytes(planted):
    _, files = run(planted, "loss_tab2_correlations")
    before = [path.read_bytes() for path in files]
    _, files = run(planted, "loss_tab2_correlations")
    assert len(before) == 2 and [path.read_bytes() for path in files] == before


@pytest.mark.parametrize("stem", STEMS)
def test_folder_survives_a_ladder_that_learns_nothing(tiny, stem):
    table, _ = run(tiny, stem)
    statistics = table[table.kind == "statistic"]
    assert not (statistics.status.isna() | (statistics.status == "")).any()


@pytest.mark.parametrize("stem", STEMS)
def test_plot_computes_nothing(stem):
    source = (ROOT / "experiments" / stem / "plot.py").read_text(encoding="utf-8")
    modules = {
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for alias in node.names
    }
    modules |= {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert not [
        name for name in modules if name.split(".")[0] in ("analysis", "scipy", "corpus", "evaluation", "models")
    ]


def test_absent_scores_are_one_clear_line(tmp_path):
    measure = importlib.import_module("experiments.loss_fig6_compute.measure")
    with pytest.raises(ValueError, match="scores.parquet: not found; run `dvc repro`"):
        measure_stage(Paths(PROFILE, tmp_path), measure.STEM, measure.measure)


@pytest.fixture(scope="module")
def drawn(planted) -> tuple[Paths, str, str, bytes]:
    """A small table that was measured and drawn: paths, stem, text of results.csv, bytes of its figure."""
    stem = "loss_fig8_bigbench"
    run(planted, stem)
    return planted, stem, planted.results_csv(stem).read_text(), planted.figure(stem).read_bytes()


def _without(kind: str, columns: tuple[str, ...], text: str) -> str:
    rows = pd.read_csv(io.StringIO(text), dtype={"seed": str})
    rows.loc[rows.kind == kind, list(columns)] = np.nan
    return rows.to_csv(index=False, lineterminator="\n")


def _one_row(text: str, value: str) -> str:
    lines = text.split("\n")
    place = next(place for place, line in enumerate(lines) if line.startswith("checkpoint"))
    fields = lines[place].split(",")
    fields[lines[0].split(",").index("value")] = value
    return "\n".join([*lines[:place], ",".join(fields), *lines[place + 1 :]])


SPOILT = {
    "checkpoints without values": lambda text: _without("checkpoint", ("value",), text),
    "without losses": lambda text: _without("checkpoint", ("loss_nats",), text),
    "sizes without values": lambda text: _without("size", ("value",), text),
    "one nan": lambda text: _one_row(text, "nan"),
    "one blank": lambda text: _one_row(text, ""),
    "one inf": lambda text: _one_row(text, "inf"),
    "one word": lambda text: _one_row(text, "high"),
    "cut in a row": lambda text: text[: len(text) // 2].rpartition("\n")[0] + "\nchec",
    "cut at the end": lambda text: text[:-1],
    "empty": lambda text: "",
    "head only": lambda text: text.partition("\n")[0] + "\n",
    "conflict": lambda text: text + "<<<<<<< HEAD\n",
    "no column": lambda text: text.replace("loss_nats", "loss", 1),
    "binary": lambda text: "\0" * 100,
    "no checkpoints": lambda text: "\n".join(line for line in text.split("\n") if not line.startswith("checkpoint")),
    "no statistics": lambda text: "\n".join(line for line in text.split("\n") if not line.startswith("statistic")),
}


@pytest.mark.parametrize("damage", SPOILT)
def test_a_damaged_table_draws_nothing_over_a_good_figure(drawn, damage):
    paths, stem, text, figure = drawn
    plot = importlib.import_module(f"experiments.{stem}.plot")
    paths.results_csv(stem).write_text(SPOILT[damage](text))
    try:
        with pytest.raises(ValueError) as caught:
            plot_stage(paths, stem, plot.draw, getattr(plot, "table", None))
    finally:
        paths.results_csv(stem).write_text(text)
    message = str(caught.value)
    assert (
        message.startswith(str(paths.results_csv(stem)))
        and f"measure step of {stem}" in message
        and "\n" not in message
    )
    assert paths.figure(stem).read_bytes() == figure


@pytest.mark.parametrize("stem", STEMS)
def test_no_figure_is_drawn_of_nan(planted, stem):
    """Every folder, with all of its numbers gone."""
    run(planted, stem)
    before, text = planted.figure(stem).read_bytes(), planted.results_csv(stem).read_text()
    rows = pd.read_csv(planted.results_csv(stem), dtype={"seed": str}).assign(value=np.nan, loss_nats=np.nan)
    rows.to_csv(planted.results_csv(stem), index=False, lineterminator="\n")
    plot = importlib.import_module(f"experiments.{stem}.plot")
    with pytest.raises(ValueError, match=f"rows hold no finite value or loss .*run the measure step of {stem}"):
        plot_stage(planted, stem, plot.draw, getattr(plot, "table", None))
    assert planted.figure(stem).read_bytes() == before
    planted.results_csv(stem).write_text(text)


def test_a_measure_that_gives_nan_keeps_the_good_table(drawn):
    paths, stem, text, _ = drawn
    rows = pd.read_csv(io.StringIO(text), dtype={"seed": str}).assign(value=np.nan)
    with pytest.raises(ValueError, match="rows hold no finite value"):
        measure_stage(paths, stem, lambda scores, _: [rows])
    assert paths.results_csv(stem).read_text() == text


def test_an_unknown_profile_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["plot", "--profile", "nosuch"])
    with pytest.raises(SystemExit) as end:
        plot_main("loss_fig8_bigbench", lambda results: None)
    assert end.value.code == 2 and capsys.readouterr().err.startswith(
        "error: profiles/nosuch.yaml: no such profile; choose one of "
    )
