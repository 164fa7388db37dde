"""Fetching over HTTP from a server of this test: what is assembled must be the pinned content, or is not written."""

import dataclasses
import functools
import hashlib
import http.server
import threading

import pytest

from experiments.public import __main__ as command
from public_tables.assemble import olmo_ladder
from public_tables.sources import SOURCES
from public_tables.table import content
from tests.test_public_tables_assemble import upstream

PATHS = ("a b/peteish7_eval_full.csv",)


@pytest.fixture
def mirror(tmp_path):
    """A server of files under owner/name/revision/path."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def source(tmp_path, monkeypatch):
    """The OLMo source cut down to one file, which the server has."""
    raw = upstream(_step=[5000, 10000], **{"throughput/total_training_Gflops": 1.0, "optim/learning_rate_group0": 0.1})
    cut = dataclasses.replace(
        SOURCES["olmo"], paths=PATHS, sha256=hashlib.sha256(olmo_ladder({PATHS[0]: raw})).hexdigest()
    )
    for module in (command, command.pinned_content.__globals__):
        sources = module["SOURCES"] if isinstance(module, dict) else module.SOURCES
        monkeypatch.setitem(sources, "olmo", cut)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    served = tmp_path / "served" / cut.repository / cut.revision / PATHS[0]
    served.parent.mkdir(parents=True)
    served.write_bytes(raw)
    return cut, served, tmp_path / command.FOLDER / cut.file


def test_a_table_is_fetched_and_then_known(source, mirror, capsys):
    cut, _, written = source
    command.fetch(["olmo"], mirror)
    assert hashlib.sha256(content(written)).hexdigest() == cut.sha256
    before = written.stat().st_mtime_ns
    command.fetch(["olmo"], mirror)
    assert written.stat().st_mtime_ns == before and "here, as pinned" in capsys.readouterr().out


def test_other_content_is_not_written(source, mirror):
    _, served, written = source
    served.write_bytes(served.read_bytes().replace(b"3.1234567", b"3.2234567"))
    with pytest.raises(ValueError, match="assembled content has sha256"):
        command.fetch(["olmo"], mirror)
    assert not written.exists()


def test_what_cannot_be_had_names_address_and_remedy(source, mirror):
    source[1].unlink()
    with pytest.raises(ValueError, match="cannot be downloaded.*PUBLIC_DATA") as caught:
        command.fetch(["olmo"], mirror)
    assert "\n" not in str(caught.value) and "a%20b" in str(caught.value)
    with pytest.raises(ValueError, match="ladder7: no public table"):
        command.fetch(["ladder7"], mirror)


def test_the_list_says_what_is_here(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PUBLIC_DATA", str(tmp_path))
    command.list_sources()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(SOURCES) and all(line.endswith("; absent") for line in lines)
