"""The verdict table counts, and never hides a claim that fails."""

from paper.claims import Claim, Criterion
from paper.verdict_table import counts, span, three_digits, verdict_table


def entries(*verdicts: str) -> list[dict]:
    return [
        {"id": f"c.{i}", "verdict": verdict, "value": 0.1 * (i + 1), "low": 0.0, "high": 1.0}
        for i, verdict in enumerate(verdicts)
    ]


def test_one_word_where_all_agree_and_counts_where_not():
    assert counts(entries("replicated")) == "**replicated**"
    assert counts(entries("not reached", "not reached")) == "**not reached** (2 tasks)"
    assert counts(entries("replicated", "replicated", "not replicated")) == "2 **replicated**, 1 not replicated"
    assert counts(entries("replicated", "not replicated")) == "1 replicated, 1 not replicated"


def test_values_of_one_and_of_several_tasks():
    assert span(entries("replicated")) == "0.1 [0, 1]"
    assert span(entries("replicated", "replicated")) == "0.1 to 0.2"
    assert span([{"value": None, "low": None, "high": None}]) == "n/a"
    assert three_digits(123456.0) == "1.23e+05"


def test_a_table_holds_the_claims_of_one_paper():
    claims = [
        Claim(name, name, "Figure 1", f"Claim {name}.", "x", "s", "points", ("all",), Criterion("at_least", 30.0))
        for name in ("L", "P")
    ]
    verdicts = [{"id": name, "verdict": "replicated", "value": 50.0, "low": 40.0, "high": 60.0} for name in ("L", "P")]
    lines = verdict_table(claims, verdicts, str, "P").splitlines()
    assert len(lines) == 3 and lines[0].startswith("| claim of paper P |") and "Claim P." in lines[2]


def test_every_claim_has_its_line():
    claims = [
        Claim(name, "L", "Figure 1", f"Claim {name}.", "loss_x", "s", "points", ("all",), Criterion("at_least", 30.0))
        for name in ("a", "b")
    ]
    verdicts = [
        {"id": name, "verdict": verdict, "value": 50.0, "low": 40.0, "high": 60.0}
        for name, verdict in (("a", "replicated"), ("b", "not replicated"))
    ]
    lines = verdict_table(claims, verdicts, lambda folder: f"[{folder}](figures/cpu/{folder}.png)").splitlines()
    assert len(lines) == 4
    assert "| **not replicated** | [loss_x](figures/cpu/loss_x.png) |" in lines[3] and "points >= 30" in lines[3]
