"""Scores by models of transformers: three families against a computation as lm-evaluation-harness's, request by
request, and greedy answers against a loop.

With EMERGENCE_REAL_DATA naming a folder of the published files, these are asked as well as our rows in their form."""

import os
from pathlib import Path

import pytest
import torch
from benchmark_rows import PAIRS, write_rows
from outside_models import made, save
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from evaluation.readers.contexts import Context, Questions
from evaluation.readers.model_huggingface import load_huggingface
from evaluation.readers.pieces_huggingface import backend
from evaluation.scoring.huggingface import answers, score_contexts
from tasks.base import Item
from tasks.real.forms import CLOZE_FORMS, FORMS
from tasks.real.loader import FILES, load_files

CPU = torch.device("cpu")
TOLERANCE_NATS = 1e-5  # per token of a continuation
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 16384}
MODELS = {
    "gpt2": lambda size: GPT2LMHeadModel(
        GPT2Config(vocab_size=size, n_embd=32, n_layer=2, n_head=4, n_positions=16384, eos_token_id=0)
    ),
    "llama2": lambda size: LlamaForCausalLM(
        LlamaConfig(vocab_size=size, intermediate_size=48, num_key_value_heads=2, eos_token_id=2, **SMALL)
    ),
    "pythia": lambda size: Qwen2ForCausalLM(
        Qwen2Config(vocab_size=size, intermediate_size=48, num_key_value_heads=2, eos_token_id=0, **SMALL)
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def folder(request, tmp_path_factory):
    tokenizer = made(request.param)
    torch.manual_seed(1)
    model = MODELS[request.param](len(tokenizer))
    with torch.no_grad():  # else all logits of a random model are close to zero
        model.get_output_embeddings().weight.mul_(8.0)
    return save(tmp_path_factory.mktemp("scored") / request.param, model, tokenizer)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    for name, (asked, shots) in FILES.items():
        for file in filter(None, (*asked, shots)):
            write_rows(path, name, file, [PAIRS[name][1]] * 8)
    return path


def by_hand(folder: Path, item: Item, number: int) -> tuple[float, int]:
    """Log-likelihood of one request and the number of its tokens: context and continuation encoded together, cut behind
    as many tokens as the context alone has, read alone."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    context, continuation = item.requests[number]
    whole, before = tokenizer(context + continuation)["input_ids"], tokenizer(context)["input_ids"]
    if not before:  # nothing is put before a text by these two; an empty context is none of ours
        raise AssertionError(context)
    with torch.no_grad():
        log_probabilities = model(torch.tensor([whole])).logits[0].log_softmax(-1)
    targets = whole[len(before) :]
    places = range(len(before) - 1, len(whole) - 1)
    return sum(float(log_probabilities[place, token]) for place, token in zip(places, targets)), len(targets)


def scored(folder: Path, task, items, batch_tokens: int) -> tuple[Questions, list[Context]]:
    loaded = load_huggingface(str(folder), torch.float32, CPU)
    questions = Questions(backend(loaded.tokenizer), items, task)
    contexts = questions.fresh_contexts()
    score_contexts(loaded.model, contexts, batch_tokens)
    return questions, contexts


CHOICES = [(name, "letter") for name, form in FORMS.items() if form.task.answer_form == "choice"]


@pytest.mark.parametrize(("name", "answers_by"), [*CHOICES, *((name, "cloze") for name in CLOZE_FORMS)])
def test_choices_are_scored_as_the_harness_scores_them(folder, data, name, answers_by):
    real = os.environ.get("EMERGENCE_REAL_DATA")
    loaded = load_files(name, real or data, 2, answers_by)
    questions, contexts = scored(folder, loaded.task, loaded.items, 3000)
    for item, places in zip(loaded.items, questions.places, strict=True):
        for number, (context, continuation) in enumerate(places):
            expected, num_tokens = by_hand(folder, item, number)
            assert len(contexts[context].continuations[continuation]) == num_tokens
            found = contexts[context].log_likelihoods[continuation]
            assert abs(found - expected) < TOLERANCE_NATS * num_tokens and expected < -0.1


def test_a_score_does_not_depend_on_its_batch(folder, data):
    loaded = load_files("HellaSwag", data, 6)
    items = tuple(
        Item(
            "HellaSwag", number, tuple((context + " x" * number, said) for context, said in item.requests), item.answer
        )
        for number, item in enumerate(loaded.items)
    )
    found = []
    for batch_tokens in (1, 100, 100_000):
        _, contexts = scored(folder, loaded.task, items, batch_tokens)
        found.append(torch.tensor([context.log_likelihoods for context in contexts], dtype=torch.float64))
    assert (found[0] - found[1]).abs().max() < 1e-5 and (found[0] - found[2]).abs().max() < 1e-5


def test_greedy_answers_end_at_the_stop_the_end_or_the_limit(folder):
    loaded = load_huggingface(str(folder), torch.float32, CPU)
    encoding, task = loaded.encoding, FORMS["TriviaQA"].task
    contexts = [
        Context(encoding.prompt(text), "here") for text in ("Q: who", "Q: 2 + 3 A:", "x", "caf\u00e9 y", "Q: 5 +")
    ]
    for context in contexts:
        context.continuations = []
    said = answers(loaded, contexts, task)
    for context, text in zip(contexts, said, strict=True):
        ids, expected = list(context.ids), b""
        for _ in range(task.max_new_tokens):
            with torch.no_grad():
                token = int(loaded.model(torch.tensor([ids])).logits[0, -1].argmax())
            if token in loaded.ends:
                break
            ids.append(token)
            expected += loaded.texts[token]
            if b"\n" in expected:
                break
        assert text == expected.split(b"\n")[0].decode(errors="replace")


def test_damaged_logits_are_named(folder, data):
    loaded = load_huggingface(str(folder), torch.float32, CPU)
    with torch.no_grad():
        loaded.model.get_output_embeddings().weight[5] = float("nan")
    items = load_files("MMLU", data, 1)
    contexts = Questions(backend(loaded.tokenizer), items.items, items.task).fresh_contexts()
    with pytest.raises(ValueError, match="logits are NaN or infinite"):
        score_contexts(loaded.model, contexts, 1000)
