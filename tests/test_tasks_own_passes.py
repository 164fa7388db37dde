"""A file of one's own: every way to say what passes, and one line for each way to say it wrongly."""

import json

import pytest

from sandbox.parent import Verdict
from tasks.own.passes import load_own_passes


def run_nothing(program, tests, entry_point):
    """No program passes."""
    return Verdict(False, "failed: AssertionError not a pass", 0.0, {})


def load(tmp_path, *rows, **options):
    path = tmp_path / "mine.jsonl"
    path.write_text("\n\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return load_own_passes(path, run_nothing, **options)


def test_every_way_to_say_what_passes(tmp_path):
    one, several, pattern, program = load(
        tmp_path,
        {"prompt": "2 + 2 =", "answer": "4"},
        {"prompt": "A vowel: ", "answers": ["a", " e "]},
        {"prompt": "2 + 2 =", "regex": r"\s*[0-9]", "answer": " 4"},
        {"prompt": "def f():\n", "tests": "def check(f): pass", "entry_point": "f"},
    )
    assert [one.item_id, several.item_id, pattern.item_id, program.item_id] == [0, 1, 2, 3]
    assert (one.reference, several.reference, pattern.reference, program.reference) == (" 4", "a", " 4", None)
    assert one.checker.passes("4\n") and several.checker.passes("e") and pattern.checker.passes(" 7")
    assert not program.checker.passes("    return 1") and one.prompt == "2 + 2 ="
    assert len(load(tmp_path, {"prompt": "a", "answer": "b"}, {"prompt": "c", "answer": "d"}, num_items=1)) == 1


def test_the_program_begins_with_the_prompt_or_its_opening_and_with_a_chat_anew(tmp_path):
    programs = []

    def keep(program, tests, entry_point):
        programs.append(program)
        return run_nothing(program, tests, entry_point)

    row = {"prompt": "def f():\n", "tests": "t", "entry_point": "f"}
    path = tmp_path / "mine.jsonl"
    for fields, is_chat in ((row, False), (row, True), (row | {"opening": "import re\n"}, True)):
        path.write_text(json.dumps(fields))
        load_own_passes(path, keep, is_chat=is_chat)[0].checker.passes("x")
    assert programs == ["def f():\n", "def f():\nx", "", "x", "import re\n", "import re\nx"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "no json"),
        ("[1]", "no object"),
        ({"prompt": "a"}, "no field says what passes; give one of regex, tests, answers, answer"),
        ({"prompt": "a", "anwser": "b"}, "no field says what passes"),
        ({"answer": "b"}, "field prompt is absent"),
        ({"prompt": " ", "answer": "b"}, "field prompt is ' ', not a text"),
        ({"prompt": "a", "answer": 4}, "field answer is '4', not a text"),
        ({"prompt": "a", "answers": []}, "field answers is no list of texts"),
        ({"prompt": "a", "answers": "b"}, "field answers is no list of texts"),
        ({"prompt": "a", "regex": "("}, "field regex is no regular expression"),
        ({"prompt": "a", "regex": "b", "answer": "c"}, "field answer, 'c', does not pass"),
        ({"prompt": "a", "tests": "t"}, "field entry_point is absent"),
        ({"prompt": "a", "tests": "t", "entry_point": "f()"}, "not the name of a function"),
        ({"prompt": "a", "tests": "t", "entry_point": "f", "answer": "    return 1"}, "does not pass"),
    ],
)
def test_a_line_that_says_it_wrongly_is_one_line(tmp_path, row, message):
    with pytest.raises(ValueError) as caught:
        load(tmp_path, {"prompt": "a", "answer": "b"}, row)
    assert message in str(caught.value) and "mine.jsonl, line 3: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_items_than_there_are_are_refused(tmp_path):
    with pytest.raises(ValueError, match="holds 1 items, 2 are asked for"):
        load(tmp_path, {"prompt": "a", "answer": "b"}, num_items=2)
