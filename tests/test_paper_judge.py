"""One call from a table to the verdict of a claim: on a public table, on counts, on losses, and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest

from experiments.tables.results import read_results
from paper.judge import claim_list, judge_checkpoints, main, papers_claims, table_kind
from profiles.paths import ROOT
from public_tables.benchmarks import BENCHMARKS
from tests.test_analysis_table_statistics_losses import planted as planted_losses
from tests.test_analysis_table_statistics_passes import planted as planted_passes

FORMATS = ROOT / "results" / "public" / "ext_public_formats.csv"
MMLU = ["--where", "kind=checkpoint", "--where", "task=mmlu", "--loss", "loss_nats", "--run", "run", "--value", "value"]
MMLU += ["--chance", "0.25", "--items", "num_items", "--tokens", "tokens_seen"]
LETTER, CLOZE = (["--where", f"metric={form}_accuracy"] for form in ("letter", "cloze"))


@pytest.mark.parametrize(
    ("claim", "form", "verdict"),
    [
        ("threshold_hinge", LETTER, "replicated"),
        ("threshold_hinge", CLOZE, "not replicated"),
        ("threshold_gain", LETTER, "replicated"),
        ("smooth_correlation", CLOZE, "replicated"),
    ],
)
def test_a_claim_is_judged_on_a_public_table(claim, form, verdict, tmp_path, capsys):
    assert main([str(FORMATS), "--claim", claim, *MMLU, *form, "--json", str(tmp_path / "verdict.json")]) == 0
    assert capsys.readouterr().out.startswith(f"{verdict}: ")
    written = json.loads((tmp_path / "verdict.json").read_text())
    assert written["verdict"] == verdict and written["id"] == claim and written["low"] <= written["value"]


def claim_for(kind: str, name: str) -> str:
    return next(claim.id for claim in papers_claims().values() if table_kind(claim) == (kind, name))


def test_passes_and_losses_are_judged_too(tmp_path, capsys):
    table = tmp_path / "passes.csv"
    planted_passes(spread=0.3).to_csv(table, index=False)
    columns = ["--size", "num_parameters", "--item", "item", "--passes", "passes", "--attempts", "attempts"]
    assert main([str(table), "--claim", claim_for("passes", "item_law_r2"), *columns]) == 0
    assert capsys.readouterr().out.startswith("replicated: ")
    table = tmp_path / "losses.csv"
    planted_losses().to_csv(table, index=False)
    given = ["--size", "num_parameters", "--loss", "loss_nats"]
    assert main([str(table), "--claim", claim_for("losses", "unexplained_share"), *given]) == 0
    assert capsys.readouterr().out.startswith("replicated: ")


def test_a_claim_on_several_tasks_takes_their_chance_from_a_column(tmp_path, capsys):
    rows = read_results(FORMATS)
    rows = rows[(rows.kind == "checkpoint") & (rows.metric == "letter_accuracy")]
    rows = rows[rows.task.isin(["mmlu", "csqa", "socialiqa", "arc_easy"])]
    rows = rows.assign(guess=rows.task.map(lambda task: BENCHMARKS[task].chance))
    rows.to_csv(tmp_path / "letters.csv", index=False)
    columns = ["--loss", "loss_nats", "--run", "run", "--value", "value", "--items", "num_items"]
    columns += ["--tokens", "tokens_seen", "--task", "task", "--chance", "guess"]
    asked = [str(tmp_path / "letters.csv"), "--claim", "common_threshold"]
    assert main([*asked, *columns]) == 0
    assert capsys.readouterr().out.startswith("replicated: ")
    assert main([*asked, *columns[:-4], "--chance", "0.25"]) == 2
    assert "needs a table of tasks: give --task" in capsys.readouterr().err
    assert main([*asked, *columns[:-1], "nothing"]) == 2
    assert "--chance nothing: neither a number nor a column" in capsys.readouterr().err


def test_a_task_that_never_leaves_chance_is_not_reached():
    claim = next(claim for claim in papers_claims().values() if table_kind(claim) == ("checkpoints", "gain_points"))
    rows = pd.DataFrame({"run": ["a"] * 8 + ["b"] * 8, "loss_nats": [*np.linspace(4, 3, 8)] * 2})
    rows = rows.assign(value=0.25, num_items=500, tokens_seen=[*range(1, 9)] * 2)
    found = judge_checkpoints(claim, rows, 0.25)
    assert found.verdict == "not reached" and "no run lastingly leaves chance" in found.text()


def test_the_list_names_every_claim_and_what_it_needs(capsys):
    claims = papers_claims().values()
    assert main(["--list"]) == 0
    shown = capsys.readouterr().out
    assert all(claim.id in shown for claim in claims) and shown.strip() == claim_list(list(claims)).strip()
    assert {"checkpoints", "tasks", "passes", "losses"} <= set(shown.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.csv"], "give a table and --claim ID, or --list"),
        (["x.csv", "--claim", "nope"], "--claim nope: no such claim; a table can decide"),
        (["x.csv", "--claim", "estimator_bias"], "needs more than a table"),
        (["x.csv", "--claim", "threshold_hinge", "--loss", "a"], "x.csv: no such file"),
        ([str(FORMATS), "--claim", "threshold_hinge", "--loss", "a"], "give --value --run --chance"),
        ([str(FORMATS), "--claim", "item_law"], "needs a table of passes: give --size --item --passes --attempts"),
    ],
)
def test_what_cannot_be_judged_is_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
