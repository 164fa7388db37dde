"""evaluation/pieces_huggingface.py: joined pieces are the text, for byte-level, SentencePiece-like and our own tokenizers."""

import json

import pytest
import small_corpus
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from corpus.tokenizer import BOS
from evaluation.next_token import token_pieces as own_pieces
from evaluation.pieces_huggingface import prompt_ids, token_pieces

TRAINED_ON = ["Hello world, 12 + 34 = 46.\n", "naïve café 你好 world\n\n", "\tdef f(x):\n    return x  \n"] * 20
TEXTS = ["Hello world", " naïve café", "你好 🎬 unknown Ω\n", "    return x\n\n\tdef", " 12 + 34 = 46.", "\x00\x7f\u00ad\u00a0"]


def byte_level() -> PreTrainedTokenizerFast:
    """GPT-2 style."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(TRAINED_ON, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=["<|end|>"], show_progress=False))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")
    fast.add_tokens(["    "])  # as GPT-NeoX has for code
    return fast


def byte_fallback(is_metaspace: bool = False) -> PreTrainedTokenizerFast:
    """LLaMA style: a mark for the space, bytes for unknown characters."""
    marks = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    first = decoders.Metaspace(prepend_scheme="never") if is_metaspace else decoders.Replace("\u2581", " ")
    tokenizer.decoder = decoders.Sequence([first, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.train_from_iterator(TRAINED_ON, trainers.BpeTrainer(vocab_size=400, special_tokens=marks, show_progress=False))
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [added for added in state["added_tokens"] if not added["content"].startswith("<0x")]
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(state)), bos_token="<s>", eos_token="</s>", unk_token="<unk>")


@pytest.mark.parametrize("make", [byte_level, byte_fallback, lambda: byte_fallback(True)], ids=["byte level", "byte fallback", "metaspace"])
def test_joined_pieces_are_the_text(make):
    tokenizer = make()
    pieces = token_pieces(tokenizer, len(tokenizer), "\n")
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert b"".join(pieces[index] for index in ids).decode() == text
    assert len({piece for piece in pieces if piece}) > 256


def test_our_own_tokenizer_gives_the_pieces_that_our_reader_uses():
    own = small_corpus.tokenizer()
    exported = PreTrainedTokenizerFast(tokenizer_object=own, bos_token=BOS)
    assert token_pieces(exported, own.get_vocab_size(), "") == own_pieces(own)


def test_the_end_of_text_is_the_stop_and_special_or_spare_ids_add_nothing():
    tokenizer = byte_fallback()
    pieces = token_pieces(tokenizer, len(tokenizer) + 5, "\n\n")
    assert pieces[tokenizer.eos_token_id] == b"\n\n"
    assert [pieces[index] for index in (tokenizer.bos_token_id, tokenizer.unk_token_id)] == [b"", b""] and pieces[-5:] == [b""] * 5


def test_added_tokens_that_are_text_add_their_text():
    tokenizer = byte_level()
    assert token_pieces(tokenizer, len(tokenizer), "")[tokenizer.convert_tokens_to_ids("    ")] == b"    "


def test_a_tokenizer_with_more_tokens_than_the_model_is_one_clear_line():
    with pytest.raises(ValueError, match="do not belong together"):
        token_pieces(byte_level(), 100, "\n")


def test_a_tokenizer_whose_bytes_cannot_be_told_is_one_clear_line():
    words = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2}, unk_token="[UNK]"))
    with pytest.raises(ValueError, match="no decoder"):
        token_pieces(PreTrainedTokenizerFast(tokenizer_object=words), 3, "")
    words.decoder = decoders.WordPiece()
    with pytest.raises(ValueError, match="decoder WordPiece"):
        token_pieces(PreTrainedTokenizerFast(tokenizer_object=words), 3, "")


def test_a_prompt_is_opened_but_not_ended():
    tokenizer = byte_fallback()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    assert prompt_ids(tokenizer, "Hello") == [1, *tokenizer("Hello", add_special_tokens=False)["input_ids"]]
    assert prompt_ids(byte_level(), "Hello") == byte_level()("Hello")["input_ids"]
