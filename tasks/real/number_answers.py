"""Which number a text gives as its answer, and when two answers are the same number: GSM8K and its translations.

Which number counts, by the first rule that applies (1 is the strict match of lm-evaluation-harness, 4 its flexible one,
3 that of MATH):
  1. the number behind the first `####` that a number follows directly; an equation there counts by its right side,
  2. the number directly behind the last "answer is" or "Answer:" (or their Chinese forms),
  3. the content of the last \\boxed{...}, which must be one number,
  4. the last number of the text.
Where the place that counts holds only a part of a number (12:30, 3.1.2, 1,00, 5-10), there is no answer. A unit behind
the number does not count.
"""

import re

from tasks.real.number_text import Found, Number, find_numbers, plain

MAX_LINE = 200  # characters behind a mark in which its number is looked for
_MARK = re.compile(
    r"""
    \banswer(?:\s(?:to|of|for)\s[^.\n]{1,80}?)?\s*(?:(?:is|was|are|equals|would\sbe)\b\s*:?|[:=])
      (?:\s*(?:about|approximately|simply|just|exactly|therefore|thus)\b)?
  | \u7b54\u6848(?:\s*(?:[\u662f\u4e3a:=]|\u5e94\u4e3a|\u5e94\u8be5\u662f|\u7b49\u4e8e))+
      (?:\s*(?:\u5927\u7ea6|\u7ea6|\u5171|\u5c31\u662f))?
  | (?:^|(?<=[\s\u3002]))\u7b54\s?:
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What may stand between a mark and its number: an unknown that is solved for, opening brackets.
_OPENING = re.compile(r"(?:[A-Za-z]\w{0,20}\s*=)?(?:\\f?boxed\s*\{|[\s:=\u2248~({\[$])*")
_OPERATION = re.compile(r"\s*[+*\u00d7\u00f7/x-]\s*[($]?\s*[\d.(]")


def extract_number(text: str) -> str:
    """The answer of a text as a plain number ("1200", "-3.5", "1/3", "25%"), for `same_number`; empty where none."""
    number = read_number(text)
    return "" if number is None else _written(number)


def same_number(said: str, right: str) -> bool:
    """True where both texts give a number and it is the same; 25% is the same as 25 and as 0.25, which 25 is not."""
    one, other = read_number(said), read_number(right)
    if one is None or other is None:
        return False
    if one.is_percent == other.is_percent:
        return one.value == other.value
    percent, bare = (one, other) if one.is_percent else (other, one)
    return bare.value in (percent.value, percent.value / 100)


def read_number(text: str) -> Number | None:
    """The number that counts as the answer of a text, by the rules above; None where there is none."""
    text = plain(text)
    for match in re.finditer("####", text):
        if found := _directly_behind(text[match.end() :]):
            return found.number
    answers = [found for match in _MARK.finditer(text) if (found := _directly_behind(text[match.end() :]))]
    if answers:
        return answers[-1].number
    if (boxed := _last_boxed(text)) is not None:
        return _only_number(boxed)
    found = find_numbers(text)
    return found[-1].number if found else None


def _directly_behind(text: str) -> Found | None:
    """What `text` begins with where that is digits, be it a number or not; of an equation its right side."""
    text = text[:MAX_LINE]
    line = text.lstrip().partition("\n")[0]
    if "\n" in text[: len(text) - len(text.lstrip())]:
        line = line.removeprefix("- ")  # on a line of its own this is the mark of a list
    found = find_numbers(line)
    if not found or not _OPENING.fullmatch(line[: found[0].start]):
        return None
    rest = line[found[0].end :]
    if not _OPERATION.match(rest) and not (found[0].number is None and rest.lstrip().startswith("=")):
        return found[0]
    _, sign, right_side = line.rpartition("=")
    return (sign and _directly_behind(right_side)) or Found(0, 0, None)


def _last_boxed(text: str) -> str | None:
    """What stands between the braces of the last \\boxed, other braces inside; None where there is none."""
    start = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    opening = text.find("{", start)
    if start < 0 or opening < 0:
        return None
    depth = 0
    for place in range(opening, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if not depth:
            return text[opening + 1 : place]
    return text[opening + 1 :]


def _only_number(text: str) -> Number | None:
    found = find_numbers(text.rpartition("=")[2])
    return found[0].number if len(found) == 1 else None


def _written(number: Number) -> str:
    """Decimal digits where they are finite, else a fraction."""
    value, unit = number.value, "%" * number.is_percent
    rest = value.denominator
    twos = fives = 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{value}{unit}"
    places = max(twos, fives)
    digits = f"{abs(value * 10**places).numerator:0{places + 1}d}"
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}{unit}" if places else f"{sign}{digits}{unit}"


def is_number(text: str) -> bool:
    """True for a text that is one number, as the answer column of a benchmark holds it."""
    return _only_number(plain(text)) is not None
