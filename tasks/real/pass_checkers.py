"""Checkers of the real tasks of paper P: titles of films, and programs that pass their published tests."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

Runner = Callable[[str, str, str], bool]  # (program, tests, entry point) -> passed; sandbox.parent.Sandbox.passes


# Where a completion of a HumanEval prompt ends (Chen et al. 2021, section 2.1).
PROGRAM_STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")


# Words of everyday use that are film titles too: a model that answers with a frequent word hits them without the
# riddle.
COMMON_WORDS = frozenset(
    """alien big brave cars cube drive elf frozen gravity heat her holes it jaws joker misery moonlight onward room
    salt seven signs soul speed tangled traffic up us wild""".split()
)


MAX_REMEMBERED = 100_000


@dataclass(frozen=True)
class TitleChecker:
    """Passes a title in any case and Unicode form, behind one blank or none, with or without a sentence end."""

    title: str

    def passes(self, text: str) -> bool:
        """True where the attempt is the title."""
        said, title = _decomposed(text.removeprefix(" ")), _decomposed(self.title)
        return said.startswith(title) and not said[len(title) :].strip(" .!")

    def viable(self, text: str) -> bool:
        """True for a beginning of a passing text and for a passing text."""
        return _decomposed(self.title).startswith(_decomposed(text.removeprefix(" "))) or self.passes(text)

    def accepted(self) -> None:
        """Cases and endings make the passing texts too many to list."""


def _decomposed(text: str) -> str:
    """Lower case with accents behind their letters, so that a beginning of a text gives a beginning of its form."""
    return unicodedata.normalize("NFKD", text).casefold()


class HumanEvalChecker:
    """Passes a completion of the prompt that passes the published tests; everything from the first of PROGRAM_STOPS on
    is cut off."""

    def __init__(self, prompt: str, tests: str, entry_point: str, runner: Runner):
        self._prompt, self._entry_point = prompt, entry_point
        self._tests = f"{prompt}\n{tests}"  # some tests call helpers that stand in the prompt
        self._run = lru_cache(MAX_REMEMBERED)(
            lambda completion: bool(runner(self._prompt + completion, self._tests, self._entry_point))
        )

    def passes(self, text: str) -> bool:
        """Runs the program, once for each distinct completion. It is not parsed here: Python's parser can be crashed by
        the text that it reads."""
        return self._run(completed(text))

    def viable(self, text: str) -> bool:
        """True until the completion is cut off; from there on nothing changes and the verdict (remembered) is final."""
        return completed(text) == text or self.passes(text)

    def accepted(self) -> None:
        """Right programs are too many to list."""


def completed(text: str) -> str:
    """What stands before the first of PROGRAM_STOPS."""
    ends = [place for stop in PROGRAM_STOPS if (place := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def is_guessable(title: str) -> bool:
    """True for a film title that a frequent word hits by exact match (paper P, section 5.3, removes such items; the
    list is ours)."""
    return title.lower() in COMMON_WORDS
