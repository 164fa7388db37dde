"""Training of the tokenizers: one BPE vocabulary per paper, learned from equally many documents of every kind.

Pre-tokens: an English word with its leading space, a number with its leading space, a Chinese word of the dictionary, a
single other Chinese character, any other character.
"""

import json
from collections import Counter
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from corpus.lexicon import chinese_words
from corpus.tokenizer import BOS, BYTE_TOKENS

MAX_VOCABULARY = 1024
GRADED_VOCABULARY = 2048  # of the second world, at most


def _pre_tokenizer(chinese: Iterable[str]) -> pre_tokenizers.PreTokenizer:
    words = "|".join(chinese)
    pattern = rf" ?[A-Za-z]+| ?[0-9]+|{words}|[\u4e00-\u9fff]| ?[^\sA-Za-z0-9\u4e00-\u9fff]|\s"
    return pre_tokenizers.Split(Regex(pattern), behavior="isolated")


def train_tokenizer(texts: Iterable[str], vocabulary_size: int = MAX_VOCABULARY) -> Tokenizer:
    """Train on `texts`. Ids: 0 is the document start, 1-256 the bytes, then characters and merges by frequency."""
    _require_size(vocabulary_size)
    pre_tokenizer = _pre_tokenizer(chinese_words())
    return _assemble(*_vocabulary_and_merges(_trained(texts, vocabulary_size, pre_tokenizer)), pre_tokenizer)


def _require_size(vocabulary_size: int) -> None:
    if not 512 <= vocabulary_size <= MAX_VOCABULARY:
        raise ValueError(f"vocabulary_size is {vocabulary_size}; choose 512 to {MAX_VOCABULARY}")


def _trained(texts: Iterable[str], vocabulary_size: int, pre_tokenizer: pre_tokenizers.PreTokenizer) -> Tokenizer:
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizer
    trained.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=vocabulary_size, special_tokens=[BOS, *BYTE_TOKENS], show_progress=False)
    )
    return trained


def train_whole_words(texts: Iterable[str], vocabulary_size: int = MAX_VOCABULARY) -> Tokenizer:
    """Like `train_tokenizer`, but every place behind the bytes and the ASCII characters goes to the most frequent
    tokens of the texts themselves.

    BPE reaches a word through tokens that stand in no text once the word is complete. Here merges are learned in a
    vocabulary several times as large and those stepping stones are dropped, so that more words are one token; a
    pre-token of the vocabulary is then taken whole. (The tokenizer of paper P; that of paper L was frozen before.)"""
    _require_size(vocabulary_size)
    return _whole_words(texts, vocabulary_size, (), _pre_tokenizer(chinese_words()))


def train_with_words(
    texts: Iterable[str], words: Iterable[str], chinese: Iterable[str], vocabulary_size: int = GRADED_VOCABULARY
) -> Tokenizer:
    """Like `train_whole_words`, but the given words come first, so that each of them is one token whatever its
    frequency; `chinese` are the words at which Chinese text is cut, longest first. ValueError where they do not fit."""
    words = list(dict.fromkeys(words))
    fixed = 1 + len(BYTE_TOKENS) + len(words)
    if fixed > vocabulary_size:
        raise ValueError(f"vocabulary_size is {vocabulary_size}, {len(words)} words alone need {fixed}; raise it")
    pre_tokenizer = _pre_tokenizer(chinese)
    trained = _whole_words(texts, vocabulary_size, words, pre_tokenizer)
    if split := [word for word in words if len(trained.encode(word).ids) != 1]:
        raise ValueError(f"{split[0]!r} is a word of the world and not one pre-token; add it to the words that are cut")
    return trained


def _whole_words(texts: Iterable[str], vocabulary_size: int, words: Iterable[str], pre_tokenizer) -> Tokenizer:
    texts = list(texts)
    trained = _trained(texts, 4 * vocabulary_size, pre_tokenizer)
    learned, merges = _vocabulary_and_merges(trained)
    counts = Counter(token for text in texts for token in trained.encode(text).tokens)
    characters = sorted(token for token in learned if len(token) == 1 and token.isascii())
    by_frequency = sorted(counts, key=lambda token: (-counts[token], token))
    kept = list(dict.fromkeys([BOS, *BYTE_TOKENS, *words, *characters, *by_frequency]))[:vocabulary_size]
    vocabulary = {token: index for index, token in enumerate(kept)}
    usable = [pair for pair in merges if {*pair, "".join(pair)} <= vocabulary.keys()]
    return _assemble(vocabulary, usable, pre_tokenizer, ignore_merges=True)


def _vocabulary_and_merges(trained: Tokenizer) -> tuple[dict[str, int], list[tuple[str, str]]]:
    state = json.loads(trained.to_str())["model"]
    return state["vocab"], [
        tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in state["merges"]
    ]


def _assemble(
    vocabulary: dict[str, int],
    merges: list[tuple[str, str]],
    pre_tokenizer: pre_tokenizers.PreTokenizer,
    ignore_merges: bool = False,
) -> Tokenizer:
    """A tokenizer without added tokens: `<0x41>` written in a text stays text, only unknown characters become bytes."""
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer
