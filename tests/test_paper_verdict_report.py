"""The report: every verdict with its numbers, every figure that is there, one clear line where there is nothing."""

import json

import pytest

from paper import verdict_report
from paper.verdict_report import VERDICT_FIELDS, claim_lines, print_report, read_verdicts
from profiles.paths import Paths

ROW = {
    "id": "c1",
    "paper": "L",
    "claim": "abilities follow the loss",
    "statistic": "spearman",
    "value": -0.9876,
    "low": -0.99,
    "high": None,
    "criterion": "at most -0.9",
    "verdict": "replicated",
    "seeds": [0],
    "profile": "smoke",
}


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setattr(verdict_report, "Paths", lambda profile: Paths(profile, tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    found = Paths("smoke", tmp_path)
    found.verdicts.parent.mkdir(parents=True)
    found.verdicts.write_text(json.dumps([ROW]))
    return found


def test_report_shows_verdicts_and_figures(paths, capsys):
    stem = verdict_report.experiment_stems()[0]
    paths.figure(stem).parent.mkdir(parents=True)
    paths.figure(stem).write_bytes(b"")
    assert print_report("smoke") == 0
    printed = capsys.readouterr().out
    assert (
        "abilities follow the loss" in printed
        and "at most -0.9" in printed
        and "replicated: -0.988 [-0.99, -]" in printed
    )
    assert f"figures/smoke/{stem}.png" in printed and printed.count(".png") == 1


def test_a_claim_on_several_tasks_is_one_line():
    rows = [
        ROW | {"id": f"c1.{task}", "task": task, "verdict": verdict}
        for task, verdict in (("exam", "not reached"), ("maths", "replicated"), ("reading", "replicated"))
    ]
    ((claim, criterion, verdicts),) = claim_lines(rows)
    assert claim == ROW["claim"] and criterion == "spearman at most -0.9"
    assert verdicts.splitlines() == ["[yellow]not reached[/]: exam", "[green]replicated[/]: maths, reading"]


def test_no_verdicts_yet(paths):
    paths.verdicts.unlink()
    with pytest.raises(
        ValueError, match="results/smoke/verdicts.json: no verdicts yet; run `make reproduce PROFILE=smoke`"
    ):
        read_verdicts(paths)


@pytest.mark.parametrize("field", VERDICT_FIELDS)
def test_a_verdict_without_a_field_is_refused(paths, field):
    paths.verdicts.write_text(json.dumps([{key: value for key, value in ROW.items() if key != field}]))
    with pytest.raises(ValueError, match=f"field {field} is missing"):
        read_verdicts(paths)


def test_damaged_verdicts(paths):
    paths.verdicts.write_text("[{")
    with pytest.raises(ValueError, match="damaged"):
        read_verdicts(paths)
