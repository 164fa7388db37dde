"""What items ask: distinct contexts and continuations, read once, and bad items."""

import dataclasses

import pytest
import small_corpus

from corpus.tokenizer import BOS_ID
from evaluation.contexts import Questions, check_lengths, find_stop_id, read_questions
from tasks import TASKS
from tasks.base import Item

TOKENIZER = small_corpus.tokenizer()
TASK = TASKS["exam"]


def item(number: int, *requests: tuple[str, str], task: str = "exam") -> Item:
    return Item(task, number, requests, 0)


def test_contexts_and_continuations_stand_once():
    first, second = item(0, ("one", " a"), ("one", " b")), item(1, ("two", " a"), ("one", " b"), ("one", " c"))
    questions = Questions(TOKENIZER, [first, second], TASK)
    assert [TOKENIZER.decode(context.ids[1:]) for context in questions.contexts] == ["one", "two"]
    assert all(context.ids[0] == BOS_ID for context in questions.contexts)
    assert [[TOKENIZER.decode(ids) for ids in context.continuations] for context in questions.contexts] == [[" a", " b", " c"], [" a"]]
    assert questions.places == [[(0, 0), (0, 1)], [(1, 0), (0, 1), (0, 2)]]
    assert questions.contexts[1].place == "items of task exam, item 1"


def test_fresh_contexts_know_nothing_of_the_last_scoring():
    questions = Questions(TOKENIZER, [item(0, ("one", " a"))], TASK)
    questions.fresh_contexts()[0].log_likelihoods.append(-1.0)
    assert questions.fresh_contexts()[0].log_likelihoods == questions.contexts[0].log_likelihoods == []


def test_the_same_items_are_read_once_and_others_anew():
    items = (item(0, ("one", " a")),)
    assert read_questions(TOKENIZER, items, TASK) is read_questions(TOKENIZER, tuple(list(items)), TASK)
    assert read_questions(TOKENIZER, (item(0, ("one", " b")),), TASK) is not read_questions(TOKENIZER, items, TASK)


def test_bad_items_give_one_clear_line():
    with pytest.raises(ValueError, match="items of task exam, item 3: field task is 'recall'"):
        Questions(TOKENIZER, [item(3, ("one", " a"), task="recall")], TASK)
    with pytest.raises(ValueError, match="item 4: field requests: continuation '' has no tokens"):
        Questions(TOKENIZER, [item(4, ("one", ""))], TASK)
    with pytest.raises(ValueError, match="field stop is 'The end.'"):
        find_stop_id(TOKENIZER, dataclasses.replace(TASKS["maths"], stop="The end."))


def test_the_longest_continuation_or_answer_must_fit():
    (context,) = Questions(TOKENIZER, [item(0, ("one", " a"), ("one", " a b c"))], TASK).contexts
    needed = len(context.ids) + len(context.continuations[1]) - 1
    check_lengths([context], TASK, needed)
    with pytest.raises(ValueError, match=f"prompt and answer take {needed} tokens, the model's max_sequence_length is {needed - 1}"):
        check_lengths([context], TASK, needed - 1)
    with pytest.raises(ValueError, match=f"take {len(context.ids) + 49} tokens"):
        check_lengths([context], dataclasses.replace(TASK, max_new_tokens=50), needed)


def test_an_answer_ends_at_the_one_token_of_the_stop_text():
    task = TASKS["maths"]
    assert TOKENIZER.decode([find_stop_id(TOKENIZER, task)]) == task.stop
