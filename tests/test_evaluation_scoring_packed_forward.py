"""The packed model against models/gpt.py: states, log-probabilities, greedy answers, and what is not finite."""

import random

import numpy as np
import pytest
import torch

from evaluation.scoring import packed_forward
from evaluation.scoring.packed_forward import Begun, PackedGPT, Rows
from evaluation.scoring.token_tree import packed as packed_trees
from models import sampling
from models.config import GPTConfig
from models.gpt import GPT

CONFIG = GPTConfig(90, 3, 40, 4, 2, 56, 64)


@pytest.fixture(scope="module")
def model() -> GPT:
    torch.manual_seed(0)
    model = GPT(CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.5)  # as large as trained ones: answers differ between prompts
    return model.eval()


def sequences(number: int) -> list[list[int]]:
    draw = random.Random(0)
    beginning = [draw.randrange(90) for _ in range(20)]
    return [
        [*beginning[: draw.randrange(20)], *(draw.randrange(90) for _ in range(draw.randrange(1, 20)))]
        for _ in range(number)
    ]


@torch.inference_mode()
def all_states(packed_model: PackedGPT, texts: list[list[int]], batch_tokens: int) -> list[torch.Tensor]:
    """States of every token of every sequence."""
    found = [None] * len(texts)
    for tree, members, rows in packed_trees(texts, batch_tokens):
        asked, nodes = np.unique(np.concatenate(rows), return_inverse=True)
        states, ends = packed_model.states(Rows.of_tree(tree), asked), np.cumsum([len(path) for path in rows])
        for member, part in zip(members, np.split(nodes, ends[:-1]), strict=True):
            found[member] = states[torch.from_numpy(part)]
    return found


def test_states_equal_the_models(model):
    texts = sequences(12)
    for text, states in zip(texts, all_states(PackedGPT(model), texts, 100), strict=True):
        with torch.no_grad():
            assert states.numpy() == pytest.approx(model.hidden(torch.tensor([text]))[0].numpy(), abs=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_states_do_not_depend_on_the_rows_beside_them(model, precision, monkeypatch):
    texts, packed_model = sequences(60), PackedGPT(model, precision)
    together = all_states(packed_model, texts, 100_000)
    monkeypatch.setattr(packed_forward, "BLOCK_ROWS", 7)
    for batch_tokens in (1, 150):
        for one, other in zip(together, all_states(packed_model, texts, batch_tokens), strict=True):
            assert torch.equal(one, other)


def test_a_cpu_whose_onednn_refuses_bf16_gives_the_same_states(model, monkeypatch):
    """Products of the same bf16 operands, summed in fp32 and rounded once: other last bits, as any order of sums."""
    texts = sequences(12)
    fp32, bf16 = (all_states(PackedGPT(model, precision), texts, 100) for precision in ("fp32", "bf16"))
    monkeypatch.setattr(packed_forward, "onednn_takes_bf16", lambda: False)
    packed_model = PackedGPT(model, "bf16")
    assert packed_model.layers[0].qkv.dtype == torch.float32
    emulated = all_states(packed_model, texts, 100)
    assert all(torch.equal(one, other) for one, other in zip(emulated, all_states(packed_model, texts, 1), strict=True))

    def distance(ones, others):
        return torch.cat([(one - other).abs().flatten() for one, other in zip(ones, others, strict=True)]).mean()

    assert distance(emulated, bf16) < distance(fp32, bf16) / 2 and not torch.equal(emulated[0], fp32[0])


@torch.inference_mode()
def test_log_probabilities_and_likeliest_over_several_blocks(model, monkeypatch):
    monkeypatch.setattr(packed_forward, "BLOCK_ROWS", 4)
    packed_model = PackedGPT(model)
    states = torch.randn(11, 40, generator=torch.Generator().manual_seed(0))
    expected = torch.log_softmax(model.head(states).double(), -1).numpy()
    nodes, targets = np.array([0, 0, 3, 4, 7, 8, 10, 10]), np.array([5, 89, 0, 1, 2, 3, 4, 88])
    assert packed_model.log_probabilities(states, nodes, targets) == pytest.approx(expected[nodes, targets], abs=1e-5)
    assert packed_model.likeliest(states).tolist() == expected.argmax(-1).tolist()


@pytest.mark.parametrize("num_known", [0, 3])
@torch.inference_mode()
def test_greedy_goes_on_from_what_is_read(model, num_known):
    """Answers of several lengths in one batch, begun with `num_known` tokens of each."""
    prompts, packed_model = sequences(9), PackedGPT(model)
    stop_id = sampling.greedy(model, prompts[:1], 6, [])[0][5]
    endless = sampling.greedy(model, prompts, 12, [])
    prompts = [prompt for prompt, answer in zip(prompts, endless) if stop_id not in answer[: num_known + 1]]
    expected = sampling.greedy(model, prompts, 12, [stop_id])
    assert len({len(answer) for answer in expected}) > 1, "the answers of this test's model must differ more"
    ((tree, members, rows),) = packed_trees(
        [prompt + answer[:num_known] for prompt, answer in zip(prompts, expected)], 100_000
    )
    kept: list[np.ndarray] = []
    packed_model.states(Rows.of_tree(tree), np.arange(1), kept=kept)
    begun = [
        Begun(expected[member][:num_known], path, (expected[member] + [stop_id])[num_known])
        for member, path in zip(members, rows)
    ]
    assert packed_model.greedy(kept, begun, 12, stop_id) == [expected[member] for member in members]


def test_products_fill_rows_up_and_give_the_asked_ones_back():
    weight = torch.randn(24, 40, generator=torch.Generator().manual_seed(0))
    for num_rows in (1, 31, 32, 33, 300):
        x = torch.randn(num_rows, 40, generator=torch.Generator().manual_seed(num_rows))
        found = packed_forward._multiply(x, packed_forward._pack(weight, torch.float32))
        assert found.numpy() == pytest.approx((x.double() @ weight.double().T).numpy(), abs=1e-4)


def test_an_unknown_precision_and_bad_weights_are_errors(model):
    with pytest.raises(ValueError, match="precision is 'fp8'"):
        PackedGPT(model, "fp8")
    for number in (float("nan"), float("inf")):
        broken = GPT(CONFIG)
        with torch.no_grad():
            broken.blocks[1].down.weight[0, 0] = number
        with pytest.raises(ValueError, match="NaN or infinite"):
            PackedGPT(broken)


@torch.inference_mode()
def test_an_overflow_on_the_way_is_an_error(model):
    broken = GPT(CONFIG)
    with torch.no_grad():
        broken.embedding.weight.fill_(3e38)
        broken.blocks[0].attention_out.weight.fill_(1e38)
    with pytest.raises(ValueError, match="NaN or infinite"):
        all_states(PackedGPT(broken), [[1, 2, 3]], 10)
