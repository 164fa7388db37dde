"""A lock that vanishes with the processes that hold it, so that two starts of one work never write the same files.

The operating system holds it (flock), not the presence of a file: what a killed process leaves behind is no obstacle.
The file says who holds the lock, for the one line that a second start prints. Handed on to a worker process, the lock
stays held until that worker has ended as well: a start after the death of a parent never meets an orphan that still
writes.
"""

import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import lock_descriptor, unlock_descriptor

ORPHAN_SECONDS = (
    60.0  # workers of a killed parent end at once; a step that they are in may take its time on a busy machine
)
POLL_SECONDS = 0.05


class Busy(ValueError):
    """Another process holds the lock; the message is one line that says who."""


class Lock:
    """A held lock. As an argument of a worker process it is held by that process too."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def __reduce__(self) -> tuple:
        from multiprocessing.reduction import DupFd

        return _received, (DupFd(self.descriptor),)


def _received(duplicate) -> Lock:
    return Lock(duplicate.detach())


@contextmanager
def exclusive(path: Path, work: str) -> Iterator[Lock]:
    """Hold the lock file `path` during the block. `work` names in the message of `Busy` what another process is busy
    with.

    Busy where another process holds it. OSError that names the file where it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path, work)
    try:
        about = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "command": _command(),
            "since": datetime.now().astimezone().isoformat(" ", "seconds"),
        }
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(about).encode(), 0)
        yield Lock(descriptor)
    finally:
        with suppress(OSError):
            path.unlink()
        unlock_descriptor(descriptor)
        os.close(descriptor)


def _acquire(path: Path, work: str) -> int:
    """Descriptor of the locked file."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            is_locked = lock_descriptor(descriptor, blocking=False)
            # The holder before us may have removed the file after we opened it: that lock would guard nothing.
            if is_locked and _is_at(descriptor, path):
                return descriptor
            holder = {} if is_locked else _holder(descriptor)
            is_over = not holder or (holder["host"] == socket.gethostname() and not _is_alive(holder["pid"]))
            if not is_locked and (not is_over or time.monotonic() >= deadline):
                raise Busy(_line(work, holder, is_over))
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        time.sleep(POLL_SECONDS)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> dict:
    """What the holder says about itself; empty where it has not yet, or where the file holds something else."""
    try:
        found = json.loads(os.pread(descriptor, 1 << 16, 0))
        return {
            "pid": int(found["pid"]),
            **{name: " ".join(str(found[name]).split()) for name in ("host", "command", "since")},
        }
    except (ValueError, KeyError, TypeError):
        return {}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # alive, and somebody else's
    return True


def _command() -> str:
    """How this process was started, for people."""
    return shlex.join(["python", *sys.orig_argv[1:]])[:200]


def _line(work: str, holder: dict, is_over: bool) -> str:
    if not holder:
        return f"{work} is in use by another process; start again when that has ended, nothing was changed"
    who = f"process {holder['pid']} on {holder['host']} (`{holder['command']}`, since {holder['since']})"
    if is_over:
        return (
            f"{work} is still in use by a worker of {who}, which has ended itself; stop that worker and start again,"
            " nothing was changed"
        )
    return f"{work} is in use by {who}; start again when that has ended, nothing was changed"
