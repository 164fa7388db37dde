"""What runs inside the sandbox: a fork server, and for every attempt a candidate and a judge. Standard library only:
started as `python -P -s -S -c` with this source and that of the modules named in sandbox.parent.INSIDE, which is
all of the project that it can see. Linux only.

The candidate holds the model's program and answers calls with plain data. The judge holds the tests and calls the
program through a pipe. The two are processes of their own: no test, no expected value and no verdict was ever in the
memory of the candidate, and the pipe of the verdict is not open in it. The server forks both before their texts are
read, so that nothing of one attempt is left for the next. It never runs a line of either text. Nobody outlives anybody:
children die with the server, by the kernel's hand, and the server ends when the process that started it has ended.
"""

import builtins
import contextlib
import ctypes
import errno
import gc
import json
import os
import random
import select
import signal
import sys
import time
import types

try:
    import fcntl
except ModuleNotFoundError:  # not Linux: sandbox_filter refuses to start there, in one line
    fcntl = None

from sandbox.lockdown import (
    PR_SET_PDEATHSIG,
    FilterProgram,
    drop_capabilities,
    empty_root,
    fix_addresses,
    isolate,
    lock,
)
from sandbox.proxy import Proxy, answer, describe
from sandbox.values import LENGTHS, MAX_NAME, MAX_VERDICT_BYTES, encode, one_line, read_exact, receive, send
from sandbox.watch import Watch, shown_pid

# Loaded before the first fork, as nothing can be opened later. What is not here cannot be imported by a program. These
# are the modules that compute; the filter holds whatever is loaded, but those that only reach out (socket, subprocess,
# asyncio) could do nothing here.
MODULES = (
    "__future__ _strptime abc argparse array ast base64 binascii bisect builtins calendar cmath codecs collections "
    "collections.abc colorsys configparser contextlib contextvars copy copyreg csv dataclasses datetime decimal "
    "difflib dis doctest enum errno fnmatch fractions functools gc getopt gettext graphlib gzip hashlib heapq hmac "
    "html html.entities html.parser inspect io ipaddress itertools json keyword linecache locale logging marshal math "
    "numbers operator optparse os.path pathlib pickle platform pprint queue quopri random re reprlib sched secrets "
    "shlex signal statistics string stringprep struct symtable tempfile textwrap threading time timeit token tokenize "
    "tomllib traceback types typing unicodedata unittest urllib.parse uuid warnings weakref xml.etree.ElementTree "
    "zipfile zlib "
).split()
# Not in every Python: built without a library, or of some versions only.
OPTIONAL_MODULES = "_pydatetime _pydecimal _pylong annotationlib bz2 lzma string.templatelib zoneinfo".split()
ENCODINGS = (
    "ascii base64_codec big5 charmap cp1250 cp1251 cp1252 cp437 cp850 euc_jp euc_kr gb18030 gb2312 gbk hex_codec idna "
    "iso8859_1 iso8859_15 koi8_r latin_1 mac_roman punycode quopri_codec raw_unicode_escape rot_13 shift_jis "
    "unicode_escape utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le utf_7 utf_8 utf_8_sig zlib_codec "
).split()
RANDOM_SEED = 0  # of module random in every attempt
LOOK_SECONDS, BEAT_SECONDS = 0.05, 1.0


def keep_only(*descriptors: int) -> None:
    """Standard streams lead nowhere, the given descriptors become 3, 4, ..., all others are closed."""
    nowhere = SERVER["nowhere"]
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 100) for descriptor in (nowhere, nowhere, nowhere, *descriptors)]
    for place, descriptor in enumerate(moved):
        os.dup2(descriptor, place)
    os.closerange(len(moved), 1024)


def take_text(name: str, num_bytes: int, ready: int, *descriptors: int) -> tuple[str, dict, str]:
    """(text, namespace to run it in, entry point) of this child, which is locked when this returns and holds only
    `descriptors`, from 3 on."""
    text, entry_point = json.loads(read_exact(0, num_bytes))
    shown = shown_pid(SERVER["proc"])
    keep_only(*descriptors, ready)
    last = 3 + len(descriptors)
    os.write(last, b"%d\n" % shown)
    os.close(last)
    random.seed(RANDOM_SEED)
    module = sys.modules[name] = types.ModuleType(name)  # dataclasses, typing and others look their module up
    module.__builtins__ = builtins
    lock(SERVER["libc"], SERVER["filter"], SERVER["limits"], last)
    return text, vars(module), entry_point


def run_candidate(num_bytes: int, ready: int, calls: int, replies: int) -> None:
    """Reads the program, locks, runs it, then answers calls until the judge is done."""
    text, namespace, entry_point = take_text("candidate", num_bytes, ready, calls, replies)
    function = None
    try:
        exec(compile(text, "<candidate>", "exec", dont_inherit=True), namespace)
        function = namespace[entry_point]
        said = ["value", encode(None), None]
    except BaseException as error:  # whatever a program raises, SystemExit too, is its failure
        said = ["error", describe(error), None]
    send(4, said)
    while function is not None:
        send(4, answer(function, receive(3, 1 << 30)))


def run_judge(num_bytes: int, ready: int, calls: int, replies: int, verdict: int) -> None:
    """Reads the tests, locks, runs check(candidate), writes [passed, reason]."""
    text, namespace, entry_point = take_text("judge", num_bytes, ready, calls, replies, verdict)
    proxy, reason = Proxy(3, 4, SERVER["limits"]["reply_bytes"], namespace), ""
    try:
        exec(compile(text, "<tests>", "exec", dont_inherit=True), namespace)
        proxy.reply()  # the program itself ran to its end
        namespace[entry_point] = proxy  # some tests call the function by its name
        namespace["check"](proxy)
    except BaseException as error:
        said = ""
        with contextlib.suppress(BaseException):  # the text of an exception is code of the tests
            said = one_line(str(error)[:MAX_NAME])
        reason = f"failed: {one_line(type(error).__name__, MAX_NAME)} {said}".strip()
    reason = f"failed: {proxy.broken}" if proxy.broken else reason
    send(5, [not reason, reason or "passed"])


def forked(function, *arguments) -> int:
    """Runs function in a child that ends with it, whatever happens there, and with this process; its process id."""
    server = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        SERVER["libc"].prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == server:  # else it died before its death could have been signalled
            function(*arguments)
    except BaseException:  # a child may never come back into the server's code
        os._exit(2)
    os._exit(0)


def beat() -> None:
    """Ends this process where the one that started the sandbox has ended; tells it about once a second that this one
    has not."""
    owner, now = SERVER["owner"], time.monotonic()
    if owner is not None and select.select([owner], [], [], 0)[0]:
        os._exit(0)  # what it started dies with it
    if now - SERVER["beat"] >= BEAT_SECONDS:
        SERVER["beat"] = now
        send(1, None)


def waited(descriptor: int, watch: Watch | None = None) -> str:
    """Returns once there is something to read, or the end: "". With a watch, why the attempt is over before that."""
    while not select.select([descriptor], [], [], LOOK_SECONDS)[0]:
        beat()
        if watch is not None and (reason := watch.over()):
            return reason
    return ""


def attempt(num_candidate: int, num_judge: int) -> list:
    """[passed, reason] of the attempt whose two texts follow on standard input; both processes are gone when this
    returns."""
    (calls, call), (reply, replies), (outcome, verdict) = (os.pipe() for _ in range(3))
    watch, is_ending = Watch(SERVER["limits"], SERVER["proc"]), False
    try:
        for function, num_bytes, descriptors in (
            (run_candidate, num_candidate, (calls, replies)),
            (run_judge, num_judge, (call, reply, verdict)),
        ):
            is_ready, ready = os.pipe()
            child = forked(function, num_bytes, ready, *descriptors)
            os.close(ready)
            waited(is_ready)
            shown = os.read(is_ready, 32)
            os.close(is_ready)
            if not shown:
                raise RuntimeError("a text was not taken over")  # our own code: the server cannot go on
            watch.add(child, int(shown))
        for descriptor in (calls, replies, call, reply, verdict):
            os.close(descriptor)
        if reason := waited(outcome, watch):
            result = [False, reason]
        else:
            passed, reason = receive(outcome, MAX_VERDICT_BYTES)
            result = [passed is True, reason]
            is_ending = passed is not True and "ended before" in str(reason)
    except EOFError:
        result, is_ending = [False, "failed: the tests ended without a verdict"], True
    over = watch.end(is_ending)
    os.close(outcome)
    return [False, over] if over else result


def probe(report: int) -> None:
    """Tries, locked as every program is, what a program may not do; reports what was tried and what was refused with
    EPERM."""
    keep_only(report)
    libc, server, empty = SERVER["libc"], os.getppid(), (ctypes.c_char_p * 1)()
    page = ctypes.c_void_p(id(empty) & ~4095)
    lock(libc, SERVER["filter"], SERVER["limits"], 4)
    tries = {
        "open": lambda: libc.open(b"/", 0),
        "socket": lambda: libc.socket(1, 1, 0),
        "fork": libc.fork,
        "kill": lambda: libc.kill(server, 0),
        "exec": lambda: libc.execve(b"/", empty, empty),
        "ptrace": lambda: libc.ptrace(0, 0, None, None),
        "session": libc.setsid,
        "limits": lambda: libc.getpriority(0, server),
        "executable memory": lambda: libc.mprotect(page, 4096, 7),
        "merged memory": lambda: libc.madvise(page, 4096, 12),
        "process controls": lambda: libc.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0),
    }
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
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(report)


# limits, libc, filter; descriptors: nowhere, proc (or None), owner (or None); beat: time of the last sign of life
SERVER: dict = {}


def serve(settings: dict) -> None:
    """Answers attempts until standard input or the owner ends. The first message names the layers and whether they hold
    here."""
    code, libc = bytes.fromhex(settings["filter"]), ctypes.CDLL(None, use_errno=True)
    held = ctypes.create_string_buffer(code, len(code))
    SERVER.update(
        limits=settings["limits"],
        libc=libc,
        held=held,
        beat=time.monotonic(),
        proc=None,
        owner=None,
        filter=ctypes.byref(FilterProgram(len(code) // 8, ctypes.addressof(held))),
        nowhere=os.open(os.devnull, os.O_RDWR),
    )
    with contextlib.suppress(OSError):
        SERVER["proc"] = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    with contextlib.suppress(OSError, AttributeError):  # where there is no such call the end of standard input must do
        SERVER["owner"] = os.pidfd_open(os.getppid())
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")  # where memory runs out, a program of the sandbox goes before all else
    layers = {"same addresses": settings.get("same addresses", False), "namespaces": isolate(libc)}
    for name in [*MODULES, *OPTIONAL_MODULES, *(f"encodings.{name}" for name in ENCODINGS)]:
        try:
            __import__(name)
        except ImportError:
            if name in MODULES:
                raise
    os.environ.clear()
    layers |= {"empty root": empty_root(), "no capabilities": drop_capabilities(libc)} | probed()
    gc.collect()
    gc.freeze()
    send(1, layers)
    while True:
        select.select([0, *filter(None, [SERVER["owner"]])], [], [])
        beat()
        try:
            lengths = read_exact(0, LENGTHS.size)
        except EOFError:
            return
        send(1, attempt(*LENGTHS.unpack(lengths)))


if __name__ == "__main__":
    has_same_addresses = fix_addresses(ctypes.CDLL(None, use_errno=True))
    serve(receive(0, 1 << 16) | {"same addresses": has_same_addresses})
