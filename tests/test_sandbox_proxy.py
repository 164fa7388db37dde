"""The program's function as its tests see it: answers, exceptions by class and base, changed arguments; a hostile
answer breaks the attempt alone."""

import json
import os
import struct
from collections import defaultdict, deque

import pytest

from sandbox.proxy import Broken, Proxy, answer, describe, rebuild, take_over
from sandbox.values import encode, send


class Bad(ValueError):
    """As a program would define it."""

    def __init__(self, code, *, hint):
        super().__init__(code)
        self.code, self.hint, self.object = code, hint, object()


class Worse(Bad, KeyError):
    def __str__(self):
        return f"worse {self.code}"


class Wants(Exception):
    def __init__(self, one, two, three):
        super().__init__(one, two, three, object())


def came_back(error: BaseException, known: dict | None = None) -> BaseException:
    return rebuild(json.loads(json.dumps(describe(error))), known)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("k"),
        KeyError(3),
        IndexError(),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"),
        OSError(2, "none"),
        UnicodeEncodeError("ascii", "\ud800", 0, 1, "why"),
        StopIteration(5),
        ZeroDivisionError("division by zero"),
        AssertionError(),
        SystemExit(3),
        KeyboardInterrupt(),
        FileNotFoundError(2, "x"),
        RecursionError("deep"),
        ImportError("no"),
        SyntaxError("bad", ("f", 1, 2, "text")),
        UnicodeTranslateError("x", 0, 1, "why"),
        NotImplementedError(),
        OverflowError(1, 2),
    ],
    ids=lambda error: type(error).__name__,
)
def test_built_in_exceptions_keep_class_arguments_and_text(error):
    arrived = came_back(error)
    assert type(arrived) is type(error) and arrived.args == error.args and str(arrived) == str(error)


def test_every_built_in_exception_arrives_even_without_arguments():
    import builtins

    classes = [
        found for found in vars(builtins).values() if isinstance(found, type) and issubclass(found, BaseException)
    ]
    assert len(classes) > 60
    for found in classes:
        if not issubclass(found, BaseExceptionGroup):
            assert type(came_back(found.__new__(found))) is found


def test_own_exceptions_keep_name_bases_text_and_plain_attributes():
    arrived = came_back(Worse(7, hint=["a"]))
    assert isinstance(arrived, ValueError) and type(arrived).__name__ == "Worse" and str(arrived) == "worse 7"
    assert arrived.args == (7,) and arrived.code == 7 and arrived.hint == ["a"] and not hasattr(arrived, "object")
    assert type(came_back(Wants(1, 2, 3))).__bases__ == (Exception,)


def test_an_exception_class_that_the_tests_know_is_theirs():
    arrived = came_back(Bad(7, hint="h"), {"Bad": Bad})
    assert type(arrived) is Bad and arrived.code == 7
    assert type(came_back(Bad(7, hint="h"), {"Bad": len})).__name__ == "Bad"
    assert type(came_back(Bad(7, hint="h"), {"Bad": int})) is not int


def test_groups_keep_their_members():
    arrived = came_back(ExceptionGroup("two", [ValueError("a"), ExceptionGroup("one", [Bad(1, hint=2)])]))
    assert type(arrived) is ExceptionGroup and arrived.message == "two" and type(arrived.exceptions[0]) is ValueError
    assert isinstance(arrived.exceptions[1].exceptions[0], ValueError)


def test_nobody_can_send_what_breaks_an_attempt():
    assert not isinstance(rebuild([["Broken"], encode(()), "", encode({}), []], {"Broken": Broken}), Broken)
    assert type(rebuild([["print", "len", "Exception"], encode(()), "", encode({}), []])).__bases__ == (Exception,)
    strange = rebuild([["a\nb\ud800" * 100], encode(()), "", encode({}), []])
    assert type(strange).__name__.isascii() and "\n" not in type(strange).__name__ and len(type(strange).__name__) <= 80


HOSTILE = [
    b"",
    b"[",
    b"[" * 50_000,
    b"3",
    b"{}",
    b'["value"]',
    b'["value", ["int", 3], null]',
    b'["value", ["object", 3], null]',
    b'["value", [[], 3], null]',
    b'["value", ["set", [["list", []]]], null]',
    b'["value", ["complex", ["x"]], null]',
    b'["value", ["str", 7], null]',
    b'["other", 3, null]',
    b'["value", ["bytes", "zz"], null]',
    b'["value", ["float", "1e9999x"], null]',
    b"\xff\xfe",
    b'["value", ["fraction", ["1", "0"]], null]',
    b'["value", ["decimal", "x"], null]',
    b'["value", ["range", ["0", "1", "0"]], null]',
    b'["value", ["date", "2024-99-99"], null]',
    b'["value", ["none", 0], 5]',
    b'["value", ["none", 0], ["dict", [[["int", "0x0"], ["list", []]]]]]',
    b'["error", "ValueError", null]',
    b'["error", [[], ["tuple", []], "", ["dict", []], []], null]',
    b'["error", [[["a"]], ["tuple", []], "", ["dict", []], []], null]',
    b'["error", [["ValueError"], ["tuple", []], "", ["dict", [[["str", "__class__"], ["int", "0x1"]]]], []], null]',
    b'["error", [["ValueError"], ["tuple", []], "", ["dict", [[["int", "0x1"], ["int", "0x1"]]]], []], null]',
    b'["error", [["ExceptionGroup"], ["tuple", []], "", ["dict", []], []], null]',
    b'["value", ["timedelta", ["1", 2, 3]], null]',
]


@pytest.mark.parametrize("message", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_answer_breaks_the_attempt_and_only_that(message):
    replies, write = os.pipe()
    os.write(write, struct.pack("=I", len(message)) + message)
    os.close(write)
    proxy = Proxy(-1, replies, 1 << 20)
    with pytest.raises(Broken):
        proxy.reply()
    assert proxy.broken
    os.close(replies)


def called(function, *arguments, **named):
    """Through a proxy whose other side has answered already."""
    (calls, call), (replies, reply) = os.pipe(), os.pipe()
    send(reply, answer(function, [encode(arguments), encode(named)]))
    try:
        return Proxy(call, replies, 1 << 20)(*arguments, **named)
    finally:
        for descriptor in (calls, call, replies, reply):
            os.close(descriptor)


def test_changes_of_the_arguments_are_seen():
    row, other = [3, 1], [2]
    rows, held, seen, text, line = [other, row], {"a": other}, {1}, bytearray(b"ab"), deque([1])

    def change(rows, held, seen, text, *, line):
        rows.sort()
        rows.append("new")
        held["b"] = 1
        seen.add(2)
        text.extend(b"c")
        line.appendleft(0)
        return "done"

    assert called(change, rows, held, seen, text, line=line) == "done"
    assert rows == [[2], [3, 1], "new"] and rows[0] is other and rows[1] is row
    assert (
        held == {"a": [2], "b": 1}
        and held["a"] is other
        and seen == {1, 2}
        and text == b"abc"
        and line == deque([0, 1])
    )


def test_changes_are_seen_behind_an_exception_and_in_subclasses():
    counts = defaultdict(int, a=1)

    def change(counts):
        counts["b"] = 2
        raise KeyError("z")

    with pytest.raises(KeyError, match="z"):
        called(change, counts)
    assert type(counts) is defaultdict and counts == {"a": 1, "b": 2}


def test_an_argument_keeps_its_type():
    with pytest.raises(ValueError, match="became another type"):
        take_over([1], {})


def test_objects_are_answered_by_an_exception():
    with pytest.raises(TypeError, match="object is no plain data"):
        called(lambda: object())
