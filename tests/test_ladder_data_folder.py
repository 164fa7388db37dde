"""Data are built where absent, and are those that git knows, or the difference is one line."""

import json
import shutil
from dataclasses import replace

import pytest
import yaml

from ladder import data_folder
from ladder.data_folder import file_hashes, folder_hash, live_stream_hashes, require_data
from profiles.paths import PINNED_DATA, ROOT, Paths
from tests import tiny_ladder


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """A copy of the tiny data, which is built as such where it is absent."""
    paths = tiny_ladder.paths(tmp_path)
    paths.data.unlink()
    shutil.copytree(tiny_ladder.data_folder(), paths.data)
    monkeypatch.setattr(data_folder, "load_profile", lambda name: tiny_ladder.profile())
    monkeypatch.setattr(data_folder, "data_plan", lambda name: {})
    monkeypatch.setattr(
        data_folder, "build", lambda out: shutil.copytree(tiny_ladder.data_folder(), out, dirs_exist_ok=True)
    )
    return paths


def test_hashes_are_written_once_and_compared_then(paths):
    assert require_data(paths).endswith("their hashes stand in results/tiny/data.json")
    kept = json.loads(paths.data_hashes.read_text())
    assert {name: digest for name, digest in kept.items() if not name.startswith("stream")} == file_hashes(paths.data)
    assert f"{len(kept)} files as in results/tiny/data.json" in require_data(paths)


def test_another_file_is_one_line_that_names_it(paths):
    require_data(paths)
    (paths.data / "items" / "maths.jsonl").write_text("{}\n")
    with pytest.raises(
        ValueError, match=r"1 files are not those of results/tiny/data.json \(items/maths.jsonl\)"
    ) as caught:
        require_data(paths)
    assert "\n" not in str(caught.value)
    assert "built" in require_data(paths, anew=True) and "as in" in require_data(paths)


def test_absent_data_are_built(paths):
    require_data(paths)
    shutil.rmtree(paths.data)
    assert "built, " in require_data(paths)


def test_streams_that_no_file_holds_are_known_by_their_beginning(paths):
    assert live_stream_hashes(paths) == {}
    (paths.data / "train_0.bin").unlink()
    hashes = live_stream_hashes(paths)
    data = replace(tiny_ladder.open_ladder(tiny_ladder.profile(), paths)).data(tiny_ladder.LONG)
    assert hashes == {"stream loss, seed 0": {"first_chunk": data.stream_hash(0)}}


def test_the_committed_hashes_are_those_that_data_dvc_pins():
    (pinned,) = yaml.safe_load((ROOT / "data.dvc").read_text(encoding="utf-8"))["outs"]
    stored = json.loads(Paths(PINNED_DATA).data_hashes.read_text(encoding="utf-8"))
    assert folder_hash(stored) == {name: pinned[name] for name in ("md5", "size", "nfiles")}
