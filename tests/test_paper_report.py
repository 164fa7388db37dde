"""The report holds no typed number: macros are filled from results, unknown ones are errors, links lead somewhere."""

import json
import re

import pytest

from experiments.tables.results import write_results
from paper.claims import all_claims
from paper.report import MACRO, SOURCE, Report, write_readme, write_report
from profiles.paths import Paths


@pytest.fixture
def paths(tmp_path) -> Paths:
    """A results folder with one made-up statistic per claim and empty pictures."""
    paths = Paths("smoke", tmp_path)
    folders = {claim.folder for claim in all_claims()} | set(
        re.findall(r"\{\{(?:figure|table) (\w+)\}\}", SOURCE.read_text(encoding="utf-8"))
    )
    verdicts = []
    for folder in folders:
        named = re.findall(rf"\{{\{{number {folder} (\w+) (\w+)", SOURCE.read_text(encoding="utf-8")) or [
            ("exam", "onset_loss")
        ]
        statistics = [
            {
                "kind": "statistic",
                "task": task,
                "metric": name,
                "seed": "0",
                "value": 1.25,
                "low": 1.0,
                "high": 1.5,
                "status": "ok",
            }
            for task, name in named
        ]
        write_results(paths.results_csv(folder), [statistics])
        paths.figure(folder).parent.mkdir(parents=True, exist_ok=True)
        paths.figure(folder).touch()
        paths.figure(folder).with_suffix(".md").write_text(f"table of {folder}\n")
    for claim in all_claims():
        verdicts += [
            {
                "id": f"{claim.id}.{task}" if task != "all" else claim.id,
                "value": 0.5,
                "low": 0.25,
                "high": 0.75,
                "criterion": str(claim.criterion),
                "verdict": "not replicated",
                "folder": claim.folder,
            }
            for task in claim.tasks
        ]
    paths.verdicts.write_text(json.dumps(verdicts))
    return paths


def test_report_is_filled_and_its_pictures_exist(paths):
    report, table = write_report(paths)
    text = report.read_text(encoding="utf-8")
    assert not MACRO.search(text)
    assert "leave chance at a loss of 1.25 [1.00, 1.50] nats" in " ".join(text.split())
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert len(pictures) == len(set(pictures)) == 22 and all((report.parent / picture).exists() for picture in pictures)
    links = re.findall(r"\]\(([^)]+)\)", table.read_text(encoding="utf-8"))
    assert links and all((paths.root / link).exists() for link in links), "README stands at the root"
    tables = table.read_text(encoding="utf-8").split("\n\n")
    assert [text.split("|")[1].strip() for text in tables] == [
        "claim of paper L",
        "claim of paper P",
        "claim of paper ext",
    ]
    assert (
        text.index("# Paper L")
        < text.index("claim of paper L")
        < text.index("# Paper P")
        < text.index("claim of paper P")
    )


def test_readme_gets_the_tables_it_has_and_nothing_else_changes(paths):
    readme = paths.root / "README.md"
    readme.write_text(
        "# Title\n\n| claim of paper L | x |\n| --- | --- |\n| old | 9.99 |\n\ntext\n| other | table |\n",
        encoding="utf-8",
    )
    _, table = write_report(paths)
    assert write_readme(paths) == readme
    lines, expected = (
        readme.read_text(encoding="utf-8").split("\n"),
        table.read_text(encoding="utf-8").split("\n\n")[0].split("\n"),
    )
    assert lines == ["# Title", "", *expected, "", "text", "| other | table |", ""]
    write_readme(paths)
    assert readme.read_text(encoding="utf-8").split("\n") == lines
    readme.write_text("# Title\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"README.md: no line begins with '\| claim of paper'"):
        write_readme(paths)


def test_no_number_of_a_result_is_typed_into_the_source():
    text = MACRO.sub("", SOURCE.read_text(encoding="utf-8"))
    typed = set(re.findall(r"\d+\.\d+", text)) - {
        "2403.15796",
        "2310.03262",
        "2.2",
    }  # the papers' numbers on arXiv and paper L's threshold
    assert not typed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{nunber x}}", "unknown macro nunber"),
        ("{{verdict no_such_claim}}", "no verdict no_such_claim"),
        ("{{number loss_fig1_model_sizes exam no_such}}", "no statistic no_such for task exam"),
        ("{{verdict_table Q}}", "macro verdict_table: no paper Q; use one of L, P"),
    ],
)
def test_a_macro_that_names_nothing_is_an_error(paths, text, message):
    with pytest.raises(ValueError, match=message):
        Report(paths, paths.root).fill(text)


def test_verdicts_come_first(tmp_path):
    with pytest.raises(ValueError, match="run `python -m paper.verdicts --profile smoke` first"):
        Report(Paths("smoke", tmp_path), tmp_path)
