"""evaluation/readers/next_token_huggingface.py: cached reading equals whole forward passes for every kind of attention,
and our GPTReader on exported weights."""

import numpy as np
import pytest
import torch
import transformers

from evaluation.readers.next_token import GPTReader
from evaluation.readers.next_token_huggingface import BLOCK_ROWS, HuggingFaceReader, keeps_only_keys_and_values
from models.config import GPTConfig
from models.gpt import GPT
from models.huggingface import to_llama

VOCABULARY, LENGTH = 61, 64
PROMPT = [5, 17, 33, 2, 8, 41, 9, 3]
_WIDTH = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "max_position_embeddings": LENGTH,
}
_GROUPED = {**_WIDTH, "num_hidden_layers": 2, "num_key_value_heads": 2}
_IDS = {"bos_token_id": 1, "eos_token_id": 2}
# Learned positions, grouped queries, a window shorter than the sequence, positions counted from a mask, ALiBi, windows
# beside full attention, values of another width than keys.
CONFIGS = {
    "gpt2": transformers.GPT2Config(vocab_size=VOCABULARY, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=4, **_IDS),
    "llama": transformers.LlamaConfig(**_GROUPED),
    "mistral": transformers.MistralConfig(**_GROUPED, sliding_window=6),
    "opt": transformers.OPTConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        ffn_dim=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        word_embed_proj_dim=32,
    ),
    "bloom": transformers.BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4),
    "gemma3": transformers.Gemma3TextConfig(
        **_WIDTH,
        num_hidden_layers=2,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=6,
        layer_types=["sliding_attention", "full_attention"],
        pad_token_id=0,
        **_IDS,
    ),
    "deepseek": transformers.DeepseekV3Config(
        **_WIDTH,
        num_hidden_layers=2,
        num_key_value_heads=4,
        moe_intermediate_size=16,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=2,
        topk_group=1,
        kv_lora_rank=8,
        q_lora_rank=8,
        qk_rope_head_dim=4,
        v_head_dim=6,
        qk_nope_head_dim=4,
    ),
}


def made(config: transformers.PreTrainedConfig) -> transformers.PreTrainedModel:
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # a model with opinions
    return model


@torch.no_grad()
def plain(model: transformers.PreTrainedModel, ids: list[int]) -> np.ndarray:
    return model(torch.tensor([ids]), use_cache=False).logits[0, -1].double().log_softmax(-1).numpy()


def branches(reader, random, sizes=(5, 11, 3, 20)):
    """(log-probabilities, prefixes) level by level of a random tree; a frontier keeps its parents."""
    log_probabilities, frontier = reader.start(PROMPT)
    prefixes = [[]]
    yield log_probabilities, prefixes
    for num_rows in sizes:
        rows, tokens = random.integers(len(prefixes), size=num_rows), random.integers(VOCABULARY, size=num_rows)
        log_probabilities, frontier = reader.extend(frontier, rows, tokens)
        prefixes = [[*prefixes[row], int(token)] for row, token in zip(rows, tokens)]
        yield log_probabilities, prefixes


@pytest.mark.parametrize("name", CONFIGS)
def test_equals_whole_forward_passes_along_branching_prefixes(name):
    model = made(CONFIGS[name])
    reader = HuggingFaceReader(model)
    assert keeps_only_keys_and_values(model)
    for log_probabilities, prefixes in branches(reader, np.random.default_rng(0)):
        expected = np.stack([plain(model, PROMPT + prefix) for prefix in prefixes])
        assert log_probabilities.dtype == np.float64 and expected.std() > 0.1
        np.testing.assert_allclose(log_probabilities, expected, atol=1e-5)
    assert reader.num_evaluated == len(PROMPT) + 5 + 11 + 3 + 20


def test_a_model_with_a_recurrent_state_is_read_whole():
    model = made(transformers.MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=4))
    reader = HuggingFaceReader(model)
    assert not keeps_only_keys_and_values(model)
    for log_probabilities, prefixes in branches(reader, np.random.default_rng(0), (5, 4)):
        np.testing.assert_allclose(
            log_probabilities, np.stack([plain(model, PROMPT + prefix) for prefix in prefixes]), atol=2e-3
        )
    assert reader.num_evaluated == 8 + 5 * 9 + 4 * 10


@pytest.mark.parametrize("heads", [(4, 2), (3, 3)])
def test_equals_our_reader_on_an_exported_checkpoint(heads):
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(VOCABULARY, 2, 16 * heads[0], *heads, 88, LENGTH)).eval()
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.mul_(2)
    ours, theirs = GPTReader(gpt), HuggingFaceReader(to_llama(gpt))
    assert (theirs.vocab_size, theirs.max_sequence_length) == (ours.vocab_size, ours.max_sequence_length)
    for (expected, _), (found, _) in zip(
        branches(ours, np.random.default_rng(1)), branches(theirs, np.random.default_rng(1)), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-4)  # fp32, products in another order
    assert theirs.num_evaluated == ours.num_evaluated


def test_the_parent_stays_valid_and_its_places_are_not_used_again_while_it_is_held():
    reader = HuggingFaceReader(made(CONFIGS["llama"]))
    _, root = reader.start(PROMPT)
    _, parent = reader.extend(root, np.zeros(2, np.int64), np.array([3, 4]))
    before, _ = reader.extend(parent, np.array([1]), np.array([9]))
    for _ in range(5):
        reader.extend(root, np.zeros(BLOCK_ROWS, np.int64), np.arange(BLOCK_ROWS) % VOCABULARY)
    after, _ = reader.extend(parent, np.array([1]), np.array([9]))
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_memory_follows_the_prefixes_that_are_held_not_those_that_were_read():
    reader = HuggingFaceReader(made(CONFIGS["llama"]))
    _, root = reader.start(PROMPT)
    for _ in range(5):
        frontier = root
        for _ in range(6):
            _, frontier = reader.extend(frontier, np.zeros(BLOCK_ROWS, np.int64), np.arange(BLOCK_ROWS) % VOCABULARY)
        del frontier
    keys, _ = root.store.places[0]
    assert len(keys) < 12 * BLOCK_ROWS < reader.num_evaluated
    assert root.store.prompt[0][0].shape[0] == 1  # the prompt once


def test_rows_beside_a_row_change_it_by_no_more_than_float_noise():
    reader = HuggingFaceReader(made(CONFIGS["gpt2"]))
    _, root = reader.start(PROMPT)
    tokens = np.arange(BLOCK_ROWS + 30) % VOCABULARY
    wide, _ = reader.extend(root, np.zeros(len(tokens), np.int64), tokens)
    for kept in (0, 17, BLOCK_ROWS + 5):
        alone, _ = reader.extend(root, np.zeros(1, np.int64), tokens[kept : kept + 1])
        np.testing.assert_allclose(alone[0], wide[kept], atol=1e-5)


def test_half_precision_stays_near_full_precision():
    model = made(CONFIGS["gpt2"])
    expected = [
        log_probabilities for log_probabilities, _ in branches(HuggingFaceReader(model), np.random.default_rng(0))
    ]
    half = [
        log_probabilities
        for log_probabilities, _ in branches(HuggingFaceReader(model.to(torch.bfloat16)), np.random.default_rng(0))
    ]
    for found, wanted in zip(half, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=0.15)
        np.testing.assert_allclose(np.exp(found).sum(1), 1, atol=1e-12)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [([], "prompt is empty"), ([1] * (LENGTH + 1), "has 65 tokens"), ([1, VOCABULARY], "outside 0 to 60")],
)
def test_a_bad_prompt_is_one_clear_line(prompt, message):
    with pytest.raises(ValueError, match=message) as error:
        HuggingFaceReader(made(CONFIGS["llama"])).start(prompt)
    assert "\n" not in str(error.value)


def test_a_continuation_longer_than_the_context_is_one_clear_line():
    reader = HuggingFaceReader(made(CONFIGS["llama"]))
    _, frontier = reader.start([1] * LENGTH)
    with pytest.raises(ValueError, match="take 65 tokens, the model's max_sequence_length is 64"):
        reader.extend(frontier, np.zeros(1, np.int64), np.ones(1, np.int64))


def test_damaged_weights_are_one_clear_line():
    model = made(CONFIGS["llama"])
    with torch.no_grad():
        model.lm_head.weight[3] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinite"):
        HuggingFaceReader(model).start(PROMPT)
