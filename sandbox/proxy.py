"""The program's function as its tests see it: a call goes out as plain data, and an answer, an exception or changed
arguments come back.

An exception comes back as the class of its name where the tests or Python know that name, else as a new class of that
name below its nearest built-in base, so that `except ValueError` holds for the program's own kinds of ValueError. It is
made from plain data and never from a constructor of the program.
"""

import builtins
from collections import deque

from sandbox.values import MAX_NAME, UNREADABLE, decode, encode, one_line, receive, send

MAX_BASES = 32
MUTABLE = (list, dict, set, bytearray, deque)


class Broken(BaseException):
    """The candidate ended or wrote something that is no answer; no test can catch this on its way to a failed
    verdict."""


def _built_in(name: object) -> type | None:
    """The built-in exception class of that name."""
    found = getattr(builtins, name, None) if isinstance(name, str) else None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _plain(value: object, otherwise: object) -> list:
    try:
        return encode(value)
    except Exception:  # whatever a class of the program does when it is looked at
        return encode(otherwise)


def describe(error: BaseException) -> list:
    """[names of its class and of its built-in bases, arguments, text, attributes, members of a group] of an exception,
    for rebuild."""
    bases = [base.__name__ for base in type(error).__mro__[1:] if _built_in(base.__name__) is base]
    try:
        text = str(error)
    except Exception:
        text = ""
    attributes = {
        name: value for name, value in getattr(error, "__dict__", {}).items() if _plain(value, None) != ["none", 0]
    }
    members = [describe(member) for member in error.exceptions] if isinstance(error, BaseExceptionGroup) else []
    arguments = (error.message,) if members else error.args
    return [
        [type(error).__name__, *bases[:MAX_BASES]],
        _plain(arguments, (text,)),
        text,
        _plain(attributes, {}),
        members,
    ]


def rebuild(described: object, known: dict | None = None) -> BaseException:
    """The exception that describe saw. known: names of the tests, whose exception classes come before the built-in
    ones. UNREADABLE where it is none."""
    (name, *bases), arguments, text, attributes, members = described
    arguments, attributes = tuple(decode(arguments)), dict(decode(attributes))
    found = (known or {}).get(name)
    is_theirs = isinstance(found, type) and issubclass(found, BaseException) and not issubclass(found, Broken)
    made = found if is_theirs else _built_in(name)
    if made is None:
        base = next(filter(None, map(_built_in, bases[:MAX_BASES])), Exception)
        made = type(one_line(str(name), MAX_NAME), (base,), {"__module__": "candidate"})
        if type(text) is str and not members:
            made.__str__ = lambda error: text
    if issubclass(made, BaseExceptionGroup):
        error = made(*arguments, [rebuild(member, known) for member in members])
    else:
        try:
            error = made.__new__(made, *arguments) if is_theirs else made(*arguments)
        except TypeError:  # a constructor that wants other arguments than the exception was left with
            error = made.__new__(made, *arguments)
    for attribute, value in attributes.items():
        setattr(error, attribute, value)
    return error


def take_over(old: object, new: object) -> None:
    """Gives the mutable `old` of the tests the content that the program left in its copy; equal entries stay the same
    objects. ValueError for another type."""
    if not isinstance(old, type(new)) or type(new) not in MUTABLE:
        raise ValueError("an argument became another type")
    if isinstance(old, (list, deque)):
        kept = [mine if mine == theirs else theirs for mine, theirs in zip(old, new, strict=False)]
        entries = kept + list(new)[len(kept) :]
        old.clear()
        old.extend(entries)
    elif isinstance(old, dict):
        entries = {key: old[key] if key in old and old[key] == entry else entry for key, entry in new.items()}
        old.clear()
        old.update(entries)
    else:
        old.clear()
        old.extend(new) if isinstance(old, bytearray) else old.update(new)


def answer(function, message: object) -> list:
    """Calls the program's function with the arguments of a message: ["value" or "error", what came of it, the mutable
    arguments if it changed them]."""
    arguments, named = map(decode, message)
    mutable = {place: value for place, value in [*enumerate(arguments), *named.items()] if isinstance(value, MUTABLE)}
    before = _plain(mutable, None)
    try:
        outcome = ["value", encode(function(*arguments, **named))]
    except BaseException as error:  # whatever a program raises, SystemExit too
        outcome = ["error", describe(error)]
    after = _plain(mutable, None)
    return [*outcome, after if after != before else None]


class Proxy:
    """Stands for the program's function in the judge. known: the names of the tests, among them exception classes that
    a program may raise."""

    def __init__(self, calls: int, replies: int, max_bytes: int, known: dict | None = None):
        self._calls, self._replies, self._max_bytes, self._known = calls, replies, max_bytes, known
        self.broken = ""

    def reply(self, arguments: tuple = (), named: dict | None = None) -> object:
        """The next answer. Broken where there is none; an exception of the program is raised again (rebuild), changed
        arguments are changed here too."""
        try:
            kind, content, changed = receive(self._replies, self._max_bytes)
            value = decode(content) if kind == "value" else rebuild(content, self._known)
            if kind not in ("value", "error"):
                raise ValueError("neither value nor error")
            mutable = {
                place: held
                for place, held in [*enumerate(arguments), *(named or {}).items()]
                if isinstance(held, MUTABLE)
            }
            for place, content in (decode(changed) if changed else {}).items():
                take_over(mutable[place], content)
        except (EOFError, OSError):
            self._break("the program ended before it answered")
        except UNREADABLE:
            self._break("the program answered with no plain data")
        if kind == "error":
            raise value
        return value

    def _break(self, reason: str):
        self.broken = reason
        raise Broken(reason)

    def __call__(self, *arguments, **named):
        """Calls the program's function; its answer, or what it raised."""
        try:
            send(self._calls, [encode(arguments), encode(named)])
        except OSError:
            self._break("the program ended before it answered")
        return self.reply(arguments, named)
