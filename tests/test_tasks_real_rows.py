"""One row of each real benchmark: labels, letters and fields that are whole, and those that are not; ends of lines."""

import pytest
from benchmark_rows import PAIRS, SHEET, write_rows

from tasks.real.files import read_file
from tasks.real.forms import FORMS
from tasks.real.loader import FILES
from tasks.real.rows import read_row

LABELS = {
    "HellaSwag": ("gold", 0, 2),
    "WinoGrande": ("answer", 1, 2),
    "ClozeT": ("label", 0, 2),
    "MMLU": ("answer", 0, 4),
    "CLUEWSC": ("label", 0, 2),
}
NO_LABEL = [
    "",
    " ",
    None,
    -1,
    "-1",
    9,
    "9",
    1.9,
    "1.9",
    "1.0",
    True,
    [1],
    float("nan"),
    float("inf"),
    "one",
    "1 2",
    "0x1",
    "1_0",
    "\n",
    {"a": 1},
]


@pytest.mark.parametrize("value", NO_LABEL, ids=repr)
@pytest.mark.parametrize("name", LABELS)
def test_labels_that_name_no_choice_are_refused(name, value):
    field, row = LABELS[name][0], PAIRS[name][0] | {"query": "q"}
    if name == "CLUEWSC" and value is True:
        return  # the class itself, not its number
    remedy = "take a split with labels, or get the published file again"
    with pytest.raises(ValueError, match=f"^here: not a row of {name} .field {field} is .*; {remedy}$") as caught:
        read_row(name, row | ({"choices": ["a", "b"]} if name == "HellaSwag" else {}) | {field: value}, "here")
    assert caught.value.args[0].count("\n") == 0


@pytest.mark.parametrize("name", LABELS)
def test_labels_that_name_a_choice(name):
    field, lowest, num_choices = LABELS[name]
    row = PAIRS[name][0] | ({"query": "q", "choices": ["a", "b"]} if name == "HellaSwag" else {})
    for place in range(num_choices):
        value = lowest + place
        for written in (value, str(value), f" {value} ", float(value), chr(0xFF10 + value)):
            assert (
                read_row(name, row | {field: written}, "here").answer == place
                if name != "CLUEWSC" or not isinstance(written, str)
                else True
            )


def test_classes_of_cluewsc():
    """The hub's class names are ("true", "false"): 0 is true, and so is the JSON value true."""
    answers = {
        label: read_row("CLUEWSC", PAIRS["CLUEWSC"][0] | {"label": label}, "here").answer
        for label in (0, 1, "true", "False")
    }
    assert list(answers.values()) == [0, 1, 0, 1]
    assert [read_row("CLUEWSC", PAIRS["CLUEWSC"][0] | {"label": label}, "here").answer for label in (True, False)] == [
        0,
        1,
    ]


SHEETS = {"C-Eval": SHEET, "MMLU": SHEET | {"subject": "art"}, "RACE": PAIRS["RACE"][0]}
NO_LETTER = [
    "",
    " ",
    None,
    "AB",
    "BC",
    "E",
    "(B)",
    "B.",
    "1",
    1,
    2.0,
    "A,B",
    "ABCD",
    "\u0410",
    "\u03b1",
    ["A"],
    "AA",
    "A B",
    "None",
    "nan",
]


@pytest.mark.parametrize("value", NO_LETTER, ids=repr)
@pytest.mark.parametrize("name", SHEETS)
def test_letters_that_name_no_choice_are_refused(name, value):
    with pytest.raises(
        ValueError,
        match=f"^here: not a row of {name} .field answer is .*, not one letter of A to D.; take a split with labels",
    ):
        read_row(name, SHEETS[name] | {"answer": value}, "here")


@pytest.mark.parametrize("name", SHEETS)
def test_letters_in_either_case_and_width(name):
    answers = [
        read_row(name, SHEETS[name] | {"answer": value}, "here").answer
        for value in ("B", "b", " B ", "B\r", "\uff22", "\uff42")
    ]
    assert answers == [1] * 6


@pytest.mark.parametrize(
    "name,changes",
    [
        ("TriviaQA", {"golden_answers": []}),
        ("TriviaQA", {"golden_answers": "Twain"}),
        ("TriviaQA", {"golden_answers": [None]}),
        ("TriviaQA", {"golden_answers": [" "]}),
        ("TriviaQA", {"golden_answers": ["<unk>"]}),
        ("TriviaQA", {"question": None}),
        ("TriviaQA", {"question": " "}),
        ("NLPCC-KBQA", {"answer": ""}),
        ("NLPCC-KBQA", {"answer": None}),
        ("GSM8K", {"answer": ""}),
        ("GSM8K", {"answer": "#### "}),
        ("GSM8K", {"answer": "#### five"}),
        ("GSM8K", {"answer": "#### 1 or 2"}),
        ("GSM8K", {"answer": 5}),
        ("GSM8K-Chinese", {"answer_only": ""}),
        ("GSM8K-Chinese", {"answer_only": None}),
        ("GSM8K-Chinese", {"answer_only": "12:30"}),
        ("RACE", {"options": "abcd"}),
        ("RACE", {"options": ["a", "b", "", "d"]}),
        ("RACE", {"options": ["a", None, "c", "d"]}),
        ("RACE", {"options": list("abcde")}),
        ("RACE", {"article": None}),
        ("C3", {"answer": ""}),
        ("C3", {"choice": ["\u8d70", "\u8d70"]}),
        ("C3", {"context": "text"}),
        ("C3", {"choice": "\u8d70"}),
        ("C-Eval", {"B": ""}),
        ("C-Eval", {"B": None}),
        ("MMLU", {"D": " "}),
        ("WinoGrande", {"option2": ""}),
        ("HellaSwag", {"choices": ["only"]}),
        ("ClozeT", {"plot0": None}),
        ("CLUEWSC", {"target": "it"}),
        ("CLUEWSC", {"text": None}),
    ],
)
def test_empty_and_ill_typed_fields_are_refused(name, changes):
    with pytest.raises(ValueError, match=f"^here: not a row of {name} ") as caught:
        read_row(name, PAIRS[name][1] | changes, "here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [None, 5, "text", [], ["question"], True])
@pytest.mark.parametrize("name", FORMS)
def test_what_is_no_object_is_no_row(name, raw):
    with pytest.raises(ValueError, match=f"^here: not a row of {name} .no fields"):
        read_row(name, raw, "here")


SEPARATORS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]


@pytest.mark.parametrize("mark", SEPARATORS, ids=ascii)
@pytest.mark.parametrize(
    "name", ["TriviaQA", "HellaSwag", "RACE", "WinoGrande", "GSM8K", "CLUEWSC", "C3", "GSM8K-Chinese", "NLPCC-KBQA"]
)
def test_other_separators_end_no_line(tmp_path, name, mark):
    field = next(field for field in ("question", "query", "sentence", "question_zh", "text") if field in PAIRS[name][1])
    row = PAIRS[name][1] | {field: f"a{mark}b _ c"}
    file = FILES[name][0][0]
    write_rows(tmp_path, name, file, [row] * 2)
    rows = read_file(name, tmp_path / file)
    assert (len(rows) == 2 and any(mark in text for text in (rows[0].question, rows[0].passage))) or (
        name == "HellaSwag" and len(rows) == 2
    )
    (
        (tmp_path / file).write_bytes((tmp_path / file).read_bytes().replace(b"\n", b"\r\n"))
        if not file.endswith(".gz")
        else None
    )
    assert read_file(name, tmp_path / file) == rows


@pytest.mark.parametrize(
    "text,message",
    [
        ("<question id=1>\tq\n", "question 1 has no answer"),
        ("<answer id=1>\tq\n", "question 1 has no answer, or answer 1 no question"),
        ("<question id=1>\tq\n<question id=1>\tr\n<answer id=1>\ta\n", "question 1 stands twice"),
    ],
)
def test_blocks_that_do_not_fit(tmp_path, text, message):
    (tmp_path / "kb.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_file("NLPCC-KBQA", tmp_path / "kb.txt")


def test_long_fields_and_line_breaks_in_quotes(tmp_path):
    (tmp_path / "a.csv").write_bytes(
        b'\xef\xbb\xbfquestion,A,B,C,D,answer,subject\r\n"' + b"x" * 140_000 + b'\n?",a,b,"c\n2",d,b,art\r\n'
    )
    (row,) = read_file("MMLU", tmp_path / "a.csv")
    assert len(row.question) == 140_002 and row.choices[2] == "c\n2" and row.answer == 1
