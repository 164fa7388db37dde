"""Scores against a plain one-row-at-a-time computation, and their independence of batch and order."""

import dataclasses
import random

import numpy as np
import pytest
import torch

from corpus.__main__ import tokenizer_texts
from corpus.mixture import MIXTURES, Mixture
from corpus.stream import TokenStream
from corpus.tokenizer import BOS_ID, PieceEncoder, train
from corpus.world import make_world
from evaluation import forward, scoring
from evaluation.scoring import score_items, validation_losses
from models.config import GPTConfig
from models.gpt import GPT
from tasks import TASKS
from tasks.base import Item, make_items

NUM_ITEMS = 24


@pytest.fixture(scope="module")
def world():
    return make_world(1)


@pytest.fixture(scope="module")
def tokenizer(world):
    return train(tokenizer_texts(world))


@pytest.fixture(scope="module")
def items(world):
    return {name: make_items(task, world, NUM_ITEMS) for name, task in TASKS.items()}


@pytest.fixture(scope="module")
def model(world, tokenizer) -> GPT:
    """A small model after 60 steps on the corpus: sharp enough that some greedy answers end before their limit."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.get_vocab_size(), 2, 32, 4, 2, 88, 192))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    encoder = PieceEncoder(tokenizer)
    stream = TokenStream(world, Mixture(next(iter(MIXTURES)), world, encoder), encoder, seed=1)
    for step in range(60):
        rows = torch.from_numpy(stream.tokens(step * 1024, 1024).astype(np.int64)).view(16, 64)
        optimizer.zero_grad()
        model.loss(rows[:, :-1], rows[:, 1:]).backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def plain_log_likelihood(model, tokenizer, context: str, continuation: str) -> float:
    """The definition: one row, whole forward pass, log-softmax, sum over the continuation's tokens; fp64 model."""
    context_ids, continuation_ids = [BOS_ID, *tokenizer.encode(context).ids], tokenizer.encode(continuation).ids
    log_probabilities = torch.log_softmax(model(torch.tensor([context_ids + continuation_ids]))[0].double(), -1)
    places = range(len(context_ids) - 1, len(context_ids) + len(continuation_ids) - 1)
    return sum(log_probabilities[place, token].item() for place, token in zip(places, continuation_ids, strict=True))


@torch.no_grad()
def plain_greedy(model, tokenizer, context: str, max_new_tokens: int, stop: str) -> str:
    """The definition: append the likeliest token, one whole forward pass each."""
    ids, stop_id, out = [BOS_ID, *tokenizer.encode(context).ids], tokenizer.encode(stop).ids[0], []
    for _ in range(max_new_tokens):
        token = int(model(torch.tensor([ids + out]))[0, -1].argmax())
        if token == stop_id:
            break
        out.append(token)
    return tokenizer.decode(out)


@pytest.mark.parametrize("name", TASKS)
def test_log_likelihoods_equal_the_definition(model, tokenizer, items, name):
    table = score_items(model, tokenizer, items[name], TASKS[name])
    for item, row in zip(items[name][:8], table.itertuples()):
        expected = [plain_log_likelihood(model, tokenizer, *request) for request in item.requests]
        assert row.log_likelihoods == pytest.approx(expected, abs=1e-4)
        assert row.num_tokens == [len(tokenizer.encode(continuation).ids) for _, continuation in item.requests]


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.answer_form == "open"])
def test_generations_equal_plain_greedy_decoding(model, tokenizer, items, name):
    task = TASKS[name]
    table = score_items(model, tokenizer, items[name], task)
    expected = [plain_greedy(model, tokenizer, item.requests[0][0], task.max_new_tokens, task.stop) for item in items[name]]
    assert table.generated.tolist() == expected
    assert table.prediction.tolist() == [task.extract(text) for text in expected]
    assert table.correct.tolist() == [float(task.extract(text) == item.answer) for text, item in zip(expected, items[name])]


def test_a_greedy_reference_is_its_own_generation(model, tokenizer, items):
    """Items whose reference is what the model says anyway are not decoded; the text is the same as if they were."""
    task = TASKS["recall"]
    own = []
    for item in items["recall"]:
        text = plain_greedy(model, tokenizer, item.requests[0][0], task.max_new_tokens, task.stop)
        if 0 < len(tokenizer.encode(text).ids) < task.max_new_tokens:
            own.append(Item(item.task, len(own), ((item.requests[0][0], text + task.stop),), text.strip()))
    assert own, "the model of this test must stop before the limit at least once"
    table = score_items(model, tokenizer, own, task)
    assert (table.correct == 1.0).all()


@pytest.mark.parametrize("name", ["exam", "endings", "coreference", "maths", "unscramble"])
def test_scores_do_not_depend_on_batch_or_order(model, tokenizer, items, name):
    columns = ["prediction", "generated", "log_likelihoods", "correct"]
    whole = score_items(model, tokenizer, items[name], TASKS[name])[columns]
    shuffled = random.Random(0).sample(items[name], len(items[name]))
    for batch_tokens in (1, 300, 100_000):
        table = score_items(model, tokenizer, shuffled, TASKS[name], batch_tokens).set_index("item_id").loc[whole.index]
        for column in columns:  # to the last bit: lists of floats are compared with ==
            assert table[column].tolist() == whole[column].tolist(), (batch_tokens, column)


@pytest.mark.parametrize("name", ["recall_zh", "maths"])
def test_generations_do_not_depend_on_the_rows_decoded_together(model, tokenizer, items, name, monkeypatch):
    together = score_items(model, tokenizer, items[name], TASKS[name])
    monkeypatch.setattr(scoring, "DECODE_ROWS", 1)
    assert score_items(model, tokenizer, items[name], TASKS[name]).generated.tolist() == together.generated.tolist()


def test_scores_do_not_depend_on_the_other_items(model, tokenizer, items):
    whole = score_items(model, tokenizer, items["reading"], TASKS["reading"])
    for index in (0, 7):
        alone = score_items(model, tokenizer, items["reading"][index : index + 1], TASKS["reading"])
        assert alone.log_likelihoods[0] == whole.log_likelihoods[index]


def test_choice_columns_follow_from_the_log_likelihoods(model, tokenizer, items):
    table = score_items(model, tokenizer, items["exam"], TASKS["exam"])
    for item, row in zip(items["exam"], table.itertuples()):
        assert row.prediction == str(int(np.argmax(row.log_likelihoods)))
        assert row.correct == float(row.prediction == str(item.answer))
        probabilities = np.exp(row.log_likelihoods) / np.exp(row.log_likelihoods).sum()
        assert row.correct_choice_prob == pytest.approx(probabilities[item.answer])
        assert row.brier_score == pytest.approx(((np.eye(len(probabilities))[item.answer] - probabilities) ** 2).sum())
        assert row.answer_log_likelihood == pytest.approx(row.log_likelihoods[item.answer] / row.num_tokens[item.answer])


def test_length_normalized_tasks_predict_per_byte(model, tokenizer, items):
    task = TASKS["endings"]
    assert task.length_normalized
    table = score_items(model, tokenizer, items["endings"], task)
    per_byte = [np.argmax(np.array(row.log_likelihoods) / np.array(row.num_bytes)) for row in table.itertuples()]
    assert table.prediction.tolist() == [str(index) for index in per_byte]
    plain = score_items(model, tokenizer, items["endings"], dataclasses.replace(task, length_normalized=False))
    assert plain.prediction.tolist() != table.prediction.tolist()


def test_packed_weights_equal_plain_ones(model):
    """Against fp64: at most twice the error of the plain fp32 product, plus a floor of one rounding."""
    packed = forward.pack_linears(model)
    x = torch.randn(37, 32, generator=torch.Generator().manual_seed(0))
    for layer, plain in ((packed.head, model.head), (packed.blocks[0].qkv, model.blocks[0].qkv), (packed.blocks[1].gate_up, model.blocks[1].gate_up)):
        truth = x.double() @ plain.weight.double().T
        error, plain_error = (layer(x) - truth).abs().max().item(), (plain(x) - truth).abs().max().item()
        assert error <= 2 * plain_error + 1e-6, f"packed product errs by {error}, the plain one by {plain_error}"


def test_validation_losses_equal_the_models_own(model):
    tokens = np.random.default_rng(0).integers(0, model.config.vocab_size, (5, 65)).astype(np.uint16)
    rows = torch.from_numpy(tokens.astype(np.int64))
    with torch.no_grad():
        expected = model.per_token_loss(rows[:, :-1], rows[:, 1:]).numpy()
    losses = validation_losses(model, tokens)
    assert losses.shape == (5, 64)
    assert losses == pytest.approx(expected, abs=1e-4)
    assert np.array_equal(losses, validation_losses(model, tokens, batch_tokens=1))


def test_bad_input_gives_one_clear_line(model, tokenizer, items):
    exam = items["exam"]
    short = GPT(dataclasses.replace(model.config, max_sequence_length=64))
    with pytest.raises(ValueError, match=r"task exam, item \d+: field requests: .* max_sequence_length is 64"):
        score_items(short, tokenizer, exam, TASKS["exam"])
    with pytest.raises(ValueError, match="field task is 'recall'"):
        score_items(model, tokenizer, items["recall"], TASKS["exam"])
    with pytest.raises(ValueError, match="has no tokens"):
        score_items(model, tokenizer, [dataclasses.replace(exam[0], requests=((exam[0].requests[0][0], ""),))], TASKS["exam"])
    with pytest.raises(ValueError, match="field stop"):
        score_items(model, tokenizer, items["maths"], dataclasses.replace(TASKS["maths"], stop="The end."))


def test_nan_weights_give_one_clear_line(model, tokenizer, items):
    broken = GPT(model.config)
    with torch.no_grad():
        broken.blocks[0].down.weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        score_items(broken, tokenizer, items["exam"], TASKS["exam"])
    with pytest.raises(ValueError, match="NaN"):
        validation_losses(broken, np.zeros((1, 9), np.uint16))
