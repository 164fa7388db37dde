"""Starts Python programs that use the sandbox, where namespaces are given and where they are refused, and looks for
processes that they leave."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 240.0  # on a busy machine; what is waited for usually takes a tenth of a second

# As the default seccomp profile of containers does: unshare fails with EPERM. What is started from here inherits it.
REFUSE_NAMESPACES = """
import ctypes, platform, struct
number = {"x86_64": 272, "aarch64": 97}[platform.machine()]
lines = (0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x00050001), (6, 0, 0, 0x7FFF0000)
code = b"".join(struct.pack("=HBBI", *line) for line in lines)
held = ctypes.create_string_buffer(code, len(code))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None)
assert not libc.prctl(38, 1, 0, 0, 0) and not libc.prctl(22, 2, ctypes.byref(Program(4, ctypes.addressof(held))), 0, 0)
"""
# As a system with user.max_user_namespaces = 0 does: unshare fails with ENOSPC. The number is that of a namespace of
# our own.
NO_NAMESPACES_LEFT = [
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
    "sh",
]


def start(source: str, refuses_namespaces: bool = False, before: list[str] | None = None) -> subprocess.Popen:
    """A Python process at the root of the project, in a session of its own; `before` stands in front of its command."""
    text = (REFUSE_NAMESPACES if refuses_namespaces else "") + source
    return subprocess.Popen(
        [*(before or []), sys.executable, "-c", text],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def processes() -> dict[int, tuple[int, str, str]]:
    """Number -> (number of its parent, state, starting time) of every process that has not ended."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue
            if fields[0] not in "ZX":
                found[int(folder.name)] = (int(fields[1]), fields[0], fields[19])
    return found


def descendants(pid: int) -> set[tuple[int, str]]:
    """(number, starting time) of all that a process started and that has not ended, without itself."""
    found, listed = {pid}, processes()
    while more := {child for child, (parent, _, _) in listed.items() if parent in found} - found:
        found |= more
    return {(child, listed[child][2]) for child in found - {pid}}


def alive(started: set[tuple[int, str]]) -> set[int]:
    """Those of `started` that have not ended."""
    listed = processes()
    return {pid for pid, since in started if pid in listed and listed[pid][2] == since}


def wait_until(condition, patience: float = PATIENCE_SECONDS) -> bool:
    """Whether condition() held within `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def said(process: subprocess.Popen) -> str:
    """The next line that a process of `start` printed; AssertionError where none came."""
    line, descriptor = b"", process.stdout.fileno()
    while not line.endswith(b"\n"):
        assert select.select([descriptor], [], [], PATIENCE_SECONDS)[0], "nothing was said"
        part = os.read(descriptor, 1)  # no more, so that nothing waits in a buffer that select does not see
        assert part, f"it ended: {process.stderr.read()}"
        line += part
    return line.decode().rstrip("\n")
