"""What goes between candidate, judge and server of the sandbox: messages of bounded length that hold plain data and nothing else.

The reader of a message does not trust its writer: it takes json of known kinds, builds exact builtin types from it, and gives up on all else.
"""

import builtins
import json
import os
import struct

LENGTH = struct.Struct("=I")
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
        data = data[os.write(descriptor, data):]


def receive(descriptor: int, max_bytes: int) -> object:
    """Reads a message. EOFError at the end, ValueError where it is longer than max_bytes or no json."""
    (length,) = LENGTH.unpack(read_exact(descriptor, LENGTH.size))
    if length > max_bytes:
        raise ValueError(f"message of {length} bytes")
    return json.loads(read_exact(descriptor, length))


def encode(value: object) -> list:
    """Plain data as nested lists [kind, content]. TypeError for anything else: an object of the program never leaves its process."""
    if value is None:
        return ["none", 0]
    for kind, base, packed in (("bool", bool, int), ("int", int, hex), ("float", float, float.hex), ("str", str, str.__str__), ("bytes", bytes, bytes.hex)):
        if isinstance(value, base):
            return [kind, packed(value)]
    if isinstance(value, complex):
        return ["complex", [value.real.hex(), value.imag.hex()]]
    if isinstance(value, dict):
        return ["dict", [[encode(key), encode(entry)] for key, entry in dict.items(value)]]
    for kind, base in (("list", list), ("tuple", tuple), ("set", set), ("frozenset", frozenset)):
        if isinstance(value, base):
            return [kind, [encode(entry) for entry in base.__iter__(value)]]
    raise TypeError(f"{type(value).__name__} is no plain data")


SEQUENCES = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
SCALARS = {"bool": bool, "int": lambda text: int(text, 16), "float": float.fromhex, "bytes": bytes.fromhex}


def decode(message: object) -> object:
    """The value that encode packed; only exact builtin types come out. ValueError, TypeError or LookupError where it is none."""
    kind, content = message
    if kind == "none":
        return None
    if kind == "str" and type(content) is str:
        return content
    if kind in SCALARS:
        return SCALARS[kind](content)
    if kind == "complex":
        return complex(float.fromhex(content[0]), float.fromhex(content[1]))
    if kind == "dict":
        return {decode(key): decode(entry) for key, entry in content}
    if kind in SEQUENCES:
        return SEQUENCES[kind](decode(entry) for entry in content)
    raise ValueError(f"no value of kind {kind!r}")


class Broken(BaseException):
    """The candidate ended or wrote something that is no answer; no test can catch this on its way to a failed verdict."""


class Proxy:
    """Stands for the program's function in the judge."""

    def __init__(self, calls: int, replies: int, max_bytes: int):
        self._calls, self._replies, self._max_bytes = calls, replies, max_bytes
        self.broken = ""

    def reply(self) -> object:
        """The next answer. Broken where there is none; an exception of the program is raised again by its builtin name."""
        try:
            kind, content = receive(self._replies, self._max_bytes)
            value = decode(content) if kind == "value" else str(content)[:MAX_NAME]
            if kind not in ("value", "error"):
                raise ValueError("neither value nor error")
        except (EOFError, OSError):
            self._break("the program ended before it answered")
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, MemoryError):
            self._break("the program answered with no plain data")
        if kind == "error":
            error = getattr(builtins, value, None)
            raise error() if isinstance(error, type) and issubclass(error, Exception) else Exception(value)
        return value

    def _break(self, reason: str):
        self.broken = reason
        raise Broken(reason)

    def __call__(self, *arguments, **named):
        try:
            send(self._calls, [encode(arguments), encode(named)])
        except OSError:
            self._break("the program ended before it answered")
        return self.reply()
