"""Tasks by name: benchmarks from files in both forms, our stand-ins from a folder, and one line for each mistake."""

import pytest
from benchmark_rows import PAIRS, write_rows

from evaluation.scoring.asked import load_asked
from tasks.base import Item, save_items
from tasks.real.loader import FILES


@pytest.fixture
def folder(tmp_path):
    for name in ("MMLU", "C3", "HellaSwag"):
        asked, shots = FILES[name]
        for file in filter(None, (*asked, shots)):
            write_rows(tmp_path, name, file, [PAIRS[name][1]] * 6)
    save_items(tmp_path / "items" / "recall.jsonl", [Item("recall", 0, (("a", " b"),), "b")])
    return tmp_path


def test_an_exam_is_asked_by_letters_or_by_texts(folder):
    task, items = load_asked("MMLU", str(folder), 2)
    context, letter = items[0].requests[1]
    assert task.name == "MMLU" and len(items) == 2 and letter == " B" and context.endswith("D. grey\nAnswer:")
    assert context.count("Which one?") == 6 and "Answer: C\n\n" in context and not task.length_normalized
    cloze, items = load_asked("MMLU", str(folder), 2, "cloze")
    context, text = items[0].requests[1]
    assert cloze.name == "MMLU_cloze" == items[0].task and text == " green" and cloze.length_normalized
    assert context.endswith("Which one?\nAnswer:") and "Answer: blue\n\n" in context and "D. grey" not in context
    chinese, items = load_asked("C3", str(folder), 1, "cloze", 0)
    assert (
        items[0].requests[0][1] == "走"
        and chinese.prompting == "zero-shot"
        and items[0].requests[0][0].count("走吗") == 2
    )


def test_the_number_of_shots_can_be_chosen(folder):
    task, items = load_asked("MMLU", str(folder), 1, num_shots=0)
    assert items[0].requests[0][0].count("Which one?") == 1 and task.num_shots == 0 and task.prompting == "zero-shot"
    assert load_asked("MMLU", str(folder), 1, num_shots=3)[1][0].requests[0][0].count("Which one?") == 4


def test_our_tasks_come_from_their_items(folder):
    task, items = load_asked("recall", str(folder))
    assert task.name == "recall" and len(items) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("MMLUX", "x"), "task is 'MMLUX'; choose a benchmark (TriviaQA, "),
        (("recall", "hub"), "recall is made here, not on the hub"),
        (("NLPCC-KBQA", "hub"), "is not on the hub"),
        (
            ("HellaSwag", "FOLDER", None, "cloze"),
            "HellaSwag has no cloze form beside its own; those that have are RACE",
        ),
        (("MMLU", "FOLDER", None, "letter", -1), "num_shots is -1"),
        (("MMLU", "FOLDER", 0), "num_items is 0; ask for 1 to"),
        (("MMLU", "FOLDER", 7), "6 items are there, num_items is 7"),
        (("recall", "FOLDER", None, "cloze"), "leave the options out"),
        (("TriviaQA", "FOLDER"), "triviaqa_dev_1000.jsonl: no such file"),
        (("exam", "FOLDER"), "exam.jsonl: no such file"),
    ],
)
def test_a_mistake_is_one_line(folder, words, message):
    with pytest.raises(ValueError) as caught:
        load_asked(*(str(folder) if word == "FOLDER" else word for word in words))
    assert message in str(caught.value) and "\n" not in str(caught.value)
