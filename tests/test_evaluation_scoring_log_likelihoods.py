"""Scores against a plain one-row-at-a-time computation, and their independence of batch and order."""

import dataclasses
import random

import numpy as np
import outside_models
import pytest
import small_corpus
import torch

from corpus.tokenizer import BOS_ID
from evaluation.readers import forward
from evaluation.scoring import metrics
from evaluation.scoring import packed as score_packed
from evaluation.scoring.log_likelihoods import prepare, score_items, validation_losses
from evaluation.scoring.packed_forward import PackedGPT
from models import sampling
from models.config import GPTConfig
from models.gpt import GPT
from models.huggingface import from_llama
from tasks import TASKS
from tasks.base import AliasedItem, Item
from tasks.real.forms import FORMS

NUM_ITEMS = 24
OPEN_TASKS = [name for name, task in TASKS.items() if task.answer_form == "open"]


@pytest.fixture(scope="module")
def tokenizer():
    return small_corpus.tokenizer()


@pytest.fixture(scope="module")
def items():
    return {name: small_corpus.items(name, NUM_ITEMS) for name in TASKS}


@pytest.fixture(scope="module")
def model(tokenizer) -> GPT:
    """A small model with grouped keys after 60 steps on the corpus: its answers differ between items."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.get_vocab_size(), 2, 32, 4, 2, 88, 192))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    tokens = torch.from_numpy(small_corpus.stream().tokens(0, 60 * 1024).astype(np.int64)).view(60, 16, 64)
    for rows in tokens:
        optimizer.zero_grad()
        model.loss(rows[:, :-1], rows[:, 1:]).backward()
        optimizer.step()
    return model.eval()


def prompt(tokenizer, item: Item) -> list[int]:
    return [BOS_ID, *tokenizer.encode(item.requests[0][0]).ids]


@torch.no_grad()
def plain_log_likelihood(model, tokenizer, context: str, continuation: str) -> float:
    """The definition: one row, whole forward pass, log-softmax, sum over the continuation's tokens; fp64 model."""
    context_ids, continuation_ids = [BOS_ID, *tokenizer.encode(context).ids], tokenizer.encode(continuation).ids
    log_probabilities = torch.log_softmax(model(torch.tensor([context_ids + continuation_ids]))[0].double(), -1)
    places = range(len(context_ids) - 1, len(context_ids) + len(continuation_ids) - 1)
    return sum(log_probabilities[place, token].item() for place, token in zip(places, continuation_ids, strict=True))


@pytest.mark.parametrize("name", TASKS)
def test_log_likelihoods_equal_the_definition(model, tokenizer, items, name):
    table = score_items(model, tokenizer, items[name], TASKS[name])
    for item, row in zip(items[name][:8], table.itertuples()):
        expected = [plain_log_likelihood(model, tokenizer, *request) for request in item.requests]
        assert row.log_likelihoods == pytest.approx(expected, abs=1e-4)
        assert row.num_tokens == [len(tokenizer.encode(continuation).ids) for _, continuation in item.requests]


@pytest.mark.parametrize("name", OPEN_TASKS)
def test_generations_are_those_of_greedy_decoding(model, tokenizer, items, name):
    task = TASKS[name]
    table = score_items(model, tokenizer, items[name], task)
    stop_ids = tokenizer.encode(task.stop).ids
    expected = [
        tokenizer.decode(ids)
        for ids in sampling.greedy(
            model, [prompt(tokenizer, item) for item in items[name]], task.max_new_tokens, stop_ids
        )
    ]
    assert table.generated.tolist() == expected
    assert table.prediction.tolist() == [task.extract(text) for text in expected]
    assert table.correct.tolist() == [
        float(task.extract(text) == item.answer) for text, item in zip(expected, items[name])
    ]


def test_every_accepted_text_is_right(model, tokenizer, items):
    """A real benchmark's aliases, compared as the benchmark compares; what leaves nothing when normalised stays
    wrong."""
    task = dataclasses.replace(FORMS["TriviaQA"].task, stop=TASKS["recall"].stop, max_new_tokens=4)
    asked = [
        AliasedItem("TriviaQA", item.item_id, item.requests, item.answer, (item.answer,)) for item in items["recall"]
    ]
    said = score_items(model, tokenizer, asked, task).prediction.tolist()
    assert any(text.strip() for text in said)
    aliased = [
        dataclasses.replace(item, accepted=("something else", f"The \u300a{text.upper()}\u300b!"))
        for item, text in zip(asked, said)
    ]
    assert score_items(model, tokenizer, aliased, task).correct.tolist() == [
        float(text.strip(" .") != "") for text in said
    ]
    wrong = [dataclasses.replace(item, accepted=("...", "", "something else")) for item in asked]
    assert score_items(model, tokenizer, wrong, task).correct.sum() == 0.0


@pytest.mark.parametrize("name", OPEN_TASKS)
def test_our_own_tasks_compare_as_before(items, name):
    """Every answer against every other: the outcome is that of equal texts, which the committed scores were made
    with."""
    task, texts = TASKS[name], [item.answer for item in items[name]]
    said = [
        *texts,
        *(f" {text}" for text in texts),
        *(f"{text}." for text in texts),
        *(text.upper() for text in texts),
        "",
        "...",
    ]
    for item in items[name]:
        expected = [text.strip() == item.answer.strip() for text in said]
        assert [task.is_right(item, text) for text in said] == expected
        assert metrics.exact_match(said, [item.answer] * len(said)).astype(bool).tolist() == expected


def test_rows_that_stop_early_do_not_disturb_the_others(model, tokenizer, items):
    """With a stop that ends answers at different steps, among them the first and never."""
    task = TASKS["maths"]
    prompts = [prompt(tokenizer, item) for item in items["maths"]]
    endless = sampling.greedy(model, prompts, task.max_new_tokens, [])
    places = {
        token: {answer.index(token) if token in answer else -1 for answer in endless}
        for token in {token for answer in endless for token in answer}
    }
    stop = max(
        (token for token in places if tokenizer.encode(tokenizer.decode([token])).ids == [token]),
        key=lambda token: len(places[token]),
    )
    assert len(places[stop]) >= 3, "the answers of this test's model must differ more"
    table = score_items(model, tokenizer, items["maths"], dataclasses.replace(task, stop=tokenizer.decode([stop])))
    assert table.generated.tolist() == [
        tokenizer.decode(answer[: answer.index(stop)] if stop in answer else answer) for answer in endless
    ]


def test_a_reference_that_is_the_greedy_answer_is_not_decoded_again(model, tokenizer, items, monkeypatch):
    task, own = TASKS["recall"], []
    for item, answer in zip(
        items["recall"], sampling.greedy(model, [prompt(tokenizer, item) for item in items["recall"]], 3, [])
    ):
        stop = tokenizer.decode(answer[2:])
        if (
            answer[2] not in answer[:2]
            and tokenizer.encode(stop).ids == answer[2:]
            and tokenizer.encode(tokenizer.decode(answer)).ids == answer
        ):
            own.append(
                (
                    stop,
                    Item(
                        item.task,
                        0,
                        ((item.requests[0][0], tokenizer.decode(answer)),),
                        tokenizer.decode(answer[:2]).strip(),
                    ),
                )
            )
    assert own, "the answers of this test's model must differ more"
    monkeypatch.delattr(PackedGPT, "greedy")
    for stop, item in own:
        table = score_items(model, tokenizer, [item], dataclasses.replace(task, stop=stop))
        assert (table.correct[0], table.prediction[0]) == (1.0, item.answer)


@pytest.mark.parametrize("name", ["exam", "endings", "coreference", "maths", "unscramble"])
def test_scores_do_not_depend_on_batch_or_order(model, tokenizer, items, name):
    columns = ["prediction", "generated", "log_likelihoods", "correct"]
    whole = score_items(model, tokenizer, items[name], TASKS[name])[columns]
    shuffled = random.Random(0).sample(items[name], len(items[name]))
    for batch_tokens in (1, 300, 100_000):
        table = score_items(model, tokenizer, shuffled, TASKS[name], batch_tokens).set_index("item_id").loc[whole.index]
        for column in columns:  # to the last bit: lists of floats are compared with ==
            assert table[column].tolist() == whole[column].tolist(), (batch_tokens, column)


@pytest.mark.parametrize("name", ["exam", "endings", "maths"])
def test_scores_in_bf16_do_not_depend_on_batch_or_order(model, tokenizer, items, name):
    prepared, columns = prepare(model, "bf16"), ["generated", "log_likelihoods"]
    whole = score_items(prepared, tokenizer, items[name], TASKS[name])[columns]
    shuffled = random.Random(0).sample(items[name], len(items[name]))
    for batch_tokens in (1, 300):
        table = (
            score_items(prepared, tokenizer, shuffled, TASKS[name], batch_tokens).set_index("item_id").loc[whole.index]
        )
        for column in columns:
            assert table[column].tolist() == whole[column].tolist(), (batch_tokens, column)


@pytest.mark.parametrize("name", ["exam", "coreference_zh", "recall_zh", "maths"])
def test_grouped_scores_equal_packed_ones(model, tokenizer, items, name):
    """The path of other devices: the same answers, and log-likelihoods but for the order of fp32 sums."""
    grouped = score_items(forward.pack_linears(model), tokenizer, items[name], TASKS[name])
    whole = score_items(model, tokenizer, items[name], TASKS[name])
    assert grouped.generated.tolist() == whole.generated.tolist()
    for found, expected in zip(grouped.log_likelihoods, whole.log_likelihoods):
        assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ["exam", "maths"])
def test_bf16_moves_log_likelihoods_little(model, tokenizer, items, name):
    whole, rounded = (
        score_items(prepare(model, precision), tokenizer, items[name], TASKS[name]) for precision in ("fp32", "bf16")
    )
    moves = np.concatenate(rounded.log_likelihoods.tolist()) - np.concatenate(whole.log_likelihoods.tolist())
    per_token = np.abs(moves) / np.concatenate(whole.num_tokens.tolist())
    assert 0 < per_token.max() < 0.05


def test_an_unknown_precision_is_an_error(model):
    with pytest.raises(ValueError, match="precision is 'fp8'"):
        prepare(model, "fp8")


@pytest.mark.parametrize("name", ["recall_zh", "maths"])
def test_generations_do_not_depend_on_the_rows_decoded_together(model, tokenizer, items, name, monkeypatch):
    together = score_items(model, tokenizer, items[name], TASKS[name])
    monkeypatch.setattr(score_packed, "DECODE_ROWS", 1)
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
        assert row.answer_log_likelihood == pytest.approx(
            row.log_likelihoods[item.answer] / row.num_tokens[item.answer]
        )


def test_length_normalized_tasks_predict_per_byte(model, tokenizer, items):
    """The longer choice begins with the shorter one, so its sum is always lower; after an odd word its common end lifts
    it per byte."""
    task, context = TASKS["endings"], items["endings"][0].requests[0][0]
    item = Item("endings", 0, ((context, " coin"), (context, " coin and went to the")), 1)
    assert task.length_normalized
    table = score_items(model, tokenizer, [item], task)
    assert (table.prediction[0], table.correct[0], table.num_bytes[0]) == ("1", 1.0, [4, 20])
    assert (
        score_items(model, tokenizer, [item], dataclasses.replace(task, length_normalized=False)).prediction[0] == "0"
    )


def test_packed_weights_equal_plain_ones(model):
    """Against fp64: at most twice the error of the plain fp32 product, plus a floor of one rounding."""
    packed = forward.pack_linears(model)
    x = torch.randn(37, 32, generator=torch.Generator().manual_seed(0))
    for layer, plain in (
        (packed.head, model.head),
        (packed.blocks[0].qkv, model.blocks[0].qkv),
        (packed.blocks[1].gate_up, model.blocks[1].gate_up),
    ):
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
        score_items(
            model, tokenizer, [dataclasses.replace(exam[0], requests=((exam[0].requests[0][0], ""),))], TASKS["exam"]
        )
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


def test_another_models_weights_are_scored_with_its_own_tokenizer():
    tokenizer = outside_models.made("llama2")
    llama = outside_models.trained(tokenizer)
    items = [Item("exam", 0, (("Q: who wrote it? A:", " Ann Lee\n"), ("Q: who wrote it? A:", " Q: 2 + 3\n")), 0)]
    table = score_items(from_llama(llama), tokenizer.backend_tokenizer, items, TASKS["exam"])
    ids = torch.tensor([tokenizer("Q: who wrote it? A: Ann Lee\n")["input_ids"]])
    num_read = len(tokenizer("Q: who wrote it? A:")["input_ids"])
    with torch.no_grad():
        log_probabilities = llama(ids).logits[0, num_read - 1 : -1].double().log_softmax(-1)
    expected = log_probabilities.gather(1, ids[0, num_read:, None]).sum().item()
    assert (
        table.log_likelihoods[0][0] == pytest.approx(expected, abs=1e-4) and expected > -0.2 and table.correct[0] == 1
    )
    with pytest.raises(
        ValueError, match="hold token id .*, the model knows ids 0 to 9: a checkpoint of another tokenizer"
    ):
        score_items(GPT(GPTConfig(10, 1, 32, 4, 2, 48, 96)), tokenizer.backend_tokenizer, items, TASKS["exam"])


def test_a_greedy_answer_ends_at_every_end_of_text_token():
    tokenizer = outside_models.made("llama2")
    gpt, task = (
        from_llama(outside_models.trained(tokenizer, end_id=3)),
        dataclasses.replace(TASKS["maths"], stop="\n", max_new_tokens=12),
    )
    items = [Item("maths", 0, (("Q: who wrote it? A:", " Ann Lee\n"),), "x")]
    ended, endless = (
        score_items(gpt, tokenizer.backend_tokenizer, items, task, end_ids=ends).generated[0] for ends in ((2, 3), ())
    )
    assert ended.strip() == "Ann Lee" and endless.startswith(ended) and endless != ended
