"""Committed against fresh: a planted disagreement is found, equal results are equal, nothing to compare is one line."""

import json
import subprocess
import sys
from io import StringIO

import pytest
from rich.console import Console

from profiles.paths import PAPERS, ROOT, Paths
from profiles.profile import default_profile
from reproduction import compare
from reproduction.compare import (
    FLIPPED,
    ONE_SIDED,
    OTHERWISE,
    SAME,
    agreement,
    compare_weights,
    intervals_meet,
    print_result,
    shown_numbers,
)

HEADER = "run,series,device,cpu_capability,precision,torch,weight_hash,recipe_hash"


def row(
    name: str, verdict: str, value: float | None = 0.5, low: float | None = 0.4, high: float | None = 0.6, **others
) -> dict:
    return {
        "id": name,
        "paper": "L",
        "claim": f"claim [of] {name}",
        "statistic": "s",
        "value": value,
        "low": low,
        "high": high,
        "criterion": ">= 0.3",
        "verdict": verdict,
        "seeds": [0],
        "profile": "full",
    } | others


COMMITTED = [
    row("same", "replicated"),
    row("flips", "replicated"),
    row("opens", "not replicated"),
    row("moves", "inconclusive"),
    row("gone", "replicated"),
]
FRESH = [
    row("same", "replicated", 0.51),
    row("flips", "not replicated", 0.1, 0.05, 0.2),
    row("opens", "inconclusive", None, None, None),
    row("moves", "not reached"),
    row("new", "replicated"),
]
RUNS = [
    "a_s0,long,cpu (x86_64),AVX512_BF16,bf16,2.13.0,aaaa,r1",
    "b_s0,long,cpu (x86_64),AVX512_BF16,bf16,2.13.0,bbbb,r2",
]
OTHER_RUNS = [
    "a_s0,long,cpu (x86_64),AVX2,fp32,2.13.0,cccc,r1",
    "b_s0,long,cpu (x86_64),AVX512_BF16,bf16,2.13.0,bbbb,r3",
    "c_s1,long,cpu,AVX2,fp32,2.13.0,dd,r4",
]


def write(
    paths: Paths, verdicts: list | str | None = None, runs: list | str | None = None, series: list | None = None
) -> None:
    for paper in PAPERS:
        (paths.results / paper).mkdir(parents=True, exist_ok=True)
    paths.verdicts.parent.mkdir(parents=True, exist_ok=True)
    if verdicts is not None:
        paths.verdicts.write_text(verdicts if isinstance(verdicts, str) else json.dumps(verdicts, indent=1))
    for path, rows in ((paths.runs_table("loss"), runs), (paths.runs_table("passuntil"), series)):
        if rows is not None:
            path.write_text(rows if isinstance(rows, str) else "\n".join([HEADER, *rows]) + "\n")


def run_git(root, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@e", "-c", "commit.gpgsign=false", *arguments],
        cwd=root,
        check=True,
        capture_output=True,
    )


def commit(root) -> None:
    run_git(root, "add", "-A", "-f")
    run_git(root, "commit", "-q", "-m", "results")


@pytest.fixture(params=["default", "other"])
def paths(request, tmp_path, monkeypatch):
    """Of a small checkout that holds committed results: of the default profile, whose verdicts stand in paper/, and of
    another one."""
    monkeypatch.setattr(compare, "Paths", lambda profile: Paths(profile, tmp_path))
    found = Paths(default_profile() if request.param == "default" else "full", tmp_path)
    run_git(tmp_path, "init", "-q")
    write(found, COMMITTED, RUNS[:1], RUNS[1:])
    commit(tmp_path)
    return found


def main(*arguments: str) -> int:
    """As the command line calls it."""
    parsed = {
        "profile": None,
        "with_profile": None,
        "against": "HEAD",
        "strict": "--strict" in arguments,
        "json": "--json" in arguments,
    }
    for name, value in zip(arguments, arguments[1:], strict=False):
        parsed[name.removeprefix("--").replace("-", "_")] = (
            value if name in ("--profile", "--with-profile", "--against") else parsed.get(name.removeprefix("--"))
        )
    return compare.main(compare.argparse.Namespace(**parsed))


def test_a_planted_disagreement_is_found_in_overwritten_files(paths, capsys):
    write(paths, FRESH, OTHER_RUNS, [])
    assert main("--profile", paths.profile) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[1:5] == [
        "same\treplicated\t0.5 [0.4, 0.6]\treplicated\t0.51 [0.4, 0.6]\tyes",
        "flips\treplicated\t0.5 [0.4, 0.6]\tnot replicated\t0.1 [0.05, 0.2]\tno: flipped; intervals apart",
        "opens\tnot replicated\t0.5 [0.4, 0.6]\tinconclusive\t-\tno: decided on one side",
        "moves\tinconclusive\t0.5 [0.4, 0.6]\tnot reached\t0.5 [0.4, 0.6]\tno: undecided in another way",
    ]
    assert (
        printed.splitlines()[-1]
        == "1 of 4 verdicts the same, 1 flipped, 1 inconclusive on one side, 1 undecided in another way, all three"
        " numbers equal in 1, 1 claims only committed, 1 claims only fresh; weights the same bytes: no, other CPU"
        " (AVX512_BF16, now AVX2), other precision (bf16, now fp32) (0 of 1 runs are); 1 runs of another recipe not"
        " compared"
    )
    assert main("--profile", paths.profile, "--strict") == 1


def test_equal_results_are_equal(paths, capsys):
    assert main("--profile", paths.profile, "--strict") == 0
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == "5 of 5 verdicts the same, 0 flipped, all three numbers equal in 5; weights the same bytes: yes (2 of 2"
        " runs); "
        "the files are the committed ones: nothing was run or all of it came out the same"
    )
    write(paths, COMMITTED[:1] + [row("flips", "inconclusive")])
    assert main("--profile", paths.profile, "--strict") == 0  # no flip
    assert "committed ones" not in capsys.readouterr().out


def test_json_holds_the_same(paths, capsys):
    write(paths, FRESH, OTHER_RUNS, [])
    assert main("--profile", paths.profile, "--json", "--strict") == 1
    said = json.loads(capsys.readouterr().out)
    assert [claim["agreement"] for claim in said["claims"]] == [SAME, FLIPPED, ONE_SIDED, OTHERWISE]
    assert (
        said["only_committed"] == ["gone"] and said["only_fresh"] == ["new"] and said["weights_are_the_same"] is False
    )
    assert said["summary"].startswith("1 of 4 verdicts the same") and said["weights"]["other"] == ["a_s0"]
    assert said["claims"][1]["fresh_numbers"] == [0.1, 0.05, 0.2] and said["claims"][1]["intervals_meet"] is False


def test_another_profile_and_another_revision(paths, capsys):
    smoke = Paths("smoke", paths.root)
    write(smoke, FRESH, RUNS)
    assert main("--profile", "smoke", "--with-profile", paths.profile) == 0
    printed = capsys.readouterr().out
    assert (
        f"profile smoke: committed of profile {paths.profile} (HEAD) against fresh" in printed
        and "1 of 4 verdicts the same" in printed
    )
    assert "weights the same bytes: yes (2 of 2 runs)" in printed
    write(paths, FRESH)
    commit(paths.root)
    assert main("--profile", paths.profile, "--against", "HEAD~1") == 0
    assert "1 of 4 verdicts the same" in capsys.readouterr().out


def test_nothing_committed_is_one_line(paths, capsys, tmp_path):
    assert main("--profile", "smoke") == 0 and main("--profile", "smoke", "--strict") == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith(
        "not compared: HEAD:results/smoke/verdicts.json: no verdicts of profile smoke are committed"
    )
    assert (
        main("--profile", "smoke", "--json") == 0 and "not compared" in json.loads(capsys.readouterr().out)["summary"]
    )


def test_outside_a_checkout_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare, "Paths", lambda profile: Paths(profile, tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write(Paths("full", tmp_path), FRESH)
    assert main("--profile", "full") == 0
    assert (
        capsys.readouterr().out
        == "not compared: no committed results to compare with: not a git repository (or any of the parent"
        " directories): .git\n"
    )
    run_git(tmp_path, "init", "-q")  # without a commit
    with pytest.raises(ValueError, match="git knows no such revision"):
        main("--profile", "full")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main("--profile", "full") == 0
    assert "git is not installed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "damage,message",
    [
        ({"verdicts": "{"}, "verdicts.json: damaged .JSONDecodeError"),
        ({"verdicts": "<<<<<<< HEAD\n[]"}, "verdicts.json: damaged"),
        ({"verdicts": [{"id": "a"}]}, "verdicts.json: field paper of a is missing"),
        ({"verdicts": [row("a", "replicated", "0.5")]}, "field value of a is no number"),
        ({"verdicts": "[" + json.dumps(row("a", "replicated", float("nan"))) + "]"}, "field value of a is no number"),
        ({"verdicts": [row("a", "replicated")] * 2}, "claim a stands there twice"),
        ({"runs": "run\na\n"}, "runs.csv, line 2: field recipe_hash is missing"),
        ({"runs": RUNS[:1] + ["b_s0,long"]}, "runs.csv, line 3: field recipe_hash is missing"),
    ],
)
def test_damaged_files_are_one_line(paths, damage, message):
    write(paths, **damage)
    with pytest.raises(ValueError, match=message) as caught:
        main("--profile", paths.profile)
    assert "\n" not in str(caught.value) and "make reproduce" in str(caught.value)


def test_missing_fresh_files_and_bytes_that_are_no_text(paths):
    paths.runs_table("loss").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"runs\.csv: damaged"):
        main("--profile", paths.profile)
    paths.runs_table("loss").unlink()
    assert main("--profile", paths.profile) == 0
    paths.verdicts.unlink()
    with pytest.raises(ValueError, match="verdicts.json: no verdicts yet; run `make reproduce PROFILE="):
        main("--profile", paths.profile)


def test_a_terminal_gets_a_table(paths):
    write(paths, FRESH, RUNS)
    result = compare.compare(paths, paths, "HEAD")
    buffer = StringIO()
    print_result(result, Console(file=buffer, force_terminal=True, width=200, no_color=True))
    assert "flips" in buffer.getvalue() and "│" in buffer.getvalue() and "1 of 4 verdicts the same" in buffer.getvalue()


def test_words_of_agreement():
    assert agreement("replicated", "replicated") == SAME and agreement("not replicated", "replicated") == FLIPPED
    assert agreement("replicated", "not reached") == agreement("not measured", "not replicated") == ONE_SIDED
    assert agreement("inconclusive", "not reached") == OTHERWISE
    assert (
        intervals_meet((1, 0, 2), (3, 2, 4))
        and not intervals_meet((1, 0, 2), (3, 2.1, 4))
        and intervals_meet((1, None, None), (3, 1, 4))
    )
    assert intervals_meet((None, None, None), (1, 0, 2)) is None
    assert (
        shown_numbers((1.23456, None, None)) == "1.23"
        and shown_numbers((1, 0, None)) == "1 [0, -]"
        and shown_numbers((None,) * 3) == "-"
    )


def test_weights_without_a_word_of_the_processor():
    before = {"a": {"run": "a", "weight_hash": "x", "recipe_hash": "r", "device": "cpu"}}
    assert "no, on what the tables call the same device (0 of 1 runs are)" in str(
        compare_weights(before, {"a": before["a"] | {"weight_hash": "y"}})
    )
    assert str(compare_weights(before, {})) == "weights the same bytes: no run to compare"


def test_command_line_on_the_committed_results():
    ended = subprocess.run(
        [sys.executable, "-m", "reproduction.compare", "--with-profile", "full", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert len(json.loads(ended.stdout)["claims"]) > 100
    ended = subprocess.run(
        [sys.executable, "-m", "reproduction.compare", "--against", "no-such-revision"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (
        ended.returncode == 2
        and ended.stderr.count("\n") == 1
        and ended.stderr.startswith("error: --against no-such-revision")
    )


def test_make_reproduce_ends_with_it():
    planned = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "reproduce", "PROFILE=smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert planned.splitlines()[-1] == "python -m reproduction.compare --profile smoke"
