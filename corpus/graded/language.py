"""What a language of the second world is made of; its words stand in english.py and chinese.py.

Every word has one meaning and becomes one token (tokenizer_training.train_with_words). Patterns hold slots {0}, {1} ...
and are cut only at pre-token borders, as in corpus/lexicon.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from corpus.language import Attribute

MAX_COUNT = 99  # largest number of the world


@dataclass(frozen=True)
class GradedLanguage:
    """Words and patterns of one language; the fields that corpus.language.Language has too mean the same."""

    code: str
    firsts: tuple[str, ...]  # given names
    families: tuple[str, ...]
    family_first: bool
    attributes: tuple[Attribute, ...]
    trades: tuple[str, ...]  # the first of them are the values of the attribute job
    objects: tuple[str, ...]
    places: tuple[str, ...]
    errand_places: tuple[str, ...]
    errand_things: tuple[str, ...]
    times: tuple[str, ...]
    moods: tuple[str, ...]
    openings: tuple[str, ...]
    goods: tuple[str, ...]
    traits: tuple[tuple[str, str], ...]
    numbers: tuple[str, ...]  # 0 to MAX_COUNT
    letters: tuple[str, ...]
    question: str  # {0} question text
    answer: str
    stop: str
    option: str  # {0} letter {1} value
    option_separator: str
    which_letter: str  # {0} value
    report: str  # {0} object {1} place
    moved: str  # {0} object {1} place
    where: str  # {0} object
    reply: str  # {0} object; precedes the place
    errand: str  # {0} time {1} mood {2} trade {3} opening
    errand_ending: str  # {0} place {1} thing
    frames: tuple[str, ...]  # {0} {1} two objects
    because: str  # {0} the object meant; precedes the trait
    because_pronoun: str
    list_titles: tuple[str, ...]
    maths_start: str  # {0} given name {1} number {2} goods
    maths_gain: tuple[str, ...]  # {0} given name {1} number
    maths_loss: tuple[str, ...]
    maths_question: str  # {0} goods
    pattern_words: tuple[str, ...] = ()  # words of the patterns that are cut as one pre-token (Chinese)

    def full_name(self, first: int, family: int) -> str:
        """Given and family name in the order of the language, as one piece."""
        parts = self.firsts[first], self.families[family]
        return "".join(reversed(parts) if self.family_first else parts)

    def word_groups(self) -> dict[str, tuple[str, ...]]:
        """Every word that stands for something in the world, by what it stands for; the groups are disjoint."""
        groups = {name: getattr(self, name) for name in _GROUPS}
        groups |= {attribute.name: attribute.values for attribute in self.attributes if attribute.name != "job"}
        return groups | {"traits": tuple(trait for pair in self.traits for trait in pair), "numbers": self.numbers}

    def words(self) -> Iterator[str]:
        """All words of all groups."""
        for group in self.word_groups().values():
            yield from group


_GROUPS = (
    "firsts",
    "families",
    "trades",
    "objects",
    "places",
    "errand_places",
    "errand_things",
    "times",
    "moods",
    "goods",
    "letters",
)
_DIGITS_ZH = "零一二三四五六七八九"
DIGIT_NUMBERS = tuple(f" {n}" for n in range(MAX_COUNT + 1))


def _numeral(n: int) -> str:
    tens, ones = divmod(n, 10)
    if not tens:
        return _DIGITS_ZH[ones]
    return (_DIGITS_ZH[tens] if tens > 1 else "") + "十" + (_DIGITS_ZH[ones] if ones else "")


CHINESE_NUMERALS = tuple(_numeral(n) for n in range(MAX_COUNT + 1))


def sentence_kinds(language: GradedLanguage) -> list[tuple[int, int]]:
    """(frame, pair of traits) of every kind of sentence with a pronoun."""
    return list(product(range(len(language.frames)), range(len(language.traits))))
