"""Which share of the tokens each document kind has, per language, and which source of the paper's Table 3 it stands
for.

Shares are of tokens, not of documents: the mean length of each kind is measured once from a fixed seed and the drawing
weights follow. The mixture was tuned on the calibration seed and then frozen (report, search log).
"""

import random
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from corpus import documents
from corpus.graded import fact_pages, number_pages, text_pages
from corpus.graded.mixtures import GRADED_MIXTURES
from corpus.language import Language
from corpus.pages import dates, exercises, films, patterns, programs_text, quizzes
from corpus.tokenizer import PieceEncoder
from corpus.world import World

CHINESE_SHARE = 0.2  # English : Chinese = 4 : 1 tokens (paper L, section 2.1)
NUM_LENGTH_SAMPLES = 300

DocumentFunction = Callable[..., list[str]]


@dataclass(frozen=True)
class Kind:
    """One document kind: its function, the Table 3 source it stands for and the languages that have it."""

    write: DocumentFunction
    source: str
    languages: tuple[str, ...] = ("en", "zh")


KINDS: dict[str, Kind] = {
    "biography": Kind(documents.biography, "Wikipedia"),
    "faq": Kind(quizzes.faq, "StackExchange"),
    "directory": Kind(documents.directory, "CommonCrawl"),
    "code_listing": Kind(documents.code_listing, "Code"),
    "legend": Kind(quizzes.legend_page, "CommonCrawl"),
    "guessing_game": Kind(quizzes.guessing_game, "CommonCrawl"),
    "exam_sheet": Kind(quizzes.exam_sheet, "CommonCrawl"),
    "comprehension": Kind(documents.comprehension, "CommonCrawl"),
    "story": Kind(documents.story, "Books"),
    "dispute": Kind(documents.dispute, "Books"),
    "homework": Kind(exercises.homework, "CommonCrawl"),
    "drill": Kind(exercises.drill, "Papers"),
    "puzzle": Kind(exercises.puzzle, "CommonCrawl", ("en",)),
    "dictionary_page": Kind(exercises.dictionary_page, "CommonCrawl", ("en",)),
    "modified_page": Kind(exercises.modified_page, "CommonCrawl", ("en",)),
    "program_page": Kind(programs_text.program_page, "Code", ("en",)),
    "film_page": Kind(films.film_page, "CommonCrawl", ("en",)),
    "calendar_page": Kind(dates.calendar_page, "CommonCrawl", ("en",)),
    "pattern_page": Kind(patterns.pattern_page, "StackExchange", ("en",)),
}
GRADED_KINDS: dict[str, Kind] = {  # of the second world
    "fact_page": Kind(fact_pages.fact_page, "Wikipedia"),
    "faq_page": Kind(fact_pages.faq_page, "StackExchange"),
    "lookup_page": Kind(fact_pages.lookup_page, "CommonCrawl"),
    "listing_page": Kind(documents.code_listing, "Code", ("en",)),
    "caption_page": Kind(fact_pages.caption_page, "CommonCrawl"),
    "exam_page": Kind(fact_pages.exam_page, "CommonCrawl"),
    "reading_page": Kind(text_pages.reading_page, "CommonCrawl"),
    "errand_page": Kind(text_pages.errand_page, "Books"),
    "pronoun_page": Kind(text_pages.pronoun_page, "Books"),
    "problem_page": Kind(number_pages.problem_page, "CommonCrawl"),
    "sum_page": Kind(number_pages.sum_page, "Papers"),
    "word_puzzle_page": Kind(number_pages.word_puzzle_page, "CommonCrawl", ("en",)),
    "spelling_page": Kind(number_pages.spelling_page, "CommonCrawl", ("en",)),
    "changed_sum_page": Kind(number_pages.changed_sum_page, "CommonCrawl", ("en",)),
}

# Token shares of English in percent; Chinese has the same without the kinds it lacks. v1 is paper L's, the others the
# two series of paper P; those of the second world are drawn (corpus/graded/mixtures.py).
MIXTURES: dict[str, dict[str, float]] = {
    "v1": {
        "biography": 10,
        "faq": 4,
        "directory": 10,
        "code_listing": 8,
        "legend": 8,
        "guessing_game": 8,
        "exam_sheet": 16,
        "comprehension": 8,
        "story": 5,
        "dispute": 6,
        "homework": 12,
        "drill": 6,
        "puzzle": 2,
        "dictionary_page": 1,
        "modified_page": 1,
    },
    "prose": {
        "biography": 5,
        "faq": 2,
        "directory": 10,
        "code_listing": 6,
        "comprehension": 3,
        "story": 5,
        "homework": 9,
        "drill": 3,
        "program_page": 8,
        "film_page": 9,
        "calendar_page": 10,
        "pattern_page": 30,
    },
    "code": {
        "biography": 2,
        "faq": 1,
        "directory": 6,
        "code_listing": 12,
        "comprehension": 2,
        "story": 2,
        "homework": 8,
        "drill": 4,
        "program_page": 20,
        "film_page": 5,
        "calendar_page": 8,
        "pattern_page": 30,
    },
}


class Mixture:
    """Draws (kind, language) pairs so that tokens, not documents, have the shares of `MIXTURES[name]`."""

    def __init__(self, name: str, world: World, encoder: PieceEncoder):
        _require_known(name)
        self.name = name
        self._choices: list[tuple[DocumentFunction, Language]] = []
        weights = []
        for (kind, code), share in token_shares(name).items():
            language = world.languages[code]
            self._choices.append((page_kind(kind).write, language))
            # Documents of a kind that is long on average are drawn less often, so that tokens get the share.
            weights.append(share / _mean_length(kind, world, language, encoder))
        total = sum(weights)
        self._cumulative = list(accumulate(weight / total for weight in weights))

    def document(self, draw: documents.Draw, world: World, split: str) -> tuple[list[str], str]:
        """One document as pieces, and its language code."""
        write, language = self._choices[min(bisect(self._cumulative, draw()), len(self._choices) - 1)]
        return write(draw, world, language, split), language.code


def page_kind(name: str) -> Kind:
    """The kind of pages of this name, of either world."""
    return GRADED_KINDS[name] if name in GRADED_KINDS else KINDS[name]


def mixture_shares(name: str) -> dict[str, float]:
    """Token shares of English in percent, by kind. ValueError in one line for an unknown mixture."""
    _require_known(name)
    return GRADED_MIXTURES[name] if name in GRADED_MIXTURES else MIXTURES[name]


def _require_known(name: str) -> None:
    if name not in MIXTURES and name not in GRADED_MIXTURES:
        known = ", ".join((*MIXTURES, *GRADED_MIXTURES))
        raise ValueError(f"corpus.mixture is {name!r}; choose one of {known}")


def kinds_of(*names: str) -> list[str]:
    """The kinds that any of these mixtures draws, in the order of KINDS and GRADED_KINDS."""
    shares = [mixture_shares(name) for name in names]
    return [kind for kind in (*KINDS, *GRADED_KINDS) if any(share.get(kind, 0) > 0 for share in shares)]


def token_shares(name: str) -> dict[tuple[str, str], float]:
    """Planned share of all tokens of each (kind, language); sums to 1."""
    shares = {}
    for code, language_share in (("en", 1.0 - CHINESE_SHARE), ("zh", CHINESE_SHARE)):
        present = {
            kind: share
            for kind, share in mixture_shares(name).items()
            if share > 0 and code in page_kind(kind).languages
        }
        # Chinese lacks some kinds; what they would have had goes to its other kinds in proportion.
        total = sum(present.values())
        shares |= {(kind, code): language_share * share / total for kind, share in present.items()}
    return shares


def _mean_length(kind: str, world: World, language: Language, encoder: PieceEncoder) -> float:
    """Mean tokens of one document of this kind, its start token included, from a fixed seed."""
    draw = random.Random(f"length/{kind}/{language.code}").random
    lengths = [1 + len(encoder.encode(page_kind(kind).write(draw, world, language))) for _ in range(NUM_LENGTH_SAMPLES)]
    return sum(lengths) / len(lengths)
