"""One class of checks over the checkers of all pass tasks, and the checkers of maths and exam attempts."""

import json
from dataclasses import replace

import pytest
import small_corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from small_pass import items

from tasks import PASS_TASKS, TASKS
from tasks.base import Item
from tasks.checkers import attempt_limits, checker

EXACT = [name for name in PASS_TASKS if name != "program_synthesis" and not name.startswith("maths")]


def _attempt(item: Item) -> str:
    """The reference without its stop."""
    return item.requests[0][1].removesuffix(PASS_TASKS[item.task].stop)


@pytest.mark.parametrize("name", PASS_TASKS)
class TestEveryChecker:
    def test_reference_passes_and_its_beginnings_are_viable(self, name):
        for item in items(name):
            judge, text = checker(name, item), _attempt(item)
            assert judge.passes(text)
            assert all(judge.viable(text[:end]) for end in range(len(text) + 1))

    def test_wrong_answers_fail(self, name):
        """Another item's reference passes only where it is the same answer; damage to the text never passes unseen."""
        made = items(name)
        for item, other in zip(made, made[1:] + made[:1], strict=True):
            judge, text = checker(name, item), _attempt(other)
            if name == "program_synthesis":
                wanted = [judge.tests == checker(name, other).tests]
                assert not judge.passes(text) or wanted[0] or _agree_on_tests(judge, text)
            else:
                assert judge.passes(text) == (item.answer == other.answer)
            for damaged in ("", " ", text.upper() + "?", text + " x", text[:-1] + "\ufffd"):
                assert not judge.passes(damaged)

    def test_accepted_texts_pass_and_are_all(self, name):
        for item in items(name)[:50]:
            judge = checker(name, item)
            listed = judge.accepted()
            assert (listed is not None) == (name in EXACT)
            if listed is not None:
                assert listed and all(judge.passes(text) for text in listed) and _attempt(item) in listed
                assert not judge.passes(listed[0] + " ") and not judge.passes(
                    listed[0].strip() if listed[0].startswith(" ") else " " + listed[0]
                )

    @settings(max_examples=60)
    @given(data=st.data())
    def test_viable_is_prefix_closed_and_needed(self, name, data):
        """viable(t + u) implies viable(t), around the reference, where it matters; and what passes was viable."""
        item = data.draw(st.sampled_from(items(name)[:20]))
        judge, text = checker(name, item), _attempt(item)
        kept = text[: data.draw(st.integers(0, len(text)))]
        longer = kept + data.draw(st.text(alphabet=sorted(set(text)) + [" ", "x"], max_size=6))
        if judge.viable(longer):
            assert all(judge.viable(longer[:end]) for end in range(len(longer)))
        assert judge.viable(longer) or not judge.passes(longer)

    def test_attempts_end_as_the_task_says(self, name):
        assert attempt_limits(name) == (PASS_TASKS[name].stop, PASS_TASKS[name].max_new_tokens)
        assert all(attempt_limits(name)[0] not in _attempt(item) for item in items(name))


def _agree_on_tests(judge, text: str) -> bool:
    """By the letter of the tests: a program of another item may be right for this one too."""
    from corpus.pages.programs import parse, run_program

    return all(run_program(parse(text), given) == wanted for given, wanted in judge.tests)


def test_only_maths_and_programs_cannot_be_listed():
    assert len(EXACT) == len(PASS_TASKS) - 3


@pytest.mark.parametrize("name", ["maths", "maths_zh"])
def test_any_way_to_the_right_number_passes(name):
    item = items(name)[0]
    judge, mark = checker(name, item), "Answer:" if name == "maths" else "\u7b54\u6848\uff1a"
    assert judge.passes(f" anything; {mark} {item.answer}") and judge.passes(f"{mark} 77 {mark} {item.answer}")
    assert not judge.passes(f"{mark} {item.answer} {mark} 77") and not judge.passes(f" {item.answer}")
    assert judge.passes(f"{mark} {item.answer}") == (TASKS[name].extract(f"{mark} {item.answer}") == item.answer)


@pytest.mark.parametrize("name", ["exam", "exam_zh"])
def test_exam_attempts_are_one_letter(name):
    for item in small_corpus.items(name)[:50]:
        judge = checker(name, item)
        letters = [letter for _, letter in item.requests]
        assert [judge.passes(letter) for letter in letters] == [position == item.answer for position in range(4)]
        assert (
            judge.accepted() == (letters[item.answer],)
            and judge.viable("")
            and not judge.viable(letters[item.answer] + ".")
        )
    assert attempt_limits(name) == ("", 1)


def test_user_errors_are_one_line():
    item = items("program_synthesis")[0]
    with pytest.raises(ValueError, match="task 'recall' has no checker; choose one of program_synthesis, .*exam_zh"):
        checker("recall", item)
    with pytest.raises(ValueError, match="task 'recall' has no checker"):
        attempt_limits("recall")
    with pytest.raises(ValueError, match="item 0 is of task 'program_synthesis', not of 'maths'"):
        checker("maths", item)
    for broken in ("", "5", "[]", json.dumps({"tests": 3}), json.dumps({"tests": [[1]]})):
        with pytest.raises(
            ValueError, match=r"task program_synthesis, item 0: field answer holds no tests .*rebuild it"
        ):
            checker("program_synthesis", replace(item, answer=broken))


@pytest.mark.parametrize("task,answer", [("exam", "A"), ("exam_zh", ""), ("maths", 3), ("emoji_movie", 0)])
def test_an_answer_of_the_other_form_is_one_line(task, answer):
    item = Item(task, 7, (("a", " b"),), answer)
    with pytest.raises(
        ValueError, match=f"task {task}, item 7: field answer is {answer!r}, not .*; rebuild it with `python -m corpus`"
    ):
        checker(task, item)
