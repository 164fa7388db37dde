"""Pages about facts: told, asked, asked with options; and pages that pair words with letters or numbers.

What an exam item composes (person, attribute, options in their order) and what a binding item composes (options in
their order) belong to one split each (world.belongs). Every writer takes draw, world, language and split.
"""

from corpus.documents import Draw, draw_several, fill, pick
from corpus.graded.language import GradedLanguage
from corpus.graded.world import GradedWorld
from corpus.world import TRAIN, belongs

NUM_OPTIONS = 4
# Shares of exam pages by the form of the answer; the rest of the pages ask which letter a word has.
LETTER_SHARE, WORD_AND_LETTER_SHARE = 0.5, 0.3


def fact_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Wiki page or web mention: some facts of a person, each by its frequency, in any order and wording."""
    person = world.ranked_facts[language.code].draw(draw)[0]
    own, pieces = world.own_facts[language.code][person], []
    for attribute in dict.fromkeys(own.draw(draw) for _ in range(4)):
        statement = pick(draw, language.attributes[attribute].statements)
        pieces += fill(statement, world.persons[language.code][person], world.value(language, person, attribute))
    return pieces


def fact_question(world: GradedWorld, language: GradedLanguage, person: int, attribute: int) -> list[str]:
    """` Question: What is the job of Anna Stone?` without options and answer mark."""
    asked = fill(language.attributes[attribute].question, world.persons[language.code][person])
    return fill(language.question, "") + asked


def faq_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Forum or FAQ page: closed-book questions with their answers."""
    pieces: list[str] = []
    for _ in range(2 + int(draw() * 3)):
        person, attribute = world.draw_fact(draw, language.code)
        pieces += fact_question(world, language, person, attribute)
        pieces += [language.answer, world.value(language, person, attribute), language.stop]
    return pieces


def lettered_options(language: GradedLanguage, values: list[str]) -> list[str]:
    """` cook A, baker B, tailor C, judge D.`"""
    pieces: list[str] = []
    for position, value in enumerate(values):
        pieces += fill(language.option, language.letters[position], value)
        pieces.append(language.option_separator if position + 1 < len(values) else language.stop)
    return pieces


def options_belong(split: str, language: GradedLanguage, attribute: int, chosen: list[int]) -> bool:
    """True where these values in this order are of the split, whoever is asked about."""
    return belongs(split, ord(language.code[0]), 7, attribute, *chosen)


def exam_belongs(split: str, language: GradedLanguage, person: int, attribute: int, chosen: list[int]) -> bool:
    """True where the question about this person with these values in this order is of the split."""
    return belongs(split, ord(language.code[0]), person, attribute, *chosen)


def draw_options(draw: Draw, language: GradedLanguage, attribute: int, right: int, position: int) -> list[int]:
    """Four values of an attribute in the order of the letters, the right one at `position`."""
    num_values = len(language.attributes[attribute].values)
    wrong = [(right + 1 + i) % num_values for i in draw_several(draw, NUM_OPTIONS - 1, num_values - 1)]
    return wrong[:position] + [right] + wrong[position:]


def option_words(language: GradedLanguage, attribute: int, chosen: list[int]) -> list[str]:
    """The words of the options."""
    return [language.attributes[attribute].values[value] for value in chosen]


def binding_question(language: GradedLanguage, word: str) -> list[str]:
    """` Question: Which one is baker?`"""
    return fill(language.question, "") + fill(language.which_letter, word)


def exam_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Quiz page: questions with four options and the letter of the right one, with its word before it on some pages;
    on others the question is which letter a word has."""
    form, pieces = draw(), []
    for _ in range(3):
        person, attribute = world.draw_fact(draw, language.code)
        right = world.facts[language.code][person][attribute]
        while True:
            position = int(draw() * NUM_OPTIONS)
            chosen = draw_options(draw, language, attribute, right, position)
            if options_belong(split, language, attribute, chosen) and exam_belongs(
                split, language, person, attribute, chosen
            ):
                break
        words = option_words(language, attribute, chosen)
        is_binding = form >= LETTER_SHARE + WORD_AND_LETTER_SHARE
        pieces += (
            binding_question(language, words[position])
            if is_binding
            else fact_question(world, language, person, attribute)
        )
        pieces += [*lettered_options(language, words), language.answer]
        if LETTER_SHARE <= form and not is_binding:
            pieces.append(words[position])
        pieces += [language.letters[position], language.stop]
    return pieces


def caption_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Legend of a picture: words with their letters, then each word with its letter again in other orders."""
    attribute = int(draw() * len(language.attributes))
    while True:
        chosen = draw_several(draw, NUM_OPTIONS, len(language.attributes[attribute].values))
        if options_belong(split, language, attribute, chosen):
            break
    words = option_words(language, attribute, chosen)
    pieces = lettered_options(language, words)
    for _ in range(2):
        for position, i in enumerate(draw_several(draw, NUM_OPTIONS, NUM_OPTIONS)):
            pieces += fill(language.option, language.letters[i], words[i])
            pieces.append(language.option_separator if position + 1 < NUM_OPTIONS else language.stop)
    return pieces


def lookup_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Directory or price list, looked up again in other orders: reading back a pair needs its key."""
    keys = pick(draw, (language.firsts, language.objects, language.trades, language.goods))
    values = pick(draw, (language.numbers, language.places, language.numbers, language.errand_places))
    count = 3 + int(draw() * 5)
    count = min(count, len(keys))
    rows = [
        (keys[i], values[j])
        for i, j in zip(draw_several(draw, count, len(keys)), draw_several(draw, count, len(values)), strict=True)
    ]
    pieces, order = [pick(draw, language.list_titles)], range(count)
    for _ in range(3):
        for position, i in enumerate(order):
            pieces += [*rows[i], language.option_separator if position + 1 < count else language.stop]
        order = draw_several(draw, count, count)
    return pieces
