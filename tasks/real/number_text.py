"""The numbers in a text, exactly: sign, currency, thousands (1,000; 1 000; 10,00,000), decimals, fractions, powers,
percent, words of scale (5 million), full-width and raised digits, bold and LaTeX marks.

A part of a number is no number: 12:30, 3.1.2, 1,00, 5-10 and 2 sqrt(3) are found as a `Found` without a number; names
such as x2 and COVID-19 are not found at all.
"""

import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

MAX_DIGITS = 400  # of a number and of its power: more is no answer and takes long
NO_NUMBER = "\u2298"  # stands for roots, pi and the like; what touches it is no number


class Number(NamedTuple):
    """A number as it was written: 25 % has value 25 and `is_percent`."""

    value: Fraction
    is_percent: bool = False


class Found(NamedTuple):
    """A number in a text with sign, currency and scale; `number` is None where it is part of something else."""

    start: int
    end: int
    number: Number | None


_CURRENCY_SIGNS = "$\u00a2\u00a3\u00a4\u00a5\u09f3\u0e3f\u20a0-\u20c0"
_CURRENCY_CODE = re.compile(
    r"\b(?:US|HK|NT|CA|AU|C|A|S)\$|\b(?:USD|EUR|GBP|CNY|RMB|JPY|INR|HKD|CAD|AUD|Rs\.?)(?=\s?[-+.]?\d)", re.IGNORECASE
)
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!,?\d)|\d{1,2}(?:,\d{2})+,\d{3}(?!,?\d)|\d{1,3}(?:[ ']\d{3})+(?![ ']?\d)|\d+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d+)?|\.\d+)"
_BODY = re.compile(
    rf"""
    (?P<whole>\d+)\s(?P<above>\d+)\s?/\s?(?P<below>\d+)
  | (?P<over>{_DECIMAL})\s?/\s?(?P<under>{_DECIMAL})
  | (?P<mantissa>{_DECIMAL})
    (?: [eE](?P<exponent>[-+]?\d+) | (?P<times>\s?[\u00d7x*]\s?10)?\^[({{]?(?P<power>[-+]?\d+)[)}}]? )?
    """,
    re.VERBOSE,
)
_HEAD = re.compile(
    rf"""
    (?:(?P<word>(?<![A-Za-z])(?:minus|negative)\s|\u8d1f\s?) | (?P<mark>[-+])(?P<gap>[ ]?))?
    (?P<currency>[{_CURRENCY_SIGNS}]\s?)? (?P<inner>[-+])? (?P<hundredths>\u767e\u5206\u4e4b\s?)?$
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HEAD_LENGTH = 24
_SCALES = {
    "hundred": 2,
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "trillion": 12,
    "k": 3,
    "\u767e": 2,
    "\u5343": 3,
    "\u4e07": 4,
    "\u4ebf": 8,
}
# The Chinese word of thousand begins units too: kilogram, -metre, -watt, -calorie, -volt, -hertz, -joule, -pascal.
_SCALE = re.compile(
    r"""
    (?:\s?(?:hundred|thousand|million|billion|trillion)\b)+
  | k(?![A-Za-z])
  | \s?(?:[\u4e07\u4ebf] | \u767e(?!\u5206) | \u5343(?![\u514b\u7c73\u74e6\u5361\u4f0f\u8d6b\u7126\u5e15]))+
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PERCENT = re.compile(r"\s?(?:%|per\s?cent\b)", re.IGNORECASE)
_NAME_BEFORE = re.compile(r"[A-Za-z_^]$|[A-Za-z]-$")
_PART_BEFORE = re.compile(rf"\d[.,:/'^-]$|[\u00b1{NO_NUMBER}]\s?$")
_PART_BEHIND = re.compile(rf"[.,:/'^]\d|-\d|\s?{NO_NUMBER}|(?!(?:[cdkm]?m|ft|in|yd)[23](?!\d))[A-Za-z]+\d")
_REST_OF_PART = re.compile(rf"[\d.,:/'^{NO_NUMBER}-]*")


def find_numbers(text: str) -> list[Found]:
    """The numbers of a text that `plain` gave, from left to right."""
    found, place = [], 0
    while match := _BODY.search(text, place):
        place, start = match.end(), match.start()
        head, touching = _HEAD.search(text, max(0, start - _HEAD_LENGTH), start), text[max(0, start - 2) : start]
        if _NAME_BEFORE.search(touching):
            place = _REST_OF_PART.match(text, place).end()
        elif _PART_BEFORE.search(touching) or _PART_BEHIND.match(text, place):
            place = _REST_OF_PART.match(text, place).end()
            found.append(Found(head.start(), place, None))
        else:
            found.append(_complete(text, match, head))
            place = found[-1].end
    return found


def _complete(text: str, match: re.Match, head: re.Match) -> Found:
    """The number with sign and currency before its digits, and percent or scale behind them."""
    value, end, is_percent = _value(match), match.end(), bool(head["hundredths"])
    is_sign = bool(head["word"]) or (head["mark"] == "-" and _is_sign(text[: head.start()], head["gap"]))
    if percent := _PERCENT.match(text, end):
        end, is_percent = percent.end(), True
    elif scale := _SCALE.match(text, end):
        end = scale.end()
        power = sum(_SCALES[word.lower()] for word in re.findall(r"[A-Za-z]+|[^\sA-Za-z]", scale[0]))
        value = None if value is None or power > MAX_DIGITS else value * 10**power
    if value is None:
        return Found(head.start(), end, None)
    return Found(head.start(), end, Number(-value if is_sign != (head["inner"] == "-") else value, is_percent))


def _is_sign(before: str, gap: str) -> bool:
    """Whether a minus behind `before` is a sign, not a subtraction, a hyphen or the mark of a list."""
    if re.search(rf"[A-Za-z0-9)\]%\u00b1{NO_NUMBER}+-]$", before):
        return False
    line = before.rpartition("\n")[2].rstrip()
    if gap:
        return line.endswith(tuple("=:(\u2248,")) or not before.strip()
    return not re.search(r"[\d)%]$", line)


def _value(match: re.Match) -> Fraction | None:
    """The digits' own value; None for a division by zero and for numbers of absurd length."""
    if len(match[0]) > MAX_DIGITS:
        return None
    over, under = (match["above"], match["below"]) if match["whole"] else (match["over"], match["under"])
    if over:
        divisor = _decimal(under)
        return Fraction(match["whole"] or 0) + _decimal(over) / divisor if divisor else None
    value, power = _decimal(match["mantissa"]), match["exponent"] or match["power"]
    if power is None:
        return value
    base = value if match["power"] and not match["times"] else Fraction(10)
    if abs(int(power)) > MAX_DIGITS // (1 if base == 10 else len(match["mantissa"])) or not base:
        return None
    return base ** int(power) if base is value else value * base ** int(power)


def _decimal(digits: str) -> Fraction:
    return Fraction(re.sub("[, ']", "", digits))


_MARKS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\u207b", "-")
    | dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " ")
    | dict.fromkeys("\u221a\u03c0\u221e", NO_NUMBER)
    | {"\u2044": "/", "\u2215": "/", "\u22c5": "\u00d7", "`": "", "\u2019": "'"}
)
_RAISED = re.compile("([\u00b2\u00b3\u00b9\u2070-\u2079\u207b]+)")
_SMALL_FRACTION = re.compile("(?<=[0-9])(?=[\u00bc-\u00be\u2150-\u215e])")  # one character that holds 1/2
_FRACTION = re.compile(r"(\d)?\s?\\[dtc]?frac\s?(?:\{\s?([\d.,]+)\s?\}|(\d))\s?(?:\{\s?([\d.,]+)\s?\}|(\d))")
_ESCAPES = {"\\$": "$", "\\%": "%", "\\#": "#", "\\&": "&", "{,}": ",", "\\!": ""}
_WRITING = (
    (re.compile(r"\\[$%#&,;:! ]|\{,\}"), lambda match: _ESCAPES.get(match[0], " ")),
    (re.compile(r"\\(?:times|cdot)\b"), "\u00d7"),
    (re.compile(r"\\(?:left|right|displaystyle|bf)\b|\\[()\[\]]|</?[A-Za-z]{1,10}>|__"), ""),
    (re.compile(r"\\(?:sqrt|pi|infty|log|ln|sin|cos|tan|exp)\b(?:\[\d*\])?"), NO_NUMBER),
    (re.compile(rf"{NO_NUMBER}\{{[^{{}}]*\}}"), NO_NUMBER),
)
_UNWRAPPED = (
    (re.compile(r"\\(?:textbf|textit|emph|mathbf|mathrm|mathit|bm|boldsymbol|underline)\s?\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\(?:text|textrm|mbox|operatorname)\s?\{([^{}]*)\}"), r" \1 "),
)
MAX_NESTING = 5
_POWER_MARK = re.compile(r"(?<=\d)\*\*(?=[({]?[-+]?\d+(?!\d|\*\*))")
_STARS = re.compile(r"\*{2,}|(?<![\w)*\s])\*(?=\S)|(?<=[^\s*])\*(?![\w(*\s])|(?:^|(?<=\s))\*(?=\S[^*\n]{0,80}\*)")


def plain(text: str) -> str:
    """The text in which numbers are looked for: ASCII digits and signs, no bold and LaTeX marks; line ends stay."""
    text = _RAISED.sub(r"^\1", _SMALL_FRACTION.sub(" ", text))
    text = unicodedata.normalize("NFKC", text.translate(_MARKS)).translate(_MARKS)
    visible = (character for character in text if unicodedata.category(character) != "Cf")
    text = "".join(str(unicodedata.decimal(character, character)) for character in visible)
    for pattern, replacement in _WRITING:
        text = pattern.sub(replacement, text)
    for _ in range(MAX_NESTING):
        before = text
        for pattern, replacement in _UNWRAPPED:
            text = pattern.sub(replacement, text)
        text = _FRACTION.sub(lambda m: f"{m[1] + ' ' if m[1] else ''}{m[2] or m[3]}/{m[4] or m[5]}", text)
        if text == before:
            break
    text = re.sub(r"\\[dtc]?frac\b", NO_NUMBER, text)
    text = _STARS.sub("", _POWER_MARK.sub("^", text))
    text = re.sub(r"(?<=[A-Za-z])\^[({]?-?\d+[)}]?", "", text)  # the power of a unit or a name
    return _CURRENCY_CODE.sub("$", text)
