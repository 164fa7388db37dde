"""A closed language of list programs, ` keep > 4 | sort | take 2`: its steps and an interpreter that cannot hang.

A program is at most MAX_STEPS steps; each takes a list of whole numbers to a list that is no longer (a sum is a list of
one number), so memory is bounded by the input, time by MAX_STEPS passes over it, and numbers by MAX_VALUE.
"""

from collections.abc import Callable

Values = tuple[int, ...]

MAX_STEPS = 10
MAX_VALUE = 1_000_000  # a program that passes it fails: products would grow without bound otherwise
SEPARATOR = "|"
DIGITS = tuple("0123456789")

_PLAIN: dict[str, Callable[[Values], Values]] = {
    "sort": lambda v: tuple(sorted(v)),
    "reverse": lambda v: v[::-1],
    "unique": lambda v: tuple(dict.fromkeys(v)),
    "sum": lambda v: (sum(v),),
    "max": lambda v: (max(v),) if v else (),
    "min": lambda v: (min(v),) if v else (),
    "count": lambda v: (len(v),),
    "keep even": lambda v: tuple(x for x in v if x % 2 == 0),
    "keep odd": lambda v: tuple(x for x in v if x % 2),
}
_WITH_DIGIT: dict[str, Callable[[Values, int], Values]] = {
    "map +": lambda v, n: tuple(x + n for x in v),
    "map -": lambda v, n: tuple(x - n for x in v),
    "map *": lambda v, n: tuple(x * n for x in v),
    "keep >": lambda v, n: tuple(x for x in v if x > n),
    "keep <": lambda v, n: tuple(x for x in v if x < n),
    "take": lambda v, n: v[:n],
    "drop": lambda v, n: v[n:],
}


def _bind(function: Callable[[Values, int], Values], digit: str) -> Callable[[Values], Values]:
    return lambda values: function(values, int(digit))


# Every step of the language as it is written, e.g. "sort", "keep even", "map + 3".
STEPS: dict[str, Callable[[Values], Values]] = _PLAIN | {
    f"{name} {digit}": _bind(function, digit) for name, function in _WITH_DIGIT.items() for digit in DIGITS
}


def parse(text: str) -> tuple[str, ...] | None:
    """The steps of a program as written (` sort | take 2`, one space before every word); None where it is no
    program."""
    if not text.startswith(" "):
        return None
    steps = tuple(text[1:].split(f" {SEPARATOR} "))
    return steps if len(steps) <= MAX_STEPS and all(step in STEPS for step in steps) else None


def written(steps: tuple[str, ...]) -> str:
    """The text of a program: parse(written(steps)) == steps."""
    return " " + f" {SEPARATOR} ".join(steps)


def run_program(steps: tuple[str, ...], values: Values) -> Values | None:
    """The result of a parsed program on a list; None where a number passes MAX_VALUE."""
    for step in steps:
        values = STEPS[step](values)
        if any(abs(value) > MAX_VALUE for value in values):
            return None
    return values
