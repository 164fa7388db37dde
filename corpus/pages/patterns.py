"""Pattern pages: lists of Input and Output lines that follow one rule, which only the examples show.

The rules: dates from one form into another, sums, copying, turning lists round, taking one of them, setting them
between signs. What the unnatural in-context tasks ask (dates joined by exclamation marks, triples of four-digit
numbers, words letter by letter turned round, a minus sign that adds) never occurs, only its kin (dates joined by other
signs, two of such numbers, letters that spell nothing, other signs that add); asked dates and sums are held out too.
Dates and numbers in a row carry no space, letters and words do, so that a part has the same token on both lines.
"""

from collections.abc import Callable
from datetime import date

from corpus.documents import Draw, draw_several, pick
from corpus.language import Language
from corpus.lexicon import ENGLISH
from corpus.pages.dates import FIRST_YEAR, NUM_YEARS, draw_date
from corpus.world import TRAIN, World, belongs

PAIR_STOP = "\n"
MIN_SHOTS, MAX_SHOTS = 4, 6
LETTERS = tuple(f" {letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
SIGNS = tuple("!#*~+=&")  # the first never joins a date
OPERATORS = tuple("#~&*")  # besides plus and minus, which keep their meaning
MIN_OPERAND, MAX_OPERAND = 10, 49  # two digits, and every sum is one of 79 numbers of two digits
SMALLEST_LONG, LARGEST_LONG = (
    FIRST_YEAR,
    FIRST_YEAR + NUM_YEARS - 1,
)  # numbers of four digits, each a token as it is in dates: pages show two of them
WORDS = (*ENGLISH.objects, *ENGLISH.attributes[2].values, *ENGLISH.attributes[3].values)

SPELLED_FIVE = tuple(
    """
about above actor adult after again agent agree alarm album alone along among anger apple apply arena argue armor
aside award bacon badge baker basic beach beard begin below bench birth black blade blame blank blast blend bless
blind block blood board boost bound brain brand brave bread break brick bride brief bring broad brown brush build
burst buyer cabin cable camel canal candy cargo carry catch cause chain chair chalk charm chart chase cheap check
cheek chess chest child choir claim class clean clear cliff climb clock close cloth cloud coach coast color comic
count court cover crack craft crash cream crime crowd crown curve cycle daily dance death delay depth diary dirty
doubt dozen draft drama dream dress drink drive eager eagle early earth eight elder empty enemy enjoy enter equal
error event every exact exist extra faith false fancy fault favor feast fence fever field fifth fight final first
flame flesh float flood floor flour fluid focus force forty found frame fresh front frost fruit funny ghost giant
given glass globe glory glove grace grade grain grand grant grape grass grave great green greet grief group guard
guess guest guide habit happy harsh heart heavy honey honor horse hotel house human humor ideal image index inner
issue ivory jelly jewel joint judge juice knife knock label labor large later laugh layer learn lemon light limit
liver local logic loose lorry lover lower loyal lucky lunch magic major march match maybe mayor medal mercy merry
metal might minor model money month moral motor mount mouse mouth movie music nerve never night noble noise north
novel nurse ocean offer often olive onion opera orbit order other ought outer owner paint panel paper party patch
peace peach pearl phone piano piece pilot pitch place plain plane plant plate point pound power press price pride
prime print prize proof proud pupil
""".split()
)
PairMaker = Callable[[Draw, str], tuple[list[str], list[str]]]


def joined(parts: list[str], separator: str = ",") -> list[str]:
    """Parts with the separator between them."""
    pieces: list[str] = []
    for position, part in enumerate(parts):
        pieces += [separator, part] if position else [part]
    return pieces


def pair(asked: list[str], answer: list[str]) -> list[str]:
    """`Input: a, b\\nOutput: b, a\\n`"""
    return ["Input", ":", *asked, PAIR_STOP, "Output", ":", *answer, PAIR_STOP]


def spelled(word: str) -> list[str]:
    """The letters of a word, each as it stands in a list."""
    return [f" {letter}" for letter in word]


def draw_pattern_date(draw: Draw, split: str) -> date:
    """A date of the asked split."""
    while True:
        day = draw_date(draw)
        if belongs(split, ord("u"), day.year, day.month, day.day):
            return day


def draw_operands(draw: Draw, split: str) -> tuple[int, int]:
    """Two numbers of two digits; which two, in either order, is of the asked split."""
    while True:
        a, b = (MIN_OPERAND + int(draw() * (MAX_OPERAND - MIN_OPERAND + 1)) for _ in range(2))
        if belongs(split, ord("+"), min(a, b), max(a, b)):
            return a, b


def date_parts(day: date) -> list[str]:
    """Year, month and day as they are written: `1981`, `03`, `15`."""
    return [f"{day.year}", f"{day.month:02d}", f"{day.day:02d}"]


def sum_pieces(a: int, sign: str, b: int) -> list[str]:
    """` 15 + 14`"""
    return [f" {a}", f" {sign}", f" {b}"]


# List rules: parts of the input to pieces of the output. Copying is what all others wait for; turning round is the
# nearest kin of two tasks.
_LIST_RULES: tuple[Callable[[list[str]], list[str]], ...] = (
    joined,
    joined,
    joined,
    lambda parts: joined(parts[::-1]),
    lambda parts: joined(parts[::-1]),
    lambda parts: joined(parts[1:] + parts[:1]),
    lambda parts: joined(parts[-1:] + parts[:-1]),
    lambda parts: parts[:1],
    lambda parts: parts[-1:],
    lambda parts: joined(parts[1:]),
)
# Spelled words: copying and parts, never turned round.
_LETTER_RULES = (*_LIST_RULES[:3], *_LIST_RULES[5:])
# Natural forms of a date: order of (year, month, day) and separator.
_DATE_FORMS = (
    ((1, 2, 0), "/"),
    ((1, 2, 0), "/"),
    ((2, 1, 0), "."),
    ((2, 1, 0), "-"),
    ((0, 1, 2), "/"),
    ((0, 1, 2), "."),
    ((0,), "/"),
    ((1, 2), "/"),
)
_THREE_ORDERS = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
_SIZES = (
    ("short", "short", "short"),
    ("long", "long"),
    ("short", "long", "long"),
    ("long", "short", "long"),
    ("long", "long", "short"),
)
NATURAL_MARKS = ("/", "/", ".", "-")


def _words_rule(draw: Draw) -> PairMaker:
    rule, count = pick(draw, _LIST_RULES), 3 + int(draw() * 3)

    def make(draw: Draw, split: str):
        parts = [WORDS[i] for i in draw_several(draw, count, len(WORDS))]
        return joined(parts), rule(parts)

    return make


def _numbers_rule(draw: Draw) -> PairMaker:
    rule, count = pick(draw, _LIST_RULES), 3 + int(draw() * 3)

    def make(draw: Draw, split: str):
        parts = [f" {i}" for i in draw_several(draw, count, MAX_OPERAND + 1)]
        return joined(parts), rule(parts)

    return make


def _letters_rule(draw: Draw) -> PairMaker:
    rule = pick(draw, _LETTER_RULES)

    def make(draw: Draw, split: str):
        parts = spelled(pick(draw, SPELLED_FIVE))
        return joined(parts), rule(parts)

    return make


def _loose_letters_rule(draw: Draw) -> PairMaker:
    """Three to five letters that spell nothing; five are not copied, as that is a task."""
    rule = pick(draw, _LIST_RULES)
    count = 3 + int(draw() * (2 if rule is joined else 3))

    def make(draw: Draw, split: str):
        parts = [LETTERS[i] for i in draw_several(draw, count, len(LETTERS))]
        return joined(parts), rule(parts)

    return make


def _dates_rule(draw: Draw) -> PairMaker:
    (order, separator), has_sign, is_fenced, sign = (
        pick(draw, _DATE_FORMS),
        draw() < 0.4,
        draw() < 0.5,
        pick(draw, SIGNS[1:]),
    )

    def make(draw: Draw, split: str):
        parts = date_parts(draw_pattern_date(draw, split))
        shown = joined([parts[i] for i in order], sign if has_sign else separator)
        return joined(parts, "-"), [sign, *shown, sign] if has_sign and is_fenced else shown

    return make


def _sums_rule(draw: Draw) -> PairMaker:
    """Sums and differences, half of them with the usual sign; other signs mean what the examples show."""
    is_sum = draw() < 0.65
    sign = ("+" if is_sum else "-") if draw() < 0.5 else pick(draw, OPERATORS)

    def make(draw: Draw, split: str):
        a, b = draw_operands(draw, split)
        return (sum_pieces(a, sign, b), [f" {a + b}"]) if is_sum else (sum_pieces(a + b, sign, b), [f" {a}"])

    return make


def draw_long_number(draw: Draw) -> str:
    """A number of four digits, as large as a year."""
    return f"{SMALLEST_LONG + int(draw() * (LARGEST_LONG - SMALLEST_LONG + 1))}"


def _short_numbers(draw: Draw, count: int) -> list[str]:
    return [f"{i:02d}" for i in draw_several(draw, count, MAX_OPERAND + 1)]


def _marks_rule(draw: Draw) -> PairMaker:
    """Two or three numbers, joined and ordered as natural forms of dates are. Never three long ones, and none that
    could be a date."""
    order, separator, sizes = pick(draw, _THREE_ORDERS), pick(draw, NATURAL_MARKS), pick(draw, _SIZES)

    def make(draw: Draw, split: str):
        short = _short_numbers(draw, len(sizes))
        parts = [draw_long_number(draw) if size == "long" else short[i] for i, size in enumerate(sizes)]
        return joined(parts, "-"), joined([parts[i] for i in order if i < len(parts)], separator)

    return make


def _signs_rule(draw: Draw) -> PairMaker:
    """Two or three short numbers, or a long one, joined by a sign and perhaps set between two; three keep their
    order."""
    sign, count, is_exchanged, is_fenced = pick(draw, SIGNS), 1 + int(draw() * 3), draw() < 0.5, draw() < 0.7

    def make(draw: Draw, split: str):
        parts = [draw_long_number(draw)] if count == 1 else _short_numbers(draw, count)
        shown = joined(parts[::-1] if is_exchanged and count == 2 else parts, sign)
        return joined(parts, "-"), [sign, *shown, sign] if is_fenced else shown

    return make


_RULES = (
    _words_rule,
    _numbers_rule,
    _letters_rule,
    _letters_rule,
    _loose_letters_rule,
    _loose_letters_rule,
    _dates_rule,
    _dates_rule,
    _dates_rule,
    _sums_rule,
    _sums_rule,
    _sums_rule,
    _marks_rule,
    _marks_rule,
    _signs_rule,
    _signs_rule,
)


def pattern_page(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Puzzle page: examples of one rule."""
    make = pick(draw, _RULES)(draw)
    pieces: list[str] = []
    for _ in range(MIN_SHOTS + int(draw() * (MAX_SHOTS - MIN_SHOTS + 1))):
        pieces += pair(*make(draw, split))
    return pieces
