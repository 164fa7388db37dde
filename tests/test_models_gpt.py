"""models/gpt.py: causality, the loss, and the start. Equality with transformers is tested in
test_models_huggingface.py."""

import math

import pytest
import torch

from models.config import GPTConfig
from models.gpt import GPT, INIT_GAIN, rotary_tables, rotate

SHAPE = GPTConfig(vocab_size=50, num_layers=2, d_model=32, num_heads=4, num_kv_heads=2, d_ff=40, max_sequence_length=16)


@pytest.fixture
def gpt():
    torch.manual_seed(0)
    return GPT(SHAPE)


def test_a_logit_sees_only_its_past(gpt):
    tokens = torch.randint(0, 50, (2, 12))
    changed = tokens.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % 50
    before, after = gpt(tokens), gpt(changed)
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7], after[:, 7])


def test_losses_agree_with_the_definition(gpt):
    tokens, targets = torch.randint(0, 50, (2, 3, 12))
    log_probabilities = gpt(tokens).detach().double().log_softmax(-1)
    expected = -log_probabilities.gather(-1, targets[..., None])[..., 0]
    assert torch.allclose(gpt.per_token_loss(tokens, targets).detach().double(), expected, atol=1e-5)
    assert math.isclose(float(gpt.loss(tokens, targets).detach()), float(expected.mean()), abs_tol=1e-5)


def test_a_fresh_model_knows_nothing(gpt):
    tokens, targets = torch.randint(0, 50, (2, 8, 16))
    assert abs(float(gpt.loss(tokens, targets).detach()) - math.log(50)) < 0.3
    assert abs(float(gpt.blocks[0].qkv.weight.std()) - INIT_GAIN / math.sqrt(32)) < 0.005
    assert abs(float(gpt.blocks[0].down.weight.std()) - INIT_GAIN / math.sqrt(40) / 2) < 0.005


def test_rotation_depends_on_distance_only():
    cos, sin = rotary_tables(SHAPE, 16)
    q, k = torch.randn(2, 1, 1, 1, SHAPE.head_size)
    scores = rotate(q.expand(1, 16, 1, -1), cos, sin)[0, :, 0] @ rotate(k.expand(1, 16, 1, -1), cos, sin)[0, :, 0].T
    for distance in (0, 3):
        diagonal = scores.diagonal(-distance)
        assert torch.allclose(diagonal, diagonal[0].expand_as(diagonal), atol=1e-5)
    assert not torch.isclose(scores[5, 5], scores[5, 2])


def test_long_sequence_is_one_line(gpt):
    with pytest.raises(ValueError, match="17 tokens is longer than max_sequence_length 16"):
        gpt(torch.zeros(1, 17, dtype=torch.int64))
