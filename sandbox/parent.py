"""Runs programs that a model wrote against hidden tests, so that they reach nothing and cannot forge a pass.

    with Sandbox() as sandbox:
        tests = "def check(candidate):\n    assert candidate(4) == 8\n"
        verdict = sandbox.run("def double(x):\n    return 2 * x\n", tests, "double")

A warm server (sandbox/child.py) forks two processes for each attempt and kills both at its end: the
candidate holds the program, the judge the tests; plain data goes between them. The program may do with its own
interpreter what it likes (frames, gc, sys.exit, atexit, monkeypatching): the tests, the expected values and the verdict
were never in its process. Both are limited in memory, processor time, files and processes, have no capability, and a
seccomp allow-list refuses all calls but those of plain computing; user, process and network namespaces and an empty
root are added where the system gives them. No process outlives the sandbox or the process that made it, however that
ends.

The same program gets the same verdict on a busy machine and from another server: its time is processor time, and only
time in which it neither computes nor waits for a processor counts as sleep (sandbox/watch.py); hashes of
text, module random, the time zone and, where the system allows it, the addresses of what was there before the program
are the same in every attempt. Still drawn anew: clocks, process ids, addresses of a program's own objects (they depend
on the attempts before), os.urandom and what draws from it (secrets, uuid4, random.SystemRandom, an unseeded
random.Random()).

What this cannot do: a function must take and return plain data (sandbox/values.py: None, numbers, text,
bytes, containers, dates, fractions, iterators that end; subclasses become their base), so a right program that returns
an object of its own fails, and modules outside sandbox_child.MODULES cannot be imported. A pass says that the answers
to the calls were right, nothing of how they were found. The kernel is trusted; a hole in it is a hole here. Linux only;
on another system the first Sandbox() says so in one line.
"""

import contextlib
import functools
import importlib.util
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from sandbox import filter
from sandbox.pipe import read_message, write_all
from sandbox.values import LENGTH, LENGTHS, one_line

# Modules that stand in the server's program, in the order of their imports. Read as text: they need Linux.
INSIDE = ("sandbox.values", "sandbox.proxy", "sandbox.watch", "sandbox.lockdown")
SERVER = "sandbox.child"
# Without these nothing is run; the others ("namespaces", "empty root", "same addresses") are said in the verdict.
REQUIRED = ("filter", "limits and session", "no capabilities")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "TZ": "UTC"}
START_SECONDS = 180.0  # minutes, as the machine may be busy; a server that ends is seen at once
GRACE_SECONDS = 180.0  # without a sign of life from the server before it counts as dead
MAX_TEXT_BYTES = 1 << 20


class SandboxError(ValueError):
    """The sandbox itself cannot run, died twice at one attempt or was closed during it; one line. No attempt was
    counted."""


@dataclass(frozen=True)
class Limits:
    """cpu_seconds and memory_bytes: of each of the two processes of an attempt. wall_seconds: of the attempt, counted
    only while neither of them computes or waits for a processor (sleep), so that a busy machine ends nothing.
    reply_bytes: of one answer."""

    wall_seconds: float = 10.0
    cpu_seconds: float = 3
    memory_bytes: int = 1 << 29
    reply_bytes: int = 1 << 20

    def __post_init__(self):
        for name, value in asdict(self).items():
            if not value > 0:
                raise ValueError(f"Limits: {name} is {value}; give a positive number")


@dataclass(frozen=True)
class Verdict:
    """Outcome of one attempt. `reason` is one line of printable ASCII: "passed", "failed: ...", or "timeout: ..." where
    the program slept or computed too long. `layers` says which protections held while it ran."""

    passed: bool
    reason: str
    seconds: float
    layers: dict[str, bool]


def _source(name: str) -> str:
    return importlib.util.find_spec(name).loader.get_source(name)


@functools.cache
def child_source() -> str:
    """The program of the server: several files in one text, as its interpreter finds no module of ours."""
    modules = [
        f"sys.modules[{name!r}] = types.ModuleType({name!r})\nexec({_source(name)!r}, sys.modules[{name!r}].__dict__)\n"
        for name in INSIDE
    ]
    return "".join(["import sys, types\n", *modules, _source(SERVER)])


def _kill(process: subprocess.Popen, owner: int) -> None:
    """Kills the server and all that it started: they are one process group. Only the process that started it may."""
    if os.getpid() == owner and process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Sandbox:
    """One server. Attempts run one after another, whichever thread asks; for several at once see run_all.

    Leaving the with block, close(), garbage collection and the end of this process end all that the sandbox started. In
    a process forked from the one that made it, it starts a server of its own. SandboxError where too few layers hold on
    this machine."""

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()
        self.layers: dict[str, bool] = {}
        self.num_restarts = 0
        self._process: subprocess.Popen | None = None
        self._end, self._owner, self._num_closed, self._lock = None, os.getpid(), 0, threading.RLock()
        self._start()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Kills the server and all that it started; an attempt that another thread waits for ends in SandboxError."""
        self._num_closed += 1
        if (process := self._process) is not None and self._owner == os.getpid():
            _kill(process, self._owner)
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                self._end()  # kills; once and no more, and not in a forked process
                for stream in (process.stdin, process.stdout):
                    stream.close()

    def run(self, program: str, tests: str, entry_point: str) -> Verdict:
        """Runs `program`, then check(candidate) of `tests` with its function `entry_point`.

        A server that dies is started again and the attempt repeated once; SandboxError where it dies again."""
        began = time.monotonic()
        texts = [json.dumps([text, entry_point]).encode() for text in (program, tests)]
        if max(map(len, texts)) > MAX_TEXT_BYTES:
            return Verdict(False, f"failed: the text is longer than {MAX_TEXT_BYTES} bytes", 0.0, self.layers)
        message = LENGTHS.pack(*map(len, texts)) + b"".join(texts)
        if self._owner != os.getpid():  # forked: the server and the lock belong to the process that made them
            self._owner, self._process, self._lock = os.getpid(), None, threading.RLock()
        with self._lock:
            for is_last in (False, True):
                num_closed = self._num_closed
                try:
                    if self._process is None:
                        self._start()
                    self._write(message, GRACE_SECONDS)
                    passed, reason = self._read(GRACE_SECONDS)
                    return Verdict(passed is True, one_line(str(reason)), time.monotonic() - began, self.layers)
                except SandboxError:
                    raise
                except (EOFError, OSError, ValueError, TypeError) as error:
                    self._drop()
                    if self._num_closed > num_closed:
                        raise SandboxError(
                            "the sandbox was closed during an attempt; nothing was counted for it"
                        ) from error
                    self.num_restarts += 1
                    if is_last:
                        raise SandboxError(
                            f"the sandbox died twice at one attempt ({type(error).__name__}); "
                            "nothing was counted for it, free memory and go on"
                        ) from error
                except BaseException:  # Ctrl-C: the answer to this attempt must not become that to the next
                    self._drop()
                    raise
        raise AssertionError("unreachable")

    def passes(self, program: str, tests: str, entry_point: str) -> bool:
        """True where the program passes: the runner of tasks.real.passes."""
        return self.run(program, tests, entry_point).passed

    def _start(self) -> None:
        try:
            code = filter.filter_program()
        except ValueError as error:
            raise SandboxError(str(error)) from error
        settings = json.dumps({"limits": asdict(self.limits), "filter": code.hex()}).encode()
        # -P, -s and an environment of our own do what -I does, but let the hash seed be given.
        command = [sys.executable, "-P", "-s", "-S", "-B", "-X", "utf8", "-c", child_source()]
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd=os.sep,
            start_new_session=True,
        )
        self._end = weakref.finalize(self, _kill, self._process, self._owner)
        os.set_blocking(self._process.stdin.fileno(), False)
        num_closed = self._num_closed
        try:
            self._write(LENGTH.pack(len(settings)) + settings, START_SECONDS)
            self.layers = dict(self._read(START_SECONDS))
        except (EOFError, OSError, ValueError, TypeError) as error:
            self._drop()
            if self._num_closed > num_closed:
                raise SandboxError("the sandbox was closed while it started") from error
            raise SandboxError(
                f"the sandbox did not start ({type(error).__name__}); "
                f"its interpreter {sys.executable} ended at once or is held up"
            ) from error
        except BaseException:
            self._drop()
            raise
        missing = [name for name in REQUIRED if not self.layers.get(name)]
        if missing:
            self._drop()
            raise SandboxError(
                f"the sandbox does not hold on this machine (missing: {', '.join(missing)}); no program is run, "
                "use a Linux with seccomp"
            )

    def _write(self, data: bytes, patience: float) -> None:
        write_all(self._process.stdin.fileno(), data, patience)

    def _read(self, patience: float) -> object:
        return read_message(self._process.stdout.fileno(), patience)


def run_all(jobs: Iterable[tuple[str, str, str]], num_workers: int, limits: Limits | None = None) -> list[Verdict]:
    """Verdicts of (program, tests, entry_point) jobs in their order, `num_workers` at a time, each worker with a server
    of its own.

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
