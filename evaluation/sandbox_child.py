"""What runs inside the sandbox: a fork server, and for every attempt a candidate and a judge. Standard library only: started as
`python -I -S -c` with this source and that of evaluation/sandbox_values.py, which is all of the project that it can see.

The candidate holds the model's program and answers calls with plain data. The judge holds the tests and calls the program through a pipe. The two are
processes of their own: no test, no expected value and no verdict was ever in the memory of the candidate, and the pipe of the verdict is not open in it.
The server forks both before their texts are read, so that nothing of one attempt is left for the next. It never runs a line of either text.
"""

import builtins
import ctypes
import errno
import gc
import json
import os
import select
import signal
import struct
import sys
import time

try:
    import fcntl
    import resource
except ModuleNotFoundError:  # not Linux: sandbox_filter refuses to start there, in one line
    fcntl = resource = None

from evaluation.sandbox_values import MAX_NAME, Proxy, decode, encode, read_exact, receive, send

# Loaded before the first fork, as nothing can be opened later. What is not here cannot be imported by a program.
MODULES = ("_strptime abc array bisect calendar cmath collections collections.abc contextlib copy dataclasses datetime decimal enum fractions functools "
           "hashlib heapq io itertools keyword math numbers operator pprint queue random re statistics string struct textwrap time traceback types typing "
           "unicodedata encodings.ascii encodings.latin_1 encodings.utf_16 encodings.utf_32").split()
NEW_IPC, NEW_UTS, NEW_USER, NEW_PID, NEW_NET = 0x08000000, 0x04000000, 0x10000000, 0x20000000, 0x40000000  # linux/sched.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 38, 22
LENGTHS = struct.Struct("=II")
MAX_VERDICT_BYTES = 4096


class FilterProgram(ctypes.Structure):
    """struct sock_fprog: number of instructions and their place."""

    _fields_ = [("num_instructions", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def keep_only(*descriptors: int) -> None:
    """Standard streams lead nowhere, the given descriptors become 3, 4, ..., all others are closed."""
    nowhere = SERVER["nowhere"]
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 100) for descriptor in (nowhere, nowhere, nowhere, *descriptors)]
    for place, descriptor in enumerate(moved):
        os.dup2(descriptor, place)
    os.closerange(len(moved), 1024)


def lock(limits: dict, num_descriptors: int) -> None:
    """Own session, limits, then the filter: from here on this process can compute, talk on its descriptors, and end."""
    os.setsid()
    libc = SERVER["libc"]
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for name, value in (("AS", limits["memory_bytes"]), ("CPU", limits["cpu_seconds"]), ("FSIZE", 0), ("CORE", 0), ("NPROC", 0), ("MEMLOCK", 0),
                        ("MSGQUEUE", 0), ("NOFILE", num_descriptors)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, 2, SERVER["filter"], 0, 0):
        os._exit(3)
    for name in ("ctypes", "_ctypes", "fcntl", "resource", "select"):  # tidiness only: the layers above hold without it
        sys.modules.pop(name, None)


def run_candidate(limits: dict, num_bytes: int, ready: int, calls: int, replies: int) -> None:
    """Reads the program, locks, runs it, then answers calls until the judge is done."""
    text, entry_point = json.loads(read_exact(0, num_bytes))
    keep_only(calls, replies, ready)
    os.write(5, b".")
    os.close(5)
    lock(limits, 5)
    namespace: dict = {"__name__": "candidate", "__builtins__": builtins}
    try:
        exec(compile(text, "<candidate>", "exec", dont_inherit=True), namespace)
        function = namespace[entry_point]
        answer = ["value", encode(None)]
    except BaseException as error:  # whatever a program raises, SystemExit too, is its failure
        function, answer = None, ["error", type(error).__name__]
    send(4, answer)
    while function is not None:
        arguments, named = map(decode, receive(3, 1 << 30))
        try:
            answer = ["value", encode(function(*arguments, **named))]
        except BaseException as error:
            answer = ["error", type(error).__name__]
        send(4, answer)


def run_judge(limits: dict, num_bytes: int, calls: int, replies: int, verdict: int) -> None:
    """Reads the tests, locks, runs check(candidate), writes [passed, reason]."""
    text, entry_point = json.loads(read_exact(0, num_bytes))
    keep_only(calls, replies, verdict)
    lock(limits, 6)
    proxy, reason = Proxy(3, 4, limits["reply_bytes"]), ""
    try:
        namespace: dict = {"__name__": "judge", "__builtins__": builtins}
        exec(compile(text, "<tests>", "exec", dont_inherit=True), namespace)
        proxy.reply()  # the program itself ran to its end
        namespace[entry_point] = proxy  # some tests call the function by its name
        namespace["check"](proxy)
    except BaseException as error:
        reason = f"failed: {type(error).__name__} {str(error)[:MAX_NAME]}".strip()
    reason = f"failed: {proxy.broken}" if proxy.broken else reason
    send(5, [not reason, reason or "passed"])


def forked(function, *arguments) -> int:
    """Runs function in a child that ends with it, whatever happens there; its process id."""
    child = os.fork()
    if child:
        return child
    try:
        function(*arguments)
    except BaseException:  # a child may never come back into the server's code
        os._exit(2)
    os._exit(0)


def waited(descriptor: int, deadline: float) -> bool:
    """True once there is something to read, or the end."""
    return bool(select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0])


def ended(child: int) -> None:
    """Kills a child and takes it away. It has no children: it could not fork."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def attempt(limits: dict, num_candidate: int, num_judge: int) -> list:
    """[passed, reason] of the attempt whose two texts follow on standard input; both processes are gone when this returns."""
    deadline = time.monotonic() + limits["wall_seconds"]
    pipes = [os.pipe() for _ in range(4)]
    (calls, call), (reply, replies), (is_ready, ready), (outcome, verdict) = pipes
    open_ones = {descriptor for pair in pipes for descriptor in pair}
    children = [forked(run_candidate, limits, num_candidate, ready, calls, replies)]
    for descriptor in (ready, calls, replies):
        os.close(descriptor)
    open_ones -= {ready, calls, replies}
    try:
        if not waited(is_ready, deadline + 5) or not os.read(is_ready, 1):
            raise RuntimeError("the program was not taken over")  # our own code: the server cannot go on
        children.append(forked(run_judge, limits, num_judge, call, reply, verdict))
        os.close(verdict)
        open_ones.remove(verdict)
        if not waited(outcome, deadline):
            return [False, "timeout"]
        passed, reason = receive(outcome, MAX_VERDICT_BYTES)
        return [passed is True, reason]
    except EOFError:
        return [False, "failed: the tests ended without a verdict (memory, processor time, or a crash)"]
    finally:
        for child in children:
            ended(child)
        for descriptor in open_ones:
            os.close(descriptor)


def probe(report: int) -> None:
    """Tries, locked as every program is, what a program may not do; reports what was tried, what was refused with EPERM, and which limits stand."""
    keep_only(report)
    libc, server, empty = SERVER["libc"], os.getppid(), (ctypes.c_char_p * 1)()
    lock(SERVER["limits"], 4)
    tries = {"open": lambda: libc.open(b"/", 0), "socket": lambda: libc.socket(1, 1, 0), "fork": libc.fork, "kill": lambda: libc.kill(server, 0),
             "exec": lambda: libc.execve(b"/", empty, empty), "ptrace": lambda: libc.ptrace(0, 0, None, None), "session": libc.setsid,
             "limits": lambda: libc.getpriority(0, server), "executable memory": lambda: libc.mprotect(ctypes.c_void_p(id(tries) & ~4095), 4096, 7)}
    refused = []
    for name, call in tries.items():
        ctypes.set_errno(0)
        if call() == -1 and ctypes.get_errno() == errno.EPERM:
            refused.append(name)
    send(3, [sorted(tries), sorted(refused)])


def probed() -> dict[str, bool]:
    """Layer -> whether a locked child found it to hold."""
    report, result = os.pipe()
    child = forked(probe, result)
    os.close(result)
    try:
        tried, refused = receive(report, MAX_VERDICT_BYTES)
        return {"filter": tried == refused, "limits and session": True}  # lock() ends a child that cannot be limited
    except EOFError:
        return {"filter": False, "limits and session": False}
    finally:
        ended(child)
        os.close(report)


def isolate() -> dict[str, bool]:
    """Namespaces of its own, without network and without sight of other processes, where the system gives them; returns in their first process."""
    is_apart = SERVER["libc"].unshare(NEW_USER | NEW_PID | NEW_NET | NEW_IPC | NEW_UTS) == 0
    if is_apart:
        child = os.fork()
        if child:  # waits outside; the end of either process ends the other
            _, status = os.waitpid(child, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        SERVER["libc"].prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return {"namespaces": is_apart}


def empty_root() -> bool:
    """Moves the root to a folder without files, where the system allows it."""
    try:
        os.chroot("/proc/self/fdinfo")
        os.chdir("/")
    except OSError:
        return False
    return True


SERVER: dict = {}


def serve(settings: dict) -> None:
    """Answers attempts until standard input ends. The first message names the layers and whether they hold here."""
    SERVER.update(limits=settings["limits"], nowhere=os.open(os.devnull, os.O_RDWR), libc=ctypes.CDLL(None, use_errno=True))
    code = bytes.fromhex(settings["filter"])
    held = ctypes.create_string_buffer(code, len(code))
    SERVER["filter"] = ctypes.byref(FilterProgram(len(code) // 8, ctypes.addressof(held)))
    SERVER["held"] = held
    layers = isolate()
    for name in MODULES:
        __import__(name)
    layers |= {"empty root": empty_root()} | probed()
    gc.collect()
    gc.freeze()
    send(1, layers)
    while True:
        try:
            lengths = read_exact(0, LENGTHS.size)
        except EOFError:
            return
        send(1, attempt(settings["limits"], *LENGTHS.unpack(lengths)))


if __name__ == "__main__":
    serve(receive(0, 1 << 16))
