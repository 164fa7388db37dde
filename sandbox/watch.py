"""When an attempt has had its time. Two clocks, neither of which runs faster or slower on a busy machine:

    processor time    of each process, as the kernel counts it
    time asleep       of the attempt: seconds in which none of its processes computed or waited for a processor

A program that waits because twelve others compute is not asleep. Its state and its time in the queue are read from
/proc; where /proc is not to be seen (no system that we know of), a process that uses no processor counts as asleep, and
it may sleep BLIND_FACTOR times as long.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass

BUSY_STATES = (b"R", b"D")  # running or in the queue; waiting for a disk (memory that was swapped out): proc(5), stat
MAX_LOOK_SECONDS = (
    0.25  # a longer time between two looks says that this process itself was held up; no more is counted as sleep
)
BLIND_FACTOR = 30
PATIENCE_SECONDS = 2.0  # for a process that is about to end to have ended


def shown_pid(proc: int | None) -> int:
    """This process's number in the /proc whose folder is open as `proc` (of another namespace, perhaps); 0 where it is
    not to be seen."""
    try:
        return int(os.readlink("self", dir_fd=proc)) if proc is not None else 0
    except (OSError, ValueError):
        return 0


class Watched:
    """A process under watch. pid is its number here, shown its number in /proc (0: unknown)."""

    def __init__(self, pid: int, shown: int, proc: int | None):
        self.pid, self._files = pid, {}
        for name in ("stat", "schedstat"):
            with contextlib.suppress(OSError):
                if shown and proc is not None:
                    self._files[name] = os.open(f"{shown}/{name}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)

    @property
    def is_visible(self) -> bool:
        """Whether /proc tells its state."""
        return "stat" in self._files

    def is_busy(self) -> bool:
        """Whether it computes, or would if it were given a processor."""
        try:
            status = os.pread(self._files["stat"], 4096, 0)
        except (KeyError, OSError):
            return False
        return status[status.rindex(b")") + 2 :][:1] in BUSY_STATES

    def cpu_seconds(self) -> float:
        """Processor time so far; 0 once it has ended."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)  # CPUCLOCK_SCHED of a process: linux/posix-timers.h
        except OSError:
            return 0.0

    def active_seconds(self) -> float:
        """Time spent on a processor or in the queue for one; where the kernel does not say, on a processor."""
        try:
            on_cpu, in_queue, _ = os.pread(self._files["schedstat"], 4096, 0).split()
            return (int(on_cpu) + int(in_queue)) * 1e-9
        except (KeyError, OSError, ValueError):
            return self.cpu_seconds()

    def end(self, is_ending: bool) -> "End":
        """Kills it and takes it away; one that is ending by itself (is_ending) gets the time to do so."""
        deadline, pid = time.monotonic() + PATIENCE_SECONDS * is_ending, 0
        while not pid:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if not pid and time.monotonic() >= deadline:
                os.kill(self.pid, signal.SIGKILL)
                _, status, usage = os.wait4(self.pid, 0)
                break
            time.sleep(0 if pid else 0.002)
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}
        killed_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        return End(usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10, killed_by, was_ours=not pid)


@dataclass(frozen=True)
class End:
    """How a process ended: its processor time, its largest memory, the signal that ended it (0: none), and whether that
    was ours."""

    cpu_seconds: float
    memory_bytes: int
    killed_by: int
    was_ours: bool


class Watch:
    """Over the processes of one attempt. limits: fields of sandbox.parent.Limits."""

    def __init__(self, limits: dict, proc: int | None):
        self._limits, self._proc = limits, proc
        self._watched: list[Watched] = []
        self._asleep, self._active, self._looked = 0.0, 0.0, time.monotonic()

    def add(self, pid: int, shown: int) -> None:
        """Takes a child of this process under watch."""
        self._watched.append(Watched(pid, shown, self._proc))

    def over(self) -> str:
        """Why the attempt has had its time, "" while it has not. To be called a few times a second."""
        now, active = time.monotonic(), sum(watched.active_seconds() for watched in self._watched)
        passed, worked = min(now - self._looked, MAX_LOOK_SECONDS), active - self._active
        self._looked, self._active = now, active
        # A list: each of them is to be looked at, since a look compares with the look before it.
        if not any([watched.is_busy() for watched in self._watched]):  # noqa: C419
            self._asleep += max(0.0, passed - max(0.0, worked))
        if any(watched.cpu_seconds() > self._limits["cpu_seconds"] for watched in self._watched):
            return self._out_of_processor_time()
        factor = 1 if all(watched.is_visible for watched in self._watched) else BLIND_FACTOR
        if self._asleep > factor * self._limits["wall_seconds"]:
            return f"timeout: asleep for {self._limits['wall_seconds']:g} s"
        return ""

    def _out_of_processor_time(self) -> str:
        return f"timeout: more than {self._limits['cpu_seconds']:g} s of processor time"

    def end(self, is_ending: bool) -> str:
        """Ends all processes; the verdict of their ends over whatever they said: more processor time than allowed,
        memory, a crash, or "".

        ProcessLookupError where one was killed from outside and not for its memory: nothing can be said of the
        program."""
        ends = [watched.end(is_ending) for watched in self._watched]
        self._watched = []
        if any(end.cpu_seconds > self._limits["cpu_seconds"] for end in ends):
            return self._out_of_processor_time()
        for end in ends:
            if end.was_ours or not end.killed_by:
                continue
            if end.killed_by != signal.SIGKILL:
                return f"failed: crashed ({signal.Signals(end.killed_by).name})"
            if end.memory_bytes < self._limits["memory_bytes"] // 4:
                raise ProcessLookupError("a process of the attempt was killed from outside")
            return "failed: killed for its memory"
        return ""
