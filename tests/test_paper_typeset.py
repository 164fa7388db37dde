"""The paper: numbers from tables alone, whatever words and rows the verdicts hold, the same bytes every time."""

import json
import re

import pytest

from paper.report import Report
from paper.typeset import (
    MACRO,
    TEXT,
    claim_summaries,
    escaped,
    filled,
    markdown_rows,
    paper_data,
    public_number,
    training_cost,
    typeset,
    verdict_rows,
    with_signs,
)
from profiles.paths import ROOT, Paths
from profiles.profile import read_settings


def verdict(name: str, word: str, value: float | None = 0.25, **more) -> dict:
    interval = {"low": None, "high": None} if value is None else {"low": value - 0.125, "high": value + 0.125}
    entry = {"id": name, "paper": "L", "claim": f"Claim {name}.", "statistic": "a share", "criterion": "<= 0.5"}
    return (
        entry | {"value": value, "verdict": word, "folder": "loss_fig1_model_sizes", "seeds": [0, 1]} | interval | more
    )


@pytest.fixture(scope="module")
def shown():
    """Paths and report of the profile that README shows."""
    paths = Paths(read_settings(ROOT / "params.yaml")["headline"]["L"])
    return paths, Report(paths, paths.figures)


def test_claims_count_their_tasks_whatever_the_words():
    rows = claim_summaries(
        [
            verdict("smooth.recall", "replicated"),
            verdict("smooth.maths", "never heard of", 0.75),
            verdict("alone", "x", None),
        ],
        {"smooth": "section 3"},
    )
    assert [row["verdict"] for row in rows] == ["1 replicated, 1 never heard of", "x"]
    assert [(row["ours"], row["source"]) for row in rows] == [("0.25 to 0.75", "section 3"), ("n/a", "")]


def test_a_verdict_without_a_number_says_so():
    assert verdict_rows([verdict("a.b", "not reached", None)]) == [["a.b", "n/a", "", "not reached"]]


def test_markdown_tables_lose_their_heads(tmp_path):
    file = tmp_path / "table.md"
    file.write_text("text\n\n| date | what |\n|---|---|\n| 1 | `a` |\n| 2 | b |\n")
    assert markdown_rows(file) == [["1", "a"], ["2", "b"]] and markdown_rows(tmp_path / "none.md") == []


def test_signs_are_printed_ones():
    assert with_signs({"a": ["<= -0.9", "+-5", 3, "two-digit 1e-5"]}) == {"a": ["≤ −0.9", "±5", 3, "two-digit 1e-5"]}
    assert escaped("**replicated** 0.8 [0.7, 0.9]") == "*replicated* 0.8 \\[0.7, 0.9\\]"


def test_a_public_number_is_one_row(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text(
        "kind,task,metric,series,size,value,low,high\n"
        + "".join(f"statistic,mmlu,error,{series},,{value},0.1,0.9\n" for series, value in (("a", 0.5), ("b", 0.7)))
    )
    assert public_number(table, "mmlu", "error/b", "100", "0") == "70 [10, 90]"
    with pytest.raises(ValueError, match="2 rows of t.csv are mmlu error"):
        public_number(table, "mmlu", "error")


def test_cost_is_the_sum_over_runs(tmp_path):
    (tmp_path / "runs.csv").write_text("trained_tokens,train_seconds\n1000000,1800\n2000000,5400\n")
    assert training_cost(tmp_path / "runs.csv") == {"runs": "2", "tokens": "3", "hours": "2.0"}
    assert set(training_cost(tmp_path / "none.csv").values()) == {"n/a"}


def test_an_unknown_macro_is_an_error(shown):
    paths, report = shown
    with pytest.raises(ValueError, match="unknown macro wish"):
        filled("{{wish exam}}", paths, report.fill)


def test_the_text_types_no_result(shown):
    """No decimal fraction stands in the prose beside the macros."""
    text = MACRO.sub("", TEXT.read_text(encoding="utf-8"))
    prose = "\n".join(line for line in text.splitlines() if not line.startswith("#") and "(" != line[:1])
    assert re.findall(r"(?<![\w.])\d+\.\d+(?![\w.]*(?:pt|em|cm|fr)\b)", prose) == ["2.2"]  # the paper's own threshold


def test_same_results_give_the_same_bytes_under_the_limit(shown):
    paths, report = shown
    sources = {claim.id: claim.source for claim in report.claims}
    text = filled(TEXT.read_text(encoding="utf-8"), paths, report.fill)
    made = typeset(text, paper_data(paths, report.verdicts, sources), ROOT)
    assert made == typeset(text, paper_data(paths, report.verdicts, sources), ROOT) and len(made) < 6e6
    report.verdicts[0] |= {"verdict": "another"}
    assert made != typeset(text, paper_data(paths, report.verdicts, sources), ROOT)


def test_new_words_and_absent_pictures_are_typeset(shown):
    """Rows of another version, no picture, no table of changes: still a PDF."""
    paths, report = shown
    verdicts = [verdict("new.exam", "premise not met", None, version=2), verdict("odd", "replicated", 1e5, paper="ext")]
    data = paper_data(paths, verdicts, {}) | {"figures": [], "changes": [], "dropped": [["a", "b"]]}
    data["by_data"] = [{"paper": "L", "claim": "c", "our_ladder": "**x**", "real_models": "y"}]
    text = filled(TEXT.read_text(encoding="utf-8"), paths, report.fill)
    assert typeset(text, json.loads(json.dumps(data)), ROOT).startswith(b"%PDF")
