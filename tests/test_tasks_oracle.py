"""The solver scores 100 % on every item and the guesser what is declared: between the two stands every model."""

import json
import random

import pytest
from scipy.stats import binomtest
from small_corpus import facts, items

from corpus.lexicon import LANGUAGES, SPELLED_WORDS
from tasks import TASKS
from tasks.base import Item
from tasks.oracle import guess, read_facts, solve

NUM_GUESSES = 4  # a question, with 500 questions: 0.25 is known to +- 0.03


@pytest.mark.parametrize("name", TASKS)
def test_solver_is_always_right(name):
    wrong = [(item.requests, item.answer) for item in items(name) if solve(item, facts()) != item.answer]
    assert not wrong, f"{len(wrong)} of {len(items(name))}, e.g. {wrong[0]}"


@pytest.mark.parametrize("name", TASKS)
def test_solver_does_not_see_the_answer(name):
    """The key and, in open form, the reference are replaced: the solver must not notice."""
    for item in items(name)[:50]:
        requests = item.requests if TASKS[name].answer_form == "choice" else ((item.requests[0][0], ""),)
        assert solve(Item(name, 0, requests, None), facts()) == item.answer


@pytest.mark.parametrize("name", TASKS)
def test_guesser_scores_the_declared_chance(name):
    draw = random.Random(f"guess/{name}").random
    hits = sum(guess(item, draw) == item.answer for item in items(name) for _ in range(NUM_GUESSES))
    interval = binomtest(hits, NUM_GUESSES * len(items(name))).proportion_ci(0.999, "exact")
    assert interval.low <= TASKS[name].chance <= interval.high, (hits, interval)


@pytest.mark.parametrize("name, wrong_chance", [("exam", 0.2), ("coreference", 0.4), ("recall", 0.15)])
def test_guesser_tells_a_wrong_chance(name, wrong_chance):
    """The test of the test above: a declaration that is off by a few points falls outside the interval."""
    draw = random.Random(f"guess/{name}").random
    hits = sum(guess(item, draw) == item.answer for item in items(name) for _ in range(NUM_GUESSES))
    interval = binomtest(hits, NUM_GUESSES * len(items(name))).proportion_ci(0.999, "exact")
    assert not interval.low <= wrong_chance <= interval.high


def _known(language) -> dict:
    """The first person has the second value of every attribute."""
    return {language.code: {language.names[0].strip(): {a.name: a.values[1].strip() for a in language.attributes}}}


def _ask(name: str, context: str, *continuations: str) -> int | str:
    language = LANGUAGES[TASKS[name].language]
    return solve(
        Item(name, 0, tuple((context, continuation) for continuation in continuations or ("",)), None), _known(language)
    )


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
def test_solver_at_hand_made_prompts(language):
    """Right answers worked out by hand, in the words of the lexicon but not in its documents."""
    suffix = "" if language.code == "en" else "_zh"
    (one, two), (hat, cup), (hall, shed) = language.names[:2], language.objects[:2], language.places[:2]
    attribute, (letter_a, letter_b) = language.attributes[0], language.letters[:2]
    fact = language.question.format(attribute.question.format(one))
    no, yes = attribute.values[:2]
    assert _ask("recall" + suffix, fact + language.answer) == yes.strip()
    assert _ask("exam_cloze" + suffix, fact + language.answer, no, yes) == 1
    sheet = (
        fact
        + language.option.format(letter_a, no)
        + language.option_separator
        + language.option.format(letter_b, yes)
        + language.stop
    )
    assert _ask("exam" + suffix, sheet + language.answer, letter_b, letter_a) == 0
    passage = language.report.format(one, hat, shed) + language.report.format(two, cup, hall)
    for thing, wanted in ((cup, 0), (hat, 1)):
        asked = language.question.format(language.where.format(thing)) + language.answer + language.reply.format(thing)
        assert _ask("reading" + suffix, passage + asked, hall, shed) == wanted
    pear = language.goods[0]
    problem = (
        language.maths_start.format(one, " 8", pear)
        + language.maths_gain[0].format(one, " 12")
        + language.maths_loss[-1].format(one, " 5")
    )
    assert _ask("maths" + suffix, problem + language.maths_question.format(pear)) == "15"


def test_solver_at_hand_made_puzzles():
    word = SPELLED_WORDS[0].strip()
    assert _ask("unscramble", f" Letters: {' '.join(reversed(word))}. Word:") == word
    assert _ask("modified_arithmetic", " 5 + 3 gives 9. 1 + 1 gives 3. 7 + 1 gives") == "9"
    assert _ask("ipa_transliterate", " Spelling: r i d e. Sound:") == "ɹ ɪ d ɛ"


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=list(LANGUAGES))
def test_coreference_is_solved_by_the_noun_that_fits(language):
    for kind in language.coreferences:
        first, second = (language.names if kind.people else language.objects)[:2]
        for trait, right in ((kind.first, 0), (kind.second, 1)):
            requests = tuple(
                (kind.sentence.format(first, second, noun, language.places[0]), trait) for noun in (first, second)
            )
            assert (
                solve(Item("coreference" if language.code == "en" else "coreference_zh", 0, requests, None), {})
                == right
            )


def test_two_right_options_are_not_solved_in_silence():
    language = LANGUAGES["en"]
    right = language.attributes[0].values[1]
    options = (
        language.option_separator.join(language.option.format(letter, right) for letter in language.letters[:2])
        + language.stop
    )
    with pytest.raises(ValueError):
        _ask(
            "exam",
            language.question.format(language.attributes[0].question.format(language.names[0]))
            + options
            + language.answer,
            *language.letters[:2],
        )


def test_facts_file(tmp_path):
    path = tmp_path / "world.json"
    path.write_text(
        json.dumps({"en": {"persons": ["Anna"], "attributes": ["job"], "values": [["judge"]]}}), encoding="utf-8"
    )
    assert read_facts(path) == {"en": {"Anna": {"job": "judge"}}}


@pytest.mark.parametrize(
    "content", ["", "[]", '{"en": {}}', '{"en": {"persons": ["Anna"], "attributes": [], "values": []}}', '{"en": 3}']
)
def test_damaged_facts_file_says_so_in_one_line(tmp_path, content):
    path = tmp_path / "world.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"world\.json: not a table of facts .*rebuild it with `python -m corpus`"):
        read_facts(path)
