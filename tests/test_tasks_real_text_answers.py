"""Text answers: what does not matter, what does, and what is no answer."""

import unicodedata

import pytest

from tasks.real.text_answers import normalise, same_text

SAME = [
    ("The  Mark-Twain!", "mark twain"),
    ("a Beatles", "The Beatles."),
    ("Beyonc\u00e9", "Beyonce\u0301"),
    ("\uff21\uff22\uff23", "abc"),
    ("\ufb01ne", "fine"),
    ("\u300a\u7ea2\u697c\u68a6\u300b", "\u7ea2\u697c\u68a6"),
    ("\u201c\u9c81\u8fc5\u201d", "\u9c81\u8fc5\u3002"),
    ("\u300c\u9c81\u8fc5\u300d", "\u9c81\u8fc5\uff01"),
    ("\u7ea6\u7ff0\u00b7\u53f2\u5bc6\u65af", "\u7ea6\u7ff0\u53f2\u5bc6\u65af"),
    ("iPhone \u624b\u673a", "iPhone\u624b\u673a"),
    ("\u9c81 \u8fc5", "\u9c81\u8fc5"),
    ("8,000", "8000"),
    ("O\u2019Neil", "O'Neil"),
    ("Gauss\u2013Markov", "Gauss-Markov"),
    ("\u22125", "-5"),
    ("\uff0d5", "-5"),
    ("C\u266f", "C#"),
    ("c++.", "C++"),
    ("A", "a."),
    ("The", "the"),
    ("Stra\u00dfe", "STRASSE"),
    ("zero\u200bwidth", "zerowidth"),
    ("Coke\u2122", "coke"),
    ("H\u2082O", "H2O"),
    ("**Paris**", "Paris"),
    ("\u2460", "1"),
    ("e\u0301clair", "\u00c9clair"),
    ("\u3000Paris\u00a0", "Paris"),
    ("$5", "5"),
    ("snow_white", "Snow White"),
    ("'Paris'", "Paris"),
]
DIFFERENT = [
    ("C", "C++"),
    ("C", "C#"),
    ("C++", "C#"),
    ("F#", "F"),
    ("NET", ".NET"),
    ("A+", "A"),
    ("A+", "A-"),
    ("5", "-5"),
    ("-5", "\u22126"),
    ("35", "3.5"),
    ("3 5", "3.5"),
    ("102", "10\u00b2"),
    ("11/2", "1\u00bd"),
    ("paris", "london"),
    ("\u9c81", "\u9c81\u8fc5"),
    ("1000", "100"),
    ("resume", "r\u00e9sum\u00e9"),
    ("18+", "18"),
    ("-$5", "$5"),
]
NOTHING = [
    "\u0301",
    "",
    " ",
    "...",
    "\u3002",
    "\u300a\u300b",
    "\u201c\u201d",
    "?!",
    "-",
    "\u2014",
    "\u00b7",
    "\u200b",
    "`",
    "\u00b4",
    "()",
    "$",
    "+",
    "\ufe0f",
    "\n",
    "\u3000",
    "_",
    "\u2026",
]


@pytest.mark.parametrize("one,other", SAME)
def test_same(one, other):
    assert same_text(one, other) and same_text(other, one)


@pytest.mark.parametrize("one,other", DIFFERENT)
def test_different(one, other):
    assert not same_text(one, other) and not same_text(other, one)


@pytest.mark.parametrize("text", NOTHING)
def test_what_leaves_nothing_is_never_an_answer(text):
    assert normalise(text) == "" and not any(
        same_text(text, other) or same_text(other, text) for other in [*NOTHING, "a"]
    )


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_unicode_forms_and_normalising_twice(form):
    for text in {text for pair in SAME + DIFFERENT for text in pair}:
        if not {"\u00b2", "\u00bd", "\u2122"} & set(
            text
        ):  # compatibility forms of raised digits and marks are other texts
            assert normalise(unicodedata.normalize(form, text)) == normalise(text)
        assert normalise(normalise(text)) == normalise(text)
