"""When two texts are the same answer: the comparison of TriviaQA (Joshi et al. 2017), for both languages and for names
that hold signs.

TriviaQA's own script lowers case, blanks ASCII punctuation and drops articles. All three are kept. Beyond it, Unicode
forms and widths are made equal, every script's punctuation counts (Chinese title marks too), blanks beside Chinese
characters do not, signs that are part of a name or number stay (C++ and C# are not C, -5 is not 5), and a text of which
nothing is left equals no other.
"""

import re
import unicodedata

ARTICLES = frozenset(("a", "an", "the"))
_SYMBOLS = frozenset("$+<=>^`|~\u02bc")  # of what TriviaQA's script blanks, all that is not of the Unicode category P
# Accents that stand alone (NFKC would set them on a blank), signs of a trade mark (NFKC would make letters of them).
_BLANKS = dict.fromkeys("\u00a8\u00af\u00b4\u00b8\u2122\u2120\u00ae\u00a9", " ")
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-") | {"\u266f": "#"} | _BLANKS)
# NFKC writes ten to the second power as 102.
_RAISED = re.compile("(?<=[0-9])(?=[\u00b2\u00b3\u00b9\u2070-\u2079\u00bc-\u00be\u2150-\u215e])")
_SIGNS = re.compile(
    r"""
    (?<=\w)[+\#]+(?!\w)          # C++, C#, A+
  | (?<![\w.])\.(?=[^\W\d_])     # .NET
  | (?<=\d)\.(?=\d)              # 3.5
  | (?<![^\s($\u00a3\u20ac\u00a5])-(?=[$\u00a3\u20ac\u00a5]?\.?\d)  # -5, -$5
    """,
    re.VERBOSE,
)
_CHINESE = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_BLANK_BESIDE_CHINESE = re.compile(f"(?<=[{_CHINESE}]) | (?=[{_CHINESE}])")


def normalise(text: str) -> str:
    """The form in which answers are compared; empty where the text holds nothing to compare (marks and blanks only)."""
    visible = "".join(character for character in text.translate(_DASHES) if unicodedata.category(character) != "Cf")
    composed = unicodedata.normalize("NFKC", _RAISED.sub(" ", visible))
    lowered = unicodedata.normalize("NFKC", composed.casefold()).translate(_DASHES)
    lowered = re.sub(r"(?<=\d),(?=\d{3}(?!\d))|(?<=-)\$(?=\.?\d)", "", lowered)
    kept = {place for match in _SIGNS.finditer(lowered) for place in range(*match.span())}
    bare = (" " if _is_mark(character) and place not in kept else character for place, character in enumerate(lowered))
    words = "".join(bare).split()
    named = [word for word in words if word not in ARTICLES] or words  # the letter A is an answer
    joined = _BLANK_BESIDE_CHINESE.sub("", " ".join(named))
    return joined if any(unicodedata.category(character)[0] in "LNS" for character in joined) else ""


def _is_mark(character: str) -> bool:
    return character in _SYMBOLS or unicodedata.category(character)[0] in "PC" or "\ufe00" <= character <= "\ufe0f"


def same_text(said: str, right: str) -> bool:
    """True where both say something and say the same."""
    return (form := normalise(said)) != "" and form == normalise(right)
