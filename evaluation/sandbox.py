"""Runs programs that a model wrote against hidden tests, so that they reach nothing and cannot forge a pass.

    with Sandbox() as sandbox:
        verdict = sandbox.run("def double(x):\n    return 2 * x\n", "def check(candidate):\n    assert candidate(4) == 8\n", "double")

A warm server (evaluation/sandbox_child.py) forks two processes for each attempt and kills both at its end: the candidate holds the program, the judge
the tests; plain data goes between them. The program may do with its own interpreter what it likes (frames, gc, sys.exit, atexit, monkeypatching): the
tests, the expected values and the verdict were never in its process. Both are limited in memory, processor time, files and processes, and a seccomp
allow-list refuses all calls but those of plain computing; user, process and network namespaces and an empty root are added where the system gives them.

What this cannot do: a function must take and return plain data (None, numbers, text, bytes, list, tuple, dict, set; subclasses become their base), so a
right program that returns an iterator or an object of its own fails, arguments are copies, and modules outside sandbox_child.MODULES cannot be imported.
A pass says that the answers to the calls were right, nothing of how they were found. The kernel is trusted; a hole in it is a hole here.
"""

import contextlib
import inspect
import json
import os
import queue
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from evaluation import sandbox_child, sandbox_filter, sandbox_values
from evaluation.sandbox_child import LENGTHS, MAX_VERDICT_BYTES
from evaluation.sandbox_values import LENGTH

REQUIRED = ("filter", "limits and session")  # without these nothing is run; the others ("namespaces", "empty root") are said in the verdict
START_SECONDS = 20.0
GRACE_SECONDS = 10.0  # beyond the server's own deadline before the server itself counts as dead
MAX_TEXT_BYTES = 1 << 20


class SandboxError(ValueError):
    """The sandbox itself cannot run or died twice at one attempt; one line. No attempt was counted."""


@dataclass(frozen=True)
class Limits:
    """Of each of the two processes of an attempt; wall_seconds of the attempt."""

    wall_seconds: float = 10.0
    cpu_seconds: int = 3
    memory_bytes: int = 1 << 29
    reply_bytes: int = 1 << 20

    def __post_init__(self):
        for name, value in asdict(self).items():
            if not value > 0:
                raise ValueError(f"Limits: {name} is {value}; give a positive number")


@dataclass(frozen=True)
class Verdict:
    """Outcome of one attempt. `layers` says which protections held while it ran."""

    passed: bool
    reason: str
    seconds: float
    layers: dict[str, bool]


def child_source() -> str:
    """The program of the server: two files in one text, as its interpreter finds no module of ours."""
    name = sandbox_values.__name__
    return (f"import sys, types\nsys.modules[{name!r}] = types.ModuleType({name!r})\n"
            f"exec({inspect.getsource(sandbox_values)!r}, sys.modules[{name!r}].__dict__)\n{inspect.getsource(sandbox_child)}")


class Sandbox:
    """One server. Attempts run one after another; for several at once see run_all. SandboxError where too few layers hold on this machine."""

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()
        self.layers: dict[str, bool] = {}
        self.num_restarts = 0
        self._process: subprocess.Popen | None = None
        self._start()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Kills the server and all that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                stream.close()
            self._process = None

    def run(self, program: str, tests: str, entry_point: str) -> Verdict:
        """Runs `program`, then check(candidate) of `tests` with its function `entry_point`.

        A server that dies is started again and the attempt repeated once; SandboxError where it dies again."""
        began = time.monotonic()
        texts = [json.dumps([text, entry_point]).encode() for text in (program, tests)]
        if max(map(len, texts)) > MAX_TEXT_BYTES:
            return Verdict(False, f"failed: the text is longer than {MAX_TEXT_BYTES} bytes", 0.0, self.layers)
        message = LENGTHS.pack(*map(len, texts)) + b"".join(texts)
        for is_last in (False, True):
            if self._process is None:
                self._start()
            try:
                deadline = time.monotonic() + self.limits.wall_seconds + GRACE_SECONDS
                self._write(message, deadline)
                passed, reason = self._read(deadline)
                return Verdict(passed is True, str(reason), time.monotonic() - began, self.layers)
            except (EOFError, OSError, ValueError) as error:
                self.close()
                self.num_restarts += 1
                if is_last:
                    raise SandboxError(f"the sandbox died twice at one attempt ({type(error).__name__}); nothing was counted for it, "
                                       "free memory or raise Limits.wall_seconds and go on") from error
        raise AssertionError("unreachable")

    def passes(self, program: str, tests: str, entry_point: str) -> bool:
        """True where the program passes: the runner of tasks.real_passes."""
        return self.run(program, tests, entry_point).passed

    def _start(self) -> None:
        try:
            code = sandbox_filter.filter_program()
        except ValueError as error:
            raise SandboxError(str(error)) from error
        settings = json.dumps({"limits": asdict(self.limits), "filter": code.hex()}).encode()
        command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", child_source()]
        self._process = subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd=os.sep,
                                         start_new_session=True)
        os.set_blocking(self._process.stdin.fileno(), False)
        try:
            self._write(LENGTH.pack(len(settings)) + settings, time.monotonic() + START_SECONDS)
            self.layers = dict(self._read(time.monotonic() + START_SECONDS))
        except (EOFError, OSError, ValueError) as error:
            self.close()
            raise SandboxError(f"the sandbox did not start ({type(error).__name__}); its interpreter {sys.executable} ended at once or is held up") from error
        missing = [name for name in REQUIRED if not self.layers.get(name)]
        if missing:
            self.close()
            raise SandboxError(f"the sandbox does not hold on this machine (missing: {', '.join(missing)}); no program is run, use a Linux with seccomp")

    def _write(self, data: bytes, deadline: float) -> None:
        view, descriptor = memoryview(data), self._process.stdin.fileno()
        while view:
            if not select.select([], [descriptor], [], max(0.0, deadline - time.monotonic()))[1]:
                raise EOFError("the server takes nothing")
            view = view[os.write(descriptor, view):]

    def _read(self, deadline: float) -> object:
        """The next message of the server. EOFError where it ended or is late, ValueError where it is too long."""
        (length,) = LENGTH.unpack(self._read_exact(LENGTH.size, deadline))
        if length > MAX_VERDICT_BYTES:
            raise ValueError(f"message of {length} bytes")
        return json.loads(self._read_exact(length, deadline))

    def _read_exact(self, num_bytes: int, deadline: float) -> bytes:
        parts, descriptor = b"", self._process.stdout.fileno()
        while len(parts) < num_bytes:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise EOFError("the server is late")
            part = os.read(descriptor, num_bytes - len(parts))
            if not part:
                raise EOFError("the server ended")
            parts += part
        return parts


def run_all(jobs: Iterable[tuple[str, str, str]], num_workers: int, limits: Limits | None = None) -> list[Verdict]:
    """Verdicts of (program, tests, entry_point) jobs in their order, `num_workers` at a time, each worker with a server of its own.

    ValueError for num_workers below 1; SandboxError as Sandbox."""
    if num_workers < 1:
        raise ValueError(f"num_workers is {num_workers}; give at least 1")
    with contextlib.ExitStack() as stack:
        idle: queue.SimpleQueue[Sandbox] = queue.SimpleQueue()
        for _ in range(num_workers):
            idle.put(stack.enter_context(Sandbox(limits)))

        def run(job: tuple[str, str, str]) -> Verdict:
            sandbox = idle.get()
            try:
                return sandbox.run(*job)
            finally:
                idle.put(sandbox)

        with ThreadPoolExecutor(num_workers) as pool:
            return list(pool.map(run, jobs))
