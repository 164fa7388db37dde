"""Which number counts and when two are the same; with EMERGENCE_REAL_DATA, on all published answers of GSM8K and
MGSM."""

import json
import os
import re
from pathlib import Path

import pytest

from tasks.real.number_answers import extract_number, is_number, same_number

RIGHT = {
    "5": [
        "5",
        "#### 5",
        "5.0",
        "5.",
        "5.00",
        "$5.00",
        "5 apples",
        "5 dollars",
        "5kg",
        "5m2",
        "5 m^2",
        "5 m\u00b2",
        "5th",
        "5\u00b0C",
        "(5)",
        "5!",
        "5 \u5143\u3002",
        "5\u5343\u514b",
        "**5** apples",
        "\uff15",
        "\u0665",
        "+5",
        "\u20b95",
        "5$",
        "US$5",
        "RMB 5",
        "USD5",
        "$5$",
        "\\(5\\)",
        "\\[5\\]",
        "\\text{5}",
        "=5",
        "\u22485",
        "<<2+3=5>>5",
        "5 g of H2O",
        "5-year-old",
        "10 - 5",
        "So 10 -5 = 5",
        "#### 10-5=5",
        "The total:\n- 5 apples",
    ],
    "-10": [
        "#### -10",
        "#### - 10",
        "#### \u221210",
        "#### \u201310",
        "#### \uff0d\uff11\uff10",
        "-$10",
        "$-10",
        "-\\$10",
        "\u2212\uffe510",
        "(-10)",
        "minus 10",
        "negative 10",
        "\u8d1f10",
        "x = -10",
        "= - 10",
        "it is -10.",
        "**-10**",
        "\\boxed{-10}",
        "-\\textbf{10}",
        "-10.0",
        "-\\frac{20}{2}",
    ],
    "10": [
        "\u00a310",
        "10\u20ac",
        "\uffe510",
        "\u00a510",
        "10\u5143",
        "\u4eba\u6c11\u5e0110\u5143",
        "\\$10",
        "10%",
        "20/2",
        "1e1",
        "100e-1",
        "10/1",
    ],
    "1000": [
        "1,000",
        "1\uff0c000",
        "1 000",
        "1\u202f000",
        "1\u00a0000",
        "1'000",
        "1{,}000",
        "1\\,000",
        "1e3",
        "1E+3",
        "10^3",
        "10^{3}",
        "10\u00b3",
        "10**3",
        "1 \\times 10^{3}",
        "1\u00d710^3",
        "1 x 10^3",
        "$1,000.00",
        "1 thousand",
        "1\u5343",
        "1k",
    ],
    "0.5": [
        ".5",
        "0.50",
        "1/2",
        "1 / 2",
        "\\frac{1}{2}",
        "\\dfrac12",
        "\u00bd",
        "50%",
        "50\\%",
        "50 percent",
        "\u767e\u5206\u4e4b50",
        "5e-1",
        "5\u00d710^{-1}",
    ],
    "1.5": ["1 1/2", "1\u00bd", "1\\frac{1}{2}", "3/2", "150%"],
    "50": ["50%", "50 %", "50 per cent", "50\\%"],
    "1/3": ["\\frac{1}{3}", "1/3", "2/6"],
    "5000000": ["5 million", "$5 million", "5,000,000", "500\u4e07", "50,00,000"],
    "12": [
        "*12*",
        "`12`",
        "<b>12</b>",
        "__12__",
        "\\textbf{12}",
        "\\boxed{12}",
        "\\boxed{\\textbf{12}}",
        "$\\boxed{12}$ dollars",
        "\\boxed{12\\text{ cm}}",
        "\\boxed{x = 12}",
        "\\boxed{{12}}",
        "\\mathbf{12}",
    ],
    "18": [
        "9*2 = 18.\n#### 18",
        "#### 18\n\nQuestion: 20?\n#### 9",
        "#### Step 1: 3 apples\n#### 18",
        "#### 3 + 15 = 18",
        "#### $18 a day",
        "#### x = 18",
        "The answer is 18. Then 20 more.",
        "The answer is: **18**. There are 20.",
        "The final answer is $\\boxed{18}$.",
        "Final Answer: 18 of 20",
        "**Answer:** 18",
        "answer is\n18",
        "The answer is 3+15=18",
        "\\boxed{18} and 20",
        "\\boxed{3} no, \\boxed{18}",
        "so 3+15 = 18 apples",
        "\u7b54\u6848\u662f18\uff0c\u4e00\u517120",
        "\u7b54\u6848\uff1a18",
        "\u7b54\u6848\u4e3a 18 \u4e2a",
        "\u7b54\uff1a\u4e00\u517118\u4e2a\u3002",
    ],
}
WRONG = {
    "5": [
        "-5",
        "#### -5",
        "50",
        "6",
        "",
        "five",
        "5 million",
        "5k",
        "\u00b15",
        "5\u4e07",
        "5 0",
        "5/2",
        "5.5",
        "none",
        "...",
        "5/0",
    ],
    "-10": ["10", "#### 10", "$10"],
    "10": ["-10", "- 10", "10^1000000000"],
    "12": [
        "3.12",
        "112",
        "121",
        "12:30",
        "11:12",
        "12.5",
        "1/12",
        "12/5",
        "12^2",
        "5-12",
        "12-20",
        "3.1.12",
        "12.1.3",
        "1,12",
        "12,5",
        "x12",
        "12x3",
        "2\\sqrt{12}",
        "\u221a12",
        "12\u03c0",
        "12\\pi",
        "12e3",
        "0x12",
        "12-05-2024",
        "COVID-12",
        "2^{12}",
        "\\boxed{3, 12}",
        "\\boxed{12, 3}",
        "12,12",
        "#### 12:30",
        "1.012",
    ],
    "1": ["1,00", "1,0", "1 000"],
    "100": ["1,00", "1,000"],
    "103": ["10\u00b3"],
    "5%": ["50%", "0.5%"],
    "1/3": ["0.333"],
    "35": ["3.5"],
    "0.5": ["5", "0.05"],
    "9" * 401: ["9" * 401],
    "0": ["1e-999999999", "0/0"],
}


@pytest.mark.parametrize("right,said", [(right, said) for right, texts in RIGHT.items() for said in texts])
def test_right_however_it_is_written(right, said):
    assert same_number(extract_number(said), right) and same_number(said, right)


@pytest.mark.parametrize("right,said", [(right, said) for right, texts in WRONG.items() for said in texts])
def test_another_number_or_a_part_of_one_is_wrong(right, said):
    assert not same_number(extract_number(said), right) and not same_number(said, right)


@pytest.mark.parametrize(
    "text,plain",
    [
        ("#### 1,200", "1200"),
        ("-3.50", "-3.5"),
        ("2/6", "1/3"),
        ("25 %", "25%"),
        ("1e-3", "0.001"),
        ("-0", "0"),
        ("none", ""),
        ("12:30", ""),
        ("1/40", "0.025"),
        ("-1/3", "-1/3"),
    ],
)
def test_what_is_extracted_is_plain_and_gives_itself_again(text, plain):
    assert extract_number(text) == plain == extract_number(plain)


def test_one_number_only():
    assert all(map(is_number, ("5", "1,000", "-3.5", "1/2", "18.0"))) and not any(
        map(is_number, ("", "5 6", "12:30", "A", "####"))
    )


@pytest.fixture(scope="module")
def published() -> list[tuple[str, str]]:
    """(worked solution or empty, published answer) of every row there is."""
    root = Path(os.environ.get("EMERGENCE_REAL_DATA", "/absent"))
    files = sorted(root.rglob("gsm8k*.jsonl")) + sorted(root.rglob("mgsm*.tsv"))
    if not files:
        pytest.skip("EMERGENCE_REAL_DATA names no folder of published files")
    rows = []
    for file in files:
        for line in filter(None, file.read_text(encoding="utf-8").split("\n")):
            solution = json.loads(line)["answer"] if file.suffix == ".jsonl" else ""
            rows.append((solution, (solution.rpartition("####")[2] or line.rpartition("\t")[2]).strip()))
    return rows


WRITTEN = {
    "thousands": "#### {:,}",
    "dollars": "The answer is ${:,}.",
    "point": "#### {}.0",
    "bold": "**{}** apples",
    "boxed": "so $\\boxed{{{}}}$.",
    "power": "{}e0",
    "percent": "{}%",
    "words": "\u7b54\u6848\u662f{}\u5143\u3002",
    "fraction": "{}/1",
}
SPOILT = {
    "tenfold": "#### {}0",
    "decimal": "{}.5",
    "clock": "{}:30",
    "version": "3.1.{}",
    "million": "{} million",
    "cents": "{},00",
    "third": "{}/3",
}


def test_every_published_answer(published):
    numbers = [(int(answer.replace(",", "")), answer) for _, answer in published]
    assert [
        solution for solution, answer in published if solution and not same_number(extract_number(solution), answer)
    ] == []
    spaced = [(re.sub(r"\n", "\n\n", solution), answer) for solution, answer in published if solution]
    assert [solution for solution, answer in spaced if not same_number(extract_number(solution), answer)] == []
    for name, form in WRITTEN.items():
        assert [
            answer for number, answer in numbers if not same_number(extract_number(form.format(number)), answer)
        ] == [], name
    for name, form in SPOILT.items():
        texts = [
            (form.format(abs(number) if name == "version" else number), answer) for number, answer in numbers if number
        ]
        assert [answer for text, answer in texts if same_number(extract_number(text), answer)] == [], name
    for change in (lambda n: -n, lambda n: n + 1, lambda n: n - 1):
        assert [
            answer
            for number, answer in numbers
            if number and same_number(extract_number(f"#### {change(number)}"), answer)
        ] == []
