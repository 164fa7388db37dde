"""The verdict on planted tables, with each reason; JSON without nan; the same words for percent and shares."""

import json

import numpy as np
import pandas as pd
import pytest

from analysis.onset.report import onset_report
from analysis.onset.table import Columns, check_table
from tests.planted_onsets import planted_table

COLUMNS = Columns("loss", "acc", "model", "step", "params", "corpus", 2000)


def _report(frame, columns=COLUMNS, chance=0.25, **arguments):
    return onset_report(check_table(frame, columns, chance), num_replicates=100, **arguments)


def test_a_planted_threshold_is_found_where_it_is():
    report = _report(planted_table())
    assert (
        report.verdict == "threshold"
        and report.eta.low <= 2.2 <= report.eta.high
        and report.eta.high - report.eta.low < 0.5
    )
    assert (report.onsets.status == "ok").all() and len(report.onsets) == 6 and report.shared.status == "ok"
    assert report.onsets.onset_loss_nats.between(1.9, 2.25).all() and report.gain == pytest.approx(0.6, abs=0.05)
    assert [effect.verdict for effect in report.sizes] == ["equivalent", "equivalent"] and [
        e.verdict for e in report.groups
    ] == ["equivalent"]


@pytest.mark.parametrize(
    "kind, verdict, word",
    [("smooth", "smooth", "highest loss"), ("flat", "not reached", "no score rises above chance (0.25)")],
)
def test_other_curves_get_other_words(kind, verdict, word):
    report = _report(planted_table(kind))
    assert report.verdict == verdict and word in report.reason and np.isnan(report.eta.estimate)


def test_too_little_to_tell():
    few = _report(planted_table(num_runs=1, num_checkpoints=6))
    assert few.verdict == "cannot tell" and few.reason == "6 checkpoints, needs 8"
    one_loss = _report(planted_table().assign(loss=2.0))
    assert one_loss.verdict == "cannot tell" and "no loss range" in one_loss.reason
    late = planted_table(eta=1.22)
    assert _report(late).verdict in ("cannot tell", "not reached")


def test_one_run_and_finals_only_say_what_they_lack():
    one = _report(planted_table(num_runs=1, num_checkpoints=40))
    assert (
        one.verdict == "threshold"
        and any(note.startswith("1 run(s): nothing says") for note in one.notes)
        and one.shared is None
    )
    bracket = np.sort(planted_table(num_runs=1, num_checkpoints=40).loss)
    assert (
        one.eta.low <= bracket[bracket < one.eta.estimate].max()
        and one.eta.high >= bracket[bracket > one.eta.estimate].min()
    )
    finals = planted_table(num_runs=1, num_checkpoints=60).assign(
        model=lambda rows: [f"m{i}" for i in range(len(rows))]
    )
    report = _report(finals)
    assert (
        report.verdict == "threshold"
        and report.onsets.empty
        and any("no onset of their own" in note for note in report.notes)
    )


def test_percent_and_unknown_items_give_the_same_word():
    frame = planted_table()
    percent = _report(frame.assign(acc=100 * frame.acc), chance=25.0)
    share = _report(frame)
    assert percent.verdict == share.verdict and percent.eta.estimate == pytest.approx(share.eta.estimate)
    unknown = _report(frame, Columns("loss", "acc", "model", "step"))
    assert unknown.verdict == "threshold" and any("no number of items" in note for note in unknown.notes)


def test_json_holds_the_report_without_nan():
    for kind in ("threshold", "flat"):
        report = _report(planted_table(kind))
        content = json.loads(report.to_json(), parse_constant=lambda name: pytest.fail(name))
        assert content["verdict"] == report.verdict and len(content["onsets"]) == len(report.onsets)
    assert json.loads(_report(planted_table()).to_json())["eta"]["estimate"] == pytest.approx(2.2, abs=0.1)


def test_the_text_names_each_number():
    lines = _report(planted_table()).text().splitlines()
    assert lines[0].startswith("threshold: at chance over ") and lines[1].startswith("loss at the threshold  2.")
    assert any(line.startswith("size at equal loss     10M -> 100M: ") and "equivalent" in line for line in lines)


def test_the_same_table_gives_the_same_report():
    frame = planted_table()
    first, second = (_report(frame.sample(frac=1, random_state=state)).to_json() for state in (0, 1))
    assert first == second
    assert isinstance(_report(frame).onsets, pd.DataFrame)
