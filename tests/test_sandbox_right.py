"""Right programs pass, with the modules, the exceptions and the data that such programs use; the same ones on every
server and on a busy machine."""

import multiprocessing
import time

import pytest

from sandbox.child import ENCODINGS, MODULES
from sandbox.parent import Limits, Sandbox
from tests.sandbox_processes import REFUSE_NAMESPACES, said, start

DOUBLE = "def check(candidate):\n    assert candidate(4) == 8\n"
RAISES = """
def check(candidate):
    try:
        candidate(1)
    except {} as error:
        assert {}
        return
    assert False, "nothing was raised"
"""
# Name, program, tests.
PROGRAMS = [
    ("from __future__", "from __future__ import annotations\ndef f(x: Undefined) -> int:\n    return 2 * x\n", DOUBLE),
    (
        "dataclass with late annotations",
        (
            "from __future__ import annotations\nfrom dataclasses import dataclass, field\n@dataclass\nclass P:\n"
            "    x: int\n"
            "    rest: list[int] = field(default_factory=list)\ndef f(x):\n    return P(x).x * 2\n"
        ),
        DOUBLE,
    ),
    (
        "named tuple",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\ndef f(x):\n    return P(2 * x).x\n",
        DOUBLE,
    ),
    (
        "enum",
        (
            "from enum import Enum, auto\nclass E(Enum):\n    A = auto()\n    B = auto()\ndef f(x):\n"
            "    return E.B.value * x\n"
        ),
        DOUBLE,
    ),
    (
        "type hints",
        (
            "import typing\nclass A:\n    x: 'int'\ndef f(x):\n"
            "    return 2 * x if typing.get_type_hints(A) == {'x': int} else 0\n"
        ),
        DOUBLE,
    ),
    (
        "pickle of its own class",
        (
            "import pickle, copy\nclass A:\n    pass\ndef f(x):\n    a = A()\n    a.x = 2 * x\n"
            "    return copy.deepcopy(pickle.loads(pickle.dumps(a))).x\n"
        ),
        DOUBLE,
    ),
    ("base64", "import base64\ndef f(x):\n    return len(base64.b64encode(b'abcdef')) * x // 4\n", DOUBLE),
    (
        "json and csv",
        "import csv, io, json\ndef f(x):\n    return json.loads(list(csv.reader(io.StringIO('a,8')))[0][1])\n",
        DOUBLE,
    ),
    (
        "zlib and hashes",
        (
            "import zlib, hashlib, hmac, binascii\ndef f(x):\n"
            "    hashlib.sha256(b'a').hexdigest(); hashlib.md5(b'').digest(); hmac.new(b'k', b'm', 'sha1')\n"
            "    binascii.crc32(b'x')\n    return len(zlib.decompress(zlib.compress(b'a' * 8)))\n"
        ),
        DOUBLE,
    ),
    (
        "dates",
        (
            "import calendar\nfrom datetime import datetime, timezone\nfrom time import strptime, localtime\ndef"
            " f(x):\n    localtime()\n    assert calendar.isleap(2024) and datetime.strptime('2024-02-29',"
            " '%Y-%m-%d').weekday() == 3\n    return datetime(2024, 1, 8, tzinfo=timezone.utc).day\n"
        ),
        DOUBLE,
    ),
    (
        "unicode names and codecs",
        (
            "import unicodedata\ndef f(x):\n"
            "    assert '\\N{BULLET}'.encode('cp1252') == b'\\x95' and '\u4e2d'.encode('gbk')\n"
            "    import codecs\n"
            "    assert codecs.encode('a', 'rot13') == 'n' and unicodedata.normalize('NFD', '\u00e9') != 'e'\n"
            "    return 2 * x\n"
        ),
        DOUBLE,
    ),
    ("large integers", "def f(x):\n    return len(str(7 ** 5000)) // 4226 * 8\n", DOUBLE),
    (
        "locks and caches",
        (
            "import threading, functools, contextlib, warnings, logging\n@functools.lru_cache(None)\ndef g(x):\n"
            "    with threading.Lock():\n        return 2 * x\n"
            "def f(x):\n    warnings.warn('w')\n    logging.getLogger('a').warning('b')\n    print('said')\n"
            "    return g(x)\n"
        ),
        DOUBLE,
    ),
    (
        "parsers",
        (
            "import ast, html, shlex, tokenize, urllib.parse, xml.etree.ElementTree as E, argparse, string, textwrap,"
            " difflib\ndef f(x):\n    return ast.literal_eval('8') if E.fromstring('<a b=\"1\"/>').get('b') == '1' and"
            " html.unescape('&lt;') == '<' else 0\n"
        ),
        DOUBLE,
    ),
    ("short sleep", "import time\ndef f(x):\n    time.sleep(0.05)\n    return 2 * x\n", DOUBLE),
    ("main guard", "def f(x):\n    return 2 * x\nif __name__ == '__main__':\n    raise SystemExit(1)\n", DOUBLE),
    (
        "raises UnicodeDecodeError",
        "def f(x):\n    return b'\\xff'.decode()\n",
        RAISES.format("UnicodeDecodeError", "error.start == 0 and error.object == b'\\xff'"),
    ),
    (
        "raises its own ValueError",
        "class Bad(ValueError): pass\ndef f(x):\n    raise Bad\n",
        RAISES.format("ValueError", "type(error).__name__ == 'Bad'"),
    ),
    (
        "raises with two arguments",
        (
            "class Bad(LookupError):\n    def __init__(self, code, *, text):\n        super().__init__(text)\n"
            "        self.code = code\n"
            "def f(x):\n    raise Bad(3, text='none')\n"
        ),
        RAISES.format("LookupError", "error.code == 3 and str(error) == 'none'"),
    ),
    (
        "raises at the top",
        "class Bad(ArithmeticError): pass\nraise Bad('early')\n",
        "def check(candidate):\n    assert False\n",
    ),
    (
        "raises a class of the prompt",
        "class Odd(Exception):\n    pass\ndef f(x):\n    raise Odd(x)\n",
        "class Odd(Exception):\n    pass\n" + RAISES.format("Odd", "error.args == (1,)"),
    ),
    (
        "raises OSError",
        "def f(x):\n    raise FileNotFoundError(2, 'none')\n",
        RAISES.format("OSError", "error.errno == 2"),
    ),
    (
        "raises a group",
        "def f(x):\n    raise ExceptionGroup('g', [KeyError(1)])\n",
        RAISES.format("ExceptionGroup", "isinstance(error.exceptions[0], KeyError)"),
    ),
    ("leaves with SystemExit", "def f(x):\n    raise SystemExit(3)\n", RAISES.format("SystemExit", "error.code == 3")),
    (
        "fraction and decimal",
        (
            "from fractions import Fraction\nfrom decimal import Decimal\ndef f(x):\n"
            "    return [Fraction(1, 3), Decimal('0.1')]\n"
        ),
        (
            "from fractions import Fraction\nfrom decimal import Decimal\ndef check(candidate):\n"
            "    assert candidate(1) == [Fraction(1, 3), Decimal('0.1')]\n"
        ),
    ),
    (
        "date",
        "import datetime\ndef f(d):\n    return d + datetime.timedelta(days=1)\n",
        (
            "import datetime\ndef check(candidate):\n"
            "    assert candidate(datetime.date(2023, 12, 31)) == datetime.date(2024, 1, 1)\n"
        ),
    ),
    (
        "generator",
        "def f(x):\n    yield from range(x)\n",
        "def check(candidate):\n    assert list(candidate(3)) == [0, 1, 2] and next(candidate(1)) == 0\n",
    ),
    (
        "map and range",
        "def f(x):\n    return (map(str, range(x)), range(x))\n",
        "def check(candidate):\n    a, b = candidate(2)\n    assert list(a) == ['0', '1'] and b[-1] == 1\n",
    ),
    (
        "sorts in place",
        "def f(x):\n    x.sort()\n",
        "def check(candidate):\n    x = [2, 1]\n    assert candidate(x) is None and x == [1, 2]\n",
    ),
    (
        "fills a dict",
        "def f(x, into):\n    into[x] = 1\n",
        "def check(candidate):\n    held = {}\n    candidate(3, into=held)\n    assert held == {3: 1}\n",
    ),
]
FAILS_RIGHTLY = {"raises at the top"}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as started:
        yield started


@pytest.mark.parametrize("name,program,tests", PROGRAMS, ids=[name for name, *_ in PROGRAMS])
def test_right_program_passes(name, program, tests, sandbox):
    verdict = sandbox.run(program, tests, "f")
    assert verdict.passed == (name not in FAILS_RIGHTLY), verdict.reason
    if not verdict.passed:
        assert verdict.reason == "failed: Bad early"


@pytest.mark.parametrize("name", MODULES)
def test_module_can_be_imported(name, sandbox):
    verdict = sandbox.run(
        f"import {name} as module\ndef f():\n    return module.__name__ is not None\n",
        "def check(candidate):\n    assert candidate() is True\n",
        "f",
    )
    assert verdict.passed, verdict.reason


def test_encodings_can_be_used(sandbox):
    program = f"import codecs\ndef f():\n    return [name for name in {ENCODINGS!r} if not codecs.lookup(name)]\n"
    verdict = sandbox.run(program, "def check(candidate):\n    assert candidate() == []\n", "f")
    assert verdict.passed, verdict.reason


# What a program can see of hashing and chance: names in a set, members of a set that hash by address, module random.
SEES = (
    "import random\nclass A: pass\ndef f():\n    names = list({str(n) for n in range(50)})\n"
    "    kinds = [str(kind) for kind in {int, str, list, dict, len, None, set}]\n"
    "    return [names, random.random(), random.sample(range(100), 5), hash('x'), hash(b'y'), {addresses}]\n"
)


def what_is_seen(sandbox: Sandbox) -> str:
    program = SEES.replace("{addresses}", "kinds" if sandbox.layers["same addresses"] else "0")
    return sandbox.run(program, "def check(candidate):\n    assert False, hash(str(candidate()))\n", "f").reason


def test_every_server_and_every_attempt_sees_the_same():
    seen = set()
    for _ in range(3):
        with Sandbox() as sandbox:
            seen |= {what_is_seen(sandbox) for _ in range(2)}
    assert len(seen) == 1 and next(iter(seen)).startswith("failed: AssertionError ")


@pytest.mark.parametrize(
    "raised",
    [
        "ValueError('a\\nb\\r\\x1b[31m\\x00\\u2028\\ud800' * 100)",
        "type('a\\nb\\ud800', (Exception,), {})()",
        "KeyError('\\x9b')",
        "type('A', (Exception,), {'__str__': lambda self: 3})()",
        "type('A', (Exception,), {'__str__': lambda self: 1 / 0})()",
    ],
)
def test_reason_is_one_printable_line(raised, sandbox):
    for program, tests in (
        (f"def f(x):\n    raise {raised}\n", DOUBLE),
        (f"raise {raised}\n", DOUBLE),
        ("def f(x):\n    pass\n", f"def check(candidate):\n    raise {raised}\n"),
    ):
        verdict = sandbox.run(program, tests, "f")
        assert not verdict.passed and verdict.reason.startswith("failed: ")
        assert verdict.reason.isascii() and verdict.reason.isprintable() and len(verdict.reason) <= 240


COMPUTES = (
    "import time\ndef f(x):\n    end = time.process_time() + {}\n    while time.process_time() < end:\n        pass\n  "
    "  return 2 * x\n"
)


def spin(until: float) -> None:
    while time.monotonic() < until:
        pass


def test_verdict_does_not_depend_on_load():
    """Twelve processes compute beside it for longer than it could take alone, and it may sleep for less time than it
    must wait for a processor."""
    context = multiprocessing.get_context("fork")
    with Sandbox(Limits(wall_seconds=1.0, cpu_seconds=1.0)) as sandbox:
        others = [context.Process(target=spin, args=(time.monotonic() + 25,)) for _ in range(12)]
        for other in others:
            other.start()
        try:
            right, slow = (sandbox.run(COMPUTES.format(seconds), DOUBLE, "f") for seconds in (0.8, 1.2))
        finally:
            for other in others:
                other.kill()
                other.join()
    assert right.passed, right.reason
    assert slow.reason == "timeout: more than 1 s of processor time"


def test_sleep_and_processor_time_have_their_own_reasons():
    with Sandbox(Limits(wall_seconds=0.5, cpu_seconds=0.5)) as sandbox:
        assert sandbox.run("import time\ntime.sleep(1000)\n", DOUBLE, "f").reason == "timeout: asleep for 0.5 s"
        assert sandbox.run(COMPUTES.format(1000), DOUBLE, "f").reason == "timeout: more than 0.5 s of processor time"
        assert (
            sandbox.run(COMPUTES.format(0.0), "def check(c):\n    while True: pass\n", "f").reason
            == "timeout: more than 0.5 s of processor time"
        )


def test_right_programs_pass_where_namespaces_are_refused():
    source = f"""
from sandbox.parent import Limits, Sandbox
with Sandbox(Limits(wall_seconds=0.5)) as sandbox:
    print(sandbox.layers["namespaces"], flush=True)
    print(sandbox.run({COMPUTES.format(1.0)!r}, {DOUBLE!r}, "f").reason, flush=True)
    print(sandbox.run("import time\\ntime.sleep(1000)\\n", {DOUBLE!r}, "f").reason, flush=True)
"""
    process = start(REFUSE_NAMESPACES + source)
    assert [said(process) for _ in range(3)] == ["False", "passed", "timeout: asleep for 0.5 s"]
    process.communicate()
