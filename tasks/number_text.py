"""The numbers in a text, exactly: sign, currency, thousands (1,000; 1 000; 10,00,000), decimals, fractions, powers, percent, words of scale
(5 million), full-width and raised digits, bold and LaTeX marks.

A part of a number is no number: 12:30, 3.1.2, 1,00, 5-10 and 2 sqrt(3) are found as a `Found` without a number, x2 and COVID-19 as names not at all.
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
    """A number in a text, its sign, currency and scale included; `number` is None where the digits are part of something else."""

    start: int
    end: int
    number: Number | None


_CURRENCY_SIGNS = "$\u00a2\u00a3\u00a4\u00a5\u09f3\u0e3f\u20a0-\u20c0"
_CURRENCY_CODE = re.compile(r"(?:\b(?:US|HK|NT|CA|AU|C|A|S)\$|\b(?:USD|EUR|GBP|CNY|RMB|JPY|INR|HKD|CAD|AUD|Rs\.?)(?=\s?[-+.]?\d))", re.IGNORECASE)
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!,?\d)|\d{1,2}(?:,\d{2})+,\d{3}(?!,?\d)|\d{1,3}(?:[ ']\d{3})+(?![ ']?\d)|\d+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d+)?|\.\d+)"
_BODY = re.compile(rf"""
    (?P<whole>\d+)\s(?P<above>\d+)\s?/\s?(?P<below>\d+)
  | (?P<over>{_DECIMAL})\s?/\s?(?P<under>{_DECIMAL})
  | (?P<mantissa>{_DECIMAL})
    (?: [eE](?P<exponent>[-+]?\d+) | (?P<times>\s?[\u00d7x*]\s?10)?\^[({{]?(?P<power>[-+]?\d+)[)}}]? )?
    """, re.VERBOSE)
_HEAD = re.compile(rf"""
    (?:(?P<word>(?<![A-Za-z])(?:minus|negative)\s|\u8d1f\s?) | (?P<mark>[-+])(?P<gap>[ ]?))?
    (?P<currency>[{_CURRENCY_SIGNS}]\s?)? (?P<inner>[-+])? (?P<hundredths>\u767e\u5206\u4e4b\s?)?$
    """, re.VERBOSE | re.IGNORECASE)
_HEAD_LENGTH = 24
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "k": 3, "\u767e": 2, "\u5343": 3, "\u4e07": 4, "\u4ebf": 8}
# The Chinese word of thousand begins units too: kilogram, kilometre, kilowatt, kilocalorie, kilovolt, kilohertz, kilojoule, kilopascal.
_SCALE = re.compile(r"""(?: \s?(?:hundred|thousand|million|billion|trillion)\b)+ | k(?![A-Za-z])
                      | \s?(?:[\u4e07\u4ebf] | \u767e(?!\u5206) | \u5343(?![\u514b\u7c73\u74e6\u5361\u4f0f\u8d6b\u7126\u5e15]))+""", re.VERBOSE | re.IGNORECASE)
_PERCENT = re.compile(r"\s?(?:%|per\s?cent\b)", re.IGNORECASE)
_PART_BEHIND = re.compile(rf"[.,:/'^]\d|-\d|\s?{NO_NUMBER}|(?!(?:[cdkm]?m|ft|in|yd)[23](?!\d))[A-Za-z]+\d")
_REST_OF_PART = re.compile(rf"[\d.,:/'^{NO_NUMBER}-]*")


def find_numbers(text: str) -> list[Found]:
    """The numbers of a text that `plain` gave, from left to right."""
    found, place = [], 0
    while match := _BODY.search(text, place):
        place = match.end()
        head = _HEAD.search(text, max(0, match.start() - _HEAD_LENGTH), match.start())
        before = text[: match.start() if not head[0] else head.start()]
        if re.search(r"[A-Za-z_^]$|[A-Za-z]-$", text[: match.start()][-2:]):  # a name or a power
            place = _REST_OF_PART.match(text, place).end()
        elif _PART_BEHIND.match(text, place) or re.search(rf"\d[.,:/'^-]$|[\u00b1{NO_NUMBER}]\s?$", text[: match.start()][-2:]):
            place = _REST_OF_PART.match(text, place).end()
            found.append(Found(head.start(), place, None))
        else:
            value = _value(match)
            found.append(_complete(text, match, head, before, value))
            place = found[-1].end
    return found


def _complete(text: str, match: re.Match, head: re.Match, before: str, value: Fraction | None) -> Found:
    """With sign and currency before the digits, and percent or scale behind them."""
    is_sign = head["word"] or head["mark"] == "-" and _is_sign(before, head["gap"])
    end, is_percent = match.end(), bool(head["hundredths"])
    if percent := _PERCENT.match(text, end):
        end, is_percent = percent.end(), True
    elif scale := _SCALE.match(text, end):
        end = scale.end()
        powers = [_SCALES[word.lower()] for word in re.findall(r"[A-Za-z]+|[^\sA-Za-z]", scale[0])]
        value = None if value is None or sum(powers) > MAX_DIGITS else value * 10 ** sum(powers)
    if value is None:
        return Found(head.start(), end, None)
    return Found(head.start(), end, Number(-value if bool(is_sign) != (head["inner"] == "-") else value, is_percent))


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


_MARKS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\u207b", "-") | dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " ")
                       | {"\u2044": "/", "\u2215": "/", "\u22c5": "\u00d7", "\u221a": NO_NUMBER, "\u03c0": NO_NUMBER, "\u221e": NO_NUMBER, "`": "", "\u2019": "'"})
_FRACTION = re.compile(r"(\d)?\s?\\[dtc]?frac\s?(?:\{\s?([\d.,]+)\s?\}|(\d))\s?(?:\{\s?([\d.,]+)\s?\}|(\d))")
_WRITING = (
    (re.compile(r"\\[$%#&,;:! ]|\{,\}"), lambda m: {"\\$": "$", "\\%": "%", "\\#": "#", "\\&": "&", "{,}": ",", "\\!": ""}.get(m[0], " ")),
    (re.compile(r"\\(?:times|cdot)\b"), "\u00d7"),
    (re.compile(r"\\(?:left|right|displaystyle|bf)\b|\\[()\[\]]|</?[A-Za-z]{1,10}>|__"), ""),
    (re.compile(r"\\(?:sqrt|pi|infty|log|ln|sin|cos|tan|exp)\b(?:\[\d*\])?"), NO_NUMBER),
    (re.compile(rf"{NO_NUMBER}\{{[^{{}}]*\}}"), NO_NUMBER),
)
_UNWRAPPED = ((re.compile(r"\\(?:textbf|textit|emph|mathbf|mathrm|mathit|bm|boldsymbol|underline)\s?\{([^{}]*)\}"), r"\1"),
              (re.compile(r"\\(?:text|textrm|mbox|operatorname)\s?\{([^{}]*)\}"), r" \1 "))
MAX_NESTING = 5
_POWER_MARK = re.compile(r"(?<=\d)\*\*(?=[({]?[-+]?\d+(?!\d|\*\*))")
_STARS = re.compile(r"\*{2,}|(?<![\w)*\s])\*(?=\S)|(?<=[^\s*])\*(?![\w(*\s])|(?:^|(?<=\s))\*(?=\S[^*\n]{0,80}\*)")


def plain(text: str) -> str:
    """The text in which numbers are looked for: ASCII digits and signs, without bold and LaTeX marks; line ends stay."""
    text = re.sub("([\u00b2\u00b3\u00b9\u2070-\u2079\u207b]+)", r"^\1", re.sub("(?<=\\d)(?=[\u00bc-\u00be\u2150-\u215e])", " ", text))
    text = unicodedata.normalize("NFKC", text.translate(_MARKS)).translate(_MARKS)
    text = "".join(str(unicodedata.decimal(c, c)) if c > "\u007f" else c for c in text if unicodedata.category(c) != "Cf")
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
