"""Next-token distributions over many continuations of one prompt: what PassUntil asks of a language model.

A reader is any causal language model behind two calls: `start` reads a prompt once, `extend` appends one token to each
of many rows. A frontier is a set of continuations of one length; it stays valid after `extend`, so a depth-first search
can return to it. GPTReader serves our GPT: keys and values of the prompt are stored once and shared by all rows, those
of the continuations once per distinct prefix. Shape suffixes: n rows, T prompt length (filled up), N tokens after it, L
layers, G key-value heads, P places, Q query heads of one of them, K head size.
"""

from __future__ import annotations

import weakref
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from corpus.tokenizer import BOS_ID
from evaluation.readers import forward
from models.gpt import GPT

# Rows run together: the activations of a block stay in the second-level cache.
BLOCK_ROWS = 256
# Plain matrix products round otherwise for small and ragged shapes: rows and prompt are filled up to whole tiles, so
# that a row's numbers do not change.
TILE_ROWS, TILE_PROMPT = 8, 16
_BYTE_TOKENS = {f"<0x{byte:02X}>": bytes([byte]) for byte in range(256)}


class NextToken(Protocol):
    """A causal language model that reads continuations of one prompt at a time.

    A row's numbers may not depend on the rows beside it beyond float noise; a reader says how far they do."""

    vocab_size: int
    max_sequence_length: int  # prompt and continuation together
    num_evaluated: int  # token positions run through the model so far, the prompt's included

    def start(self, prompt_ids: list[int]) -> tuple[np.ndarray, Any]:
        """Log-probabilities after the prompt [1, V] (natural log, float64, normalised, temperature not applied) and the
        frontier of one row."""
        ...

    def extend(self, frontier: Any, rows: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, Any]:
        """Child i is row rows[i] of the frontier with tokens[i] appended; log-probabilities after each [n, V], and the
        frontier of the n children."""
        ...


class WiderReader:
    """A reader with ids behind its own that it never draws: models of one family fill their vocabularies up to
    different sizes."""

    def __init__(self, reader: NextToken, vocab_size: int):
        self._reader, self.vocab_size, self.max_sequence_length = reader, vocab_size, reader.max_sequence_length

    @property
    def num_evaluated(self) -> int:
        """As NextToken.num_evaluated."""
        return self._reader.num_evaluated

    def start(self, prompt_ids: list[int]) -> tuple[np.ndarray, Any]:
        """As NextToken.start."""
        return self._widened(self._reader.start(prompt_ids))

    def extend(self, frontier: Any, rows: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, Any]:
        """As NextToken.extend."""
        return self._widened(self._reader.extend(frontier, rows, tokens))

    def _widened(self, answer: tuple[np.ndarray, Any]) -> tuple[np.ndarray, Any]:
        log_probabilities_nV, frontier = answer
        num_more = self.vocab_size - log_probabilities_nV.shape[1]
        return np.pad(log_probabilities_nV, ((0, 0), (0, num_more)), constant_values=-np.inf), frontier


def token_pieces(tokenizer: Tokenizer) -> list[bytes]:
    """The bytes of each id of our tokenizer (corpus.tokenizer); the document start has none."""
    pieces = [b""] * tokenizer.get_vocab_size()
    for token, index in tokenizer.get_vocab().items():
        if index != BOS_ID:
            pieces[index] = _BYTE_TOKENS.get(token) or token.encode()
    return pieces


class _Store:
    """Keys and values of the tokens behind one prompt, one place per distinct prefix; places of frontiers that nobody
    holds any more are used again."""

    def __init__(self, prompt_keys: list[torch.Tensor], prompt_values: list[torch.Tensor], num_prompt_tokens: int):
        self.prompt_keys, self.prompt_values = (
            prompt_keys,
            prompt_values,
        )  # per layer [G, K, T] and [G, T, K], zeros behind the prompt
        self.num_prompt_tokens = num_prompt_tokens
        G, K, _ = prompt_keys[0].shape
        self.keys_values_L2PGK = prompt_keys[0].new_empty(len(prompt_keys), 2, 0, G, K)
        self._free = np.empty(0, np.int64)

    def take(self, num_places: int) -> np.ndarray:
        """Numbers of free places."""
        if num_places > len(self._free):
            held = self.keys_values_L2PGK
            num_new = max(num_places, held.shape[2], BLOCK_ROWS)
            self._free = np.concatenate([self._free, np.arange(held.shape[2], held.shape[2] + num_new)])
            self.keys_values_L2PGK = torch.cat([held, held.new_empty(*held.shape[:2], num_new, *held.shape[3:])], dim=2)
        taken, self._free = np.split(self._free, [num_places])
        return taken

    def give_back(self, places: np.ndarray) -> None:
        """These places may be written over."""
        self._free = np.concatenate([places, self._free])


class GPTFrontier:
    """Continuations of one prompt, all of one length. Holds its parent, whose places it reads; its own are given back
    when nobody holds it."""

    def __init__(
        self,
        store: _Store,
        path_places_nN: torch.Tensor,
        parent: GPTFrontier | None = None,
        own_places: np.ndarray | None = None,
    ):
        self.store, self.path_places_nN, self._parent = store, path_places_nN, parent
        if own_places is not None:
            weakref.finalize(self, store.give_back, own_places).atexit = False


class GPTReader:
    """NextToken over our GPT, in fp32. On a CPU with oneDNN a row's numbers are the same to the last bit whatever rows
    stand beside it (a test holds it); on a GPU they agree to about 1e-5."""

    def __init__(self, model: GPT):
        self._model = forward.pack_linears(model)
        self._device = model.embedding.weight.device
        self.vocab_size = model.config.vocab_size
        self.max_sequence_length = model.config.max_sequence_length
        self.num_evaluated = 0

    @torch.inference_mode()
    def start(self, prompt_ids: list[int]) -> tuple[np.ndarray, GPTFrontier]:
        """As NextToken.start. ValueError for an empty prompt, one longer than the context, and an id outside the
        vocabulary."""
        if not prompt_ids:
            raise ValueError("the prompt is empty; begin it with the document token")
        if len(prompt_ids) > self.max_sequence_length:
            raise ValueError(
                f"the prompt has {len(prompt_ids)} tokens, the model's max_sequence_length is"
                f" {self.max_sequence_length}; shorten it"
            )
        if not all(0 <= token < self.vocab_size for token in prompt_ids):
            raise ValueError(
                f"the prompt holds an id outside 0 to {self.vocab_size - 1}: it was encoded with another tokenizer than"
                " the checkpoint's"
            )
        state_1D, cache = forward.prefill(self._model, torch.tensor([prompt_ids], device=self._device))
        self.num_evaluated += len(prompt_ids)
        num_idle = -len(prompt_ids) % TILE_PROMPT
        keys = [F.pad(k[0].permute(1, 2, 0), (0, num_idle)) for k, _ in cache]
        values = [F.pad(v[0].transpose(0, 1), (0, 0, 0, num_idle)) for _, v in cache]
        frontier = GPTFrontier(
            _Store(keys, values, len(prompt_ids)), torch.empty(1, 0, dtype=torch.int64, device=self._device)
        )
        return self._log_probabilities(state_1D), frontier

    @torch.inference_mode()
    def extend(self, frontier: GPTFrontier, rows: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, GPTFrontier]:
        """As NextToken.extend. ValueError where the children are longer than the context."""
        store = frontier.store
        num_seen = store.num_prompt_tokens + frontier.path_places_nN.shape[1]
        if num_seen >= self.max_sequence_length:
            raise ValueError(
                f"prompt and continuation take {num_seen + 1} tokens, the model's max_sequence_length is"
                f" {self.max_sequence_length}; shorten them"
            )
        rows_n, tokens_n = (torch.from_numpy(np.array(ids, np.int64)).to(self._device) for ids in (rows, tokens))
        own_places = store.take(len(rows_n))
        places_nN = torch.cat(
            [frontier.path_places_nN[rows_n], torch.from_numpy(own_places).to(self._device)[:, None]], 1
        )
        children = GPTFrontier(store, places_nN, frontier, own_places)
        log_probabilities = [
            self._extend_block(store, *part) for part in zip(tokens_n.split(BLOCK_ROWS), places_nN.split(BLOCK_ROWS))
        ]
        self.num_evaluated += len(rows_n)
        return np.concatenate(log_probabilities), children

    def _extend_block(self, store: _Store, tokens_n: torch.Tensor, places_nN: torch.Tensor) -> np.ndarray:
        """Log-probabilities [n, V]; the keys and values of the new tokens are written into their places."""
        num_asked = len(tokens_n)
        if num_idle := -num_asked % TILE_ROWS:  # idle rows repeat the first one, its place included
            tokens_n, places_nN = (
                torch.cat([ids, ids[:1].expand(num_idle, *ids.shape[1:])]) for ids in (tokens_n, places_nN)
            )
        model, own_n = self._model, places_nN[:, -1]
        place = store.num_prompt_tokens + places_nN.shape[1] - 1
        cos, sin = model.cos_TK2[place : place + 1], model.sin_TK2[place : place + 1]
        heads_G = torch.arange(model.config.num_kv_heads, device=self._device)
        path_nGN = places_nN[:, None] * len(heads_G) + heads_G[:, None]
        x_n1D = model.embedding(tokens_n)[:, None]
        for layer, block in enumerate(model.blocks):
            q, k, v = block.split_qkv(x_n1D, cos, sin)
            keys_PGK, values_PGK = store.keys_values_L2PGK[layer]
            keys_PGK[own_n], values_PGK[own_n] = k[:, 0], v[:, 0]
            own_keys_nGNK, own_values_nGNK = (
                F.embedding(path_nGN, keys_PGK.flatten(0, 1)),
                F.embedding(path_nGN, values_PGK.flatten(0, 1)),
            )
            attended = _attend(
                q,
                store.prompt_keys[layer],
                store.prompt_values[layer],
                store.num_prompt_tokens,
                own_keys_nGNK,
                own_values_nGNK,
            )
            x_n1D = x_n1D + block.attention_out(attended)
            x_n1D = x_n1D + block.mlp(x_n1D)
        return self._log_probabilities(model.norm(x_n1D[:, 0]))[:num_asked]

    def _log_probabilities(self, states_nD: torch.Tensor) -> np.ndarray:
        return self._model.head(states_nD).double().log_softmax(-1).cpu().numpy()


def _attend(
    q_n1HK: torch.Tensor,
    prompt_keys_GKT: torch.Tensor,
    prompt_values_GTK: torch.Tensor,
    num_prompt_tokens: int,
    keys_nGNK: torch.Tensor,
    values_nGNK: torch.Tensor,
) -> torch.Tensor:
    """One query a row over the shared prompt and the row's own tokens; [n, 1, D]."""
    (G, K, T), n = prompt_keys_GKT.shape, len(q_n1HK)
    q_nGQK = (q_n1HK * K**-0.5).view(n, G, -1, K)
    Q, N = q_nGQK.shape[2], keys_nGNK.shape[2]
    scores_GnQS = q_nGQK.new_empty(G, n, Q, T + N)
    scores_GnQS[..., :T] = (q_nGQK.transpose(0, 1).reshape(G, n * Q, K) @ prompt_keys_GKT).view(G, n, Q, T)
    scores_GnQS[..., num_prompt_tokens:T] = float("-inf")
    scores_GnQS[..., T:] = (q_nGQK @ keys_nGNK.transpose(2, 3)).transpose(0, 1)
    weights_GnQS = scores_GnQS.softmax(-1)
    out_nGQK = (weights_GnQS.view(G, n * Q, T + N)[..., :T] @ prompt_values_GTK).view(G, n, Q, K).transpose(0, 1)
    return (out_nGQK + weights_GnQS[..., T:].transpose(0, 1) @ values_nGNK).reshape(n, 1, -1)
