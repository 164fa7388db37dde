"""The peers of benchmarks/passuntil.py: `transformers.generate` as one who knows it would use it, and vLLM where it can
be had.

`generate` draws a batch of attempts from one prompt with the cache on. Two ways are tried: the prompt read again by
every row (num_return_sequences), or read once and its cache repeated for the rows, as the documentation of caches
shows. Every token that completes the stop is an end-of-text token, so rows end where the attempt does and no text is
searched. Attempts are judged by the same checker; equal texts are judged once, which is kinder than a plain loop.
"""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path

import torch
from transformers import LlamaForCausalLM
from transformers.cache_utils import DynamicCache

from evaluation.passuntil.attempt import Decoding
from tasks.checkers import Checker


def is_timed(stop: str) -> bool:
    """Whether the peer can end an attempt at this stop: one of several bytes could come in parts, which `generate` does
    not see."""
    return len(stop.encode()) <= 1


def ending_tokens(pieces: list[bytes], stop: str) -> list[int]:
    """Ids that end an attempt: those whose bytes hold the stop, and those without bytes. ValueError for a stop that
    takes more than one byte, which could come in parts."""
    if not is_timed(stop):
        raise ValueError(f"stop {stop!r} may come in several tokens; the peer is timed on tasks whose stop is one byte")
    return [index for index, piece in enumerate(pieces) if not piece or (stop and stop.encode() in piece)]


def count_right(texts: list[bytes], stop: str, checker: Checker, is_whole: list[bool]) -> int:
    """Passes among attempts given as all their bytes, the stop and what follows it included; `is_whole`: the stop, or
    without one the end, was reached."""
    known: dict[bytes, bool] = {}
    passes = 0
    for text, whole in zip(texts, is_whole, strict=True):
        attempt = text.split(stop.encode(), 1)[0] if stop else text
        if whole and attempt not in known:
            try:
                known[attempt] = checker.passes(attempt.decode())
            except UnicodeDecodeError:
                known[attempt] = False
        passes += whole and known[attempt]
    return passes


class GeneratePeer:
    """Attempts by `generate`. `batch` and `reuses_prompt` are set by the benchmark's search."""

    name = "transformers.generate"

    def __init__(self, llama: LlamaForCausalLM, pieces: list[bytes]):
        self._model, self.pieces = llama.eval(), pieces
        self.batch, self.reuses_prompt = 64, True

    @property
    def about(self) -> str:
        """How it was used."""
        return f"{self.name}, batch {self.batch}, prompt {'read once' if self.reuses_prompt else 'read by every row'}"

    @torch.inference_mode()
    def count_passes(self, prompt_ids: list[int], checker: Checker, decoding: Decoding, num_attempts: int) -> int:
        """Passes among the attempts, drawn in whole batches and one smaller rest."""
        passes = 0
        ends = ending_tokens(self.pieces, decoding.stop)
        for first in range(0, num_attempts, self.batch):
            rows = self._generate(prompt_ids, decoding, ends, min(self.batch, num_attempts - first))
            texts = [b"".join(self.pieces[token] for token in row) for row in rows]
            whole = [decoding.stop.encode() in text if decoding.stop else True for text in texts]
            passes += count_right(texts, decoding.stop, checker, whole)
        return passes

    def _generate(self, prompt_ids: list[int], decoding: Decoding, ends: list[int], num_rows: int) -> list[list[int]]:
        device = self._model.device
        ids = torch.tensor([prompt_ids], device=device)
        options: dict[str, object] = {
            "num_return_sequences": num_rows,
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
        }
        if self.reuses_prompt:
            cache = DynamicCache()
            self._model(input_ids=ids[:, :-1], past_key_values=cache, use_cache=True)
            cache.batch_repeat_interleave(num_rows)
            repeated = ids.expand(num_rows, -1)
            options = {"input_ids": repeated, "attention_mask": torch.ones_like(repeated), "past_key_values": cache}
        out = self._model.generate(
            **options,
            do_sample=True,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            top_k=0,
            max_new_tokens=decoding.max_new_tokens,
            eos_token_id=ends or None,
            pad_token_id=0,
            use_cache=True,
        )
        return out[:, len(prompt_ids) :].tolist()


def with_batch(peer: GeneratePeer, batch: int, reuses_prompt: bool) -> GeneratePeer:
    """The same peer, used in another way."""
    other = copy.copy(peer)
    other.batch, other.reuses_prompt = batch, reuses_prompt
    return other


def has_vllm() -> bool:
    """True where vLLM is installed and a GPU is there."""
    return torch.cuda.is_available() and importlib.util.find_spec("vllm") is not None


class VLLMPeer:
    """Attempts by vLLM from an exported model folder; only made where `has_vllm()`."""

    name = about = "vLLM"

    def __init__(self, folder: Path, pieces: list[bytes]):
        import vllm

        self._vllm, self.pieces = vllm, pieces
        self._model = vllm.LLM(model=str(folder), skip_tokenizer_init=True, dtype="float32", enable_prefix_caching=True)

    def count_passes(self, prompt_ids: list[int], checker: Checker, decoding: Decoding, num_attempts: int) -> int:
        """Passes among the attempts, all asked for at once."""
        ends = ending_tokens(self.pieces, decoding.stop)
        asked = self._vllm.SamplingParams(
            n=num_attempts,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            max_tokens=decoding.max_new_tokens,
            stop_token_ids=ends,
            detokenize=False,
        )
        outputs = self._model.generate({"prompt_token_ids": prompt_ids}, asked, use_tqdm=False)[0].outputs
        texts = [b"".join(self.pieces[token] for token in output.token_ids) for output in outputs]
        whole = [decoding.stop.encode() in text if decoding.stop else True for text in texts]
        return count_right(texts, decoding.stop, checker, whole)


Peer = GeneratePeer | VLLMPeer


def with_pieces(peer: Peer, pieces: list[bytes]) -> Peer:
    """The same peer with other bytes of its tokens."""
    other = copy.copy(peer)
    other.pieces = pieces
    return other
