"""What a reference solution tells of the greedy answer, and contexts with several references."""

import numpy as np
import pytest
import small_corpus
import torch

from corpus.tokenizer import BOS_ID
from evaluation.scoring import packed
from evaluation.scoring.log_likelihoods import score_items
from evaluation.scoring.packed_forward import PackedGPT
from models import sampling
from models.config import GPTConfig
from models.gpt import GPT
from tasks import TASKS
from tasks.base import Item

STOP = 9


@pytest.mark.parametrize(
    ("reference", "likeliest", "max_new_tokens", "expected"),
    [
        ([1, 2, STOP], [1, 2, STOP], 5, (2, [1, 2], None)),  # the reference is the answer
        ([1, 2, STOP], [1, 2, 3], 5, (2, [1, 2], 3)),  # it goes on behind it
        (
            [1, 2, STOP],
            [1, 4, STOP],
            5,
            (1, [1], 4),
        ),  # it leaves in the middle; what follows was read behind another token
        ([1, 2, STOP], [3, 2, STOP], 5, (0, [], 3)),
        ([1, 2, STOP], [1, STOP, STOP], 5, (1, [1], None)),  # it stops earlier
        ([1, 2, 3], [1, 2, 3], 3, (2, [1, 2, 3], None)),  # the answer is full
        ([1, 2, 3], [1, 2, 3], 4, (2, [1, 2], 3)),
        ([1, 2, 3, 4, STOP], [1, 2, 3, 4, STOP], 2, (4, [1, 2], None)),
        ([1, 2, 3, 4, STOP], [1, 2, 3, 4, STOP], 4, (4, [1, 2, 3, 4], None)),
        ([STOP], [STOP], 2, (0, [], None)),
        ([STOP], [1], 2, (0, [], 1)),
    ],
)
def test_beginning_of_an_answer(reference, likeliest, max_new_tokens, expected):
    assert packed._begin(reference, np.array(likeliest), max_new_tokens, STOP) == expected


def test_one_prompt_with_two_references_has_one_answer():
    """Items that ask the same and accept different solutions: the answer may not depend on which of them was read
    first."""
    tokenizer, task = small_corpus.tokenizer(), TASKS["maths"]
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.get_vocab_size(), 1, 16, 2, 2, 32, 160)).eval()
    context = small_corpus.items("maths", 1)[0].requests[0][0]
    (expected,) = sampling.greedy(
        model, [[BOS_ID, *tokenizer.encode(context).ids]], task.max_new_tokens, tokenizer.encode(task.stop).ids
    )
    with_beginning, other = tokenizer.decode(expected[:3]) + " b" + task.stop, " b b b b" + task.stop
    assert tokenizer.encode(with_beginning).ids[:3] == expected[:3] != tokenizer.encode(other).ids[:3], (
        "the first reference must begin as the answer does"
    )
    items = [Item("maths", number, ((context, text),), "1") for number, text in enumerate((with_beginning, other))]
    for order in (items, items[::-1]):
        assert score_items(model, tokenizer, order, task).generated.tolist() == [tokenizer.decode(expected)] * 2


def test_sequence_losses_are_the_models():
    torch.manual_seed(0)
    model = GPT(GPTConfig(64, 2, 16, 2, 2, 32, 16)).eval()
    tokens = np.random.default_rng(0).integers(0, 64, (3, 9))
    with torch.inference_mode():
        expected = model.per_token_loss(torch.from_numpy(tokens[:, :-1]), torch.from_numpy(tokens[:, 1:])).numpy()
        assert packed.sequence_losses(PackedGPT(model), tokens) == pytest.approx(expected, abs=1e-5)
