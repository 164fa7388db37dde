"""README's numbers come from results: what is typed over is put back, and a number that stands in no passage is
named."""

import json

import pytest

from experiments.tables.results import write_results
from paper.readme import Numbers, check_shown_tables, load_passages, loose_numbers, put_numbers, renew, with_new_numbers
from profiles.paths import ROOT, Paths
from profiles.profile import read_settings


def committed():
    headline = read_settings(ROOT / "params.yaml")["headline"]
    return (ROOT / "README.md").read_text(encoding="utf-8"), {
        paper: Paths(profile) for paper, profile in headline.items()
    }


def test_the_committed_readme_is_what_the_results_make():
    readme, paths_of = committed()
    check_shown_tables(readme, paths_of)
    assert with_new_numbers(readme, paths_of, load_passages()) == readme, "python -m paper.readme"


@pytest.fixture
def paths(tmp_path):
    paths = Paths("smoke", tmp_path)
    values = {"flat.exam": 0.9176, "flat.maths": 0.6, "bias": -3.4, "rate": 9.4e-5, "none": None}
    paths.verdicts.parent.mkdir(parents=True)
    paths.verdicts.write_text(json.dumps([{"id": name, "value": value} for name, value in values.items()]))
    rows = [
        {"kind": "statistic", "task": task, "metric": "onset", "value": value, "series": series}
        for task, series, value in (("exam", "a", 0.8), ("exam", "b", -0.9), ("maths", "a", 0.7))
    ]
    write_results(paths.results_csv("fig"), [rows])
    return paths


@pytest.mark.parametrize(
    ("macro", "text"),
    [
        ("value flat.exam 100", "92"),
        ("least flat 100", "60"),
        ("most flat 100 1", "91.8"),
        ("least flat.exam,bias", "-3"),
        ("widest bias", "3"),
        ("value rate 1 e", "9e-5"),
        ("value fig:value:kind=statistic,task=maths 1 2", "0.70"),
        ("widest fig:value:task=exam 1 1", "0.9"),
        ("least fig:value:task=exam/maths 1 1", "-0.9"),
    ],
)
def test_a_macro_gives_its_number(paths, macro, text):
    assert Numbers(paths).text(macro) == text


@pytest.mark.parametrize(
    ("macro", "message"),
    [
        ("mean flat", "unknown macro mean; use one of value"),
        ("value flat", "has 2 values"),
        ("value nothing", "no value of nothing in verdicts.json"),
        ("value none", "no value of none"),
        ("value fig:value:task=recall", "fig: no row has task=recall"),
    ],
)
def test_a_macro_that_names_nothing_is_an_error(paths, macro, message):
    with pytest.raises(ValueError, match=message):
        Numbers(paths).text(macro)


def test_typed_numbers_are_put_right_however_lines_are_broken(paths):
    readme = "At chance over 12 % of the\nrange, then (0.00\nnats) it climbs.\n"
    passage = "over {{value flat.exam 100}} % of the range, then ({{value fig:value:task=maths 1 2}} nats)"
    text, spans = put_numbers(readme, passage, Numbers(paths))
    assert text == "At chance over 92 % of the\nrange, then (0.70\nnats) it climbs.\n"
    assert [text[start:end] for start, end in spans] == [text[text.index("over") : text.index(" it")]]


def test_passages_that_are_not_there_and_loose_numbers_are_named_together(paths):
    passages = {"results": {"L": ["over {{value flat.exam 100}} % of it"]}, "typed": ["Python 3.11"]}
    readme = "over 90 % of all\nPython 3.12, figure fig1, fp32, sm_90 and [a link](b/2.md)\n"
    with pytest.raises(ValueError, match="no passage reads") as error:
        with_new_numbers(readme, {"L": paths}, passages)
    faults = str(error.value).split("\n")
    assert [
        "over {{value" in faults[0],
        "'Python 3.11'" in faults[1],
        "line 1: 90 in" in faults[2],
        "line 2: 3.12 in" in faults[3],
    ] == [True] * 4
    assert len(faults) == 4, faults
    with pytest.raises(ValueError, match="more than one passage"):
        put_numbers("over 1 % of it, over 2 % of it", passages["results"]["L"][0], Numbers(paths))


def test_made_tables_and_speeds_hold_their_own_numbers():
    table = "| claim of paper L | x |\n| --- | 5 |\n\n| other | 6 |\n"
    readme = f"{table}<!-- made by x -->\n7\n<!-- end of what it made -->\n8, 1e-4 and 9,999\n"
    assert [line.split(" in ")[0] for line in loose_numbers(readme, [])] == [
        "line 4: 6",
        "line 8: 8",
        "line 8: 1e-4",
        "line 8: 9,999",
    ]


def test_every_paper_has_one_table(tmp_path):
    with pytest.raises(ValueError, match=r"README.md: 0 verdict tables begin with '\| claim of paper P \|'"):
        check_shown_tables("| claim of paper L | x |\n", ["L", "P"])
    with pytest.raises(ValueError, match="2 verdict tables"):
        check_shown_tables("| claim of paper L | x |\n\n| claim of paper L | y |\n", ["L"])


def test_a_tampered_readme_comes_out_as_it_was(tmp_path):
    """The whole command on the committed results: verdict table and sentence."""
    readme, paths_of = committed()
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    results = tmp_path / "results"
    results.mkdir()
    for profile in {paths.profile for paths in paths_of.values()}:
        (results / profile).symlink_to(ROOT / "results" / profile)
    tampered = readme.replace("over 92 % of", "over 72 % of").replace("<= -0.9 |", "<= -0.5 |")
    assert tampered != readme
    (tmp_path / "README.md").write_text(tampered, encoding="utf-8")
    assert renew(tmp_path).read_text(encoding="utf-8") == readme
