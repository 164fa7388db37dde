"""Programs that try to leave the sandbox, to exhaust it, or to forge a pass. Each returns "escaped" where it got what
it wanted.

Those of FORGERIES do not know what the tests want: a pass of one would be forged. Raw calls go around Python through
the C library that the server used.
"""

import platform
import tempfile

from sandbox.filter import AARCH64, X86_64

RAW = """
import sys
def server():
    frame = sys._getframe()
    while "SERVER" not in frame.f_globals:
        frame = frame.f_back
    return frame.f_globals
libc = server()["SERVER"]["libc"]
"""
BODY = "def f():\n    {}\n    return 'escaped'\n"


def _body(line: str, prelude: str = "") -> str:
    return prelude + BODY.format(line.replace("\n", "\n    "))


def _refused(call: str) -> str:
    """A raw call that must give -1."""
    return RAW + f"def f():\n    return 'escaped' if {call} != -1 else 'refused'\n"


TEMPORARY = tempfile.gettempdir()
KEYCTL, BPF, PERF, USERFAULTFD, FUTEX = (
    (250, 321, 298, 323, 202) if platform.machine() == "x86_64" else (219, 280, 241, 282, 98)
)
# Every number that is no listed call, with arguments that do nothing where one should pass: each must fail with EPERM.
EVERY_CALL = (
    RAW
    + """
import errno
listed = {LISTED}
def f():
    def is_refused(n):
        return libc.syscall(n, -1, -1, -1, -1, -1, -1) == -1 and ctypes_errno() == errno.EPERM
    passed = [n for n in range(1024) if n not in listed and not is_refused(n)]
    return 'escaped' if passed else 'refused'
ctypes_errno = server()["ctypes"].get_errno
"""
)


def _madvise(advice: int) -> str:
    """Advice on memory of its own must be refused: 100 and 101 take pages from the machine, 12 compares them with those
    of others."""
    return (
        RAW
        + f"held = bytearray(1 << 20)\ndef f():\n    return 'escaped' if libc.madvise(id(held) & ~4095, 4096, {advice})"
        " != -1 else 'refused'\n"
    )


ESCAPES = {
    "read /etc/passwd": _body("open('/etc/passwd').read()"),
    "read own memory map": _body("open('/proc/self/maps').read()"),
    "list the root": _body("import os; os.listdir('/')"),
    "read the environment": _body("import os; assert set(os.environ) - {'LC_CTYPE'}"),
    "write a temporary file": _body(f"open('{TEMPORARY}/escaped', 'w').write('x')"),
    "make a link": _body(f"import os; os.symlink('/etc/passwd', '{TEMPORARY}/link')"),
    "make a folder": _body(f"import os; os.mkdir('{TEMPORARY}/folder')"),
    "open through io": _body("import io; io.FileIO('/etc/hostname').read()"),
    "open through posix": _body("import posix; posix.open('/etc/hostname', 0)"),
    "socket": _body("import socket; socket.create_connection(('127.0.0.1', 22), 1)"),
    "subprocess": _body("import subprocess; subprocess.run(['ls'])"),
    "os.system": _body("import os; assert os.system('true') == 0"),
    "fork": _body("import os; os.fork()"),
    "exec": _body("import posix; posix.execv('/bin/true', ['true'])"),
    "thread": _body("import _thread, time; _thread.start_new_thread(time.sleep, (1,))"),
    "signal to parent": _body("import os, signal; os.kill(os.getppid(), signal.SIGKILL)"),
    "signal to all": _body("import os, signal; os.kill(-1, signal.SIGKILL)"),
    "stop itself": _body("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"),
    "setsid daemon": _body("import os; os.setsid()"),
    "raise limits": _body("import resource; resource.setrlimit(resource.RLIMIT_CPU, (1000, 1000))"),
    "chroot out": _body("import os; os.chroot('..')"),
    "ctypes": _body("import ctypes; ctypes.CDLL(None)"),
    "import hook": _body("import sys; sys.meta_path.clear(); sys.path[:] = ['/usr/lib/python3']; import wave"),
    "standard input": _body("assert input()"),
    "raw socket call": _refused("libc.socket(2, 1, 0)"),
    "raw open": _refused("libc.open(b'/etc/passwd', 0)"),
    "raw openat2": _refused("libc.syscall(437, -100, b'/etc/passwd', None, 0)"),
    "raw fork": _refused("libc.fork()"),
    "raw clone3": _refused("libc.syscall(435, None, 0)"),
    "raw ptrace": _refused("libc.ptrace(0, 0, None, None)"),
    "raw kill": _refused("libc.kill(1, 9)"),
    "raw read of the server's memory": _refused("libc.process_vm_readv(1, None, 0, None, 0, 0)"),
    "raw io_uring": _refused("libc.syscall(425, 8, None)"),
    "raw unshare": _refused("libc.unshare(0x10000000)"),
    "raw executable memory": _refused("libc.mprotect(id(libc) & ~4095, 4096, 7)"),
    "raw bpf filter of its own": _refused("libc.prctl(22, 2, 0, 0, 0)"),
    **{f"memory advice {advice}": _madvise(advice) for advice in (9, 10, 12, 18, 21, 22, 23, 100, 101, 102)},
    "every call that is not listed": EVERY_CALL.replace(
        "{LISTED}", repr(set(X86_64.values()) if platform.machine() == "x86_64" else set(AARCH64.values()))
    ),
    "raw advice to others": _refused("libc.syscall(440, 0, None, 0, 100, 0)"),
    "raw keyring": _refused(f"libc.syscall({KEYCTL}, 0, -1, 0, 0, 0)"),
    "raw bpf": _refused(f"libc.syscall({BPF}, 0, None, 0)"),
    "raw perf": _refused(f"libc.syscall({PERF}, None, 0, -1, -1, 0)"),
    "raw userfaultfd": _refused(f"libc.syscall({USERFAULTFD}, 0)"),
    "raw descriptor of another process": _refused("libc.syscall(434, 1, 0)"),
    "raw setns": _refused("libc.setns(3, 0)"),
    "raw mount": _refused("libc.mount(b'none', b'/', b'tmpfs', 0, None)"),
    "raw personality": _refused("libc.personality(0x0400000)"),
    "raw ioctl that types": _refused("libc.ioctl(0, 0x5412, b'x')"),
    "outlives its parent": _refused("libc.prctl(1, 0, 0, 0, 0)"),
    "becomes dumpable": _refused("libc.prctl(4, 1, 0, 0, 0)"),
    "raw capabilities": _refused("libc.capset(b'\\x22\\x05\\x08\\x20\\0\\0\\0\\0', b'\\xff' * 24)"),
    "raw shared memory": _refused("libc.shmget(1, 4096, 0o1600)"),
    "raw priority futex": _refused(f"libc.syscall({FUTEX}, id(libc) & ~7, 6, 0, 0, 0, 0)"),
    "raw huge pages": _refused("libc.mmap(None, 1 << 21, 3, 0x40022, -1, 0)"),
    "processor time of another process": _body("import time; time.clock_gettime((~1 << 3) | 2)"),
    "raw timer": _refused("libc.setitimer(0, bytes(32), None)"),
    "finds its server's file of numbers": _body("assert open('/proc/self/stat').read()"),
    "call number of 32 bit": RAW + "def f():\n    libc.syscall(0x40000000 + 41, 2, 1, 0)\n    return 'escaped'\n",
    "more descriptors": _body("import os; os.pipe()"),
    "other descriptors": _body(
        "import os\ngot = 0\nfor d in range(5, 2000):"
        "\n    try:\n        os.write(d, b'x'); got += 1\n    except OSError:\n        pass\nassert got"
    ),
}

EXHAUSTIONS = {
    "fork bomb": _body("import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"),
    "memory bomb": _body("x = []\nwhile True:\n    x.append(bytearray(1 << 24))"),
    "one large block": _body("x = bytearray(1 << 40)"),
    "endless loop": _body("while True:\n    pass"),
    "endless loop at the top": "while True:\n    pass\n",
    "catches everything, for ever": _body(
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    ),
    "ignores signals": _body(
        "import signal\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except Exception: pass\nwhile True: pass"
    ),
    "sleep": _body("import time; time.sleep(1000)"),
    "sleeps in small pieces": _body("import time\nwhile True: time.sleep(0.001)"),
    "sleeps and computes by turns": _body("import time\nwhile True:\n    time.sleep(0.01)\n    sum(range(100000))"),
    "waits for a lock that it holds": _body(
        "import threading; held = threading.Lock(); held.acquire(); held.acquire()"
    ),
    "waits for a queue": _body("import queue; queue.Queue().get()"),
    "endless iterator": "import itertools\ndef f():\n    return itertools.count()\n",
    "endless changed argument": "def f():\n    return (n for n in iter(int, 1))\n",
    "huge output": _body("while True:\n    print('x' * 100000)"),
    "huge answer": "def f():\n    return 'x' * 50_000_000\n",
    "answer that holds itself": "x = []\nx.append(x)\ndef f():\n    return x\n",
    "deep answer": "def f():\n    x = []\n    for _ in range(900):\n        x = [x]\n    return x\n",
    "huge integer": _body("x = 9 ** 9 ** 9"),
    "regular expression": _body("import re; re.match('(a+)+$', 'a' * 64 + 'b')"),
    "deep recursion": _body("import sys\nsys.setrecursionlimit(10 ** 9)\ndef g(): return g()\ng()"),
    "deep source": "x = " + "(" * 5000 + ")" * 5000 + "\n",
    "deep expression": "x = " + "-" * 100_000 + "1\n",
    "endless comparison": (
        "class A(list):\n    def __iter__(self):\n        while True: pass\ndef f():\n    return A([1])\n"
    ),
    "crash": RAW + "def f():\n    libc.abort()\n",
    "null pointer": RAW + "def f():\n    libc.memset(0, 0, 8)\n",
    "closes its descriptors": _body("import os; os.closerange(0, 100)"),
    "closes stdout, then sleeps": _body("import os, time; os.close(4); os.close(1); time.sleep(1000)"),
    "half a message": _body("import os, time; os.write(4, b'\\x10\\0\\0\\0abc'); time.sleep(1000)"),
    "length of 4 GB": _body("import os, time; os.write(4, b'\\xff\\xff\\xff\\xff'); time.sleep(1000)"),
    "floods its pipe": _body("import os\nwhile True:\n    os.write(4, b'x' * 65536)"),
    "deep json": _body("import os; os.write(4, b'\\x50\\xc3\\0\\0' + b'[' * 50000)"),
}

FORGERIES = {
    "sys.exit(0)": "import sys\nsys.exit(0)\n",
    "os._exit(0)": "import os\nos._exit(0)\n",
    "os._exit in the call": "def f():\n    import os\n    os._exit(0)\n",
    "raise SystemExit": "def f():\n    raise SystemExit(0)\n",
    "raise BaseException": "def f():\n    raise BaseException('passed')\n",
    "raise GeneratorExit": "def f():\n    raise GeneratorExit\n",
    "exception with a hostile name": (
        "def f():\n    raise type('a\\nb\\x1b[2J\\ud800', (Exception,), {})('\\npassed')\n"
    ),
    "exception with a hostile text": (
        "class A(Exception):\n    def __str__(self): return '\\n[true, \"passed\"]\\x1b]0;x\\x07' * 1000\ndef f():\n"
        "    raise A\n"
    ),
    "exception that is no text": (
        "class A(Exception):\n    def __str__(self): return 3\n    __repr__ = __str__\n"
        "    args = property(lambda s: 1/0)\ndef f():\n    raise A\n"
    ),
    "exception called Broken": "class Broken(BaseException): pass\ndef f():\n    raise Broken\n",
    "exception with a class for its attribute": (
        "def f():\n    e = ValueError()\n    e.__dict__.update(__class__=3, args=5, __traceback__=1)\n    raise e\n"
    ),
    "group of itself": (
        "e = ExceptionGroup('a', [ValueError()])\ntype(e)\ndef f():\n    raise ExceptionGroup('b', [e] * 1000)\n"
    ),
    "prints the verdict": "print('passed')\nprint([True, 'passed'])\ndef f():\n    return True\n",
    "writes a verdict to every descriptor": (
        "import os, json\nd = json.dumps([True, 'passed']).encode()\nd = len(d).to_bytes(4, 'little') + d\n"
        "for n in range(2000):\n    try: os.write(n, d)\n    except OSError: pass\ndef f():\n    return 0\n"
    ),
    "equals everything": (
        "class A:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\ndef f():\n"
        "    return A()\n"
    ),
    "text that equals everything": (
        "class A(str):\n    def __eq__(self, other): return True\n    __hash__ = str.__hash__\ndef f():\n"
        "    return A('x')\n"
    ),
    "number that equals everything": (
        "class A(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef f():\n"
        "    return A(1)\n"
    ),
    "redefines check": "def check(candidate):\n    pass\ndef f():\n    return 0\n",
    "redefines AssertionError": (
        "import builtins\nbuiltins.AssertionError = type('Never', (Exception,), {})\n"
        "builtins.isinstance = lambda *a: True\n"
        "def f():\n    return 0\n"
    ),
    "atexit": "import atexit, os\natexit.register(os._exit, 0)\ndef f():\n    raise KeyboardInterrupt\n",
    "excepthook": "import sys\nsys.excepthook = lambda *a: None\ndef f():\n    raise Exception\n",
    "trace function": (
        "import sys\nsys.settrace(lambda *a: None)\nsys.setprofile(lambda *a: None)\ndef f():\n    return None\n"
    ),
    "replaces our functions": (
        "import sys\ng = sys._getframe(1).f_globals\n"
        "g['encode'] = lambda v: ['bool', 1]\ng['send'] = lambda *a: None\ndef f():\n    return 0\n"
    ),
    "answers as an error that tests catch": "def f():\n    raise AssertionError\n",
    "searches memory for what is wanted": (
        "import gc, sys\ndef f():\n    seen = [o for o in gc.get_objects() if isinstance(o, (str, dict, list))]\n   "
        " names = [str(o) for o in seen if 'wanted-' in str(o)[:10000]]\n    frame = sys._getframe()\n    while"
        " frame:\n        names += [str(v) for v in frame.f_locals.values() if 'wanted-' in str(v)[:1000]]\n       "
        " frame = frame.f_back\n    return next((n[n.index('wanted-'):][:39] for n in names), 0)\n"
    ),
    "answers before it is asked": (
        "import os, json\nd = json.dumps(['value', ['bool', True]]).encode()\n"
        "os.write(4, (len(d).to_bytes(4, 'little') + d) * 50)\n"
        "def f():\n    return True\n"
    ),
    "a generator": "def f():\n    yield 'escaped'\n",
    "not a number": "def f():\n    return float('nan')\n",
    "no function": "f = 3\n",
    "another name": "def g():\n    return 'escaped'\n",
    "syntax error": "def f(:\n",
    "null byte": "def f():\n    return '\0'\n",
}
