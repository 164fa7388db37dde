"""models/sampling.py: the cache changes nothing, and neither do the prompts beside a prompt."""

import pytest
import torch

from models import sampling
from models.config import GPTConfig
from models.gpt import GPT
from models.sampling import greedy

SHAPE = GPTConfig(vocab_size=50, num_layers=2, d_model=32, num_heads=4, num_kv_heads=2, d_ff=40, max_sequence_length=40)
PROMPTS = [[0, 5], [0, 7, 3, 9, 11, 2, 8], [0], [0, 7, 3], [0, 5, 6, 1, 44, 31, 17, 22, 9, 1, 3]]


@pytest.fixture(scope="module")
def gpt():
    torch.manual_seed(0)
    gpt = GPT(SHAPE)
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.mul_(3)  # a model with opinions, whose answers differ between prompts
    return gpt.eval()


def without_cache(gpt: GPT, prompt: list[int], num_tokens: int) -> list[int]:
    tokens = list(prompt)
    for _ in range(num_tokens):
        tokens.append(int(gpt(torch.tensor([tokens]))[0, -1].argmax()))
    return tokens[len(prompt) :]


def test_equals_generation_without_a_cache(gpt):
    answers = greedy(gpt, PROMPTS, 12, ())
    assert answers == [without_cache(gpt, prompt, 12) for prompt in PROMPTS]
    assert len({tuple(answer) for answer in answers}) > 1


def test_answer_does_not_depend_on_the_batch(gpt, monkeypatch):
    alone = [greedy(gpt, [prompt], 12, ())[0] for prompt in PROMPTS]
    assert greedy(gpt, PROMPTS, 12, ()) == alone
    assert greedy(gpt, PROMPTS[::-1] * 5, 12, ()) == alone[::-1] * 5


def test_stops_before_the_stop_token(gpt):
    answer = greedy(gpt, [PROMPTS[1]], 12, ())[0]
    stop = answer[3]
    first = answer.index(stop)
    others = greedy(gpt, PROMPTS, 12, {stop})
    assert others[1] == answer[:first]
    assert all(stop not in other for other in others)


def test_edges(gpt):
    assert greedy(gpt, [], 5, ()) == []
    assert greedy(gpt, [[0]], 0, ()) == [[]]
    assert len(greedy(gpt, [[0] * 28], 12, ())[0]) == 12, "an answer may end at the last position"
    with pytest.raises(ValueError, match="prompt 1 is empty"):
        greedy(gpt, [[0], []], 5, ())
    with pytest.raises(ValueError, match="more than max_sequence_length 40"):
        greedy(gpt, [[0] * 29], 12, ())


def test_group_size_is_covered():
    assert len(PROMPTS) * 5 > sampling.GROUP_ROWS, "the batch test must span more than one group"
