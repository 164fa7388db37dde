"""models/sampling.py: the cache changes nothing, neither do the prompts beside a prompt; samples have their law, and
beams find what exhaustion finds."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from models import sampling
from models.config import GPTConfig
from models.gpt import GPT
from models.sampling import beam_search, greedy, log_weights, sample

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


def test_samples_hang_on_prompt_and_seed_alone(gpt):
    seeds = [11, 12, 13, 14, 15]
    alone = [sample(gpt, [prompt], 12, (), [seed])[0] for prompt, seed in zip(PROMPTS, seeds)]
    assert sample(gpt, PROMPTS, 12, (), seeds) == alone
    assert sample(gpt, PROMPTS[::-1] * 5, 12, (), seeds[::-1] * 5) == alone[::-1] * 5
    assert sample(gpt, PROMPTS, 12, (), [seed + 1 for seed in seeds]) != alone
    assert sample(gpt, PROMPTS, 12, (), seeds, temperature=1e-3) == greedy(gpt, PROMPTS, 12, ())


@pytest.mark.parametrize("decoding", [{"temperature": 3.0}, {"temperature": 6.0}, {"temperature": 6.0, "top_p": 0.6}])
def test_samples_follow_the_probabilities_of_the_model(gpt, decoding):
    answers = sample(gpt, [PROMPTS[1]] * 800, 2, (), list(range(800)), **decoding)
    first = torch.log_softmax(gpt(torch.tensor([PROMPTS[1]]))[:, -1].double(), -1).detach().numpy()
    weights = np.exp(log_weights(first, decoding.get("temperature", 1.0), decoding.get("top_p", 1.0)))[0]
    found = np.bincount([answer[0] for answer in answers], minlength=len(weights))
    assert not found[weights == 0].any()
    is_common = 800 * weights > 5
    pooled = [np.append(part[is_common], max(part[~is_common].sum(), 1e-9)) for part in (found, 800 * weights)]
    assert stats.chisquare(pooled[0], pooled[1] * pooled[0].sum() / pooled[1].sum()).pvalue > 1e-5
    assert len({tuple(answer) for answer in answers}) > 10


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(1)
    model = GPT(GPTConfig(5, 2, 16, 2, 2, 24, 12))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model.eval()


@torch.no_grad()
def scored(model: GPT, prompt: list[int], answer: tuple[int, ...]) -> float:
    logs = torch.log_softmax(model(torch.tensor([[*prompt, *answer]]))[0].double(), -1)
    return sum(logs[len(prompt) - 1 + place, token].item() for place, token in enumerate(answer))


@pytest.mark.parametrize("prompt", [[0], [1, 2, 3], [2, 2], [4, 0, 1]])
@pytest.mark.parametrize("stops", [(4,), (0, 4)])
def test_wide_beams_find_the_likeliest_of_all_continuations(tiny, prompt, stops):
    ended = [
        (*body, stop)
        for length in range(4)
        for body in itertools.product(sorted(set(range(5)) - set(stops)), repeat=length)
        for stop in stops
    ]
    best = max(ended, key=lambda answer: scored(tiny, prompt, answer))
    answer, score = beam_search(tiny, prompt, 5**3, 4, stops)
    assert answer == list(best[:-1]) and score == pytest.approx(scored(tiny, prompt, best), abs=1e-5)


def test_beams_without_an_end(tiny):
    answer, score = beam_search(tiny, [1, 2], 5**3, 3, ())
    best = max(itertools.product(range(5), repeat=3), key=lambda answer: scored(tiny, [1, 2], answer))
    assert answer == list(best) and score == pytest.approx(scored(tiny, [1, 2], best), abs=1e-5)
    assert beam_search(tiny, [1, 2], 1, 6, ())[0] == greedy(tiny, [[1, 2]], 6, ())[0]


@pytest.mark.parametrize("width", [2, 3, 6])
def test_every_beam_goes_on_from_its_own_past(tiny, width):
    prompts = [[first, second] for first in range(5) for second in range(5)]
    found = [beam_search(tiny, prompt, width, 6, ()) for prompt in prompts]
    assert [score for _, score in found] == pytest.approx(
        [scored(tiny, prompt, tuple(answer)) for prompt, (answer, _) in zip(prompts, found)], abs=1e-5
    )
    assert [answer for answer, _ in found] != greedy(tiny, prompts, 6, ()), (
        "somewhere the best beam must have changed places"
    )


def test_wider_beams_score_no_worse_here_and_somewhere_better(gpt):
    scores = np.array([[beam_search(gpt, prompt, width, 6, {3})[1] for width in (1, 4, 16)] for prompt in PROMPTS])
    assert (scores[:, 2] >= scores[:, 0]).all() and (scores[:, 2] > scores[:, 0]).any()


def test_ties_go_to_the_better_parent_and_the_lower_token(tiny):
    level = GPT(tiny.config).eval()
    with torch.no_grad():
        level.head.weight.zero_()
    assert beam_search(level, [1], 3, 4, ()) == ([0, 0, 0, 0], pytest.approx(4 * np.log(1 / 5)))
    assert beam_search(level, [1], 3, 4, {2}) == ([], pytest.approx(np.log(1 / 5)))


def test_bad_decoding_is_named(gpt):
    for options, message in (
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"seeds": [1, 2]}, "2 seeds for 1 prompts"),
    ):
        with pytest.raises(ValueError, match=message):
            sample(gpt, [[0]], 3, (), **({"seeds": [1]} | options))
    with pytest.raises(ValueError, match="0 beams"):
        beam_search(gpt, [0], 0, 3, ())
    with pytest.raises(ValueError, match="more than max_sequence_length"):
        beam_search(gpt, [0] * 39, 2, 3, ())
    broken = GPT(SHAPE).eval()
    with torch.no_grad():
        broken.head.weight.fill_(float("nan"))
    for call in (lambda: beam_search(broken, [0], 2, 3, ()), lambda: sample(broken, [[0]], 3, (), [1])):
        with pytest.raises(ValueError, match="NaN or infinite"):
            call()
