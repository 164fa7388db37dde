"""One BPE tokenizer (Hugging Face `tokenizers`) with byte fallback, trained once and frozen.

Pre-tokens: an English word with its leading space, a number with its leading space, a Chinese word of the dictionary,
a single other Chinese character, any other character. Unknown characters fall back to their UTF-8 bytes, so every text
has ids and decodes to itself.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from corpus.lexicon import chinese_words

BOS = "<|bos|>"
BOS_ID = 0
MAX_VOCABULARY = 1024
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    words = "|".join(chinese_words())
    pattern = rf" ?[A-Za-z]+| ?[0-9]+|{words}|[\u4e00-\u9fff]| ?[^\sA-Za-z0-9\u4e00-\u9fff]|\s"
    return pre_tokenizers.Split(Regex(pattern), behavior="isolated")


def train(texts: Iterable[str], vocabulary_size: int = MAX_VOCABULARY) -> Tokenizer:
    """Train on `texts`. Ids: 0 is the document start, 1-256 the bytes, then characters and merges by frequency."""
    if not 512 <= vocabulary_size <= MAX_VOCABULARY:
        raise ValueError(f"vocabulary_size is {vocabulary_size}; choose 512 to {MAX_VOCABULARY}")
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = _pre_tokenizer()
    trained.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=vocabulary_size, special_tokens=[BOS, *_BYTES], show_progress=False))
    state = json.loads(trained.to_str())["model"]
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in state["merges"]]
    return _assemble(state["vocab"], merges)


def _assemble(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """A tokenizer without added tokens: `<0x41>` written in a text stays text, only unknown characters become bytes."""
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True))
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def load(path: str | Path) -> Tokenizer:
    """Read tokenizer.json. ValueError with one line where the file is not such a tokenizer."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception for every fault of a file
        raise ValueError(f"{path}: not a tokenizer file ({error}); rebuild it with `python -m corpus`") from error
    if tokenizer.token_to_id(BOS) != BOS_ID:
        raise ValueError(f"{path}: token {BOS!r} does not have id {BOS_ID}: a foreign tokenizer; rebuild it with `python -m corpus`")
    return tokenizer


def fingerprint(tokenizer: Tokenizer) -> str:
    """SHA-256 of the vocabulary and merges: checkpoints and corpus files carry it, so that they cannot be mixed up."""
    state = json.loads(tokenizer.to_str())
    return hashlib.sha256(json.dumps([state["model"], state["pre_tokenizer"]], sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def token_bytes(tokenizer: Tokenizer) -> list[int]:
    """Number of UTF-8 bytes of each id (bits per byte need it); the document start has none."""
    lengths = [0] * tokenizer.get_vocab_size()
    for token, index in tokenizer.get_vocab().items():
        lengths[index] = 0 if index == BOS_ID else 1 if token in _BYTES_SET else len(token.encode())
    return lengths


_BYTES_SET = frozenset(_BYTES)


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
