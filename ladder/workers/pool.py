"""A pool of worker processes for a sweep: one process per job, one job per worker at a time, turn by turn, longest
first.

Each job gets a process of its own, forked from a server that has imported torch once, and its own pipe: a worker that
is killed can neither hold a lock that others wait for nor leave memory behind. A killed worker is named in one line and
its job started once more; a job that raises is reported and not started again, because it would raise again; the others
go on. Nothing is lost by a stop: what a job has finished lies on disk, and jobs know how to go on from there. Workers
end with their parent, whatever ended it, and hold the parent's lock until then.
"""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from files.atomic import explain
from files.lock import Lock
from ladder.workers.progress import Progress

JOIN_SECONDS = (
    60.0  # a worker that has reported its end, or is to save its state and stop, leaves within this time or is killed
)
SERVER_SECONDS = 1.0  # how often a worker looks whether its fork server lives
EXIT_STOPPED = 130
MAX_STARTS = 2  # a job whose worker was killed is started once more, then reported

JobFunction = Callable[[Any, Callable[[float], None], int], str]


@dataclass(frozen=True)
class Job:
    """One unit of work: `function(payload, report, slot)` runs in a worker; report(fraction done) may be called often.

    `cost` is in core-seconds (any unit, as long as it is one) and orders the jobs; `needs` names jobs that come first.
    `turn`: jobs of a smaller one are begun first, whatever they cost.
    """

    name: str
    cost: float
    function: JobFunction
    payload: Any
    needs: tuple[str, ...] = ()
    turn: int = 0


@dataclass
class Outcome:
    """What became of the jobs: texts returned by finished ones, one line per failed one; `skipped` needed a failed one.

    is_stopped: Ctrl-C, SIGTERM or the time limit came before the end."""

    finished: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    is_stopped: bool = False


@dataclass
class _Worker:
    job: Job
    process: multiprocessing.process.BaseProcess
    connection: Connection
    slot: int
    result: tuple[str, str] | None = None


def end_with_parent() -> None:
    """Have this worker process killed as soon as its parent has ended, with all its threads, also where the parent was
    killed.

    The parent alone holds the writing end of a pipe that multiprocessing gives to every worker; its end is seen here on
    every system, and nothing is missed where the parent ended before this call. (The signal that Linux can send on the
    death of a parent would come from the fork server, which lives as long as its workers do.) A worker whose fork
    server was killed ends as well, because the parent can no longer stop it: its job is started again."""
    parent, server = multiprocessing.parent_process(), os.getppid()
    assert parent is not None, "called in a worker process only"

    def watch() -> None:
        while not wait([parent.sentinel], SERVER_SECONDS) and os.getppid() == server:
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()


def _work(job: Job, connection: Connection, slot: int, lock: Lock | None) -> None:
    # The lock is not used here: this process holds it by having it, so that no later start begins while this one lives.
    end_with_parent()
    # Ctrl-C in a terminal reaches every worker: models.train saves its state and raises KeyboardInterrupt, as on
    # SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        text = job.function(job.payload, lambda fraction: connection.send(("progress", fraction)), slot)
        connection.send(("finished", text))
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(EXIT_STOPPED)  # the parent is gone or stops: what is on disk is where the next start goes on
    except OSError as error:
        connection.send(("failed", explain(error)))
    except ValueError as error:
        connection.send(("failed", str(error)))
    # The border of a process: whatever it was, the parent says it and goes on with the other jobs.
    except Exception as error:  # noqa: BLE001
        place = traceback.extract_tb(error.__traceback__)[-1]
        connection.send(
            ("failed", f"{type(error).__name__} in {place.filename}:{place.lineno}: {' '.join(str(error).split())}")
        )


def run_jobs(
    jobs: Iterable[Job],
    num_workers: int,
    progress: Progress,
    preload: tuple[str, ...] = (),
    deadline: float | None = None,
    on_finish: Callable[[str], None] = lambda name: None,
    lock: Lock | None = None,
) -> Outcome:
    """Run all jobs on `num_workers` processes; what each leaves behind is its own business, on_finish(name) is called
    here.

    preload: modules the fork server imports once, so that a start costs milliseconds instead of seconds.
    deadline: time.monotonic() at which all workers are stopped, as they are on Ctrl-C and SIGTERM.
    lock: of what the jobs write; every worker holds it as well, until it has ended."""
    # forkserver: a fork of this process would copy torch's threads in whatever state they are.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload])
    waiting = longest_first([*jobs])
    starts = {job.name: 0 for job in waiting}
    free, workers, outcome = list(range(num_workers))[::-1], [], Outcome()
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while (waiting or workers) and not outcome.is_stopped:
            _skip_orphans(waiting, outcome, progress)
            # The first job in line whose parents are finished; one that waits for its trunk does not hold up those
            # behind it.
            while free and (
                ready := next(
                    (
                        job
                        for job in waiting
                        if all(need in outcome.finished or need not in starts for need in job.needs)
                    ),
                    None,
                )
            ):
                waiting.remove(ready)
                starts[ready.name] += 1
                workers.append(_start(context, ready, free.pop(), lock))
            for worker in _listen(workers, progress):
                workers.remove(worker)
                free.append(worker.slot)
                # A worker that was killed (memory, a stray signal) goes to the head of the line once: its run resumes
                # from its state.
                if _conclude(worker, starts[worker.job.name], outcome, progress):
                    waiting.insert(0, worker.job)
                elif worker.job.name in outcome.finished:
                    on_finish(worker.job.name)
            # Only with work left: a deadline that passes as the last job ends is no stop.
            outcome.is_stopped = deadline is not None and time.monotonic() >= deadline and bool(waiting or workers)
    except KeyboardInterrupt:
        outcome.is_stopped = True
    finally:
        _stop(workers)
        signal.signal(signal.SIGTERM, previous)
    return outcome


def longest_first(jobs: list[Job]) -> list[Job]:
    """Jobs by turn, then by the cost of the costliest chain that begins with each: a parent counts with what must wait
    for it."""
    chains: dict[str, float] = {}

    def chain(job: Job) -> float:
        if job.name not in chains:
            chains[job.name] = job.cost + max((chain(other) for other in jobs if job.name in other.needs), default=0.0)
        return chains[job.name]

    return sorted(jobs, key=lambda job: (-job.turn, chain(job)), reverse=True)


def _skip_orphans(waiting: list[Job], outcome: Outcome, progress: Progress) -> None:
    lost = {*outcome.failed, *outcome.skipped}
    while orphan := next((job for job in waiting if lost.intersection(job.needs)), None):
        waiting.remove(orphan)
        lost.add(orphan.name)
        outcome.skipped.append(orphan.name)
        progress.line(f"{orphan.name}: left out, because {', '.join(orphan.needs)} failed")


def _start(context: Any, job: Job, slot: int, lock: Lock | None) -> _Worker:
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, sending, slot, lock), name=job.name, daemon=True)
    process.start()
    sending.close()
    return _Worker(job, process, receiving, slot)


def _listen(workers: list[_Worker], progress: Progress) -> list[_Worker]:
    """Wait for messages for up to a second; the workers that have ended, by message or by death."""
    ended = []
    heard = wait([worker.connection for worker in workers], timeout=1.0)
    for worker in workers:
        if worker.connection not in heard:
            continue
        try:
            kind, content = worker.connection.recv()
        except (EOFError, OSError):
            ended.append(worker)
            continue
        if kind == "progress":
            progress.update(worker.job.name, content)
        else:
            worker.result = (kind, content)
            ended.append(worker)
    progress.tick()
    return ended


def _conclude(worker: _Worker, num_starts: int, outcome: Outcome, progress: Progress) -> bool:
    """Book the end of a worker; True where its job is to be started again."""
    worker.process.join(JOIN_SECONDS)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.connection.close()
    name = worker.job.name
    if worker.result is None:
        death = f"{name}: its worker was killed ({_exit_text(worker.process.exitcode)})"
        if num_starts < MAX_STARTS:
            progress.line(f"{death}; started again from its last state")
            return True
        outcome.failed[name] = f"{death}, for the second time"
    elif worker.result[0] == "failed":
        outcome.failed[name] = f"{name}: {worker.result[1]}"
    else:
        outcome.finished[name] = worker.result[1]
        progress.finish(name, worker.result[1])
        return False
    progress.line(outcome.failed[name])
    return False


def _exit_text(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"{name}, perhaps for want of memory" if name == "SIGKILL" else name
    return f"exit code {exitcode}"


def _stop(workers: list[_Worker]) -> None:
    """End all workers: asked to at first, so that they save their state; killed where they take too long or Ctrl-C
    comes again."""
    try:
        for worker in workers:
            worker.process.terminate()
        deadline = time.monotonic() + JOIN_SECONDS
        for worker in workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for worker in workers:
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
