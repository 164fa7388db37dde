"""Documents of every kind and language: seeded, finite for every split, and true (read back by the oracle, not by the generator)."""

import random
import re
from dataclasses import replace

import pytest
from small_corpus import KIND_LANGUAGES, SPLITS, facts, pieces, world

from corpus.documents import coreference_nouns, exam_options, fill, passage, pick, sample
from corpus.exercises import MODIFIED_RULES, draw_invented_word, draw_modified, draw_problem, scrambled
from corpus.lexicon import LANGUAGES, SPELLED_WORDS
from corpus.mixture import KINDS
from tasks.base import Item
from tasks.oracle import read_coreferences, read_exam, read_facts_asked, read_problems, solve

MAX_DRAWS = 20000  # of one search for a composition; the rarest (2 of 30) needs about 45 for one in 20


def bounded(seed) -> object:
    """Uniform floats that run out: a search that has nothing to find raises StopIteration where it would loop for ever."""
    rng, left = random.Random(seed), iter(range(MAX_DRAWS))
    return lambda: (next(left), rng.random())[1]


@pytest.mark.parametrize("kind, code", KIND_LANGUAGES)
def test_same_draws_same_document_other_draws_other(kind, code):
    assert pieces(kind, code, 1) == pieces(kind, code, 1)
    assert len({"".join(pieces(kind, code, seed)) for seed in range(20)}) > 10


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kind, code", KIND_LANGUAGES)
def test_every_document_ends(kind, code, split):
    for seed in range(100):
        written = KINDS[kind].write(bounded(seed), world(), LANGUAGES[code], split)
        assert 0 < len("".join(written)) < 2000


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_search_has_something_to_find(code, split):
    """A search loops until its composition is of the split; each choice made before the loop must leave it one."""
    language = LANGUAGES[code]
    for kind in range(len(language.coreferences)):
        assert len(set(coreference_nouns(bounded(kind), language, kind, split))) == 3
    for person in range(len(language.names)):
        for attribute in range(len(language.attributes)):
            chosen, position = exam_options(bounded(person), world(), language, person, attribute, split)
            assert len(set(chosen)) == 4 and chosen[position] == world().facts[code][person][attribute]
    for num_steps in (1, 2, 3):
        draw_problem(bounded(num_steps), language, num_steps, split)
    for rule in MODIFIED_RULES:
        draw_modified(bounded(rule), rule, split)
    passage(bounded(0), language, split)
    draw_invented_word(bounded(0), split)
    assert any(scrambled(bounded(word), word, split) for word in range(len(SPELLED_WORDS)))


def test_search_without_composition_is_noticed():
    """The test of the test above: two objects make two ordered pairs, so one of the three splits has none and its draws run out."""
    tiny = replace(LANGUAGES["en"], objects=LANGUAGES["en"].objects[:2])
    with pytest.raises(StopIteration):
        for split in SPLITS:
            coreference_nouns(bounded(split), tiny, 0, split)


def test_fill_puts_slots_in_order():
    assert fill("{1} and{0}.", " a", " b") == [" b", " and", " a", "."]
    assert "".join(fill("plain")) == "plain"


def test_pick_and_sample_are_uniform():
    rng = random.Random(0)
    counts = [0] * 5
    for _ in range(5000):
        drawn = sample(rng.random, 3, 5)
        assert len(set(drawn)) == 3 and set(drawn) <= set(range(5))
        counts[drawn[0]] += 1
    assert max(abs(c - 1000) for c in counts) < 4 * 800**0.5
    assert {pick(rng.random, "abc") for _ in range(100)} == set("abc")
    assert pick(lambda: 1 - 2**-53, "abc") == "c"


def _texts(kind: str, code: str, num_documents: int = 60) -> list[str]:
    return ["".join(pieces(kind, code, seed)) for seed in range(num_documents)]


@pytest.mark.parametrize("code", LANGUAGES)
def test_biographies_are_true(code):
    language, known = LANGUAGES[code], facts()[code]
    for text in _texts("biography", code):
        (person,) = {name for name in known if name in text}
        said = {a.name: {v.strip() for v in a.values if v.strip() in text} for a in language.attributes}
        assert sum(bool(values) for values in said.values()) >= 2
        assert all(known[person][name] in values for name, values in said.items() if values)
        wrong = [value for name, values in said.items() for value in values if value != known[person][name]]
        assert not [value for value in wrong if re.search(rf"{value}\b" if code == "en" else value, text.replace(known[person]["job"], ""))]


ANSWERED = [("faq", "recall"), ("exam_sheet", "exam"), ("comprehension", "reading"), ("homework", "maths"), ("puzzle", "unscramble"),
            ("dictionary_page", "ipa_transliterate"), ("modified_page", "modified_arithmetic")]


def _asked_and_answered(text: str, kind: str, code: str) -> list[tuple[str, str]]:
    """(text up to an answer mark, what follows it up to the stop)."""
    language = LANGUAGES[code]
    mark = {"puzzle": r" Word:", "dictionary_page": r" Sound:", "modified_page": r" gives"}.get(kind, re.escape(language.answer))
    stop = "." if kind in ("puzzle", "dictionary_page", "modified_page") else language.stop
    return [(text[:match.end()], text[match.end():].partition(stop)[0]) for match in re.finditer(mark, text)]


@pytest.mark.parametrize("kind, task, code", [(k, t, c) for k, t in ANSWERED for c in KINDS[k].languages])
def test_answers_in_documents_are_right(kind, task, code):
    name = task + ("_zh" if code == "zh" else "")
    language, checked = LANGUAGES[code], 0
    for text in _texts(kind, code):
        for index, (asked, answer) in enumerate(_asked_and_answered(text, kind, code)):
            if kind == "modified_page" and index == 0:
                continue  # nothing shows the rule yet
            if task == "reading":
                choices = [word for word in language.names + language.places if word in asked]
                solved = choices[solve(Item(name, 0, tuple((asked, choice) for choice in choices), 0), facts())]
            elif task == "exam":  # some keys name the value behind its letter
                pairs = read_exam(asked, language)[-1][2:]
                solved, value = pairs[solve(Item(name, 0, tuple((asked, letter) for letter, _ in pairs), 0), facts())]
                solved += value if answer.strip() != solved.strip() else ""
            elif task == "maths":
                solved = str(sum(read_problems(asked, language, min_steps=1)[-1]))
            else:
                solved = solve(Item(name, 0, ((asked, ""),), ""), facts())
            assert answer.strip() == solved.strip(), (asked, answer)
            checked += 1
    assert checked >= 60


@pytest.mark.parametrize("kind, code", [kc for kc in KIND_LANGUAGES if kc[0] in ("homework", "drill")])
def test_equations_are_right(kind, code):
    for text in _texts(kind, code):
        equations = re.findall(r" (\d+) ([+-]) (\d+) = (\d+);", text)
        assert len(equations) >= 2
        assert all(int(a) + int(sign + b) == int(c) for a, sign, b, c in equations)


@pytest.mark.parametrize("code", LANGUAGES)
def test_disputes_are_settled_right(code):
    found = 0
    for text in _texts("dispute", code):
        for _, first, second, _, noun, of_first in read_coreferences(text, LANGUAGES[code]):
            if noun is not None:
                assert noun == (first if of_first else second)
                found += 1
    assert found >= 100


@pytest.mark.parametrize("code", LANGUAGES)
def test_code_prints_what_was_assigned(code):
    for text in _texts("code_listing", code):
        assigned = dict(re.findall(r" (\w) = (\d+);", text))
        printed = re.findall(r" print (\w) # (\d+);", text)
        assert len(printed) == 2 * len(assigned) and all(assigned[name] == value for name, value in printed)


@pytest.mark.parametrize("code", LANGUAGES)
def test_directory_repeats_its_pairs_in_other_orders(code):
    language = LANGUAGES[code]
    reordered = 0
    for text in _texts("directory", code):
        title = next(title for title in language.list_titles if text.startswith(title))
        rounds = [listing.split(language.option_separator) for listing in text[len(title):].split(language.stop) if listing]
        assert len(rounds) == 3 and all(sorted(r) == sorted(rounds[0]) for r in rounds)
        reordered += rounds[1] != rounds[0]
    assert reordered > 30


@pytest.mark.parametrize("code", LANGUAGES)
def test_legend_names_the_letter_of_its_option(code):
    language = LANGUAGES[code]
    for text in _texts("legend", code):
        options, *queries = [part for part in text.split(language.stop) if part]
        assert len(queries) == 4
        for query in queries:
            letter = next(letter for letter in language.letters if query.endswith(letter))
            value = query.removesuffix("".join(fill(language.legend_query, "", letter)))
            assert "".join(fill(language.option, letter, value)) in options


def test_faq_asks_of_frequent_persons_more():
    asked = [person for text in _texts("faq", "en", 600) for person, _ in read_facts_asked(text, LANGUAGES["en"])]
    names = LANGUAGES["en"].names
    head, tail = sum(asked.count(name) for name in names[:8]), sum(asked.count(name) for name in names[-8:])
    assert head > 1.5 * tail > 0
