"""The published tasks of paper P: rows become items whose checkers take the right answer and no other; errors are one
line.

The rows here are ours, in the published formats. With EMERGENCE_REAL_DATA naming a folder that holds the files of
tasks.real.passes.FILES (at any depth), the published files are read as well, and HumanEval's own solutions, right and
spoilt, run in the sandbox.
"""

import ast
import gzip
import json
import os
from pathlib import Path

import pytest

from sandbox.parent import Limits, Sandbox, run_all
from tasks.real.pass_checkers import COMMON_WORDS, HumanEvalChecker, TitleChecker, completed, is_guessable
from tasks.real.passes import FILES, REAL_PASS_TASKS, UICL_SUBTASKS, load_passes

OPTIONS = "\nOptions:\n(A) 01/02/2001\n(B) 01/03/2001"
PROGRAM = {
    "prompt": 'def half(x):\n    """ Half of x. """\n',
    "canonical_solution": "    return x / 2\n",
    "entry_point": "half",
    "test": "def check(candidate):\n    assert candidate(4) == 2\n    assert candidate(-1) == -0.5\n",
}
FILMS = ["Up", "Shark Day", "Lions Inc.", "Blue House", "Ted"]
ROWS = {
    "HumanEval.jsonl.gz": [PROGRAM],
    "emoji_movie.task.json": {
        "examples": [
            {"input": f"What movie does this emoji describe? {i}", "target": film.lower()}
            for i, film in enumerate(FILMS)
        ]
    },
    "date_understanding.bbh.json": {
        "examples": [{"input": f"Day {i}?{OPTIONS}", "target": f"({letter})"} for i, letter in enumerate("AAB")]
    },
    "uicl_regenerated.jsonl": [
        {"subtask": name, "id": 7, "shots": [["a, b", "b, a"], ["c, d", "d, c"]], "input": "e, f", "target": "f, e"}
        for name in UICL_SUBTASKS
    ],
}


def _write(path: Path, rows: object) -> None:
    data = ("".join(json.dumps(row) + "\n" for row in rows) if isinstance(rows, list) else json.dumps(rows)).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def folder(tmp_path):
    for file, rows in ROWS.items():
        _write(tmp_path / file, rows)
    return tmp_path


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(Limits(wall_seconds=10.0)) as started:
        yield started


@pytest.fixture(scope="module")
def published():
    folder = os.environ.get("EMERGENCE_REAL_DATA")
    if not folder:
        pytest.skip("EMERGENCE_REAL_DATA names no folder of published files")

    def find(name: str) -> Path:
        found = sorted(Path(folder).rglob(FILES[name][0]))
        if not found:
            pytest.skip(f"{FILES[name][0]} is not in EMERGENCE_REAL_DATA; it is published at {FILES[name][1]}")
        return found[0]

    return find


@pytest.mark.parametrize("name", FILES)
def test_reference_passes_and_each_of_its_beginnings_is_viable(name, folder, sandbox):
    loaded = load_passes(name, folder, runner=sandbox.passes)
    assert loaded.task is REAL_PASS_TASKS[name] and len(loaded.items) == len(loaded.checkers) > 0
    for item, judge in zip(loaded.items, loaded.checkers, strict=True):
        ((context, reference),) = item.requests
        assert judge.passes(reference) and not judge.passes(reference[:-3]) and not judge.passes("")
        assert all(judge.viable(reference[:length]) for length in range(len(reference) + 1))
        assert item.task == name and not context.endswith(" ") and reference not in context
        if judge.accepted() is not None:
            assert judge.accepted() == (reference,) == (item.answer,)


def test_prompts_hold_their_shots_and_not_the_options(folder):
    assert load_passes("date_understanding_bigbench", folder).items[0].requests[0] == (
        "Q: Day 0?\nA: 01/02/2001\n\nQ: Day 1?\nA: 01/02/2001\n\nQ: Day 2?\nA:",
        " 01/03/2001",
    )
    assert load_passes("uicl_dates_bigbench", folder).items[0].requests[0] == (
        "Input: a, b\nOutput: b, a\nInput: c, d\nOutput: d, c\nInput: e, f\nOutput:",
        " f, e",
    )


def test_guessable_titles_are_removed_and_never_shown(folder):
    everything, filtered = (
        load_passes("emoji_movie_bigbench", folder, removes_guessable=wish) for wish in (False, True)
    )
    assert [item.answer for item in everything.items] == [" up", " blue house", " ted"]
    assert [item.answer for item in filtered.items] == [" blue house", " ted"] and filtered.removed == ("up",)
    assert "A: shark day" in filtered.items[0].requests[0][0] and "A: up" not in filtered.items[0].requests[0][0]
    assert is_guessable("Up") and not is_guessable("upper") and all(word.islower() for word in COMMON_WORDS)


@pytest.mark.parametrize(
    "text,passes",
    [
        (" lions inc.", True),
        ("Lions Inc", False),
        (" Lions INC..", True),
        (" lions inc. ", True),
        ("  lions inc.", False),
        (" lions inc. 2", False),
        (" lions", False),
        (" the lions inc.", False),
    ],
)
def test_titles(text, passes):
    judge = TitleChecker("lions inc.")
    assert judge.passes(text) is passes
    assert judge.viable(text) or not passes
    assert not judge.viable(" lionx") and judge.viable(" lio") and not judge.viable(" lions inc. 2")


def test_a_completion_ends_where_something_else_begins():
    assert completed("    return 1\n\ndef other():") == "    return 1\n"
    assert (
        completed("    return 1\n    # note\n    if x:\n\nprint(1)\nclass A:")
        == "    return 1\n    # note\n    if x:\n"
    )
    assert completed("    return 1") == "    return 1"


def test_each_completion_runs_once_and_only_a_cut_one_is_judged_early():
    asked = []
    judge = HumanEvalChecker("P", "T", "f", lambda *job: asked.append(job) or job[0] == "P right")
    assert judge.viable(" wrong") and judge.viable(" right") and not asked
    assert not judge.viable(" wrong\ndef") and not judge.viable(" wrong\ndef g()") and not judge.passes(" wrong")
    assert judge.viable(" right\ndef") and judge.passes(" right\ndef g")
    assert asked == [("P wrong", "P\nT", "f"), ("P right", "P\nT", "f")]


def test_text_behind_the_completion_does_not_count(sandbox, folder):
    (judge,) = load_passes("HumanEval", folder, runner=sandbox.passes).checkers
    assert judge.passes("    return x / 2\n\nprint(half(3))\nassert False") and not judge.passes("    return x / 3\n")


@pytest.mark.parametrize(
    "name,damage,message",
    [
        ("HumanEvil", None, "task is 'HumanEvil'; choose one of"),
        ("HumanEval", None, "needs a runner of programs; .*openai/human-eval"),
        ("HumanEval", b"no gzip", "HumanEval.jsonl.gz: not readable .*openai/human-eval"),
        ("emoji_movie_bigbench", b"{", "emoji_movie.task.json: not readable .*benchmark_tasks/emoji_movie"),
        ("emoji_movie_bigbench", b"{}", "emoji_movie.task.json: not readable .*KeyError: 'examples'"),
        ("date_understanding_bigbench", b"", "date_understanding.bbh.json: no such file; fetch it .*BIG-Bench-Hard"),
        (
            "date_understanding_bigbench",
            b'{"examples": [{"input": "Day?", "target": "(B)"}]}',
            "bbh.json: row 0: not a published row .field 'target' is '.B.', none of",
        ),
        (
            "uicl_dates_bigbench",
            b'{"subtask": "dates", "id": 1, "shots": [["a", "b"]], "target": "c"}',
            "row 0: not a published row .*'input'",
        ),
        ("uicl_dates_bigbench", b"{\n", "uicl_regenerated.jsonl, line 1: no json"),
        ("uicl_dates_bigbench", b'{"subtask": "identity"}', "0 items are there"),
    ],
)
def test_errors_are_one_line_with_file_and_publisher(name, damage, message, folder):
    source = folder
    if damage is not None:
        source = folder / FILES[name][0]
        source.write_bytes(damage) if damage else source.unlink()
    with pytest.raises(ValueError, match=message) as caught:
        load_passes(name, source)
    assert "\n" not in str(caught.value)


GOOD = {
    "uicl_dates_bigbench": ROWS["uicl_regenerated.jsonl"][UICL_SUBTASKS.index("dates")],
    "HumanEval": PROGRAM,
    "emoji_movie_bigbench": ROWS["emoji_movie.task.json"]["examples"][1],
    "date_understanding_bigbench": ROWS["date_understanding.bbh.json"]["examples"][1],
}


@pytest.mark.parametrize("name,field", [(name, field) for name, row in GOOD.items() for field in row])
@pytest.mark.parametrize("value", ["absent", None, "", " ", 5, ["a"], {"a": "b"}], ids=repr)
def test_fields_that_are_absent_empty_or_of_another_type_are_named(name, field, value, tmp_path):
    if (field, value) in (("id", 5), ("shots", ["a", "b"])):
        return
    row = {other: given for other, given in GOOD[name].items() if other != field} | (
        {} if value == "absent" else {field: value}
    )
    path = tmp_path / FILES[name][0]
    _write(path, {"examples": [GOOD[name], row]} if path.suffix == ".json" else [GOOD[name], row])
    with pytest.raises(ValueError, match=f"row 1: not a published row .field '{field}' ") as caught:
        load_passes(name, path, runner=lambda *job: True)
    assert (
        str(caught.value).startswith(str(path))
        and "\n" not in str(caught.value)
        and FILES[name][1] in str(caught.value)
    )


@pytest.mark.parametrize("row", [None, 5, "text", [], [1]])
@pytest.mark.parametrize("name", GOOD)
def test_rows_that_are_no_objects_are_named(name, row, tmp_path):
    path = tmp_path / FILES[name][0]
    _write(path, {"examples": [GOOD[name], row]} if path.suffix == ".json" else [GOOD[name], row])
    with pytest.raises(ValueError, match="row 1: not a published row") as caught:
        load_passes(name, path, runner=lambda *job: True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("target", ["(C)", "B", "(b)", "(A) (B)", "01/02/2001", "AB"])
def test_options_that_are_not_there_are_named(target, tmp_path):
    path = tmp_path / "dates.json"
    _write(path, {"examples": [GOOD["date_understanding_bigbench"] | {"target": target}]})
    with pytest.raises(
        ValueError, match="row 0: not a published row .field 'target' is .* none of the options .A., .B."
    ):
        load_passes("date_understanding_bigbench", path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"[",
        b"[" * 100_000,
        b'{"examples": 5}',
        b'{"examples": {"a": 1}}',
        b"[]",
        b"\xff\xfe",
        "\u00e9".encode("latin-1"),
        b"<html>",
    ],
)
@pytest.mark.parametrize("name", GOOD)
def test_damaged_files_are_one_line(name, content, tmp_path):
    path = tmp_path / FILES[name][0]
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    with pytest.raises(ValueError) as caught:
        load_passes(name, path, runner=lambda *job: True)
    assert (
        str(caught.value).startswith(str(path))
        and FILES[name][1] in str(caught.value)
        and "\n" not in str(caught.value)
    )


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"], ids=ascii)
def test_other_separators_end_no_line(mark, tmp_path):
    rows = [row | {"input": f"e{mark}f"} for row in ROWS["uicl_regenerated.jsonl"]]
    path = tmp_path / "uicl.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows), encoding="utf-8", newline="")
    (item,) = load_passes("uicl_dates_bigbench", path).items
    assert item.requests[0][0].endswith(f"e{mark}f\nOutput:")


@pytest.mark.parametrize("text", [" Ame\u0301lie", " AM\u00c9LIE.", "\uff21m\u00e9lie", " ame\u0301lie!"])
def test_titles_in_every_unicode_form(text):
    for title in ("am\u00e9lie", "ame\u0301lie"):
        judge = TitleChecker(title)
        assert judge.passes(text) and all(judge.viable(text[:length]) for length in range(len(text) + 1))
        assert not judge.passes(" amelie") and not judge.passes("") and not judge.passes(" ...")


def test_num_items(folder):
    assert len(load_passes("emoji_movie_bigbench", folder, num_items=2).items) == 2
    with pytest.raises(ValueError, match="3 items are there, num_items is 4"):
        load_passes("emoji_movie_bigbench", folder, num_items=4)


@pytest.mark.parametrize(
    "name,num_items",
    [
        ("HumanEval", 164),
        ("emoji_movie_bigbench", 86),
        ("date_understanding_bigbench", 248),
        *((f"uicl_{name}_bigbench", 100) for name in UICL_SUBTASKS),
    ],
)
def test_published_files(name, num_items, published):
    loaded = load_passes(name, published(name), removes_guessable=True, runner=lambda *job: True)
    assert len(loaded.items) == num_items
    for item, judge in zip(loaded.items, loaded.checkers, strict=True):
        assert judge.passes(item.requests[0][1]) and judge.viable(item.requests[0][1])


def spoilt(source: str) -> str:
    """A program that parses and whose function gives another value: each return gives a pair with what it gave."""

    class Spoil(ast.NodeTransformer):
        def visit_Return(self, node):
            return ast.Return(ast.Tuple([ast.Constant("spoilt"), node.value or ast.Constant(None)], ast.Load()))

    return ast.unparse(ast.fix_missing_locations(Spoil().visit(ast.parse(source))))


def test_all_published_solutions_pass_and_spoilt_ones_fail(published):
    path = published("HumanEval")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
    jobs = [
        (row["prompt"] + row["canonical_solution"], f"{row['prompt']}\n{row['test']}", row["entry_point"])
        for row in rows
    ]
    right = run_all(jobs, 2)
    assert [row["task_id"] for row, verdict in zip(rows, right, strict=True) if not verdict.passed] == []
    wrong = run_all([(spoilt(program), tests, entry_point) for program, tests, entry_point in jobs], 2)
    assert [row["task_id"] for row, verdict in zip(rows, wrong, strict=True) if verdict.passed] == []
