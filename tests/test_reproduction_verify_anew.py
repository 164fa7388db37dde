"""What is made anew is made by the pipeline's own commands from a copy without results, and every kind of file says
where it differs."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import image

from profiles.paths import ROOT
from profiles.profile import default_profile
from reproduction.verify import anew as module
from reproduction.verify.anew import (
    compare_made,
    copy_inputs,
    describe_difference,
    made_files,
    make_anew,
    pictures_have_our_bytes,
    raw_files,
)
from reproduction.verify.disk import Disk, Findings

PROFILE = default_profile()
STEM = "loss_tab45_hyperparameters"  # the cheapest folder with a table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of code and raw tables in which one folder was made anew."""
    folder = tmp_path_factory.mktemp("anew")
    copy_inputs(Disk(ROOT), folder, [PROFILE])
    for step in ("measure", "plot"):
        command = [sys.executable, "-m", f"experiments.{STEM}.{step}", "--profile", PROFILE]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def test_the_copy_holds_all_inputs_and_nothing_made(folder):
    assert (
        all((folder / name).exists() for name in raw_files(PROFILE))
        and (folder / "paper" / "published" / "table2_correlations.csv").exists()
    )
    made = {name for name in made_files(PROFILE) if (folder / name).exists()}
    assert made == {f"results/{PROFILE}/{STEM}.csv", f"figures/{PROFILE}/{STEM}.png", f"figures/{PROFILE}/{STEM}.md"}
    assert not (folder / "dvc.lock").exists() and not (folder / "data").exists()


def test_what_the_commands_make_there_is_what_is_committed(folder):
    """Bytes, the picture's too where Matplotlib is the pinned one."""
    findings = Findings()
    for name in (f"results/{PROFILE}/{STEM}.csv", f"figures/{PROFILE}/{STEM}.png", f"figures/{PROFILE}/{STEM}.md"):
        module.compare_file(Disk(ROOT), folder, findings, name, PROFILE, not pictures_have_our_bytes())
    assert findings.mismatches == [] and findings.num_compared == 3


def test_every_file_that_cannot_be_made_is_named(folder):
    findings = Findings()
    compare_made(Disk(ROOT), folder, findings, [PROFILE])
    named = {line.split(":")[0] for line in findings.mismatches}
    assert named == set(made_files(PROFILE)) - {
        f"results/{PROFILE}/{STEM}.csv",
        f"figures/{PROFILE}/{STEM}.png",
        f"figures/{PROFILE}/{STEM}.md",
    }
    assert all("cannot be made anew; restore it with `git checkout -- " in line for line in findings.mismatches)


def test_a_command_that_fails_is_one_line_and_the_next_is_run(tmp_path, monkeypatch):
    package = tmp_path / "steps"
    package.mkdir()
    (package / "bad.py").write_text(
        f"import sys\nprint('error: {tmp_path}/a.csv: wrong', file=sys.stderr)\nsys.exit(2)\n"
    )
    (package / "worse.py").write_text("raise KeyError('column')\n")
    (package / "good.py").write_text("open('made.txt', 'w').close()\n")
    monkeypatch.setattr(module, "COMMANDS", ("steps.bad", "steps.worse", "steps.good"))
    findings = Findings()
    make_anew(tmp_path, findings)
    assert findings.mismatches == [
        "made anew by `python -m steps.bad`: a.csv: wrong; run it here to see the whole of it",
        "made anew by `python -m steps.worse`: KeyError: 'column'; run it here to see the whole of it",
    ]
    assert (tmp_path / "made.txt").exists()


ROWS = "kind,task,metric,run,value\nstatistic,exam,onset,,0.8\nstatistic,maths,onset,,0.9\n"
ENTRIES = '[{"id": "a", "value": 1, "low": null}, {"id": "b", "value": 2, "low": null}]'


@pytest.mark.parametrize(
    ("name", "here", "told"),
    [
        ("results.csv", ROWS.replace("0.9", "0.7"), "row 2 (statistic maths onset): column value: 0.7 here, 0.9 anew"),
        (
            "results.csv",
            ROWS.replace("0.9", "0.7").replace("0.8", "0.7"),
            "row 1 (statistic exam onset): column value: 0.7 here, 0.8 anew; 2 rows differ",
        ),
        ("results.csv", ROWS + "fit,exam,,,1\n", "3 rows here, 2 anew; the first other one is row 3"),
        ("results.csv", "", "columns none here, ['kind', 'task', 'metric', 'run', 'value'] anew"),
        (
            "results.csv",
            ROWS.replace("\n", "\r\n"),
            "the same values, other bytes (line ends, order of keys or blanks)",
        ),
        ("verdicts.json", ENTRIES.replace("2", "3"), "entry 2 (b): field value: 3 here, 2 anew"),
        (
            "verdicts.json",
            ENTRIES.replace('"low": null}]', '"low": null, "more": 1}]'),
            "entry 2 (b): field more: 1 here, nothing anew",
        ),
        ("verdicts.json", "[]", "0 entries here, 2 anew"),
        ("verdicts.json", "[{", "damaged ("),
        ("verdicts.json", "\udcff", "damaged ("),
    ],
)
def test_the_first_difference_is_told(name, here, told):
    anew = ROWS if name.endswith("csv") else ENTRIES
    assert describe_difference(name, here.encode(errors="surrogateescape"), anew.encode()).startswith(told)


def test_lines_of_a_text_are_told():
    assert describe_difference("report.md", b"a\nb 5\n", b"a\nb 6\n") == "line 2: 'b 5' here, 'b 6' anew"
    assert describe_difference("report.md", b"a\n", b"a\nb\n") == "line 2: '' here, 'b' anew"


def picture(values):
    buffer = io.BytesIO()
    image.imsave(buffer, values, format="png")
    return buffer.getvalue()


def test_pictures_are_compared_by_bytes_and_elsewhere_by_pixels():
    blank, other = np.ones((40, 40, 3)), np.ones((40, 40, 3))
    other[0, :16] = 0.5  # 1 % of the picture, half a step of colour
    drawn = other.copy()
    drawn[10:30] = 0
    assert (
        describe_difference("a.png", picture(other), picture(blank))
        == "1 % of the pixels differ from the picture made anew"
    )
    assert describe_difference("a.png", picture(other), picture(blank), by_pixels=True) == ""
    assert "pixels differ" in describe_difference("a.png", picture(drawn), picture(blank), by_pixels=True)
    assert describe_difference("a.png", picture(blank), picture(blank[:20])) == "40 x 40 pixels here, 40 x 20 anew"
    assert describe_difference("a.png", picture(blank)[:60], picture(blank)).startswith("not readable as a picture")
    assert describe_difference("a.png", picture(blank) + b"x", picture(blank)) == "the same pixels, other bytes"


def test_another_matplotlib_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_pins", lambda: ["matplotlib==0.1"])
    monkeypatch.setattr(module, "made_files", lambda profile: [])
    (tmp_path / "README.md").write_text("x")
    findings = Findings()
    compare_made(Disk(tmp_path), tmp_path, findings, [PROFILE])
    assert findings.mismatches == [] and findings.notes == [
        "pictures are compared by pixels: Matplotlib or FreeType is not the version that drew the committed ones"
    ]


def test_a_paper_differs_where_its_pictures_do():
    assert "4 bytes here, 5 anew" in describe_difference("paper.pdf", b"%PDF", b"%PDF\xff")
    assert not describe_difference("paper.pdf", b"%PDF", b"%PDF\xff", by_pixels=True)
