"""Tokenizers and models as others ship them, made on the spot: the families in small."""

import json
from functools import lru_cache
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from evaluation.readers.pieces_huggingface import opening_ids

TEXTS = [
    "Q: who wrote it? A: Ann Lee\n",
    "Q: 2 + 3 A: 5\n",
    "caf\u00e9 \u4f60\u597d x:y\n\n\tdef f(x):\n    return x\n",
] * 30
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
TRAINED_ON = "Q: who wrote it? A: Ann Lee\n"  # what the trained model says
MARK = "\u2581"
logging.disable_progress_bar()  # of save_pretrained, in tests that read what a command prints


def _byte_level(end: str, **special) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=330, initial_alphabet=alphabet, special_tokens=[end], show_progress=False)
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def gpt2() -> PreTrainedTokenizerFast:
    """unk = bos = eos, as GPT-2, GPT-J and Pythia have it; nothing is put before a text."""
    end = "<|endoftext|>"
    return _byte_level(end, unk_token=end, bos_token=end, eos_token=end)


def pythia() -> PreTrainedTokenizerFast:
    """The same with runs of blanks added after training, which are text."""
    tokenizer = gpt2()
    tokenizer.add_tokens([AddedToken(" " * length, normalized=False) for length in (4, 2)])
    return tokenizer


def llama3() -> PreTrainedTokenizerFast:
    """A document start before every text and several end tokens, of which the tokenizer names one."""
    tokenizer = _byte_level("<|begin|>", bos_token="<|begin|>", eos_token="<|end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|eom|>", "<|eot|>"]})
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|begin|> $A", special_tokens=[("<|begin|>", 0)]
    )
    return tokenizer


def llama2() -> PreTrainedTokenizerFast:
    """A blank before every text, bytes for unknown characters, a document start."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    marks = ["<unk>", "<s>", "</s>", "<|eot|>", *BYTES]
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=400, special_tokens=marks, show_progress=False))
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return _with_bytes_as_text(tokenizer, "<s> $A")


def gemma() -> PreTrainedTokenizerFast:
    """No blank before a text; runs of blanks are added tokens, written with marks."""
    tokenizer = llama2()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace(" ", MARK)
    tokenizer.add_tokens([AddedToken(MARK * 2, normalized=True), AddedToken("\n\n", normalized=False)])
    return tokenizer


def unigram(template: str = "<s> $A", normalizer: normalizers.Normalizer | None = None) -> PreTrainedTokenizerFast:
    """SentencePiece Unigram, a mark before every text."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    marks = ["<unk>", "<s>", "</s>", *BYTES]
    trainer = trainers.UnigramTrainer(vocab_size=360, special_tokens=marks, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    state = json.loads(tokenizer.to_str())
    state["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(state))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")])
    return _with_bytes_as_text(tokenizer, template)


def ended() -> PreTrainedTokenizerFast:
    """An end token behind every text, as T5's family does."""
    return unigram("$A </s>")


def no_line_breaks() -> PreTrainedTokenizerFast:
    """Line breaks become blanks, as XGLM does: an answer can end with the end token only."""
    return unigram(
        normalizer=normalizers.Sequence(
            [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(left=False, right=True)]
        )
    )


def compatible() -> PreTrainedTokenizerFast:
    """Texts are changed to NFKC."""
    return unigram(normalizer=normalizers.NFKC())


def lower_case() -> PreTrainedTokenizerFast:
    """Texts are changed to lower case."""
    return unigram(normalizer=normalizers.Lowercase())


def _with_bytes_as_text(tokenizer: Tokenizer, template: str) -> PreTrainedTokenizerFast:
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [added for added in state["added_tokens"] if added["content"] not in BYTES]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.post_processor = TemplateProcessing(single=template, special_tokens=[("<s>", 1), ("</s>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


FAMILIES = {make.__name__: make for make in (gpt2, pythia, llama3, llama2, gemma, unigram, ended)}


def llama(vocab_size: int, **fields) -> LlamaForCausalLM:
    """A random model of one layer."""
    torch.manual_seed(0)
    given = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "max_position_embeddings": 96,
    }
    return LlamaForCausalLM(
        LlamaConfig(**{"vocab_size": vocab_size, "bos_token_id": None, "eos_token_id": None} | given | fields)
    ).eval()


def trained(
    tokenizer: PreTrainedTokenizerFast, end_id: int | None = None, num_more: int = 0, num_steps: int = 60, **fields
) -> LlamaForCausalLM:
    """The same after some steps on TRAINED_ON, whose line break `end_id` replaces; `num_more` rows of padding in its
    vocabulary."""
    model, text = llama(len(tokenizer) + num_more, **fields), TRAINED_ON if end_id is None else TRAINED_ON.rstrip()
    ids = [
        *opening_ids(tokenizer),
        *tokenizer(text, add_special_tokens=False)["input_ids"],
        *([] if end_id is None else [end_id]),
    ]
    rows = torch.tensor([ids])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(num_steps):
        loss = model(rows, labels=rows).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@lru_cache
def made(family: str) -> PreTrainedTokenizerFast:
    """A tokenizer of FAMILIES, made once a process; not to be changed."""
    return FAMILIES[family]()


def save(folder: Path, model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> Path:
    """A folder as from_pretrained wants it."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
