"""Compiled passes against plain numpy in fp64: rotation, attention over shared paths, log-sum-exp."""

import numpy as np
import pytest
import torch

from evaluation.scoring import packed_kernels
from models.config import GPTConfig
from models.gpt import rotary_tables, rotate


def test_rotation_equals_the_models():
    H, G, K, places = 3, 1, 8, np.array([5, 0, 2, 9])
    config = GPTConfig(64, 1, H * K, H, G, 32, 16)
    cos, sin = rotary_tables(config, 16)
    rows = torch.randn(len(places), H + 2 * G, K, generator=torch.Generator().manual_seed(0))
    expected = rows.clone()
    for row, place in enumerate(places):
        turned = rotate(rows[row][None, None], cos[place : place + 1], sin[place : place + 1])[0, 0]
        expected[row, :H], expected[row, H : H + G] = turned[:H] * 0.25, turned[H : H + G]
    found = rows.clone().numpy().reshape(-1)
    packed_kernels.rotate_rows(found, places, cos.flatten().numpy(), sin.flatten().numpy(), (H, G, K), np.float32(0.25))
    assert found == pytest.approx(expected.numpy().reshape(-1), abs=1e-6)


@pytest.mark.parametrize("shape_HGK", [(2, 2, 16), (4, 2, 8), (2, 1, 20), (1, 1, 32)])
def test_attention_over_shared_paths(shape_HGK):
    """Two paths: rows 0..19, and rows 0..11 followed by 20..24; of the first path only three rows are asked for."""
    H, G, K = shape_HGK
    rows = np.random.default_rng(0).standard_normal((25, H + 2 * G, K)).astype(np.float32)
    segments, spans = np.array([[0, 20, 0, 1], [20, 5, 1, 3]]), np.array([[0, 20], [0, 12], [20, 5]])
    asked = [0, 15, 19, 20, 21, 22, 23, 24]
    out_row = np.full(25, -1)
    out_row[asked] = np.arange(len(asked))[::-1]
    out = np.full((len(asked), H * K), np.nan, np.float32)
    packed_kernels.attend(
        rows.reshape(-1),
        rows.reshape(-1),
        ((H + 2 * G) * K, H * K, (H + G) * K),
        segments,
        spans,
        out_row,
        out.reshape(-1),
        shape_HGK,
        20,
    )
    for row in asked:
        path = list(range(row + 1)) if row < 20 else [*range(12), *range(20, row + 1)]
        for h in range(H):
            group = h // (H // G)
            scores = rows[path, H + group].astype(np.float64) @ rows[row, h]
            weights = np.exp(scores - scores.max())
            expected = weights / weights.sum() @ rows[path, H + G + group]
            assert out[out_row[row], h * K : (h + 1) * K] == pytest.approx(expected, abs=1e-5)


def test_log_normalizers():
    logits = (30 * np.random.default_rng(0).standard_normal((5, 77))).astype(np.float32)
    found = np.empty(5)
    packed_kernels.log_normalizers(logits, found)
    expected = np.logaddexp.reduce(logits.astype(np.float64), axis=1)
    assert found == pytest.approx(expected, abs=1e-5)
