"""What a language of the world is made of: words, attributes, sentence patterns; the data stand in
corpus/lexicon.py."""

from dataclasses import dataclass, field


def _words(text: str, prefix: str = "") -> tuple[str, ...]:
    return tuple(prefix + word for word in text.split())


@dataclass(frozen=True)
class Attribute:
    """One thing that is known of every person: its values, its question and the ways to state it ({0} person, {1}
    value)."""

    name: str
    values: tuple[str, ...]
    statements: tuple[str, ...]
    question: str  # {0} person


@dataclass(frozen=True)
class Coreference:
    """A sentence with two nouns {0}, {1}, and {2} the one of which `first` (if it is {0}) or `second` (if {1}) holds;
    people meet in a place {3}."""

    people: bool
    sentence: str
    pronoun: str
    first: str
    second: str


@dataclass(frozen=True)
class Language:
    """All words and patterns of one language; the field names say which document uses them."""

    code: str
    names: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    objects: tuple[str, ...]
    places: tuple[str, ...]
    goods: tuple[str, ...]
    letters: tuple[str, ...]
    question: str  # {0} question text
    answer: str  # precedes an answer
    stop: str  # ends an answer
    option: str  # {0} letter {1} value
    option_separator: str
    guess: str  # {0} value
    yes: str
    no: str
    report: str  # {0} person {1} object {2} place
    where: str  # {0} object
    reply: str  # {0} object; precedes the place
    script_openings: tuple[str, ...]  # {0} job
    script_times: tuple[str, ...]
    time_first: bool  # the time of day stands before the opening
    script_ending: str  # {0} place {1} thing
    scripts: tuple[tuple[str, str, str], ...]  # job, place, thing
    coreferences: tuple[Coreference, ...]
    list_titles: tuple[str, ...]
    maths_start: str  # {0} person {1} number {2} goods
    maths_gain: tuple[str, ...]  # {0} person {1} number
    maths_loss: tuple[str, ...]
    maths_question: str  # {0} goods
    separator: str
    lexicon: tuple[str, ...] = field(default=())
