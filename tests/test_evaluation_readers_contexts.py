"""What items ask: distinct contexts and continuations, read once, and bad items."""

import dataclasses

import outside_models
import pytest
import small_corpus

from corpus.tokenizer import BOS_ID
from evaluation.readers.contexts import Questions, check_lengths, encoding_of, find_stop_id, read_questions
from evaluation.readers.pieces_huggingface import opening_ids
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
    assert [[TOKENIZER.decode(ids) for ids in context.continuations] for context in questions.contexts] == [
        [" a", " b", " c"],
        [" a"],
    ]
    assert questions.places == [[(0, 0), (0, 1)], [(1, 0), (0, 1), (0, 2)]]
    assert questions.contexts[1].place == "items of task exam, item 1"


def test_fresh_contexts_know_nothing_of_the_last_scoring():
    questions = Questions(TOKENIZER, [item(0, ("one", " a"))], TASK)
    questions.fresh_contexts()[0].log_likelihoods.append(-1.0)
    assert questions.fresh_contexts()[0].log_likelihoods == questions.contexts[0].log_likelihoods == []


def test_the_same_items_are_read_once_and_others_anew():
    items = (item(0, ("one", " a")),)
    assert read_questions(TOKENIZER, items, TASK) is read_questions(TOKENIZER, tuple(items), TASK)
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
    with pytest.raises(
        ValueError, match=f"prompt and answer take {needed} tokens, the model's max_sequence_length is {needed - 1}"
    ):
        check_lengths([context], TASK, needed - 1)
    with pytest.raises(ValueError, match=f"take {len(context.ids) + 49} tokens"):
        check_lengths([context], dataclasses.replace(TASK, max_new_tokens=50), needed)


def test_an_answer_ends_at_the_one_token_of_the_stop_text():
    task = TASKS["maths"]
    assert TOKENIZER.decode([find_stop_id(TOKENIZER, task)]) == task.stop


QUESTION = "Q: who wrote it? A:"


@pytest.mark.parametrize("family", outside_models.FAMILIES)
def test_continuations_of_other_tokenizers_are_cut_from_the_whole_text(family):
    tokenizer = outside_models.made(family).backend_tokenizer
    questions = Questions(tokenizer, [item(0, (QUESTION, " Ann Lee"), (QUESTION, "Ann"), ("x", ":y"))], TASK)
    first, second = questions.contexts
    assert first.ids == opening_ids(tokenizer) + tokenizer.encode(QUESTION, add_special_tokens=False).ids
    assert (
        first.ids + first.continuations[0]
        == opening_ids(tokenizer) + tokenizer.encode(QUESTION + " Ann Lee", add_special_tokens=False).ids
    )
    spelled = encoding_of(tokenizer).spelled
    assert [spelled(ids) for ids in (*first.continuations, *second.continuations)] == [b" Ann Lee", b"Ann", b":y"]
    assert questions.largest_id == max(
        max(ids) for context in questions.contexts for ids in (context.ids, *context.continuations)
    )


def test_a_continuation_that_a_tokenizer_cannot_write_and_an_empty_prompt_are_named():
    with pytest.raises(ValueError, match="item 5: field requests: the tokenizer writes the answer ' Ann' as ' ann'"):
        Questions(outside_models.lower_case().backend_tokenizer, [item(5, (QUESTION, " Ann"))], TASK)
    with pytest.raises(ValueError, match="item 6: field requests: the context has no tokens"):
        Questions(outside_models.made("gpt2").backend_tokenizer, [item(6, ("", " Ann"))], TASK)


def test_the_stop_is_found_behind_a_text():
    newline = outside_models.made("llama2").convert_tokens_to_ids("\n")
    assert (
        find_stop_id(outside_models.made("llama2").backend_tokenizer, dataclasses.replace(TASKS["maths"], stop="\n"))
        == newline
    )


def test_our_continuations_are_what_they_are_alone():
    for name in ("exam", "exam_zh", "coreference_zh", "maths_zh"):
        items = small_corpus.items(name, 10)
        questions = Questions(TOKENIZER, items, TASKS[name])
        for asked, places in zip(items, questions.places, strict=True):
            for (_, continuation), (context, place) in zip(asked.requests, places, strict=True):
                assert questions.contexts[context].continuations[place] == TOKENIZER.encode(continuation).ids
