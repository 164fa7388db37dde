"""Numbers in a text: where they begin and end, what belongs to them, and that no text takes long."""

import time
from fractions import Fraction

import pytest

from tasks.real.number_text import find_numbers, plain


@pytest.mark.parametrize(
    "text,values",
    [
        ("3 apples and 4.5 pears cost $1,200.", [3, Fraction(9, 2), 1200]),
        ("1, 2, 3", [1, 2, 3]),
        ("1,2,3", [None]),
        ("at 12:30 or 5", [None, 5]),
        ("x2 and y_3", []),
        ("-3 + -4 = -7", [-3, -4, -7]),
        ("8 - 3 = 5", [8, 3, 5]),
        ("2024-05-12", [None]),
        ("5 - 10%", [5, 10]),
        ("1/2/3", [None]),
        ("1 1/2 cups", [Fraction(3, 2)]),
        ("3 \u5343\u514b, 3\u5343", [3, 3000]),
        ("2\\sqrt{3}", [None]),
        ("1.5 \\times 10^{3} m", [1500]),
        ("5'6", [None]),
    ],
)
def test_found_from_left_to_right(text, values):
    assert [found.number and found.number.value for found in find_numbers(plain(text))] == values


def test_a_number_spans_its_sign_currency_percent_and_scale():
    text = plain("cost -$1,200.50 or 5 million, 25 %")
    assert [text[found.start : found.end] for found in find_numbers(text)] == ["-$1,200.50", "5 million", "25 %"]


@pytest.mark.parametrize(
    "written,form",
    [
        ("\uff11\uff12\uff0c\uff10\uff10\uff10", "12,000"),
        ("10\u00b2", "10^2"),
        ("1\u00bd", "1 1/2"),
        ("\\textbf{\\textit{5}}", "5"),
        ("a\u200b5", "a5"),
        ("**5**", "5"),
        ("\\frac{1}{2}", "1/2"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("2**3", "2^3"),
        ("a\nb", "a\nb"),
    ],
)
def test_plain(written, form):
    assert plain(written) == form


@pytest.mark.parametrize(
    "text",
    [
        "1,000" * 4000,
        "9" * 20000,
        "- " * 10000,
        "\\textbf{" * 2000,
        "1/" * 10000,
        "(1 " * 6000,
        "**" * 10000,
        "1 000 " * 2000,
        "1^" * 10000,
        "\\frac{1}{2}" * 2000,
        "1e9" * 6000,
        "1e400e" * 3000,
    ],
)
def test_no_text_takes_long(text):
    began = time.process_time()
    find_numbers(plain(text))
    assert time.process_time() - began < 30  # some milliseconds; a search that doubles back would take hours
