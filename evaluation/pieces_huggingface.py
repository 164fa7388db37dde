"""The bytes of every token of a `transformers` tokenizer, and the ids of a prompt.

PassUntil judges sampled ids by their text, so it needs what each id adds to it. The decoder of a fast tokenizer says that: GPT-2 style tokenizers
write each byte as one letter (ByteLevel), SentencePiece style ones write a space as a mark and bytes that are no token as <0x0A> (Metaspace or Replace,
ByteFallback); ours is of the second kind, without a mark. Special tokens add nothing; the end-of-text token ends an attempt as the stop does.
"""

from __future__ import annotations

import json
import re

from transformers import PreTrainedTokenizerBase

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
# They join what the others made, or strip the space that opens a text: a continuation of a prompt opens none.
_WITHOUT_EFFECT = {"Fuse", "Strip"}


def _byte_level_alphabet() -> dict[str, int]:
    """Letter -> byte of GPT-2 style vocabularies: printable Latin-1 stands for itself, the other bytes take the letters from U+0100 on, in order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + index): byte for index, byte in enumerate(others)}


_ALPHABET = _byte_level_alphabet()


def _decoders(tokenizer: PreTrainedTokenizerBase) -> list[dict]:
    """The steps of the decoder. ValueError for a tokenizer that has none or one whose tokens do not join to a text."""
    name = tokenizer.name_or_path or type(tokenizer).__name__
    if not tokenizer.is_fast:
        raise ValueError(f"{name}: a slow tokenizer ({type(tokenizer).__name__}) does not tell its tokens' bytes; save it as a fast one (tokenizer.json)")
    decoder = json.loads(tokenizer.backend_tokenizer.to_str())["decoder"]
    if decoder is None:
        raise ValueError(f"{name}: tokenizer.json has no decoder, so its tokens' bytes are unknown; save it with one")
    steps = decoder["decoders"] if decoder["type"] == "Sequence" else [decoder]
    for step in steps:
        is_plain_replacement = step["type"] == "Replace" and "String" in step["pattern"]
        if step["type"] not in {"ByteLevel", "Metaspace", "ByteFallback"} | _WITHOUT_EFFECT and not is_plain_replacement:
            raise ValueError(f"{name}: decoder {step['type']} of tokenizer.json does not join tokens byte by byte; use a byte-level or SentencePiece model")
    return steps


def _token_bytes(token: str, steps: list[dict]) -> bytes:
    for step in steps:
        if step["type"] == "ByteFallback" and (found := _BYTE.fullmatch(token)):
            return bytes([int(found[1], 16)])
        if step["type"] == "ByteLevel":
            return bytes(_ALPHABET[letter] for letter in token) if all(letter in _ALPHABET for letter in token) else token.encode()
        if step["type"] == "Metaspace":
            token = token.replace(step["replacement"], " ")
        elif step["type"] == "Replace":
            token = token.replace(step["pattern"]["String"], step["content"])
    return token.encode()


def token_pieces(tokenizer: PreTrainedTokenizerBase, vocab_size: int, stop: str) -> list[bytes]:
    """The bytes that each id from 0 to vocab_size - 1 adds to a text. Special ids and ids that the tokenizer lacks (a vocabulary filled up) add none;
    an end-of-text id adds the stop, so that an attempt ends there.

    ValueError for a tokenizer whose tokens' bytes cannot be told, and for one with more tokens than the model."""
    steps, pieces = _decoders(tokenizer), [b""] * vocab_size
    vocabulary = tokenizer.get_vocab()
    if max(vocabulary.values()) >= vocab_size:
        raise ValueError(f"the tokenizer has ids up to {max(vocabulary.values())}, the model knows {vocab_size}: they do not belong together")
    added = tokenizer.added_tokens_decoder
    for token, index in vocabulary.items():
        if index not in added:
            pieces[index] = _token_bytes(token, steps)
        elif not added[index].special:
            pieces[index] = token.encode()
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id != tokenizer.unk_token_id:
        pieces[tokenizer.eos_token_id] = stop.encode()
    return pieces


def prompt_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Ids of a prompt as the tokenizer opens it (with its document token, if it sets one), without an end-of-text token behind it."""
    ids = tokenizer(text, add_special_tokens=True)["input_ids"]
    while len(ids) > 1 and ids[-1] in (tokenizer.eos_token_id, tokenizer.sep_token_id):
        ids = ids[:-1]
    return ids
