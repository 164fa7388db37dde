"""Pages of the second world: whole pre-tokens, true to the world, of one split, fast to draw."""

import random
import re
import time

import pytest
import small_graded

from corpus.graded import number_pages, text_pages
from corpus.graded.fact_pages import draw_options, exam_belongs
from corpus.graded.language import MAX_COUNT
from corpus.mixture import GRADED_KINDS
from corpus.world import EVALUATION, TRAIN, VALIDATION, belongs

CASES = [(kind, code) for kind in GRADED_KINDS for code in GRADED_KINDS[kind].languages]
WORLD = small_graded.world()
ENGLISH = WORLD.languages["en"]


@pytest.mark.parametrize("mixture", ["v2a", "v2n"])
@pytest.mark.parametrize(("kind", "code"), CASES)
def test_pieces_are_whole_pre_tokens(kind, code, mixture):
    tokenizer, encoder = small_graded.tokenizer(mixture), small_graded.encoder(mixture)
    for pieces in small_graded.pages(kind, code, 100, mixture=mixture):
        assert tokenizer.encode("".join(pieces)).ids == encoder.encode(pieces)


@pytest.mark.parametrize("mixture", ["v2a", "v2n"])
def test_every_word_of_the_world_is_one_token(mixture):
    tokenizer = small_graded.tokenizer(mixture)
    assert tokenizer.get_vocab_size() <= 2048
    for language in small_graded.world(mixture).languages.values():
        assert [word for word in language.words() if len(tokenizer.encode(word).ids) != 1] == []
    for code, persons in small_graded.world(mixture).persons.items():
        assert {len(tokenizer.encode(name).ids) for name in persons} == {2}, code


@pytest.mark.parametrize(("kind", "code"), CASES)
def test_a_page_fits_into_a_context(kind, code):
    longest = max(len(small_graded.encoder().encode(pieces)) for pieces in small_graded.pages(kind, code, 400))
    assert longest < 128


def test_numerals_of_the_arm_stand_on_its_chinese_pages_alone():
    for kind, code in CASES:
        text = "".join("".join(pieces) for pieces in small_graded.pages(kind, code, 50, mixture="v2n"))
        assert bool(re.search(r"\d", text)) == (code == "en" and kind in WITH_NUMBERS), (kind, code)


WITH_NUMBERS = {"lookup_page", "listing_page", "problem_page", "sum_page", "changed_sum_page"}


def test_facts_on_pages_are_those_of_the_world():
    value = {name: i for i, name in enumerate(WORLD.persons["en"])}
    asked = re.compile(r" What is the (\w+) of( \w+ \w+)\? Answer:( \w+)\.")
    found = 0
    for pieces in small_graded.pages("faq_page", "en", 300):
        for name, person, said in asked.findall("".join(pieces)):
            attribute = [attribute.name for attribute in ENGLISH.attributes].index(name)
            assert WORLD.value(ENGLISH, value[person], attribute) == said
            found += 1
    assert found > 500


def test_things_are_where_they_were_moved_last():
    told = re.compile(r"(?:The|Now the) (\w+) is in the (\w+)\.")
    for pieces in small_graded.pages("reading_page", "en", 300):
        text, *questions = "".join(pieces).split(" Question: ")
        places = dict(told.findall(text))
        assert len(questions) == 2
        for question in questions:
            thing, place = re.search(r"Answer: The (\w+) is in the (\w+)\.", question).groups()
            assert places[thing] == place


def test_sums_are_right():
    for kind in ("sum_page", "problem_page"):
        for pieces in small_graded.pages(kind, "en", 200):
            for a, sign, b, c in re.findall(r"(\d+) ([+-]) (\d+) = (\d+)", "".join(pieces)):
                assert int(a) + int(sign + b) == int(c)
                assert 0 <= int(c) <= MAX_COUNT


def test_changed_sums_never_contradict_what_is_held_out():
    draw = random.Random(1).random
    asked = {number_pages.draw_changed(draw, rule, 50, EVALUATION) for rule in number_pages.RULES for _ in range(2000)}
    trained = {
        (int(a), int(b))
        for pieces in small_graded.pages("changed_sum_page", "en", 3000)
        for a, b in re.findall(r"(\d+) \+ (\d+) gives", "".join(pieces))
    }
    assert len(asked) > 300
    assert not asked & trained


@pytest.mark.parametrize("code", ["en", "zh"])
@pytest.mark.parametrize("split", [TRAIN, VALIDATION, EVALUATION])
def test_what_is_composed_is_of_the_asked_split(split, code):
    draw, language = random.Random(2).random, WORLD.languages[code]
    for _ in range(50):
        start, steps = number_pages.draw_chain(draw, 3, 20, split)
        assert belongs(split, 3, start, *(step + MAX_COUNT for step in steps))
        scene = text_pages.draw_scene(draw, WORLD, language, split, 6, 2)
        things = [thing for thing, _, _ in scene.sentences]
        assert belongs(split, ord(code[0]), *things, *(place for _, place, _ in scene.sentences))
        kind = WORLD.sentences[code].draw(draw)
        assert belongs(split, ord(code[0]), *kind, *text_pages.draw_sentence_objects(draw, language, kind, split))
        errand = WORLD.ranked_errands[code].draw(draw)
        assert belongs(split, ord(code[0]), *errand, *text_pages.draw_errand_setting(draw, language, errand, split))


def test_exam_pages_hold_only_options_of_their_split():
    asked = re.compile(r" What is the (\w+) of( \w+ \w+)\?((?: \w+ [ABCD][,.])+)")
    people, names = {name: i for i, name in enumerate(WORLD.persons["en"])}, [a.name for a in ENGLISH.attributes]
    found = 0
    for pieces in small_graded.pages("exam_page", "en", 400):
        for name, person, rest in asked.findall("".join(pieces)):
            attribute = names.index(name)
            chosen = [
                ENGLISH.attributes[attribute].values.index(f" {word}") for word in re.findall(r"(\w+) [ABCD]", rest)
            ]
            assert exam_belongs(TRAIN, ENGLISH, people[person], attribute, chosen)
            assert not exam_belongs(EVALUATION, ENGLISH, people[person], attribute, chosen)
            found += 1
    assert found > 800


def test_options_hold_the_right_one_once():
    draw = random.Random(3).random
    for position in range(4):
        chosen = draw_options(draw, ENGLISH, 0, 5, position)
        assert chosen[position] == 5
        assert len(set(chosen)) == 4


def test_bounds_of_sums_are_log_uniform():
    assert [number_pages.bound_at(difficulty) for difficulty in (0.0, 0.5, 1.0)] == [2, 10, 50]


def test_pages_are_drawn_faster_than_a_core_trains():
    started = time.process_time()
    small_graded.stream("v2a", 9).chunk(0)
    small_graded.stream("v2a", 9).chunk(1)
    assert 2 * 65_536 / (time.process_time() - started) > 300_000
