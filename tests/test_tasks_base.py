"""One class of checks over all tasks, and the file of items."""

from dataclasses import replace

import pytest
from golden_hashes import items_entry, stored, unversioned
from scipy.stats import chisquare
from small_corpus import encoder, items, tokenizer, world

from corpus.lexicon import LANGUAGES
from tasks import BIGBENCH_STAND_INS, CONTROL_TASKS, PAPER_TASKS, TASKS
from tasks.base import Item, load_items, make_items, save_items
from tasks.oracle import COMPOSITIONS, family, read_facts_asked

NUM_ITEMS = 500
CONTEXT_TOKENS = 128  # of the smallest profile; the document start stands before the prompt


@pytest.mark.parametrize("name", TASKS)
class TestEveryTask:
    def test_has_enough_distinct_items(self, name):
        made = items(name)
        assert len(made) == NUM_ITEMS == len({(item.requests, item.answer) for item in made})
        assert [item.item_id for item in made] == list(range(NUM_ITEMS))
        assert {item.task for item in made} == {name}
        assert made == make_items(TASKS[name], world(), NUM_ITEMS)

    def test_declares_what_it_is(self, name):
        task = TASKS[name]
        assert task.name == name and task.language == ("zh" if name.endswith("_zh") else "en")
        assert task.prompting == (
            "zero-shot"
            if task.num_shots == 0 and task.task_type != "BIG-bench"
            else "few-shot-cot"
            if family(name) == "maths"
            else "few-shot"
        )
        assert task.metric == {"choice": "accuracy", "open": "exact_match"}[task.answer_form]
        assert 0 <= task.chance <= 0.5 and task.version >= 1
        assert bool(task.stop) and (task.max_new_tokens > 0) == (task.answer_form == "open")

    def test_requests_have_the_declared_form(self, name):
        task = TASKS[name]
        for item in items(name):
            if task.answer_form == "open":
                assert len(item.requests) == 1 and isinstance(item.answer, str) and item.answer
            else:
                assert len(item.requests) == round(1 / task.chance) and 0 <= item.answer < len(item.requests)
                assert len(set(item.requests)) == len(item.requests)

    def test_no_context_ends_in_white_space(self, name):
        for item in items(name):
            for context, continuation in item.requests:
                assert context == context.rstrip() != "" and continuation.strip()

    def test_requests_tokenize_as_their_parts_and_fit_the_context(self, name):
        task = TASKS[name]
        for item in items(name):
            for context, continuation in item.requests:
                prompt, whole = encoder().encode([context]), tokenizer().encode(context + continuation).ids
                assert prompt + encoder().encode([continuation]) == whole, (context, continuation)
                assert 1 + max(len(whole), len(prompt) + task.max_new_tokens) <= CONTEXT_TOKENS, (context, continuation)
                if (
                    task.answer_form == "open"
                ):  # the reference must be reachable within the tokens that may be generated
                    assert len(whole) - len(prompt) <= task.max_new_tokens, (context, continuation)

    def test_reference_is_judged_right(self, name):
        task = TASKS[name]
        if task.answer_form == "open":
            for item in items(name):
                generated = item.requests[0][1].split(task.stop)[0]  # generation ends at the stop
                assert task.extract(generated) == item.answer

    def test_answer_is_balanced_over_positions(self, name):
        if TASKS[name].answer_form == "choice":
            counts = [
                sum(item.answer == position for item in items(name))
                for position in range(round(1 / TASKS[name].chance))
            ]
            assert chisquare(counts).pvalue > 0.001, counts

    def test_no_shot_answers_the_question(self, name):
        """Of closed-book questions a shot may not ask the same fact, of the others not the same composition."""
        task, language = TASKS[name], LANGUAGES[TASKS[name].language]
        for item in items(name):
            read = read_facts_asked if family(name) in ("recall", "exam", "exam_cloze") else COMPOSITIONS[family(name)]
            context, continuation = item.requests[item.answer if task.answer_form == "choice" else 0]
            *shots, asked = read(context + continuation, language)
            assert asked not in shots, context
            assert len(shots) == (3 if family(name) == "modified_arithmetic" else task.num_shots), context

    def test_items_change_only_with_the_version(self, name):
        """Golden: a changed item set makes scores of before and after two different things, so it takes a new
        version."""
        assert items_entry(name) == stored(name), (
            f"items of {name} changed: raise Task.version, then see golden_hashes.py"
        )

    def test_other_version_or_world_gives_other_items(self, name):
        assert make_items(replace(TASKS[name], version=99), world(), 50) != items(name)[:50]


def test_tasks_are_those_of_the_paper():
    """Paper L, Table 1: twelve datasets, six English and six Chinese."""
    assert len(PAPER_TASKS) == 12 and len(CONTROL_TASKS) == 2 and len(BIGBENCH_STAND_INS) == 3
    ours = [*PAPER_TASKS, *CONTROL_TASKS, *BIGBENCH_STAND_INS]
    assert list(TASKS)[: len(ours)] == ours
    assert {TASKS[name].paper_task for name in PAPER_TASKS} == {
        "TriviaQA",
        "HellaSwag",
        "RACE",
        "WinoGrande",
        "MMLU",
        "GSM8K",
        "NLPCC-KBQA",
        "ClozeT",
        "CLUEWSC",
        "C3",
        "C-Eval",
        "GSM8K-Chinese",
    }
    assert {name for name in PAPER_TASKS if TASKS[name].prompting == "zero-shot"} == {
        "endings",
        "coreference",
        "endings_zh",
        "coreference_zh",
    }


def test_changes_without_a_version_are_refused():
    """The test of the golden test."""
    old = {"version": 1, "sha256": "a"}
    assert unversioned(old, {"version": 1, "sha256": "b"})
    assert (
        not unversioned(old, {"version": 2, "sha256": "b"}) and not unversioned(old, old) and not unversioned({}, old)
    )


def test_too_many_items_are_refused():
    two_questions = replace(
        TASKS["recall"],
        num_shots=0,
        question=lambda draw, *_: ([" Question?"], [[" yes", "."]], "yes" if draw() < 0.5 else "no"),
    )
    assert len(make_items(two_questions, world(), 2)) == 2
    with pytest.raises(
        ValueError, match=r"task recall has only 2 distinct items, 3 were asked for; lower evaluation\.num_items"
    ):
        make_items(two_questions, world(), 3)


def test_file_round_trip(tmp_path):
    path = tmp_path / "items.jsonl"
    for name in ("maths_zh", "coreference"):
        save_items(path, items(name))
        assert load_items(path) == items(name)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "null",
        '{"task": "exam"}',
        '{"task": "exam", "item_id": 0, "answer": 1, "requests": [["one"]]}',
        '{"task": "exam", "item_id": 0, "answer": 1, "requests": 5}',
        '{"task": "exam", "item_id": 0, "answer": 1, "requests": []}',
        '{"task": "exam", "item_id": 0, "answer": 7, "requests": [["a", " b"]]}',
        '{"task": "exam", "item_id": 0, "answer": null, "requests": [["a", " b"]]}',
        '{"task": 3, "item_id": "x", "answer": 0, "requests": [["a", 4]]}',
    ],
)
def test_damaged_files_say_so_in_one_line(tmp_path, line):
    path = tmp_path / "items.jsonl"
    save_items(path, items("exam")[:2])
    path.write_text(path.read_text(encoding="utf-8") + line + "\n" if line else "", encoding="utf-8")
    with pytest.raises(
        ValueError, match="line 3: not an item .*rebuild it" if line else "holds no items; rebuild it"
    ) as caught:
        load_items(path)
    assert str(path) in str(caught.value) and "python -m corpus" in str(caught.value) and "\n" not in str(caught.value)


def test_items_are_plain():
    assert isinstance(items("exam")[0], Item) and hash(items("exam")[0]) == hash(items("exam")[0])
