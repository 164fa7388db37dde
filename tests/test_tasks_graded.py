"""Tasks of the second world: 1,000 distinct items each, one mix at every length, solved by reading, not by guessing,
and nothing of them in training text."""

import re
from collections import Counter
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest
import small_graded
from golden_hashes import graded_entry, graded_items_entry, stored

from corpus.build import _facts
from corpus.graded.world import make_graded_world
from corpus.world import EVALUATION
from tasks.base import GradedItem, load_items, save_items
from tasks.build import edition_items, tasks_of
from tasks.graded import GRADED_TASKS
from tasks.graded.items import spot_at
from tasks.graded.solver import is_solved, read_problem, read_world_number
from tasks.trivial_guessers import best_guesser

NAMES = tuple(GRADED_TASKS)
CHOICE = [name for name, task in GRADED_TASKS.items() if task.answer_form == "choice"]
FEWEST_UNITS = {"reading": 48, "coreference": 100, "endings": 192, "unscramble": 250, "modified_arithmetic": 290}


@cache
def items(name, mixture="v2a", num_items=1000):
    return tuple(edition_items(GRADED_TASKS[name], small_graded.world(mixture), num_items))


@cache
def truths(mixture="v2a"):
    return _facts(small_graded.world(mixture))


def question(item):
    """The asked question without the examples before it."""
    task = GRADED_TASKS[item.task]
    mark = small_graded.world().languages[task.language].question.split("{0}")[0]
    context = item.requests[0][0]
    if item.task in ("unscramble", "ipa_transliterate"):
        mark = {"unscramble": " Letters:", "ipa_transliterate": " Spelling:"}[item.task]
    if "reading" in item.task:
        return passage(context) + mark + context.rpartition(mark)[2]
    return mark + context.rpartition(mark)[2] if mark in context else context


def passage(context):
    """The text that the last question is on."""
    before = re.split(r" Question:|问题：", context)[-2]
    return re.split(r"(?:Answer:|答案：).*?[.。]", before, maxsplit=1)[-1]


def test_there_are_21_tasks_and_a_mixture_has_those_of_its_edition():
    assert len(NAMES) == 21
    assert tasks_of("v2cal") is GRADED_TASKS
    assert "exam_binding" not in tasks_of("v1")


@pytest.mark.parametrize("name", NAMES)
def test_a_thousand_items_are_distinct(name):
    made = items(name)
    assert len({(item.requests, item.answer) for item in made}) == 1000
    if "coreference" not in name:  # there the answer decides which trait follows the same two objects
        assert len({question(item) + item.requests[0][1] for item in made}) == 1000
    assert len({item.unit for item in made}) >= FEWEST_UNITS.get(name.removesuffix("_zh"), 1000)


@pytest.mark.parametrize("mixture", ["v2a", "v2n"])
@pytest.mark.parametrize("name", NAMES)
def test_the_solver_is_always_right(name, mixture):
    code = GRADED_TASKS[name].language
    language = small_graded.world(mixture).languages[code]
    assert all(is_solved(item, language, truths(mixture)[code]) for item in items(name, mixture))


def test_the_solver_can_be_wrong():
    """With one fact swapped, one truth withheld: what it says is read, not copied from the key."""
    language, table = small_graded.world().languages["en"], truths()["en"]
    values = [[row[1], row[0], *row[2:]] for row in table["values"]]
    assert not all(is_solved(item, language, table | {"values": values}) for item in items("recall")[:50])
    turned = [[frame, second, first] for frame, first, second in table["first_traits"]]
    assert not any(is_solved(item, language, table | {"first_traits": turned}) for item in items("coreference")[:50])


@pytest.mark.parametrize("name", NAMES)
def test_every_prefix_has_the_same_mix(name):
    difficulties = np.array([item.difficulty for item in items(name)])
    for count in (50, 150, 500, 1000):
        counts = np.histogram(difficulties[:count], bins=5, range=(0, 1))[0]
        assert abs(counts / count - 0.2).max() <= 0.05
        if name in CHOICE:
            answers = Counter(item.answer for item in items(name)[:count])
            num_choices = len(items(name)[0].requests)
            assert max(answers.values()) / count <= 1 / num_choices + 0.05
    assert [asdict(item) for item in items(name, num_items=150)] == [asdict(item) for item in items(name)[:150]]


def test_coordinates_fill_their_range_evenly_and_apart():
    points = np.array([[s.difficulty, s.kind, s.answer, s.first, s.second] for s in map(spot_at, range(1000))])
    assert abs(points.mean(axis=0) - 0.5).max() < 0.01
    assert abs(np.corrcoef(points.T) - np.eye(5)).max() < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_items_fit_into_the_context_and_store_what_they_are(name, tmp_path):
    tokenizer = small_graded.tokenizer()
    longest = max(len(tokenizer.encode(a + b).ids) for item in items(name)[:200] for a, b in item.requests)
    assert longest + 1 <= 128
    save_items(tmp_path / "items.jsonl", list(items(name)[:20]))
    assert tuple(load_items(tmp_path / "items.jsonl")) == items(name)[:20]
    assert isinstance(items(name)[0], GradedItem)


@pytest.mark.parametrize("form", ["exam_cloze", "exam_word_letter", "exam_binding"])
@pytest.mark.parametrize("suffix", ["", "_zh"])
def test_the_controls_of_the_exam_have_its_items(form, suffix):
    for one, other in zip(items("exam" + suffix), items(form + suffix), strict=True):
        assert (one.unit, one.answer, one.difficulty) == (other.unit, other.answer, other.difficulty)


def test_a_world_too_small_for_its_items_is_one_line():
    world = make_graded_world(3, small_graded.world().languages)
    few = replace(world.ranked_facts["en"], things=world.ranked_facts["en"].things[:30])
    small = replace(world, ranked_facts=world.ranked_facts | {"en": few})
    with pytest.raises(ValueError, match="task recall: the world has only 30 distinct items, 40 were asked for"):
        edition_items(GRADED_TASKS["recall"], small, 40)


@pytest.mark.parametrize("name", NAMES)
def test_no_guesser_does_better_than_the_stated_chance(name):
    found = best_guesser(GRADED_TASKS[name], items(name))
    chance = GRADED_TASKS[name].chance
    assert found.score <= chance + 0.02, found
    if name in CHOICE:
        assert found.score >= chance - 0.02, found


@pytest.mark.parametrize(("name", "at_most"), [("reading", 0.27), ("reading_zh", 0.27)])
def test_knowing_an_object_s_usual_place_does_not_help(name, at_most):
    hits = 0
    for item in items(name):
        usual = truths()[GRADED_TASKS[name].language]["usual_places"][item.unit]
        hits += item.requests[item.answer][1].strip() == usual
    assert hits / len(items(name)) <= at_most


@pytest.mark.parametrize("name", NAMES)
def test_items_change_only_with_a_version(name):
    assert graded_items_entry(name) == stored(name, "graded_items.json"), "raise Task.version, see golden_hashes.py"


def test_tokenizer_and_streams_change_only_with_a_version():
    assert graded_entry() == stored("graded"), "a change needs new mixture names, see golden_hashes.py"


KEYS = {  # what a question composes, as it stands in text
    "exam": (r" What is[^?]*\?(?: \S+ [ABCD][,.]){4}", "exam_page"),
    "exam_zh": (r"[^：。]*？(?:[^ ：。？]+ [ABCD][，。]){4}", "exam_page"),
    "exam_binding": (r" Which one is[^?]*\?(?: \S+ [ABCD][,.]){4}", "exam_page"),
    "endings": (r" Every[^.]*?(?= and went)", "errand_page"),
    "endings_zh": (r"每天[^，。]*", "errand_page"),
    "coreference": (r" The[^.]* because the \w+ was too \w+", "pronoun_page"),
    "coreference_zh": (r"[^。，]+，因为[^它。]+太.", "pronoun_page"),
    "unscramble": (r" Letters:[^.]*", "word_puzzle_page"),
    "modified_arithmetic": (r"\d+ \+ \d+ gives", "changed_sum_page"),
    "ipa_transliterate": (r" Spelling:[^.]*", "spelling_page"),
}


@pytest.mark.parametrize("name", KEYS)
def test_nothing_that_is_asked_stands_in_training_text(name):
    pattern, kind = KEYS[name]
    told = [item.requests[item.answer if "coreference" in name else 0] for item in items(name)]
    asked = {re.findall(pattern, "".join(request))[-1] for request in told}
    trained = set()
    for pieces in small_graded.pages(kind, GRADED_TASKS[name].language, 4000):
        trained |= set(re.findall(pattern, "".join(pieces)))
    assert len(asked) >= 290
    assert len(trained) > 500
    assert not asked & trained


@pytest.mark.parametrize(("name", "kind"), [("endings", "errand_page"), ("modified_arithmetic", "changed_sum_page")])
def test_the_search_finds_what_stands_there(name, kind):
    """On pages of the evaluation split, which no training draws."""
    pattern = KEYS[name][0]
    asked = {re.findall(pattern, "".join(item.requests[0]))[-1] for item in items(name)}
    pages = small_graded.pages(kind, "en", 500, EVALUATION)
    assert len(asked & {found for pieces in pages for found in re.findall(pattern, "".join(pieces))}) > 100


@pytest.mark.parametrize("name", ["reading", "reading_zh"])
def test_no_text_that_is_asked_about_stands_in_training_text(name):
    asked = {passage(item.requests[0][0]) for item in items(name)}
    pages = small_graded.pages("reading_page", GRADED_TASKS[name].language, 4000)
    trained = {re.split(r" Question:|问题：", "".join(pieces))[0] for pieces in pages}
    assert len(asked) == 1000
    assert len(trained) > 3900
    assert not asked & trained


@pytest.mark.parametrize("code", ["en", "zh"])
def test_no_problem_that_is_asked_is_worked_on_a_page(code):
    language = small_graded.world().languages[code]
    asked = {item.unit for item in items("maths" + ("_zh" if code == "zh" else ""))}
    end, trained = language.maths_question.partition("{0}")[0], set()
    for pieces in small_graded.pages("problem_page", code, 4000):
        for part in "".join(pieces).split(language.answer):
            if end in part:
                start, steps = read_problem(part, language)
                trained.add(" ".join(map(str, (start, *steps))))
    assert len(asked) == 1000
    assert len(trained) > 4000
    assert not asked & trained


def test_numerals_are_read():
    assert [read_world_number(text) for text in (" 7", "零", "十", "十三", "二十", "四十五")] == [7, 0, 10, 13, 20, 45]
