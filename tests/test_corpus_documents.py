"""Documents: seeded, finite for every split, and true (read back by the oracle or by plain patterns, not by the
generator)."""

import random
import re
from dataclasses import replace

import pytest
from small_corpus import KIND_LANGUAGES, SPLITS, bounded, facts, pieces, texts, world

from corpus.documents import coreference_nouns, draw_person, draw_several, fill, passage, pick
from corpus.lexicon import LANGUAGES
from corpus.mixture import KINDS
from tasks.oracle import read_coreferences, read_openings, read_passages


@pytest.mark.parametrize("kind, code", KIND_LANGUAGES)
def test_same_draws_same_document_other_draws_other(kind, code):
    assert pieces(kind, code, 1) == pieces(kind, code, 1)
    assert len({"".join(pieces(kind, code, seed)) for seed in range(20)}) > 10


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kind, code", KIND_LANGUAGES)
def test_every_document_ends(kind, code, split):
    for seed in range(100):
        assert 0 < len("".join(KINDS[kind].write(bounded(seed), world(), LANGUAGES[code], split))) < 2000


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_search_has_something_to_find(code, split):
    """A search loops until its composition is of the split; each choice made before the loop must leave it one."""
    language = LANGUAGES[code]
    passage(bounded(0), language, split)
    for kind, pattern in enumerate(language.coreferences):
        first, second, _ = coreference_nouns(bounded(kind), language, kind, split)
        assert first != second and {first, second} <= set(language.names if pattern.people else language.objects)


def test_search_without_composition_is_noticed():
    """The test of the test above: two objects make two ordered pairs, so one of the three splits has none and its draws
    run out."""
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
        drawn = draw_several(rng.random, 3, 5)
        assert len(set(drawn)) == 3 and set(drawn) <= set(range(5))
        counts[drawn[0]] += 1
    assert max(abs(c - 1000) for c in counts) < 4 * 800**0.5
    assert {pick(rng.random, "abc") for _ in range(100)} == set("abc")
    assert pick(lambda: 1 - 2**-53, "abc") == "c"


@pytest.mark.parametrize("code", LANGUAGES)
def test_persons_are_drawn_by_their_weights(code):
    weights, rng, num_draws = world().cumulative_weights[code], random.Random(1), 20000
    drawn = [draw_person(rng.random, world(), LANGUAGES[code]) for _ in range(num_draws)]
    for person in (0, 1, len(weights) - 1):
        share = weights[person] - (weights[person - 1] if person else 0)
        assert abs(drawn.count(person) - num_draws * share) < 4 * (num_draws * share) ** 0.5
    assert draw_person(lambda: 1 - 2**-53, world(), LANGUAGES[code]) == len(weights) - 1


@pytest.mark.parametrize("code", LANGUAGES)
def test_biographies_are_true(code):
    language, known = LANGUAGES[code], facts()[code]
    for text in texts("biography", code):
        (person,) = {name for name in known if name in text}
        said = {a.name: {v.strip() for v in a.values if v in text} for a in language.attributes}
        assert sum(bool(values) for values in said.values()) >= 2
        assert all(values <= {known[person][name]} for name, values in said.items()), text


@pytest.mark.parametrize("code", LANGUAGES)
def test_directories_repeat_their_pairs_in_other_orders(code):
    language, reordered = LANGUAGES[code], 0
    for text in texts("directory", code):
        title = next(title for title in language.list_titles if text.startswith(title))
        first, *others = [
            listing.split(language.option_separator) for listing in text[len(title) :].split(language.stop) if listing
        ]
        assert len(others) >= 2 and all(sorted(other) == sorted(first) for other in others)
        reordered += others[0] != first
    assert reordered > 30


@pytest.mark.parametrize("code", LANGUAGES)
def test_code_reads_what_was_set(code):
    for text in texts("code_listing", code):
        lines = re.findall(r" (\w+) (\w) (\d+);", text)
        assigned = {name: value for verb, name, value in lines if verb == lines[0][0]}
        read = [(name, value) for verb, name, value in lines if verb != lines[0][0]]
        assert len(read) == 2 * len(assigned) and all(assigned[name] == value for name, value in read)


@pytest.mark.parametrize("code", LANGUAGES)
def test_comprehension_answers_stand_in_the_passage(code):
    language = LANGUAGES[code]
    for text in texts("comprehension", code):
        ((sentences, asked),) = read_passages(text, language)
        place_of = {thing: place for _, thing, place in sentences}
        assert (
            len(sentences) == len(place_of) == len(set(place_of.values())) == 4
            and len({question[-1] for question in asked}) == len(asked) >= 2
        )
        answers = [part.partition(language.stop)[0] for part in text.split(language.answer)[1:]]
        assert len(answers) == len(asked)
        for question, answer in zip(asked, answers, strict=True):
            assert answer.endswith(place_of[question[-1]]), text


@pytest.mark.parametrize("code", LANGUAGES)
def test_stories_end_as_their_trade_does(code):
    language = LANGUAGES[code]
    for text in texts("story", code):
        jobs = [job for _, job, _ in read_openings(text, language)]
        endings = [
            "".join(fill(language.script_ending, place, thing))
            for job in jobs
            for name, place, thing in language.scripts
            if name == job
        ]
        assert len(jobs) >= 2 and len(endings) == len(jobs)
        for ending in endings:  # in this order, each once
            assert ending in text
            text = text[text.index(ending) + len(ending) :]
        assert not text


@pytest.mark.parametrize("code", LANGUAGES)
def test_disputes_are_settled_right(code):
    found = 0
    for text in texts("dispute", code):
        for _, first, second, _, noun, of_first in read_coreferences(text, LANGUAGES[code]):
            if noun is not None:
                assert noun == (first if of_first else second)
                found += 1
    assert found >= 100
