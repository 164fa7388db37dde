"""Anybody's texts become a token file that training reads: the same tokens from every kind of file, in bounded
memory."""

import gzip
import json
import runpy
import sys

import numpy as np
import pandas as pd
import pytest
from small_corpus import tokenizer

from corpus import texts as module
from corpus.texts import freeze_texts, read_texts, token_blocks
from corpus.token_file import TokenFile, batches
from corpus.tokenizer import BOS_ID, fingerprint

TEXTS = [f" Mary has {number} apples. Where is the hat?" for number in range(600)]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The same texts in every format that is read."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = "".join(json.dumps({"text": text, "id": number}) + "\n" for number, text in enumerate(TEXTS))
    (tmp_path / "a.jsonl").write_text(rows)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(rows.encode()))
    (tmp_path / "a.txt").write_text("\n".join(TEXTS) + "\n")
    pd.DataFrame({"text": TEXTS}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"text": TEXTS}).to_csv(tmp_path / "a.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet", "a.csv", "a.txt"])
def test_every_kind_of_file_gives_its_texts(files, name):
    assert list(read_texts(str(files / name))) == TEXTS


def test_a_token_file_holds_every_text_behind_a_document_start(files):
    count = freeze_texts(files / "tokens.bin", read_texts(str(files / "a.jsonl")), tokenizer())
    file = TokenFile(files / "tokens.bin", fingerprint(tokenizer()), check_payload=True)
    expected = [token for text in TEXTS for token in (BOS_ID, *tokenizer().encode(text, add_special_tokens=False).ids)]
    assert len(file) == count == len(expected) and file.tokens(0, count).tolist() == expected
    first = next(batches(file, 2, 16))
    assert first.shape == (2, 17) and first.dtype == np.uint16
    assert [path.name for path in files.glob(".*partial")] == []


def test_a_limit_cuts_the_same_tokens(files):
    freeze_texts(files / "all.bin", TEXTS, tokenizer())
    assert freeze_texts(files / "some.bin", TEXTS, tokenizer(), max_tokens=5000) == 5000
    whole, part = TokenFile(files / "all.bin"), TokenFile(files / "some.bin")
    assert np.array_equal(whole.tokens(0, 5000), part.tokens(0, 5000)) and len(part) == 5000


def test_texts_are_read_as_they_are_needed():
    """A generator without an end is no obstacle: nothing collects it."""

    def endless():
        while True:
            yield TEXTS[0]

    blocks = token_blocks(endless(), tokenizer())
    assert len(next(blocks)) == len(next(blocks)) > module.BATCH_TEXTS


@pytest.mark.parametrize(
    ("name", "content", "options", "line"),
    [
        ("a.jsonl", '{"body": "x"}\n', {}, "field text is no text; it has body: name one with --field"),
        ("a.jsonl", "", {}, "a.jsonl: "),
        ("a.jsonl", "{no json\n", {}, "cannot be read as a data set"),
        ("a.xyz", "x", {}, "files that end in .jsonl, .json, .csv, .parquet, .txt are read, not in '.xyz'"),
        ("a.jsonl", '{"text": "x"}\n{"text": null}\n', {}, "row 2, field text is None, no text; leave that row out"),
    ],
)
def test_bad_input_is_one_line_that_names_the_file(tmp_path, monkeypatch, name, content, options, line):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError) as caught:
        freeze_texts(tmp_path / "out.bin", read_texts(str(tmp_path / name), **options), tokenizer())
    assert line in str(caught.value) and name in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.bin")) and not list(tmp_path.glob(".*partial"))


def test_the_command_writes_a_file_once(files, monkeypatch, capsys):
    tokenizer().save(str(files / "tokenizer.json"))
    words = [
        "--text",
        str(files / "a.jsonl"),
        "--tokenizer",
        str(files / "tokenizer.json"),
        "--out",
        str(files / "t.bin"),
    ]
    for code in (0, 2):
        monkeypatch.setattr(sys, "argv", ["corpus", *words])
        with pytest.raises(SystemExit) as caught:
            runpy.run_module("corpus", run_name="__main__")
        assert caught.value.code == code
    said = capsys.readouterr()
    assert "t.bin: " in said.out and " tokens" in said.out and "is there already" in said.err
