"""Progress: fractions weighted by cost, time left from what this start has won, plain lines seldom."""

import io

import pytest

from ladder.workers import progress as sweep_progress
from ladder.workers.progress import Progress, duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = [0.0]
    monkeypatch.setattr(sweep_progress.time, "monotonic", lambda: now[0])
    return now


def test_fraction_is_weighted_by_cost(clock):
    progress = Progress("t", {"long": 90.0, "short": 10.0}, io.StringIO())
    progress.finish("short", "")
    assert progress.fraction == pytest.approx(0.1)
    progress.update("long", 0.5)
    assert progress.fraction == pytest.approx(0.55)


def test_time_left_counts_only_what_this_start_has_won(clock):
    progress = Progress("t", {"resumed": 100.0}, io.StringIO())
    assert progress.seconds_left() is None
    progress.update("resumed", 0.8)
    clock[0] = 10.0
    progress.update("resumed", 0.9)
    assert progress.seconds_left() == pytest.approx(10.0)


def test_plain_lines_come_at_most_every_ten_seconds(clock):
    stream = io.StringIO()
    with Progress("smoke", {"a": 1.0}, stream) as progress:
        for second in range(35):
            clock[0] = float(second)
            progress.update("a", second / 40)
            progress.tick()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3 and lines[0].startswith("smoke: 25 %, 0 of 1 done, ")


def test_quiet_progress_says_nothing_but_lines(clock):
    stream = io.StringIO()
    progress = Progress("t", {"a": 1.0}, stream, is_quiet=True)
    clock[0] = 60.0
    progress.tick()
    progress.line("a worker died")
    assert stream.getvalue() == "a worker died\n"


def test_durations_are_for_people():
    assert [duration(seconds) for seconds in (42, 600, 9000)] == ["42 s", "10 min", "2.5 h"]
