"""Only plain data passes between program and tests, and a hostile message breaks nothing."""

import json
import os
from collections import Counter, OrderedDict, UserList, defaultdict, deque, namedtuple
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest

from sandbox.values import decode, encode, one_line, receive, send

PLAIN = [
    None,
    True,
    0,
    -(3**200),
    10**5000,
    0.1,
    float("-inf"),
    "\ud800",
    "",
    b"\xff",
    2 - 1j,
    [],
    (),
    [[1], (2, [3])],
    {1: {"a": None}, (1, 2): []},
    {1, "a"},
    frozenset({(1,)}),
    bytearray(b"ab"),
    range(10, -3, -2),
    Decimal("-1.50"),
    Decimal("Infinity"),
    Fraction(-3, 7),
    date(2024, 2, 29),
    datetime(2024, 2, 29, 1, 2, 3, 4),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=-3))),
    time(23, 59),
    timedelta(-1, 5, 6),
    deque([1, [2]]),
]


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
    for value, base in (
        (Counter("aa"), {"a": 2}),
        (OrderedDict(b=1), {"b": 1}),
        (defaultdict(int, c=1), {"c": 1}),
        (point, (1, 2)),
    ):
        assert decode(encode(value)) == base and type(decode(encode(value))) is type(base)
    assert decode(json.loads(json.dumps(encode(Liar("x"))))) != "y"


@pytest.mark.parametrize(
    "value", [object(), UserList([1]), len, type, [print], Ellipsis], ids=lambda value: type(value).__name__
)
def test_objects_do_not_pass(value):
    with pytest.raises(TypeError, match="is no plain data"):
        encode(value)


def test_iterators_arrive_as_iterators_and_views_as_views():
    for value in (
        iter([1, 2]),
        (entry for entry in (1, 2)),
        map(int, "12"),
        zip([1, 2], strict=True),
        reversed([2, 1]),
    ):
        arrived = decode(json.loads(json.dumps(encode(value))))
        assert next(arrived) in (1, (1,)) and len(list(arrived)) == 1
    held = {"a": 1, "b": 2}
    assert decode(encode(held.keys())) == {"a", "b"} == held.keys() and sorted(decode(encode(held.values()))) == [1, 2]
    assert decode(encode(held.items())) == held.items()


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "\r\x1b[31mred\x1b[0m",
        "\u2028\u202e\x85\x00\x7f\x9b",
        "\ud800",
        "h\u00e9 \u4e2d",
        "x" * 5000,
        "\n" * 5000,
        "\ud83d" * 300,
        "a\\b",
        "",
    ],
)
def test_one_line_is_printable_and_short(text):
    shown = one_line(text)
    assert shown.isascii() and (not shown or shown.isprintable()) and len(shown) <= 240
    assert one_line("plain words: 3 %") == "plain words: 3 %"
    assert one_line(text, 20)[:20] == one_line(text, 20)


def test_one_line_does_not_ask_a_subclass():
    class Liar(str):
        def __getitem__(self, place):
            return "\n"

        def encode(self, *_):
            return b"\n"

    assert one_line(Liar("x")) == "x"


def test_an_answer_is_not_longer_than_agreed():
    replies, write = os.pipe()
    send(write, "x" * 100)
    with pytest.raises(ValueError, match="message of 102 bytes"):
        receive(replies, 101)
    os.close(write)
    os.close(replies)
