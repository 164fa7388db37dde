"""evaluation/readers/pieces_huggingface.py: joined pieces are the text, for byte-level, SentencePiece-like and our own
tokenizers."""

import json

import outside_models
import pytest
import small_corpus
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from corpus.tokenizer import BOS
from evaluation.readers.next_token import token_pieces as own_pieces
from evaluation.readers.pieces import Empty, EndOfText
from evaluation.readers.pieces_huggingface import (
    backend,
    end_ids,
    huggingface_pieces,
    opening_ids,
    prompt_ids,
    token_texts,
)

TRAINED_ON = ["Hello world, 12 + 34 = 46.\n", "naïve café 你好 world\n\n", "\tdef f(x):\n    return x  \n"] * 20
TEXTS = [
    "Hello world",
    " naïve café",
    "你好 🎬 unknown Ω\n",
    "    return x\n\n\tdef",
    " 12 + 34 = 46.",
    "\x00\x7f\u00ad\u00a0",
]


def byte_level() -> PreTrainedTokenizerFast:
    """GPT-2 style."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        TRAINED_ON,
        trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=["<|end|>"], show_progress=False),
    )
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
    tokenizer.train_from_iterator(
        TRAINED_ON, trainers.BpeTrainer(vocab_size=400, special_tokens=marks, show_progress=False)
    )
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [added for added in state["added_tokens"] if not added["content"].startswith("<0x")]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


@pytest.mark.parametrize(
    "make", [byte_level, byte_fallback, lambda: byte_fallback(True)], ids=["byte level", "byte fallback", "metaspace"]
)
def test_joined_pieces_are_the_text(make):
    tokenizer = make()
    pieces = huggingface_pieces(tokenizer, len(tokenizer), "\n")
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert b"".join(pieces[index] for index in ids).decode() == text
    assert len({piece for piece in pieces if piece}) > 256


def test_our_own_tokenizer_gives_the_pieces_that_our_reader_uses():
    own = small_corpus.tokenizer()
    exported = PreTrainedTokenizerFast(tokenizer_object=own, bos_token=BOS)
    assert huggingface_pieces(exported, own.get_vocab_size(), "") == own_pieces(own)


def test_the_end_of_text_is_the_stop_and_special_or_spare_ids_add_nothing():
    tokenizer = byte_fallback()
    pieces = huggingface_pieces(tokenizer, len(tokenizer) + 5, "\n\n")
    assert pieces[tokenizer.eos_token_id] == b"\n\n"
    assert [pieces[index] for index in (tokenizer.bos_token_id, tokenizer.unk_token_id)] == [b"", b""] and pieces[
        -5:
    ] == [b""] * 5


def test_added_tokens_that_are_text_add_their_text():
    tokenizer = byte_level()
    assert huggingface_pieces(tokenizer, len(tokenizer), "")[tokenizer.convert_tokens_to_ids("    ")] == b"    "


def test_a_tokenizer_with_more_tokens_than_the_model_is_one_clear_line():
    with pytest.raises(ValueError, match="do not belong together"):
        huggingface_pieces(byte_level(), 100, "\n")


def test_a_tokenizer_whose_bytes_cannot_be_told_is_one_clear_line():
    words = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2}, unk_token="[UNK]"))
    with pytest.raises(ValueError, match="no decoder"):
        huggingface_pieces(PreTrainedTokenizerFast(tokenizer_object=words), 3, "")
    words.decoder = decoders.WordPiece()
    with pytest.raises(ValueError, match="decoder WordPiece"):
        huggingface_pieces(PreTrainedTokenizerFast(tokenizer_object=words), 3, "")


def test_a_prompt_is_opened_but_not_ended():
    tokenizer = byte_fallback()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    assert prompt_ids(tokenizer, "Hello") == [1, *tokenizer("Hello", add_special_tokens=False)["input_ids"]]
    assert prompt_ids(byte_level(), "Hello") == byte_level()("Hello")["input_ids"]


@pytest.mark.parametrize("family", outside_models.FAMILIES)
def test_joined_pieces_are_the_text_of_every_family(family):
    tokenizer = outside_models.made(family)
    pieces = token_texts(backend(tokenizer), len(tokenizer))
    for text in (*outside_models.TEXTS[:3], *TEXTS):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert b"".join(pieces[index] for index in ids).decode().lstrip(" ") == text.lstrip(" ")


def test_the_end_of_text_may_be_the_unknown_token_and_the_document_start():
    tokenizer = outside_models.made("gpt2")
    assert tokenizer.unk_token_id == tokenizer.bos_token_id == tokenizer.eos_token_id == 0
    pieces = huggingface_pieces(tokenizer, len(tokenizer), "\n")
    assert [index for index, piece in enumerate(pieces) if isinstance(piece, EndOfText)] == [0] and pieces[0] == b"\n"


def test_every_declared_end_ends_and_what_the_model_cannot_draw_does_not():
    tokenizer = outside_models.made("llama3")
    end, eom, eot = (tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("end", "eom", "eot"))
    assert end_ids(tokenizer, len(tokenizer)) == (end,)
    assert end_ids(tokenizer, len(tokenizer), None, [eot, eom, 128_009], -1, (end,)) == (end, eom, eot)
    pieces = huggingface_pieces(tokenizer, len(tokenizer), "\n", [eot])
    assert isinstance(pieces[eot], EndOfText) and isinstance(pieces[eom], Empty)


def test_added_tokens_are_written_as_the_decoder_writes_them():
    tokenizer = outside_models.made("gemma")
    pieces = token_texts(backend(tokenizer), len(tokenizer))
    blanks, breaks = (tokenizer.convert_tokens_to_ids(token) for token in (outside_models.MARK * 2, "\n\n"))
    assert (pieces[blanks], pieces[breaks]) == (b"  ", b"\n\n")
    pythia = outside_models.made("pythia")
    assert token_texts(backend(pythia), len(pythia))[pythia.convert_tokens_to_ids("    ")] == b"    "


def test_a_vocabulary_may_be_larger_and_may_lack_tokens_that_were_added_later():
    tokenizer = byte_level()
    assert token_texts(backend(tokenizer), len(tokenizer) + 7)[-7:] == [b""] * 7
    last = len(tokenizer) - 1
    assert tokenizer.convert_ids_to_tokens(last) == "    ", "the token that was added"
    assert len(token_texts(backend(tokenizer), last)) == last
    with pytest.raises(
        ValueError, match=f"has id {last - 1}, the model knows ids 0 to {last - 2}: they do not belong together"
    ):
        token_texts(backend(tokenizer), last - 1)


def test_a_tokenizer_without_tokens_is_one_clear_line():
    with pytest.raises(ValueError, match="a tokenizer without tokens that are text"):
        nothing = Tokenizer(models.BPE())
        nothing.decoder = decoders.ByteLevel()
        token_texts(nothing, 10)


def test_a_slow_tokenizer_is_one_clear_line():
    class Slow:
        is_fast, name_or_path = False, "slow"

    with pytest.raises(ValueError, match="slow: a slow tokenizer"):
        backend(Slow())


def test_what_opens_a_text_is_told_from_what_ends_it():
    openings = {family: opening_ids(outside_models.made(family)) for family in outside_models.FAMILIES}
    assert openings == {
        "gpt2": [],
        "pythia": [],
        "llama3": [0],
        "llama2": [1],
        "gemma": [1],
        "unigram": [1],
        "ended": [],
    }
    assert opening_ids(outside_models.made("llama3").backend_tokenizer) == [0]
