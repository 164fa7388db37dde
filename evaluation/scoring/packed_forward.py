"""A GPT laid out for scoring on a CPU: rows without padding, shared prefixes once, the head only where it is asked for.

Rows are the nodes of a token tree (evaluation/scoring/token_tree.py). Products go to oneDNN in fp32 or bf16, everything
between two products is one compiled pass (evaluation/scoring/packed_kernels.py, models/cpu/kernels.py). The residual
stream, the norms, the softmax of the attention, the head and the log-probabilities are fp32 in both precisions. A row's
result depends on its own path alone, to the last bit. Shape suffixes: M rows, A asked rows, Q questions, D width, H
heads, G key-value heads, K head size, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from evaluation.scoring import packed_kernels
from evaluation.scoring.token_tree import TokenTree
from models.capability import onednn_takes_bf16
from models.cpu import kernels
from models.gpt import GPT

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
BLOCK_ROWS = 1024  # rows whose wide activations, or logits, are held at a time: they stay in the second-level cache
FEW_ROWS, MANY_ROWS = 32, 256  # products have a multiple of FEW_ROWS rows up to MANY_ROWS, then a multiple of MANY_ROWS
NOT_FINITE = (
    "logits are NaN or infinite: the weights are damaged or their training diverged; delete the checkpoint and rerun"
    " the training"
)


def _as_numpy(tensor: torch.Tensor) -> np.ndarray:
    """A view that Numba understands: bf16 as its bits."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _pack(weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A weight matrix laid out for oneDNN; see forward.PackedLinear for why. Where oneDNN refuses bf16, its values are
    rounded to bf16 and held as fp32."""
    weight = weight.detach().to(dtype)
    if dtype == torch.bfloat16 and not onednn_takes_bf16():
        weight = weight.float()
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())


def _multiply(x_MI: torch.Tensor, packed_OI: torch.Tensor) -> torch.Tensor:
    """Rows times the transpose of a packed matrix. Rows are filled up to a few numbers: oneDNN compiles a program for
    each new one, which takes as long as the product of a thousand rows and about a megabyte."""
    num_rows = len(x_MI)
    step = FEW_ROWS if num_rows <= MANY_ROWS else MANY_ROWS
    # bf16 rows on fp32 weights: a product of bf16 values in fp32 that is rounded once, as oneDNN's own bf16 product is.
    operand_MI = F.pad(x_MI.to(packed_OI.dtype), (0, 0, 0, -num_rows % step))
    return torch.ops.mkldnn._linear_pointwise(operand_MI, packed_OI, None, "none", [], "")[:num_rows].to(x_MI.dtype)


class _Layer:
    """Packed matrices and gains of one block."""

    def __init__(self, block, dtype: torch.dtype):
        self.qkv, self.attention_out = _pack(block.qkv.weight, dtype), _pack(block.attention_out.weight, dtype)
        self.gate_up, self.down = _pack(block.gate_up.weight, dtype), _pack(block.down.weight, dtype)
        self.attention_gain, self.mlp_gain = (
            block.attention_norm.weight.detach().numpy(),
            block.mlp_norm.weight.detach().numpy(),
        )


@dataclass
class Rows:
    """What one pass computes: a token and its place in each row, and the paths that the rows attend to (see
    packed_kernels.attend)."""

    tokens_M: np.ndarray
    places_M: np.ndarray
    segments_S4: np.ndarray
    spans_X2: np.ndarray
    longest: int

    @classmethod
    def of_tree(cls, tree: TokenTree) -> Rows:
        """All rows of a tree."""
        return cls(np.array(tree.tokens, np.int64), np.array(tree.places, np.int64), *tree.arrays(), tree.longest)


class PackedGPT:
    """Inference on a CPU with oneDNN. ValueError for an unknown precision and for weights that are not finite."""

    def __init__(self, model: GPT, precision: str = "fp32"):
        if precision not in PRECISIONS:
            raise ValueError(f"evaluation precision is {precision!r}; known are {', '.join(PRECISIONS)}")
        if not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
            raise ValueError(NOT_FINITE)
        self.config, self.precision, self.dtype = model.config, precision, PRECISIONS[precision]
        self.embedding = model.embedding.weight.detach()
        self.layers = [_Layer(block, self.dtype) for block in model.blocks]
        self.final_gain, self.head = model.norm.weight.detach().numpy(), _pack(model.head.weight, torch.float32)
        self.cos, self.sin = model.cos_TK2.flatten().numpy(), model.sin_TK2.flatten().numpy()
        self.shape_HGK = (self.config.num_heads, self.config.num_kv_heads, self.config.head_size)

    def states(
        self,
        rows: Rows,
        asked_A: np.ndarray,
        store: list[np.ndarray] | None = None,
        own_M: np.ndarray | None = None,
        kept: list[np.ndarray] | None = None,
    ) -> torch.Tensor:
        """Final normed states [A, D] (fp32) of the asked rows.

        Spans name rows of this pass, or rows of `store` (keys and values [_, 2 G K] of each layer) if one is given;
        then those of this pass are first written to its rows `own_M`. `kept` receives the keys and values [M, 2 G K] of
        each layer. ValueError where a state is not finite.
        """
        (H, G, K), M, D = self.shape_HGK, len(rows.tokens_M), self.config.d_model
        q_scale = np.float32(1 / math.sqrt(K))
        x_MD, branch_MD = self.embedding[torch.from_numpy(rows.tokens_M)], torch.zeros(M, D, dtype=self.dtype)
        out_row_M = np.arange(M)
        for index, layer in enumerate(self.layers):
            x_MD, y_MD = self._add_norm(x_MD, branch_MD, layer.attention_gain)
            qkv_MW = _multiply(y_MD, layer.qkv)
            qkv = _as_numpy(qkv_MW)
            packed_kernels.rotate_rows(qkv.reshape(-1), rows.places_M, self.cos, self.sin, self.shape_HGK, q_scale)
            # Keys leave rotated, as they are read: a prefix stands at the same places in every question that shares it.
            if kept is not None:
                kept.append(qkv[:, H * K :].copy())
            if store is None:
                kv, kv_layout = qkv, ((H + 2 * G) * K, H * K, (H + G) * K)
            else:
                kv, kv_layout = store[index], (2 * G * K, 0, G * K)
                kv[own_M] = qkv[:, H * K :]
            if index + 1 == len(self.layers):  # of the last block only the asked rows are read
                x_MD = x_MD[torch.from_numpy(asked_A)]
                out_row_M = np.full(M, -1)
                out_row_M[asked_A] = np.arange(len(asked_A))
            attended_MD = torch.empty(len(x_MD), D, dtype=self.dtype)
            packed_kernels.attend(
                qkv.reshape(-1),
                kv.reshape(-1),
                kv_layout,
                rows.segments_S4,
                rows.spans_X2,
                out_row_M,
                _as_numpy(attended_MD).reshape(-1),
                self.shape_HGK,
                rows.longest,
            )
            parts = [
                self._finish(layer, *part)
                for part in zip(x_MD.split(BLOCK_ROWS), attended_MD.split(BLOCK_ROWS), strict=True)
            ]
            x_MD, branch_MD = (torch.cat(part) for part in zip(*parts, strict=True))
        _, states_AD = self._add_norm(x_MD, branch_MD, self.final_gain, torch.float32)
        if not torch.isfinite(states_AD).all():
            raise ValueError(NOT_FINITE)
        return states_AD

    def _finish(
        self, layer: _Layer, x_MD: torch.Tensor, attended_MD: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What a block does row by row after the attention: the residual stream, and the feed-forward branch not yet
        added to it."""
        x_MD, y_MD = self._add_norm(x_MD, _multiply(attended_MD, layer.attention_out), layer.mlp_gain)
        gate_up_M2 = _multiply(y_MD, layer.gate_up)
        activated_MF = torch.empty(len(x_MD), self.config.d_ff, dtype=self.dtype)
        kernels.swiglu(_as_numpy(gate_up_M2), _as_numpy(activated_MF))
        return x_MD, _multiply(activated_MF, layer.down)

    def _add_norm(
        self, x_MD: torch.Tensor, branch_MD: torch.Tensor, gain_D: np.ndarray, dtype: torch.dtype | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        added_MD, y_MD = torch.empty_like(x_MD), torch.empty(x_MD.shape, dtype=dtype or self.dtype)
        kernels.add_rms_norm(
            x_MD.numpy(),
            _as_numpy(branch_MD),
            added_MD.numpy(),
            gain_D,
            _as_numpy(y_MD),
            np.empty(len(x_MD), np.float32),
            np.float32(self.config.norm_eps),
        )
        return added_MD, y_MD

    def log_probabilities(self, states_AD: torch.Tensor, nodes_Q: np.ndarray, targets_Q: np.ndarray) -> np.ndarray:
        """Log-probability in nats (fp64) of token targets[q] after state nodes[q]; nodes are in ascending order."""
        found_Q = np.empty(len(nodes_Q))
        for start in range(0, len(states_AD), BLOCK_ROWS):
            logits = _multiply(states_AD[start : start + BLOCK_ROWS], self.head).numpy()
            normalizers = np.empty(len(logits))
            packed_kernels.log_normalizers(logits, normalizers)
            # Nodes ascend, so a block's questions are one slice; logits of a block are dropped before the next is made.
            first, last = np.searchsorted(nodes_Q, (start, start + len(logits)))
            nodes = nodes_Q[first:last] - start
            found_Q[first:last] = logits[nodes, targets_Q[first:last]] - normalizers[nodes]
        if not np.isfinite(found_Q).all():
            raise ValueError(NOT_FINITE)
        return found_Q

    def likeliest(self, states_AD: torch.Tensor) -> np.ndarray:
        """The likeliest token [A] after each state."""
        parts = [_multiply(part, self.head).argmax(-1).numpy() for part in states_AD.split(BLOCK_ROWS)]
        return np.concatenate(parts)

    def greedy(
        self, kept: Sequence[np.ndarray], begun: Sequence[Begun], max_new_tokens: int, stop_id: int
    ) -> list[list[int]]:
        """Greedy answers that go on from what has been read, without the stop token, at most `max_new_tokens` long.
        `kept` as from `states`."""
        out = [list(answer.generated) for answer in begun]
        lengths_R = np.array([len(answer.read) for answer in begun])
        # A region of fixed length per answer, prompt and all it may generate: nothing is moved while answers grow.
        regions_R = np.cumsum([0, *lengths_R + max_new_tokens])
        store = [np.zeros((regions_R[-1], kv.shape[1]), kv.dtype) for kv in kept]
        for answer, region in zip(begun, regions_R):
            for layer, kv in zip(store, kept, strict=True):
                layer[region : region + len(answer.read)] = kv[answer.read]
        owners_R, tokens_R = np.arange(len(begun)), np.array([answer.token for answer in begun])
        while True:
            # Finished answers leave the batch; a row's result does not depend on the rows beside it, so this changes no
            # answer.
            owners_R, tokens_R = owners_R[tokens_R != stop_id], tokens_R[tokens_R != stop_id]
            for owner, token in zip(owners_R.tolist(), tokens_R.tolist(), strict=True):
                out[owner].append(token)
            is_open = np.array([len(out[owner]) < max_new_tokens for owner in owners_R], bool)
            owners_R, tokens_R = owners_R[is_open], tokens_R[is_open]
            if len(owners_R) == 0:
                return out
            places_R, regions, ones = lengths_R[owners_R], regions_R[owners_R], np.arange(len(owners_R))
            lengths_R[owners_R] += 1
            # Each answer is a segment of one row with one span: the keys of its own region so far, the new one
            # included.
            segments = np.stack([ones, np.ones_like(ones), ones, ones + 1], 1)
            rows = Rows(tokens_R, places_R, segments, np.stack([regions, places_R + 1], 1), int(places_R.max()) + 1)
            tokens_R = self.likeliest(self.states(rows, ones, store, regions + places_R))


@dataclass
class Begun:
    """A greedy answer as far as it is known: what was generated and read, the rows of prompt and answer so far, and the
    likeliest next token, not yet read."""

    generated: list[int]
    read: np.ndarray
    token: int
