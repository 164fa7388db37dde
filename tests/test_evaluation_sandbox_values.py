"""Only plain data passes between program and tests, and a hostile message breaks nothing."""

import json
import os
import struct
from collections import Counter, OrderedDict, defaultdict, namedtuple

import pytest

from evaluation.sandbox_values import Broken, Proxy, decode, encode, receive, send

PLAIN = [None, True, 0, -(3**200), 10**5000, 0.1, float("-inf"), "\ud800", "", b"\xff", 2 - 1j, [], (), [[1], (2, [3])], {1: {"a": None}, (1, 2): []}, {1, "a"},
         frozenset({(1,)})]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_round_trip_keeps_value_and_type(value):
    held = decode(json.loads(json.dumps(encode(value))))
    assert held == value and type(held) is type(value)


def test_true_is_not_one_and_nan_stays():
    assert decode(encode([True, 1])) == [True, 1] and type(decode(encode([True]))[0]) is bool
    assert str(decode(encode(float("nan")))) == "nan"


def test_subclasses_become_their_base():
    class Liar(str):
        def __eq__(self, other):
            return True

        __hash__ = str.__hash__

    point = namedtuple("point", "x y")(1, 2)
    for value, base in ((Counter("aa"), {"a": 2}), (OrderedDict(b=1), {"b": 1}), (defaultdict(int, c=1), {"c": 1}), (point, (1, 2))):
        assert decode(encode(value)) == base and type(decode(encode(value))) is type(base)
    assert decode(json.loads(json.dumps(encode(Liar("x"))))) != "y"


@pytest.mark.parametrize("value", [object(), iter([]), range(3), len, type, [print]], ids=lambda value: type(value).__name__)
def test_objects_do_not_pass(value):
    with pytest.raises(TypeError, match="is no plain data"):
        encode(value)


HOSTILE = [b"", b"[", b"[" * 50_000, b"3", b"{}", b'["value"]', b'["value", ["int", 3]]', b'["value", ["object", 3]]', b'["value", [[], 3]]',
           b'["value", ["set", [["list", []]]]]', b'["value", ["complex", ["1"]]]', b'["value", ["str", 7]]', b'["other", 3]', b'["value", ["bytes", "zz"]]',
           b'["value", ["float", "1e9999x"]]', b"\xff\xfe"]


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


def test_an_answer_is_not_longer_than_agreed():
    replies, write = os.pipe()
    send(write, "x" * 100)
    with pytest.raises(ValueError, match="message of 102 bytes"):
        receive(replies, 101)
    os.close(write)
    os.close(replies)


def test_exceptions_keep_their_builtin_name_only():
    for name, raised in (("KeyError", KeyError), ("Mine", Exception), ("SystemExit", Exception), ("print", Exception), ("UnicodeDecodeError", TypeError)):
        replies, write = os.pipe()
        send(write, ["error", name])
        with pytest.raises(Exception) as caught:
            Proxy(-1, replies, 1000).reply()
        assert type(caught.value) is raised
        os.close(write)
        os.close(replies)
