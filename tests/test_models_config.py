"""models/config.py: counts at hand-computed values, and records that refuse bad input in one line."""

import dataclasses

import pytest

from models.config import GPTConfig, TrainConfig
from models.gpt import GPT

SHAPE = GPTConfig(vocab_size=50, num_layers=3, d_model=24, num_heads=4, num_kv_heads=2, d_ff=40, max_sequence_length=16)
RUN = TrainConfig(run="r", seed=0, data_seed=0, total_tokens=1000, batch_sequences=2, sequence_length=10, max_lr=1e-3)


def test_counts_match_the_module():
    gpt = GPT(SHAPE)
    assert SHAPE.num_parameters == sum(parameter.numel() for parameter in gpt.parameters())
    assert SHAPE.num_parameters - SHAPE.num_nonembedding_parameters == 2 * 50 * 24


def test_flops_per_token_by_hand():
    # Per layer: q 24*24, k and v 24*12 each, out 24*24, three of 24*40; the norms' gains count as weights; head 24*50.
    weights = 3 * (24 * 24 + 2 * 24 * 12 + 24 * 24 + 3 * 24 * 40 + 2 * 24) + 24 + 24 * 50
    assert SHAPE.flops_per_token == 6 * weights + 12 * 3 * 24 * 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_heads": 5}, "d_model 24 is not divisible by num_heads 5"),
        ({"num_kv_heads": 3}, "not divisible by num_kv_heads 3"),
        ({"num_heads": 8, "num_kv_heads": 8}, "must be even"),
        ({"num_layers": 0}, "num_layers must be an integer >= 1"),
        ({"d_ff": 2.5}, "d_ff must be an integer"),
        ({"arch": "modern"}, "arch must be 'llama'"),
    ],
)
def test_bad_shape_is_one_line(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        dataclasses.replace(SHAPE, **change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "linear"}, "schedule must be one of"),
        ({"precision": "fp8"}, "precision must be one of"),
        ({"precision": "auto"}, "precision 'auto' would follow the CPU.*name it: bf16"),
        ({"total_tokens": 0}, "total_tokens"),
        ({"max_lr": float("nan")}, "max_lr"),
        ({"decay_fraction": 1.5}, "decay_fraction"),
    ],
)
def test_bad_training_is_one_line(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RUN, **change)


def test_unknown_and_missing_fields():
    with pytest.raises(ValueError, match="unknown field 'width'"):
        GPTConfig.from_dict(SHAPE.to_dict() | {"width": 3})
    with pytest.raises(ValueError, match="d_ff"):
        GPTConfig.from_dict({name: value for name, value in SHAPE.to_dict().items() if name != "d_ff"})
    assert GPTConfig.from_dict(SHAPE.to_dict()) == SHAPE


def test_steps_of_a_budget():
    assert (RUN.tokens_per_step, RUN.num_steps) == (20, 50)
    assert [RUN.step_at(tokens) for tokens in (0, 29, 31, 999, 5000)] == [0, 1, 2, 50, 50]
