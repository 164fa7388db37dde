"""evaluation/readers/encoding.py: the ids of an answer spell it behind its prompt, for the tokenizers of all
families."""

import outside_models
import pytest
import small_corpus

from corpus.tokenizer import BOS_ID
from evaluation.readers.contexts import encoding_of
from evaluation.readers.encoding import Encoding
from evaluation.readers.pieces import EndOfText
from evaluation.readers.pieces_huggingface import backend, end_ids, opening_ids, token_texts, with_ends

QUESTION = "Q: who wrote it? A:"
# Behind a sign, without a blank, behind a blank, across a merge, behind a line break, behind nothing, unknown
# characters, a blank alone.
PAIRS = [
    (QUESTION, " Ann Lee\n"),
    (QUESTION, "Ann\n"),
    ("Q: 2 + 3 A: ", "5\n"),
    ("x", ":y"),
    ("def f(x):\n", "    return x\n"),
    ("", "Ann"),
    ("Q", "\u00e9\u4f60\U0001f3ac\n"),
    ("a", "\uff11"),
    ("a", " "),
]


def encoding(tokenizer) -> Encoding:
    texts = token_texts(backend(tokenizer), len(tokenizer))
    pieces = with_ends(texts, end_ids(tokenizer, len(tokenizer)), None)
    return Encoding(lambda text: tokenizer(text, add_special_tokens=False)["input_ids"], pieces, opening_ids(tokenizer))


@pytest.mark.parametrize("family", outside_models.FAMILIES)
@pytest.mark.parametrize(("prompt", "answer"), PAIRS)
def test_an_answer_is_spelled_by_its_ids_behind_its_prompt(family, prompt, answer):
    made = encoding(outside_models.made(family))
    ids = made.answer(answer, prompt)
    assert made.spelled(ids) == answer.encode()
    assert made.spelled(made.prompt(prompt) + ids).decode().removeprefix(" ") == (prompt + answer).removeprefix(" ")


@pytest.mark.parametrize("family", outside_models.FAMILIES)
def test_where_no_merge_reaches_across_prompt_and_answer_are_read_as_one_text(family):
    tokenizer = outside_models.made(family)
    made, text = encoding(tokenizer), QUESTION + " Ann Lee\n"
    whole = tokenizer(text)["input_ids"]
    assert made.prompt(QUESTION) + made.answer(" Ann Lee\n", QUESTION) == (whole[:-1] if family == "ended" else whole)
    assert made.answer(" Ann Lee\n") == made.answer(" Ann Lee\n", QUESTION), (
        "an answer without its prompt is read in the middle of a text"
    )


def test_ids_behind_a_prompt_that_runs_into_its_answer_continue_the_prompt_as_it_is_read():
    made = encoding(outside_models.made("llama2"))
    assert made.prompt("x:y") != made.prompt("x") + made.answer(":y", "x")
    assert made.spelled(made.answer(":y", "x")) == b":y"


@pytest.mark.parametrize(
    ("make", "answer", "written"),
    [
        (outside_models.lower_case, " Ann", "' ann'"),
        (outside_models.compatible, "\uff11", "'1'"),
        (outside_models.no_line_breaks, " Ann\n", "' Ann'"),
    ],
)
def test_a_tokenizer_that_changes_the_answer_is_refused_unless_the_change_is_right_too(make, answer, written):
    made, asked = encoding(make()), []
    with pytest.raises(ValueError, match=f"writes the answer .* as {written}, so no attempt"):
        made.answer(answer, QUESTION)
    assert made.answer(answer, QUESTION, lambda text: asked.append(text) is None) and [
        repr(text) for text in asked
    ] == [written]


def test_a_character_without_a_token_is_refused():
    tokenizer = outside_models.unigram()
    state = tokenizer.backend_tokenizer.to_str().replace('"byte_fallback":true', '"byte_fallback":false')
    tokenizer._tokenizer = type(tokenizer.backend_tokenizer).from_str(state)
    with pytest.raises(ValueError, match="so no attempt can be this answer"):
        encoding(tokenizer).answer(" \U0001f3ac", QUESTION)


def test_a_document_start_written_in_the_prompt_is_not_doubled():
    assert encoding(outside_models.made("llama2")).prompt("<s>Ann").count(1) == 1
    assert encoding(outside_models.made("llama3")).prompt("<|begin|>Ann")[:2] != [0, 0]
    assert encoding(outside_models.made("gpt2")).prompt("<|endoftext|>Ann")[0] == 0


def test_ids_that_the_model_does_not_know_are_named():
    with pytest.raises(ValueError, match="token id 2, the model knows ids 0 to 1"):
        Encoding(lambda text: [0, 2], [b"a", b"b"]).prompt("ac")
    with pytest.raises(ValueError, match="so no attempt can be this answer"):
        Encoding(lambda text: [2] * len(text), [b"a", b"b"]).answer("c")


def test_an_end_token_within_an_answer_is_named():
    made = Encoding(lambda text: [ord(letter) - 97 for letter in text if "a" <= letter <= "z"], [EndOfText(b"a"), b"b"])
    with pytest.raises(ValueError, match="holds token id 0, which ends a text by the model's configuration"):
        made.answer("ab")
    assert made.answer("ba") == [1, 0]


def test_our_own_tokenizer_reads_prompts_and_answers_as_ever():
    tokenizer = small_corpus.tokenizer()
    made = encoding_of(tokenizer)
    for name in ("exam", "exam_zh", "maths", "maths_zh", "reading_zh", "coreference_zh"):
        for item in small_corpus.items(name, 10):
            for context, continuation in item.requests:
                assert made.prompt(context) == [BOS_ID, *tokenizer.encode(context).ids]
                assert (
                    made.answer(continuation, context)
                    == made.answer(continuation)
                    == tokenizer.encode(continuation).ids
                )


def test_an_answer_is_read_in_the_company_of_its_own_prompt():
    ids = {"a": [0], "bb": [1, 1], "abb": [0, 2], "ab": [0, 1], "b": [1]}
    made = Encoding(lambda text: ids.get(text, [9]), [b"a", b"b", b"bb"])
    ids[""] = []
    assert made.answer("bb", "a") == [2] and made.answer("bb") == [1, 1]
