"""A BPE tokenizer (Hugging Face `tokenizers`) with byte fallback, trained once and frozen: reading it and using it.

Unknown characters fall back to their UTF-8 bytes, so every text has ids and decodes to itself. How the tokenizers were
trained: corpus/tokenizer_training.py.
"""

import hashlib
import json
from pathlib import Path

from tokenizers import Tokenizer

BOS = "<|bos|>"
BOS_ID = 0
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
_BYTES_SET = frozenset(BYTE_TOKENS)


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Read tokenizer.json. ValueError with one line where the file is not such a tokenizer."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception for every fault of a file
        raise ValueError(
            f"{path}: not a tokenizer file ({' '.join(str(error).split())}); rebuild it with `python -m corpus`"
        ) from error
    if tokenizer.token_to_id(BOS) != BOS_ID:
        raise ValueError(
            f"{path}: token {BOS!r} does not have id {BOS_ID}: a foreign tokenizer; rebuild it with `python -m corpus`"
        )
    return tokenizer


def fingerprint(tokenizer: Tokenizer) -> str:
    """SHA-256 of the vocabulary and merges: checkpoints and corpus files carry it, so that they cannot be mixed up."""
    state = json.loads(tokenizer.to_str())
    return hashlib.sha256(
        json.dumps([state["model"], state["pre_tokenizer"]], sort_keys=True, ensure_ascii=True).encode()
    ).hexdigest()


def token_bytes(tokenizer: Tokenizer) -> list[int]:
    """Number of UTF-8 bytes of each id (bits per byte need it); the document start has none."""
    lengths = [0] * tokenizer.get_vocab_size()
    for token, index in tokenizer.get_vocab().items():
        lengths[index] = 0 if index == BOS_ID else 1 if token in _BYTES_SET else len(token.encode())
    return lengths


class PieceEncoder:
    """Text pieces to ids through a dictionary; the tokenizer itself is asked once per distinct piece.

    Pieces must be whole numbers of pre-tokens; then encode(a + b) = encode(a) + encode(b) (a test holds it)."""

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        self._ids: dict[str, list[int]] = {}

    def encode(self, pieces: list[str]) -> list[int]:
        """Ids of the concatenation of `pieces`."""
        known, out = self._ids, []
        for piece in pieces:
            ids = known.get(piece)
            if ids is None:
                ids = known[piece] = self._tokenizer.encode(piece).ids
            out += ids
        return out
