"""The papers' own numbers: complete, sourced, and of the shape the paper has."""

import pytest

from experiments.tables import published
from experiments.tables.names import TWELVE
from experiments.tables.published import load_published


def test_tables_hold_what_the_paper_prints():
    correlations = load_published("table2_correlations")
    assert set(correlations.task) == set(TWELVE) and len(correlations) == 24
    assert correlations.value.between(-1, -0.8).all()
    runs = load_published("table45_hyperparameters")
    assert (runs.series == "small").sum() == 28 and (runs.series == "long").sum() == 3
    table1 = load_published("passuntil_table1").set_index(["task", "statistic"]).value
    for level in ("dataset", "instance"):
        deviation = 100 * (table1["emoji_movie", level] / table1["emoji_movie", "measured"] - 1)
        assert deviation == pytest.approx(table1["emoji_movie", f"{level}_deviation_percent"], abs=0.05)
    assert 100 * (
        table1["program_synthesis", "instance"] / table1["program_synthesis", "measured"] - 1
    ) == pytest.approx(-0.05, abs=0.005)
    english = load_published("table3_corpus").query("group == 'english'")
    assert english.share.sum() == pytest.approx(1.0, abs=0.001)


def test_a_row_without_source_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no such table; choose one of passuntil_table1, table1_tasks"):
        load_published("table9")
    (tmp_path / "bare.csv").write_text("value,source\n1,Table 1\n2,\n")
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    monkeypatch.setattr(published, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="a row has no source"):
        load_published("bare")
