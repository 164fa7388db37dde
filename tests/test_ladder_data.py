"""What workers read: frozen file and live stream are the same tokens, and a wrong data folder is one clear line."""

import json
import shutil

import numpy as np
import pytest

from corpus.stream import TokenStream
from corpus.token_file import TokenFile
from ladder.data import Data
from tests import tiny_ladder


@pytest.fixture
def folder(tmp_path):
    """A copy of the data folder, to spoil."""
    return shutil.copytree(tiny_ladder.data_folder(), tmp_path / "data")


def test_frozen_file_and_live_stream_give_the_same_tokens(folder):
    data = Data(tiny_ladder.profile(), folder)
    frozen, live = data.source(0, 1000), data.source(0, 10**9)
    assert isinstance(frozen, TokenFile) and isinstance(live, TokenStream)
    assert np.array_equal(frozen.tokens(60_000, 10_000), live.tokens(60_000, 10_000))


def test_batches_seek(folder):
    batches = Data(tiny_ladder.profile(), folder).batches(0, 50_000)
    first = batches(0)
    skipped = [next(first) for _ in range(6)]
    assert np.array_equal(skipped[5], next(batches(5)))
    assert not np.array_equal(skipped[0], skipped[5])


def test_stream_hash_depends_on_the_seed(folder):
    data = Data(tiny_ladder.profile(), folder)
    assert data.stream_hash(0) == data.stream_hash(0) != data.stream_hash(1)


def spoil_world(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"world_seed": 99}))


SPOILS = {
    "absent": (
        lambda folder: (folder / "manifest.json").unlink(),
        "manifest.json: no such file; build it with `python -m corpus --profile tiny`",
    ),
    "damaged": (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json: damaged"),
    "other world": (spoil_world, "manifest.json: field world_seed is 99, profile tiny says 0"),
    "truncated stream": (
        lambda folder: (folder / "train_0.bin").write_bytes((folder / "train_0.bin").read_bytes()[:-9]),
        "train_0.bin: truncated",
    ),
    "empty stream": (lambda folder: (folder / "train_0.bin").write_bytes(b""), "train_0.bin: empty"),
}


@pytest.mark.parametrize("case", SPOILS)
def test_a_wrong_data_folder_is_one_clear_line(folder, case):
    change, expected = SPOILS[case]
    change(folder)
    data = Data(tiny_ladder.profile(), folder)
    with pytest.raises(ValueError) as caught:
        assert data.manifest
        data.source(0, 1000)
    assert expected in str(caught.value) and "\n" not in str(caught.value)
