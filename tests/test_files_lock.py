"""The lock: one holder, named to the next one, gone with its process, held by workers as well. Real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from files import lock
from files.lock import Busy, exclusive
from tests.tiny_command import LIMIT_SECONDS, wait_for

ROOT = Path(__file__).resolve().parent.parent
HOLDER = """
import sys, time
from pathlib import Path
from files.lock import exclusive
with exclusive(Path(sys.argv[1]), "the thing"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen:
    """A process that holds the lock until its stdin is closed, or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_refused_in_one_line_that_names_the_first(tmp_path):
    path = tmp_path / "folder" / ".lock"
    with holder(path) as first:
        with pytest.raises(Busy) as caught, exclusive(path, "profile x"):
            raise AssertionError("held twice")
        line = str(caught.value)
        assert (
            line.startswith(f"profile x is in use by process {first.pid} on {socket.gethostname()} (`python -c ")
            and ", since 20" in line
        )
        assert "\n" not in line and line.endswith("start again when that has ended, nothing was changed")
        first.stdin.close()
        first.wait()
    assert list(path.parent.iterdir()) == [], "nothing is left behind"
    with exclusive(path, "profile x"):
        assert json.loads(path.read_bytes())["pid"] == os.getpid()


def test_what_a_killed_holder_leaves_is_no_obstacle(tmp_path):
    path = tmp_path / ".lock"
    with holder(path) as first:
        first.kill()
        first.wait()
    assert path.exists()
    with exclusive(path, "profile x"):
        pass
    for content in (b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"):
        path.write_bytes(content)
        with exclusive(path, "profile x"):
            pass


def test_the_same_process_cannot_take_it_twice(tmp_path):
    with exclusive(tmp_path / ".lock", "x"), pytest.raises(Busy), exclusive(tmp_path / ".lock", "x"):
        pass


def test_two_locks_are_two(tmp_path):
    with exclusive(tmp_path / "a" / ".lock", "a"), exclusive(tmp_path / "b" / ".lock", "b"):
        pass


def test_a_file_that_was_removed_while_it_was_awaited_guards_nothing(tmp_path, monkeypatch):
    """Between opening and locking, the holder before us removes the file and somebody else makes it anew."""
    path, calls, real = tmp_path / ".lock", [], lock.lock_descriptor

    def replaced_at_first(descriptor, blocking):
        if not calls:
            path.unlink()
            path.write_bytes(b"")
        calls.append(real(descriptor, blocking=blocking))
        return calls[-1]

    monkeypatch.setattr(lock, "lock_descriptor", replaced_at_first)
    with exclusive(path, "x"):
        assert calls == [True, True] and json.loads(path.read_bytes())["pid"] == os.getpid()


ORPHAN = """
import multiprocessing, os, sys
from pathlib import Path
from files.lock import exclusive
from tests.test_files_lock import report_and_wait

if __name__ == "__main__":
    with exclusive(Path(sys.argv[1]), "the thing") as held:
        worker = multiprocessing.get_context("spawn").Process(target=report_and_wait, args=(held, sys.argv[2]))
        worker.start()
        worker.join()
"""


def report_and_wait(held, mark):
    """Worker: alive until it is killed."""
    Path(mark).write_text(f"{os.getpid()}\n")
    signal.pause()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_holds_the_lock_of_its_killed_parent(tmp_path, monkeypatch):
    path, mark = tmp_path / ".lock", tmp_path / "mark"
    script = tmp_path / "orphan.py"
    script.write_text(ORPHAN)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(script), str(path), str(mark)], cwd=ROOT, env=environment)
    wait_for(lambda: mark.exists() and mark.read_text().endswith("\n"))
    parent.kill()
    parent.wait(LIMIT_SECONDS)
    worker = int(mark.read_text())
    monkeypatch.setattr(lock, "ORPHAN_SECONDS", 0.0)
    with (
        pytest.raises(Busy, match=f"still in use by a worker of process {parent.pid} on .*, which has ended itself"),
        exclusive(path, "x"),
    ):
        pass
    monkeypatch.setattr(lock, "ORPHAN_SECONDS", LIMIT_SECONDS)
    os.kill(worker, signal.SIGKILL)
    with exclusive(path, "x"):
        pass


def test_it_waits_for_the_workers_of_a_killed_parent(tmp_path, monkeypatch):
    """The file names a process that has ended, and the lock is held: the next start waits until it is free."""
    path, naps = tmp_path / ".lock", []
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    with holder(path) as first:
        path.write_text(
            json.dumps(
                {"pid": int(ended.stdout), "host": socket.gethostname(), "command": "python -m x", "since": "now"}
            )
        )

        def nap(seconds):
            naps.append(seconds)
            if len(naps) == 3:
                first.kill()
                first.wait()

        monkeypatch.setattr(lock.time, "sleep", nap)
        monkeypatch.setattr(lock, "ORPHAN_SECONDS", LIMIT_SECONDS)
        with exclusive(path, "x"):
            assert len(naps) >= 3


def test_a_place_that_cannot_be_written_is_an_error_that_names_it():
    with pytest.raises(OSError, match="/proc") as caught, exclusive(Path("/proc/.lock"), "x"):
        pass
    assert not isinstance(caught.value, Busy)
