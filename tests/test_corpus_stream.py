"""The token stream: seeded, seekable, fast, bounded; its files say what is wrong with them."""

import gc
import json
import sys
import tracemalloc
from collections import Counter
from dataclasses import fields

import numpy as np
import pytest
from golden_hashes import corpus_entry, stored
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import encoder, mixture, stream, tokenizer, world

from corpus.stream import TokenStream, make_validation
from corpus.token_file import CHUNK_TOKENS, MAGIC, TokenFile, batches, load_validation, save_validation, write_tokens
from corpus.tokenizer import BOS_ID, PieceEncoder, fingerprint, token_bytes
from corpus.world import VALIDATION, make_world

NUM_TOKENS = CHUNK_TOKENS + 5000  # more than a chunk, so that a border is crossed


@pytest.fixture(scope="module")
def token_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("stream") / "train_1.bin"
    write_tokens(path, stream(1), NUM_TOKENS, {"tokenizer": fingerprint(tokenizer()), "seed": 1})
    return path


@pytest.fixture(scope="module")
def validation():
    return make_validation(world(), mixture(), encoder(), token_bytes(tokenizer()), 24, 128)


def test_same_seed_same_tokens_other_seed_split_or_world_others():
    first = stream(1).tokens(0, 5000)
    assert np.array_equal(first, stream(1).tokens(0, 5000))
    assert first.dtype == np.uint16 and first[0] == BOS_ID
    others = [stream(2), stream(1, VALIDATION), TokenStream(make_world(1), mixture(), encoder(), 1)]
    for other in others:
        assert not np.array_equal(first, other.tokens(0, 5000))


def test_first_chunk_is_the_accepted_one():
    """Golden: the same bytes on every machine."""
    assert corpus_entry() == stored("corpus"), (
        "the stream changed: new mixture name or DATA_FORMAT_VERSION, then see golden_hashes.py"
    )


def test_any_place_is_reached_without_what_lies_before():
    read_on, jumped = stream(1), stream(1)
    for start in range(0, 3 * CHUNK_TOKENS, 9001):
        read_on.tokens(start, 9001)
    assert np.array_equal(jumped.tokens(2 * CHUNK_TOKENS - 7, 5000), read_on.tokens(2 * CHUNK_TOKENS - 7, 5000))
    assert np.array_equal(jumped.languages(CHUNK_TOKENS - 7, 50), read_on.languages(CHUNK_TOKENS - 7, 50))


def test_language_of_each_token_is_that_of_its_document():
    """Chinese characters stand in Chinese documents only, and a document has one language."""
    source = stream(1)
    tokens, languages = source.tokens(0, CHUNK_TOKENS), source.languages(0, CHUNK_TOKENS)
    chinese = {
        index
        for token, index in tokenizer().get_vocab().items()
        if any("\u4e00" <= character <= "\u9fff" for character in token)
    }
    assert set(languages[np.isin(tokens, list(chinese))].tolist()) == {1}
    documents = np.cumsum(tokens == BOS_ID)
    assert all(len(set(languages[documents == d].tolist())) == 1 for d in range(1, 400))


@settings(max_examples=25, deadline=None)
@given(batch=st.integers(1, 9), length=st.integers(1, 300), step=st.integers(0, 40), steps=st.integers(1, 3))
def test_batches_seek_as_they_read_on(token_file, batch, length, step, steps):
    """Step k is the same from a seek, from reading on, from the stream and from the file, whatever the shape."""
    file = TokenFile(token_file)
    step %= max(1, NUM_TOKENS // (batch * length) - steps)
    flat = file.tokens(step * batch * length, steps * batch * length + 1)
    for source in (file, stream(1)):
        got = [array for array, _ in zip(batches(source, batch, length, step), range(steps), strict=False)]
        for index, array in enumerate(got):
            assert array.shape == (batch, length + 1) and array.dtype == np.uint16
            inputs = flat[index * batch * length : (index + 1) * batch * length].reshape(batch, length)
            targets = flat[index * batch * length + 1 : (index + 1) * batch * length + 1].reshape(batch, length)
            assert np.array_equal(array[:, :-1], inputs) and np.array_equal(array[:, 1:], targets)


def test_batches_own_their_memory():
    first = next(batches(stream(1), 2, 16))
    first[:] = 9
    assert not np.array_equal(next(batches(stream(1), 2, 16)), first)


def test_file_holds_the_stream(token_file):
    file = TokenFile(token_file, fingerprint(tokenizer()), check_payload=True)
    assert len(file) == NUM_TOKENS
    assert np.array_equal(file.tokens(0, NUM_TOKENS), stream(1).tokens(0, NUM_TOKENS))
    assert not [path for path in token_file.parent.iterdir() if path != token_file]  # no leftovers


def test_reading_past_the_end_says_how_to_get_more(token_file):
    with pytest.raises(
        ValueError,
        match=rf"train_1\.bin: holds {NUM_TOKENS} tokens, position {NUM_TOKENS + 1} .* raise corpus\.train_tokens",
    ):
        TokenFile(token_file).tokens(NUM_TOKENS, 1)


def _with_header(content: bytes, **changes) -> bytes:
    length = int.from_bytes(content[8:12], "little")
    header = json.loads(content[12 : 12 + length]) | changes
    head = json.dumps({key: value for key, value in header.items() if value is not None}).encode()
    return MAGIC + len(head).to_bytes(4, "little") + head + content[12 + length :]


def _flipped(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


DAMAGE = {
    "empty": (lambda content: b"", "empty"),
    "foreign": (lambda content: b"PK\x03\x04" + content, "not a token file of this project"),
    "stub": (lambda content: content[:10], "not a token file of this project"),
    "truncated": (lambda content: content[:-1000], "truncated: "),
    "longer": (lambda content: content + b"\0\0", "bytes where "),
    "cut in the header": (lambda content: content[:40], "header is damaged"),
    "header is no table": (lambda content: MAGIC + (2).to_bytes(4, "little") + b"[]" + content, "header is damaged"),
    "header is no text": (lambda content: content[:12] + b"\xff" * 8 + content[20:], "header is damaged"),
    "no length": (lambda content: _with_header(content, num_tokens=None), "field num_tokens"),
    "length is no number": (lambda content: _with_header(content, num_tokens="many"), "field num_tokens"),
    "negative length": (lambda content: _with_header(content, num_tokens=-4), "field num_tokens"),
    "no tokens": (
        lambda content: _with_header(content[: 12 + int.from_bytes(content[8:12], "little")], num_tokens=0),
        "field num_tokens",
    ),
    "no tokenizer": (lambda content: _with_header(content, tokenizer=None), "field tokenizer"),
    "other tokenizer": (lambda content: _with_header(content, tokenizer="0" * 64), "field tokenizer"),
    "no hash": (lambda content: _with_header(content, sha256=None), "field sha256"),
    "a token changed": (_flipped, "field sha256"),
}


def test_an_absent_file_and_a_folder_are_one_line(tmp_path):
    with pytest.raises(ValueError, match="no such file; build it with `python -m corpus`"):
        TokenFile(tmp_path / "train_0.bin")
    with pytest.raises(ValueError, match="is a folder, not a token file"):
        TokenFile(tmp_path)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_say_so_in_one_line(token_file, tmp_path, damage):
    change, complaint = DAMAGE[damage]
    path = tmp_path / "bad.bin"
    path.write_bytes(change(token_file.read_bytes()))
    with pytest.raises(ValueError) as caught:
        TokenFile(path, fingerprint(tokenizer()), check_payload=True)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and complaint in line and "python -m corpus" in line and "\n" not in line


def test_an_interrupted_write_leaves_no_file(tmp_path):
    class Broken:
        def tokens(self, start, count):
            if start:
                raise OSError(28, "No space left on device")
            return np.zeros(count, np.uint16)

    with pytest.raises(OSError):
        write_tokens(tmp_path / "train_0.bin", Broken(), 3 * CHUNK_TOKENS, {})
    assert not (tmp_path / "train_0.bin").exists()


def test_validation_file_round_trip(validation, tmp_path):
    path = tmp_path / "validation.bin"
    save_validation(path, validation, {"tokenizer": fingerprint(tokenizer())})
    read = load_validation(path, fingerprint(tokenizer()))
    for field in fields(validation):
        before, after = getattr(validation, field.name), getattr(read, field.name)
        assert before.dtype == after.dtype and np.array_equal(before, after), field.name
    assert read.tokens.shape == (24, 129) and read.language.shape == read.num_bytes.shape == (24, 128)


def test_validation_counts_the_bytes_of_its_text(validation):
    for tokens, sizes in zip(validation.tokens, validation.num_bytes, strict=True):
        text = tokenizer().decode([t for t in tokens[1:].tolist() if t != BOS_ID], skip_special_tokens=False)
        assert sizes.sum() == len(text.encode())
    assert (validation.num_bytes[validation.tokens[:, 1:] == BOS_ID] == 0).all()
    assert set(np.unique(validation.language)) == {0, 1}


@pytest.mark.parametrize("damage", ["a training file", "other shape", "no shape"])
def test_damaged_validation_files_say_so_in_one_line(validation, token_file, tmp_path, damage):
    path = tmp_path / "validation.bin"
    save_validation(path, validation, {"tokenizer": fingerprint(tokenizer())})
    changes = {"other shape": {"num_sequences": 23}, "no shape": {"sequence_length": None}}
    path.write_bytes(
        token_file.read_bytes() if damage == "a training file" else _with_header(path.read_bytes(), **changes[damage])
    )
    with pytest.raises(
        ValueError, match=r"validation\.bin: field (num_sequences|sequence_length).*python -m corpus"
    ) as caught:
        load_validation(path)
    assert "\n" not in str(caught.value)


def test_a_token_costs_a_few_steps_of_the_interpreter():
    """What decides the speed of the stream, counted instead of timed: a busy or slow machine counts the same. Eight
    times as many calls would be the 300,000 tokens a second of one core that a training needs."""
    source = stream(9)
    source.chunk(0)
    calls = Counter()
    sys.setprofile(lambda frame, event, argument: calls.update([event]))
    try:
        source.chunk(1)
    finally:
        sys.setprofile(None)
    assert 0.5 < (calls["call"] + calls["c_call"]) / CHUNK_TOKENS < 5, "2.3 calls a token are usual"


def test_memory_does_not_grow_with_what_was_read():
    """1e9 tokens are 15,000 chunks: what is kept after each must be nothing."""
    source = TokenStream(world(), mixture(), PieceEncoder(tokenizer()), 9)
    for index in range(3):
        source.tokens(index * CHUNK_TOKENS, CHUNK_TOKENS)
    gc.collect()
    tracemalloc.start()
    for index in range(3, 9):
        source.tokens(index * CHUNK_TOKENS, CHUNK_TOKENS)
    gc.collect()
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    one_chunk = 3 * CHUNK_TOKENS  # uint16 and int8
    assert kept < 2 * one_chunk + (1 << 18), f"{kept} bytes kept after six chunks"
    assert peak < 40 * one_chunk, f"{peak} bytes at the peak"
