"""NextToken over any causal language model of `transformers`, and the bytes of its tokens.

The keys and values of a prompt are stored once, those of a continuation once per distinct prefix. `transformers` has no
way to let rows share a cache, so every forward pass is given a cache whose layers join prompt, path and new token when
they are asked; what is joined lives as long as that layer's attention. A model that keeps anything but keys and values
of every position (a recurrent state, a compressed cache) is read whole, without cache. Shape suffixes: n rows, T prompt
length, N tokens after the prompt, G key-value heads, P places, K head size, V vocabulary.
"""

from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

# Rows run together, and at most so many bytes of keys and values joined for one layer.
BLOCK_ROWS, BLOCK_BYTES = 256, 2**28


class _JoinedLayer(DynamicLayer):
    """One layer of a cache that is made for one forward pass: keys and values of the prompt (one row), of the path, and
    of the new token."""

    def __init__(self, prompt: tuple[torch.Tensor, torch.Tensor], path: tuple[torch.Tensor, torch.Tensor]):
        super().__init__()
        self.is_initialized = True
        self._prompt, self._path, self.new = prompt, path, None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """All keys and values [n, G, T + N + 1, K]; the new ones are kept for the store."""
        self.new = (key_states, value_states)
        joined = [
            torch.cat([prompt.expand(len(new), -1, -1, -1), path, new], dim=-2)
            for prompt, path, new in zip(self._prompt, self._path, self.new)
        ]
        return joined[0], joined[1]

    def get_seq_length(self) -> int:
        """Positions before the new one."""
        return self._prompt[0].shape[-2] + self._path[0].shape[-2]


@dataclass
class _Store:
    """What is known behind one prompt: per layer keys and values of the prompt [1, G, T, K] and of the places [P, G,
    K]; free places are used again."""

    prompt_ids: torch.Tensor
    prompt: list[tuple[torch.Tensor, torch.Tensor]]
    places: list[tuple[torch.Tensor, torch.Tensor]] = field(init=False)
    free: np.ndarray = field(init=False, default_factory=lambda: np.empty(0, np.int64))
    tokens_P: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.places = [
            tuple(part.new_empty(0, part.shape[1], part.shape[3]) for part in layer) for layer in self.prompt
        ]
        self.tokens_P = self.prompt_ids.new_empty(0)

    def take(self, num_places: int) -> np.ndarray:
        """Numbers of free places; there are more of them afterwards where there were too few."""
        if num_places > len(self.free):
            num_held = len(self.tokens_P)
            # Doubling: copying the store costs as much in all as filling it once.
            num_new = max(num_places, num_held, BLOCK_ROWS)
            self.free = np.concatenate([self.free, np.arange(num_held, num_held + num_new)])
            self.places = [
                tuple(torch.cat([part, part.new_empty(num_new, *part.shape[1:])]) for part in layer)
                for layer in self.places
            ]
            self.tokens_P = torch.cat([self.tokens_P, self.tokens_P.new_empty(num_new)])
        taken, self.free = np.split(self.free, [num_places])
        return taken

    def give_back(self, places: np.ndarray) -> None:
        """These places may be written over."""
        self.free = np.concatenate([places, self.free])

    def path_cache(self, path_nN: torch.Tensor) -> Cache:
        """A cache of n rows: the prompt and the places of each row."""
        n, N = path_nN.shape
        layers = []
        for prompt, places in zip(self.prompt, self.places):
            path = [
                part.index_select(0, path_nN.flatten()).view(n, N, *part.shape[1:]).transpose(1, 2) for part in places
            ]
            layers.append(_JoinedLayer(prompt, (path[0], path[1])))
        return Cache(layers=layers)


class HuggingFaceFrontier:
    """Continuations of one prompt, all of one length. Holds its parent, whose places it reads; its own are given back
    when nobody holds it."""

    def __init__(
        self,
        store: _Store,
        path_nN: torch.Tensor,
        parent: HuggingFaceFrontier | None = None,
        own_places: np.ndarray | None = None,
    ):
        self.store, self.path_nN, self._parent = store, path_nN, parent
        if own_places is not None:
            # Places are read by all descendants of a frontier; they are free when the last of them is forgotten, which
            # only the garbage collector knows.
            weakref.finalize(self, store.give_back, own_places).atexit = False


def keeps_only_keys_and_values(model: PreTrainedModel) -> bool:
    """True where keys and values of all positions are all that a forward pass needs of what came before (full, sliding
    or chunked attention)."""
    if model._is_stateful:
        return False
    layers = DynamicCache(config=model.config.get_text_config(decoder=True)).layers
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


class HuggingFaceReader:
    """NextToken over a `transformers` causal language model, in the model's own dtype and on its device;
    log-probabilities in float64.

    A row's numbers depend on the rows beside it as far as the model's matrix products do: in fp32 on a CPU below 1e-5
    nats for the models of the tests, in bf16 by some 1e-2. A model without a limit of length (ALiBi, recurrent) has the
    largest integer as `max_sequence_length`.
    """

    def __init__(self, model: PreTrainedModel):
        config = model.config.get_text_config(decoder=True)
        self._model = model.eval()
        self._has_cache = keeps_only_keys_and_values(model)
        self.vocab_size: int = config.vocab_size
        longest = getattr(config, "max_position_embeddings", None) or -1
        self.max_sequence_length: int = longest if longest > 0 else sys.maxsize
        self.num_evaluated = 0

    @torch.inference_mode()
    def start(self, prompt_ids: list[int]) -> tuple[np.ndarray, HuggingFaceFrontier]:
        """As NextToken.start. ValueError for an empty prompt, one longer than the context, an id outside the vocabulary
        and logits that are not finite."""
        if not prompt_ids:
            raise ValueError("the prompt is empty; begin it with a token")
        if len(prompt_ids) > self.max_sequence_length:
            raise ValueError(
                f"the prompt has {len(prompt_ids)} tokens, the model's max_sequence_length is"
                f" {self.max_sequence_length}; shorten it"
            )
        unknown = next((token for token in prompt_ids if not 0 <= token < self.vocab_size), None)
        if unknown is not None:
            raise ValueError(
                f"the prompt holds an id outside 0 to {self.vocab_size - 1} ({unknown}): "
                "it was encoded with another tokenizer than the model's"
            )
        ids = torch.tensor(prompt_ids, device=self._model.device)
        cache = DynamicCache() if self._has_cache else None
        log_probabilities = self._read(ids[None], cache)
        store = _Store(ids, [(layer.keys, layer.values) for layer in cache.layers] if cache is not None else [])
        return log_probabilities, HuggingFaceFrontier(store, ids.new_empty(1, 0))

    @torch.inference_mode()
    def extend(
        self, frontier: HuggingFaceFrontier, rows: np.ndarray, tokens: np.ndarray
    ) -> tuple[np.ndarray, HuggingFaceFrontier]:
        """As NextToken.extend. ValueError where the children are longer than the context, and for logits that are not
        finite."""
        store, device = frontier.store, self._model.device
        num_seen = len(store.prompt_ids) + frontier.path_nN.shape[1]
        if num_seen >= self.max_sequence_length:
            raise ValueError(
                f"prompt and continuation take {num_seen + 1} tokens, the model's max_sequence_length is"
                f" {self.max_sequence_length}; shorten them"
            )
        rows_n, tokens_n = (torch.from_numpy(np.array(ids, np.int64)).to(device) for ids in (rows, tokens))
        own_places = store.take(len(rows_n))
        own_n = torch.from_numpy(own_places).to(device)
        store.tokens_P[own_n] = tokens_n
        # A row's path is places, not copies of keys: siblings share their ancestors' keys and values.
        path_nN = torch.cat([frontier.path_nN[rows_n], own_n[:, None]], 1)
        children = HuggingFaceFrontier(store, path_nN, frontier, own_places)
        blocks = path_nN.split(self._block_rows(store, num_seen + 1))
        return np.concatenate([self._extend_block(store, block_nN) for block_nN in blocks]), children

    def _block_rows(self, store: _Store, num_positions: int) -> int:
        row_bytes = (
            max(
                (part.shape[1] * part.shape[3] * part.element_size() for layer in store.prompt for part in layer),
                default=1,
            )
            * 2
            * num_positions
        )
        return max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_bytes))

    def _extend_block(self, store: _Store, path_nN: torch.Tensor) -> np.ndarray:
        """Log-probabilities [n, V]; the keys and values of the new tokens are written into their places."""
        own_n = path_nN[:, -1]
        if not self._has_cache:
            return self._read(torch.cat([store.prompt_ids.expand(len(own_n), -1), store.tokens_P[path_nN]], 1), None)
        cache = store.path_cache(path_nN[:, :-1])
        log_probabilities = self._read(store.tokens_P[own_n][:, None], cache)
        for places, layer in zip(store.places, cache.layers):
            for part, new in zip(places, layer.new):
                part[own_n] = new[:, :, 0]
        return log_probabilities

    def _read(self, ids: torch.Tensor, cache: Cache | None) -> np.ndarray:
        cached = {} if cache is None else {"past_key_values": cache}
        try:
            logits = self._model(input_ids=ids, use_cache=cache is not None, **cached).logits
        except (
            RuntimeError,
            IndexError,
        ) as error:  # out of memory, or a table of positions that is shorter than the config says
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ValueError(
                f"the model failed on {ids.shape[0]} rows of {ids.shape[1]} tokens ({line}); shorten the prompt, or"
                " take a smaller --dtype or another --device"
            ) from error
        self.num_evaluated += ids.numel()
        if logits.shape[-1] != self.vocab_size:
            raise ValueError(
                f"the model gives {logits.shape[-1]} logits, field vocab_size of its config is "
                f"{self.vocab_size}; correct config.json"
            )
        last = logits[:, -1]
        log_probabilities = (
            (last.cpu() if last.device.type == "mps" else last).double().log_softmax(-1)
        )  # Apple GPUs have no float64
        if log_probabilities.isnan().any():
            raise ValueError(
                "the model's logits are NaN or infinite: its weights are damaged or its dtype is too small; load it"
                " again or in float32"
            )
        return log_probabilities.cpu().numpy()
