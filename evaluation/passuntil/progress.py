"""Who measures a table of pass rates, one process at a time, and how far it is: a bar with the time left in a terminal,
plain lines elsewhere, at most one per ten seconds."""

import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from files.atomic import remove_leftovers_of
from files.lock import exclusive

PLAIN_SECONDS = 10.0


def rough_duration(seconds: float) -> str:
    """A time for people: 42 s, 7 min, 2.5 h, 3 days."""
    for limit, unit, digits, name in ((90, 1, 0, "s"), (5400, 60, 0, "min"), (172_800, 3600, 1, "h")):
        if seconds < limit:
            return f"{seconds / unit:.{digits}f} {name}"
    return f"{seconds / 86_400:,.0f} days"


class OnlyWriter:
    """The right to write one table and its state. From now to `end` SIGTERM is heard as Ctrl-C is, so that the state is
    kept."""

    def __init__(self, out: Path, state: Path):
        self._out, self._state, self._stack = out, state, ExitStack()
        if threading.current_thread() is threading.main_thread():
            self._stack.callback(
                signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.default_int_handler)
            )

    def begin(self) -> None:
        """Take it, and remove what killed writers left unfinished. ValueError in one line where another process has it,
        or has written the table meanwhile."""
        self._stack.enter_context(exclusive(self._out.with_name(f".{self._out.name}.lock"), f"--out {self._out}"))
        if self._out.exists():
            raise ValueError(f"--out {self._out} exists already, another process has just written it; name another")
        for path in (self._out, self._state):
            remove_leftovers_of(path)

    def end(self) -> None:
        """Give it up; also where it was never taken."""
        self._stack.close()


class PassProgress:
    """Items done of `num_items`, `num_before` of them before this start. Use as a context manager."""

    def __init__(self, title: str, num_items: int, num_before: int, stream: TextIO = sys.stdout):
        self._title, self._num_items, self._before, self._stream = title, num_items, num_before, stream
        self._began = self._last_plain = time.monotonic()
        console = Console(file=stream)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._bar = Progress(*columns, console=console) if console.is_terminal else None

    def __enter__(self) -> "PassProgress":
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._num_items, left="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, num_done: int, fraction: float) -> None:
        """`num_done` items are done and `fraction` of the next one."""
        done = num_done + min(1.0, fraction)
        won, now = done - self._before, time.monotonic()
        left = (
            f"{rough_duration((self._num_items - done) * (now - self._began) / won)} left" if won > 0 else "estimating"
        )
        text = f"{num_done} of {self._num_items} items, {left}"
        if self._bar:
            self._bar.update(self._task, completed=done, left=text)
        elif now - self._last_plain >= PLAIN_SECONDS:
            self._last_plain = now
            print(f"{self._title}: {text}", file=self._stream, flush=True)
