"""What goes between candidate, judge and server of the sandbox: messages of bounded length that hold plain data and
nothing else.

The reader of a message does not trust its writer: it takes json of known kinds, builds exact types of the standard
library from it, and gives up on all else.
"""

import json
import os
import struct
from collections import deque
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

LENGTH = struct.Struct("=I")
LENGTHS = struct.Struct("=II")  # of the two texts of an attempt: program, tests
MAX_VERDICT_BYTES = 4096
MAX_NAME = 80


def read_exact(descriptor: int, num_bytes: int) -> bytes:
    """EOFError where the other side ended."""
    parts = bytearray()
    while len(parts) < num_bytes:
        part = os.read(descriptor, min(num_bytes - len(parts), 65536))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def send(descriptor: int, message: object) -> None:
    """Writes a message as its length and json."""
    data = json.dumps(message).encode()
    data = LENGTH.pack(len(data)) + data
    while data:
        data = data[os.write(descriptor, data) :]


def receive(descriptor: int, max_bytes: int) -> object:
    """Reads a message. EOFError at the end, ValueError where it is longer than max_bytes or no json."""
    (length,) = LENGTH.unpack(read_exact(descriptor, LENGTH.size))
    if length > max_bytes:
        raise ValueError(f"message of {length} bytes")
    return json.loads(read_exact(descriptor, length))


def one_line(text: str, max_length: int = 3 * MAX_NAME) -> str:
    """`text` in printable ASCII and on one line, whatever it holds: all else is written as its escape, and what is too
    long is cut."""
    text = str.__str__(text)  # of a subclass, which might cut or encode otherwise
    shown = text[:max_length].encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= max_length and len(text) <= max_length else shown[: max_length - 3] + "..."


# Kind -> (type, how its value is packed). Called on the exact type, so that a subclass cannot pack anything else.
PACKED = {
    "bool": (bool, int),
    "int": (int, hex),
    "float": (float, float.hex),
    "str": (str, str.__str__),
    "bytes": (bytes, bytes.hex),
    "bytearray": (bytearray, bytearray.hex),
    "decimal": (Decimal, Decimal.__str__),
    "datetime": (datetime, datetime.isoformat),
    "date": (date, date.isoformat),
    "time": (time, time.isoformat),
    "complex": (complex, lambda value: [value.real.hex(), value.imag.hex()]),
    "fraction": (Fraction, lambda value: [hex(value.numerator), hex(value.denominator)]),
    "timedelta": (timedelta, lambda value: [value.days, value.seconds, value.microseconds]),
    "range": (range, lambda value: [hex(value.start), hex(value.stop), hex(value.step)]),
}
# An iterator is run to its end by its writer: its reader gets another one over the same entries.
SEQUENCES = {
    "list": (list, list),
    "tuple": (tuple, tuple),
    "set": (set, set),
    "frozenset": (frozenset, frozenset),
    "deque": (deque, deque),
    "keys": (KeysView, lambda entries: dict.fromkeys(entries).keys()),
    "values": (ValuesView, lambda entries: dict(enumerate(entries)).values()),
    "items": (ItemsView, lambda entries: dict(entries).items()),
    "iterator": (Iterator, lambda entries: iter(list(entries))),
}
UNPACKED = {
    "bool": bool,
    "int": lambda text: int(text, 16),
    "float": float.fromhex,
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "complex": lambda parts: complex(*map(float.fromhex, parts)),
    "fraction": lambda parts: Fraction(*(int(part, 16) for part in parts)),
    "timedelta": lambda parts: timedelta(*parts),
    "range": lambda parts: range(*(int(part, 16) for part in parts)),
}
# What decode may raise on a message that its writer did not make with encode.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError)


def encode(value: object) -> list:
    """Plain data as nested lists [kind, content]. TypeError for anything else: an object of the program never leaves
    its process."""
    if value is None:
        return ["none", 0]
    for kind, (base, packed) in PACKED.items():
        if isinstance(value, base):
            return [kind, packed(value)]
    if isinstance(value, dict):
        return ["dict", [[encode(key), encode(entry)] for key, entry in dict.items(value)]]
    for kind, (base, _) in SEQUENCES.items():
        if isinstance(value, base):
            entries = base.__iter__(value) if base.__module__ == "builtins" else iter(value)
            return [kind, [encode(entry) for entry in entries]]
    raise TypeError(f"{type(value).__name__} is no plain data")


def decode(message: object) -> object:
    """The value that encode packed; only exact types of the standard library come out. One of UNREADABLE where it is
    none."""
    kind, content = message
    if kind == "none":
        return None
    if kind == "str" and type(content) is str:
        return content
    if kind in UNPACKED:
        return UNPACKED[kind](content)
    if kind == "dict":
        return {decode(key): decode(entry) for key, entry in content}
    if kind in SEQUENCES:
        return SEQUENCES[kind][1](decode(entry) for entry in content)
    raise ValueError(f"no value of kind {kind!r}")
