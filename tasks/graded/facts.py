"""Recall, and the exam with its controls: the same contents asked for a letter, for word and letter, for the word, and
for the letter of a word that the question names (binding without content)."""

from corpus.documents import Draw
from corpus.graded.fact_pages import (
    NUM_OPTIONS,
    binding_question,
    draw_options,
    exam_belongs,
    fact_question,
    lettered_options,
    option_words,
    options_belong,
)
from corpus.graded.language import GradedLanguage
from corpus.graded.world import GradedWorld
from tasks.base import Question
from tasks.graded.items import Family, Spot, at_rank


def _draw_fact(draw: Draw, world: GradedWorld, language: GradedLanguage, spot: Spot, split: str) -> tuple:
    """(person, attribute). A fact must be read in training to be known; what is new is the prompt."""
    return at_rank(world.ranked_facts[language.code], spot)


def _fact_unit(world: GradedWorld, language: GradedLanguage, content: tuple) -> str:
    return f"{world.persons[language.code][content[0]].strip()}, {language.attributes[content[1]].name}"


def _draw_exam(draw: Draw, world: GradedWorld, language: GradedLanguage, spot: Spot, split: str) -> tuple:
    """(person, attribute, values in the order of the letters, position of the right one)."""
    person, attribute = at_rank(world.ranked_facts[language.code], spot)
    right, position = world.facts[language.code][person][attribute], int(spot.answer * NUM_OPTIONS)
    while True:
        chosen = draw_options(draw, language, attribute, right, position)
        if options_belong(split, language, attribute, chosen) and exam_belongs(
            split, language, person, attribute, chosen
        ):
            return person, attribute, tuple(chosen), position


FACTS = Family("facts", _draw_fact, lambda content: {content}, _fact_unit)
EXAM = Family("exam", _draw_exam, lambda content: {content[:2], content[1:]}, _fact_unit)


def as_recall(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """Closed-book question, open answer."""
    value = world.value(language, *content)
    return [*fact_question(world, language, *content), language.answer], [[value, language.stop]], value.strip()


def _with_options(language: GradedLanguage, question: list[str], content: tuple) -> list[str]:
    words = option_words(language, content[1], list(content[2]))
    return [*question, *lettered_options(language, words), language.answer]


def _letters(language: GradedLanguage) -> list[list[str]]:
    return [[letter] for letter in language.letters]


def as_letter(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """Options with letters; the letter is the answer."""
    question = fact_question(world, language, *content[:2])
    return _with_options(language, question, content), _letters(language), content[3]


def as_word_and_letter(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """Options with letters; word and letter are the answer."""
    words = option_words(language, content[1], list(content[2]))
    choices = [[word, letter] for word, letter in zip(words, language.letters, strict=True)]
    question = fact_question(world, language, *content[:2])
    return _with_options(language, question, content), choices, content[3]


def as_word(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """Cloze form: no options are shown, the words are compared."""
    words = option_words(language, content[1], list(content[2]))
    question = fact_question(world, language, *content[:2])
    return [*question, language.answer], [[word] for word in words], content[3]


def as_binding(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """Options with letters; the question names the word, the letter is the answer: nothing need be known."""
    words = option_words(language, content[1], list(content[2]))
    question = binding_question(language, words[content[3]])
    return _with_options(language, question, content), _letters(language), content[3]
