"""The bytes of every token of a tokenizer of `tokenizers` or `transformers`, the ids that end a text, and how a text is
opened.

PassUntil judges sampled ids by their text, so it needs what each id adds to it. The decoder of a fast tokenizer says
that: GPT-2 style tokenizers write each byte as one letter (ByteLevel), SentencePiece style ones write a space as a mark
and bytes that are no token as <0x0A> (Metaspace or Replace, ByteFallback); ours is of the second kind, without a mark.
Special tokens and rows of the embedding that the tokenizer does not use have no text. Every id that the tokenizer,
config.json or generation_config.json declares as an end of text ends an attempt as the stop does, also where it is the
unknown token or the document start as well (GPT-2, Pythia).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from evaluation.readers.pieces import EMPTY, EndOfText

if TYPE_CHECKING:  # importing transformers takes seconds, and scoring our own checkpoints needs nothing of it
    from transformers import PreTrainedTokenizerBase

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
# They join what the others made, or strip the space that opens a text: a continuation of a prompt opens none.
_WITHOUT_EFFECT = {"Fuse", "Strip"}


def _byte_level_alphabet() -> dict[str, int]:
    """Letter -> byte of GPT-2 style vocabularies: printable Latin-1 stands for itself, the other bytes take the letters
    from U+0100 on, in order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + index): byte for index, byte in enumerate(others)}


_ALPHABET = _byte_level_alphabet()


def _decoders(tokenizer: Tokenizer, name: str) -> list[dict]:
    """The steps of the decoder. ValueError for a tokenizer that has none or one whose tokens do not join to a text."""
    decoder = json.loads(tokenizer.to_str())["decoder"]
    if decoder is None:
        raise ValueError(f"{name}: tokenizer.json has no decoder, so its tokens' bytes are unknown; save it with one")
    steps = decoder["decoders"] if decoder["type"] == "Sequence" else [decoder]
    for step in steps:
        is_plain_replacement = step["type"] == "Replace" and "String" in step["pattern"]
        if (
            step["type"] not in {"ByteLevel", "Metaspace", "ByteFallback"} | _WITHOUT_EFFECT
            and not is_plain_replacement
        ):
            raise ValueError(
                f"{name}: decoder {step['type']} of tokenizer.json does not join tokens byte by byte; use a byte-level"
                " or SentencePiece model"
            )
    return steps


def _token_bytes(token: str, steps: list[dict]) -> bytes:
    for step in steps:
        if step["type"] == "ByteFallback" and (found := _BYTE.fullmatch(token)):
            return bytes([int(found[1], 16)])
        if step["type"] == "ByteLevel":
            return (
                bytes(_ALPHABET[letter] for letter in token)
                if all(letter in _ALPHABET for letter in token)
                else token.encode()
            )
        if step["type"] == "Metaspace":
            token = token.replace(step["replacement"], " ")
        elif step["type"] == "Replace":
            token = token.replace(step["pattern"]["String"], step["content"])
    return token.encode()


def backend(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """The fast tokenizer inside. ValueError for a slow one."""
    if not tokenizer.is_fast:
        name = tokenizer.name_or_path or type(tokenizer).__name__
        raise ValueError(
            f"{name}: a slow tokenizer ({type(tokenizer).__name__}) does not say its tokens' bytes; "
            "save it as a fast one (tokenizer.json)"
        )
    return tokenizer.backend_tokenizer


def token_texts(tokenizer: Tokenizer, vocab_size: int, name: str = "the tokenizer") -> list[bytes]:
    """The bytes that each id from 0 to vocab_size - 1 adds to a text; EMPTY for special tokens and for ids that the
    tokenizer lacks.

    Tokens that were added after training may lie beyond the model's vocabulary (a padding token, say): the model never
    draws them. ValueError for a tokenizer whose tokens' bytes cannot be known, one without tokens, and one whose own
    tokens the model does not know.
    """
    steps, texts = _decoders(tokenizer, name), [EMPTY] * vocab_size
    added, vocabulary = tokenizer.get_added_tokens_decoder(), tokenizer.get_vocab()
    ordinary = {token: index for token, index in vocabulary.items() if index not in added or not added[index].special}
    if not ordinary:
        raise ValueError(
            f"{name}: a tokenizer without tokens that are text; put the tokenizer.json of the model beside its weights"
        )
    unknown = {index: token for token, index in vocabulary.items() if index >= vocab_size and index not in added}
    if unknown:
        first = min(unknown)
        raise ValueError(
            f"{name}: token {unknown[first]!r} of the tokenizer has id {first}, the model knows ids 0 to"
            f" {vocab_size - 1}: they do not belong together; take the tokenizer of this model"
        )
    for token, index in ordinary.items():
        if index < vocab_size:
            texts[index] = _token_bytes(token, steps)
    return texts


def end_ids(tokenizer: PreTrainedTokenizerBase, vocab_size: int, *declared: object) -> tuple[int, ...]:
    """Ids that end a text, sorted: the tokenizer's end-of-text token and `declared` (eos_token_id of configs: None, an
    id or a list of ids). Those that the model cannot draw are left out."""
    found = {tokenizer.eos_token_id}
    for entry in declared:
        found.update(entry if isinstance(entry, (list, tuple)) else [entry])
    return tuple(sorted(index for index in found if isinstance(index, int) and 0 <= index < vocab_size))


def with_ends(texts: list[bytes], ends: Collection[int], stop: str | None) -> list[bytes]:
    """The pieces of attempts (evaluation.passuntil.attempt): `texts` with EndOfText at `ends`; they hold the stop, or
    their own text where it is None."""
    return [
        EndOfText(text if stop is None else stop.encode()) if index in ends else text
        for index, text in enumerate(texts)
    ]


def huggingface_pieces(
    tokenizer: PreTrainedTokenizerBase, vocab_size: int, stop: str, ends: Collection[int] = ()
) -> list[bytes]:
    """The bytes that each id from 0 to vocab_size - 1 adds to an attempt. Special ids and ids that the tokenizer lacks
    (a vocabulary filled up) add none; the tokenizer's end-of-text token and `ends` end it as the stop does. ValueError
    as `token_texts`."""
    name = tokenizer.name_or_path or type(tokenizer).__name__
    return with_ends(token_texts(backend(tokenizer), vocab_size, name), {*end_ids(tokenizer, vocab_size), *ends}, stop)


def opening_ids(tokenizer: PreTrainedTokenizerBase | Tokenizer) -> list[int]:
    """The ids that the tokenizer puts before a text (its document start); those that it puts behind one are none of a
    prompt's."""
    if isinstance(tokenizer, Tokenizer):
        plain, whole = (tokenizer.encode("a", add_special_tokens=adds).ids for adds in (False, True))
    else:
        plain, whole = (tokenizer("a", add_special_tokens=adds)["input_ids"] for adds in (False, True))
    for start in range(len(whole) - len(plain) + 1):
        if whole[start : start + len(plain)] == plain:
            return whole[:start]
    return []


def prompt_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Ids of a prompt as the tokenizer opens it (with its document token, if it sets one), without an end-of-text token
    behind it."""
    return [*opening_ids(tokenizer), *tokenizer(text, add_special_tokens=False)["input_ids"]]
