"""Progress over all jobs of a sweep: a bar with ETA in a terminal, plain lines elsewhere, at most one per ten
seconds."""

import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

PLAIN_SECONDS = 10.0


def duration(seconds: float) -> str:
    """A time for people: 42 s, 7 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Progress:
    """Fraction of the cost done and the time left, estimated from what this start has done so far.

    costs: core-seconds of each job that is to be done; is_quiet: only `line` speaks. Use as a context manager."""

    def __init__(self, title: str, costs: dict[str, float], stream: TextIO = sys.stdout, is_quiet: bool = False):
        self._title, self._costs, self._stream, self._is_quiet = title, costs, stream, is_quiet
        self._done = dict.fromkeys(costs, 0.0)
        self._first: dict[str, float] = {}
        self._num_finished = 0
        self._started = self._last_plain = time.monotonic()
        self._console = Console(file=stream)
        self._bar = (
            RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=self._console,
            )
            if self._console.is_terminal and not is_quiet
            else None
        )

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=1.0, left="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, name: str, fraction: float) -> None:
        """Job `name` stands at `fraction`; the first report of a resumed job counts as where it started."""
        self._first.setdefault(name, fraction)
        self._done[name] = fraction

    def finish(self, name: str, text: str) -> None:
        """Job `name` is done; `text` is what it has to say, one line."""
        self._first.setdefault(name, 0.0)
        self._done[name] = 1.0
        self._num_finished += 1
        if self._bar:
            self.line(f"{name}: {text}")

    def line(self, text: str) -> None:
        """Say something now."""
        if self._bar:
            self._bar.console.print(text, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    @property
    def fraction(self) -> float:
        """Share of the whole cost that is done."""
        total = sum(self._costs.values())
        return sum(cost * self._done[name] for name, cost in self._costs.items()) / total if total else 1.0

    def seconds_left(self) -> float | None:
        """Time left at the pace of this start; None before anything has moved."""
        total = sum(self._costs.values())
        won = sum(self._costs[name] * (self._done[name] - first) for name, first in self._first.items())
        elapsed = time.monotonic() - self._started
        return (1.0 - self.fraction) * total * elapsed / won if won > 0 else None

    def tick(self) -> None:
        """Redraw; called about once a second."""
        left = self.seconds_left()
        text = f"{self._num_finished} of {len(self._costs)} done, " + (
            f"{duration(left)} left" if left is not None else "estimating"
        )
        if self._bar:
            self._bar.update(self._task, completed=self.fraction, left=text)
        elif not self._is_quiet and time.monotonic() - self._last_plain >= PLAIN_SECONDS:
            self._last_plain = time.monotonic()
            self.line(f"{self._title}: {100 * self.fraction:.0f} %, {text}")
