"""The path of other devices, run on a CPU: independent of the batch, greedy answers, losses."""

import random

import numpy as np
import pytest
import small_corpus
import torch

from corpus.tokenizer import BOS_ID
from evaluation.readers import forward
from evaluation.scoring import grouped as score_grouped
from evaluation.scoring.log_likelihoods import score_items, validation_losses
from models import sampling
from models.config import GPTConfig
from models.gpt import GPT
from tasks import TASKS


@pytest.fixture(scope="module")
def model() -> GPT:
    torch.manual_seed(0)
    model = GPT(GPTConfig(small_corpus.tokenizer().get_vocab_size(), 2, 32, 4, 2, 88, 192))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)  # as large as trained ones: answers differ between prompts
    return model.eval()


@pytest.mark.parametrize("name", ["exam", "coreference", "maths"])
def test_scores_do_not_depend_on_batch_or_order(model, name):
    packed, columns, items = forward.pack_linears(model), ["generated", "log_likelihoods"], small_corpus.items(name, 16)
    whole = score_items(packed, small_corpus.tokenizer(), items, TASKS[name])[columns]
    shuffled = random.Random(0).sample(items, len(items))
    for batch_tokens in (1, 300):
        table = (
            score_items(packed, small_corpus.tokenizer(), shuffled, TASKS[name], batch_tokens)
            .set_index("item_id")
            .loc[whole.index]
        )
        for column in columns:
            assert table[column].tolist() == whole[column].tolist(), (batch_tokens, column)


@pytest.mark.parametrize("decode_rows", [1, 5])
def test_generations_are_those_of_greedy_decoding(model, decode_rows, monkeypatch):
    monkeypatch.setattr(score_grouped, "DECODE_ROWS", decode_rows)
    tokenizer, task, items = small_corpus.tokenizer(), TASKS["recall"], small_corpus.items("recall", 12)
    prompts = [[BOS_ID, *tokenizer.encode(item.requests[0][0]).ids] for item in items]
    expected = sampling.greedy(model, prompts, task.max_new_tokens, tokenizer.encode(task.stop).ids)
    assert len({tuple(answer) for answer in expected}) > 1, "the answers of this test's model must differ more"
    assert score_items(forward.pack_linears(model), tokenizer, items, task).generated.tolist() == [
        tokenizer.decode(ids) for ids in expected
    ]


def test_validation_losses_equal_packed_ones(model):
    tokens = np.random.default_rng(0).integers(0, model.config.vocab_size, (5, 65)).astype(np.uint16)
    grouped = validation_losses(forward.pack_linears(model), tokens)
    assert grouped == pytest.approx(validation_losses(model, tokens), abs=1e-4)
    assert np.array_equal(grouped, validation_losses(forward.pack_linears(model), tokens, batch_tokens=1))
