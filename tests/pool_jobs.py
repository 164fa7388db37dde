"""Jobs for the tests of the pool; in a file of their own because worker processes import them by name."""

import os
import signal
import threading
import time
from pathlib import Path


def write(payload, report, slot):
    """Leave a mark and say which slot worked."""
    Path(payload).write_text(str(slot))
    report(1.0)
    return f"slot {slot}"


def fail(payload, report, slot):
    """An error a user could have caused."""
    raise ValueError("run.yaml: field x is wrong; repair it")


def kill_once(payload, report, slot):
    """Killed at the first start, fine at the second."""
    mark = Path(payload)
    if not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


def kill_always(payload, report, slot):
    """Killed at every start."""
    with open(payload, "a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


def fill_disk(payload, report, slot):
    """A full disk."""
    raise OSError(28, "No space left on device", "x.safetensors")


def sleep(payload, report, slot):
    """Long enough to be stopped; the mark says that it has begun."""
    Path(payload).write_text(str(os.getpid()))
    while True:
        report(0.1)
        time.sleep(0.05)


def refuse_to_stop(payload, report, slot):
    """Deaf to SIGTERM; the mark says that it has begun, a second line that it was asked."""
    mark = Path(payload)

    def note(*_):
        with open(mark, "a") as file:
            file.write("asked\n")

    signal.signal(signal.SIGTERM, note)
    mark.write_text(f"{os.getpid()}\n")
    while True:
        signal.pause()


def count_without_end(payload, report, slot):
    """Busy in compiled code, in a thread of its own too; the mark says that it has begun."""
    import numpy as np

    def work():
        matrix = np.ones((300, 300))
        while True:
            matrix = matrix @ matrix / 300.0

    threading.Thread(target=work).start()
    Path(payload).write_text(f"{os.getpid()}\n")
    work()


def sleep_in_executor(mark):
    """A job of a ProcessPoolExecutor."""
    sleep(mark, lambda fraction: None, 0)


def train_and_be_killed_once(payload, report, slot):
    """Trains, killed at the 25th step of the first start; the mark holds how far the second start was when it first
    spoke."""
    from ladder import training

    training.REPORT_SECONDS = 0.0
    *trained, mark = payload
    fractions = []

    def report_or_die(fraction):
        fractions.append(fraction)
        if not mark.exists() and len(fractions) == 25:
            mark.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)

    text = training.train_run(tuple(trained), report_or_die, slot)
    mark.write_text(str(fractions[0]))
    return text


def measure_and_be_killed_once(payload, report, slot):
    """Measures pass rates, killed behind the third row of the first start; the mark holds the number of rows that the
    second one measured."""
    from ladder.measurements.pass_rates import measure_job

    *measured, mark = payload
    fractions = []

    def report_or_die(fraction):
        fractions.append(fraction)
        if not mark.exists() and len(fractions) == 3:
            mark.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)

    text = measure_job(tuple(measured), report_or_die, slot)
    mark.write_text(str(len(fractions)))
    return text
