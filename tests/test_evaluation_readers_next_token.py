"""evaluation/readers/next_token.py: the shared prompt and the linked prefixes change nothing, and neither do the rows
beside a row."""

import numpy as np
import pytest
import small_corpus
import torch
from known_reader import TableReader

from evaluation.readers.next_token import BLOCK_ROWS, GPTReader, WiderReader, token_pieces
from models.config import GPTConfig
from models.gpt import GPT

VOCABULARY, LENGTH = 60, 40
PROMPT = [0, 5, 17, 33, 2, 8, 41]


def gpt(num_heads: int = 4, num_kv_heads: int = 2, num_layers: int = 2) -> GPT:
    torch.manual_seed(0)
    model = GPT(GPTConfig(VOCABULARY, num_layers, 16 * num_heads, num_heads, num_kv_heads, 88, LENGTH))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)  # a model with opinions
    return model.eval()


@torch.no_grad()
def plain(model: GPT, ids: list[int]) -> np.ndarray:
    return model(torch.tensor([ids]))[0, -1].double().log_softmax(-1).numpy()


@pytest.mark.parametrize("heads", [(4, 2), (3, 3), (4, 1)])
def test_equals_whole_forward_passes_along_branching_prefixes(heads):
    model = gpt(*heads)
    reader, random = GPTReader(model), np.random.default_rng(0)
    log_probabilities, frontier = reader.start(PROMPT)
    np.testing.assert_allclose(log_probabilities[0], plain(model, PROMPT), atol=2e-5)
    prefixes = [[]]
    for num_rows in (5, 11, 3, 20):
        rows, tokens = random.integers(len(prefixes), size=num_rows), random.integers(VOCABULARY, size=num_rows)
        log_probabilities, frontier = reader.extend(frontier, rows, tokens)
        prefixes = [[*prefixes[row], int(token)] for row, token in zip(rows, tokens)]
        for found, prefix in zip(log_probabilities, prefixes, strict=True):
            np.testing.assert_allclose(found, plain(model, PROMPT + prefix), atol=2e-5)
    assert log_probabilities.dtype == np.float64
    np.testing.assert_allclose(np.exp(log_probabilities).sum(1), 1, atol=1e-12)
    assert reader.num_evaluated == len(PROMPT) + 5 + 11 + 3 + 20


@pytest.mark.parametrize("shape", [(4, 2, 2), (8, 8, 3), (3, 3, 3)])
def test_a_row_is_the_same_to_the_last_bit_whatever_stands_beside_it(shape):
    reader, random = GPTReader(gpt(*shape)), np.random.default_rng(1)
    frontiers = {"wide": reader.start(PROMPT)[1], "alone": reader.start(PROMPT)[1]}
    rows, kept = np.zeros(BLOCK_ROWS + 30, np.int64), 17
    for _ in range(6):
        tokens = random.integers(VOCABULARY, size=len(rows))
        wide, frontiers["wide"] = reader.extend(frontiers["wide"], rows, tokens)
        alone, frontiers["alone"] = reader.extend(frontiers["alone"], np.zeros(1, np.int64), tokens[kept : kept + 1])
        assert np.array_equal(wide[kept], alone[0])
        rows = np.arange(len(rows))[::-1]
        kept = len(rows) - 1 - kept


def test_the_parent_stays_valid_after_its_children_were_read():
    reader = GPTReader(gpt())
    _, root = reader.start(PROMPT)
    _, parent = reader.extend(root, np.zeros(2, np.int64), np.array([3, 4]))
    before, _ = reader.extend(parent, np.array([1]), np.array([9]))
    reader.extend(parent, np.array([0, 1, 1]), np.array([1, 2, 3]))
    after, _ = reader.extend(parent, np.array([1]), np.array([9]))
    assert np.array_equal(before, after)


def test_memory_follows_the_prefixes_that_are_held_not_those_that_were_read():
    reader = GPTReader(gpt())
    _, root = reader.start(PROMPT)
    for _ in range(5):
        frontier = root
        for _ in range(10):
            _, frontier = reader.extend(frontier, np.zeros(BLOCK_ROWS, np.int64), np.arange(BLOCK_ROWS) % VOCABULARY)
        del frontier
    assert root.store.keys_values_L2PGK.shape[2] < 20 * BLOCK_ROWS < reader.num_evaluated


def test_bad_prompts_and_full_contexts_are_named():
    reader = GPTReader(gpt())
    with pytest.raises(ValueError, match="prompt is empty"):
        reader.start([])
    with pytest.raises(ValueError, match="41 tokens, the model's max_sequence_length is 40"):
        reader.start([1] * 41)
    with pytest.raises(ValueError, match="another tokenizer"):
        reader.start([0, VOCABULARY])
    _, frontier = reader.start([1] * 40)
    with pytest.raises(ValueError, match="take 41 tokens"):
        reader.extend(frontier, np.array([0]), np.array([1]))


def test_pieces_are_the_bytes_that_the_tokenizer_decodes_to():
    tokenizer = small_corpus.tokenizer()
    pieces = token_pieces(tokenizer)
    assert len(pieces) == tokenizer.get_vocab_size() and pieces[0] == b""
    for text in (" Anna has 12 apples.", "\u4f60\u597d \U0001f600 caf\u00e9"):
        assert b"".join(pieces[index] for index in tokenizer.encode(text).ids).decode() == text
    assert sorted(pieces[1:257]) == [bytes([byte]) for byte in range(256)]


def test_a_wider_reader_never_draws_the_ids_that_it_adds():
    reader = TableReader(5)
    wide = WiderReader(reader, 8)
    log_probabilities, frontier = wide.start([0, 1])
    assert (
        np.array_equal(log_probabilities[:, :5], reader.row(())[None]) and np.isneginf(log_probabilities[:, 5:]).all()
    )
    deeper, _ = wide.extend(frontier, np.array([0, 0]), np.array([1, 4]))
    assert (
        np.array_equal(deeper[1, :5], reader.row((4,))) and np.isneginf(deeper[:, 5:]).all() and deeper.shape == (2, 8)
    )
    assert (wide.vocab_size, wide.max_sequence_length, wide.num_evaluated) == (8, reader.max_sequence_length, 4)
