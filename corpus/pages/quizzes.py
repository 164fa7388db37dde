"""Quiz pages: questions on the facts of the world, open, with options, as a guessing game; the same rules as
documents.py."""

from corpus.documents import Draw, draw_person, draw_several, fill
from corpus.language import Language
from corpus.world import TRAIN, World, belongs


def recall_question(world: World, language: Language, person: int, attribute: int) -> list[str]:
    """`Question: What is the job of Anna? Answer:` without the answer."""
    pieces = fill(language.question, "")
    return pieces + fill(language.attributes[attribute].question, language.names[person]) + [language.answer]


def faq(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Forum or FAQ page: closed-book questions with their answers."""
    pieces: list[str] = []
    for _ in range(2 + int(draw() * 3)):
        person, attribute = draw_person(draw, world, language), int(draw() * len(language.attributes))
        pieces += recall_question(world, language, person, attribute)
        pieces += [world.value(language, person, attribute), language.stop]
    return pieces


def options(language: Language, values: list[str]) -> list[str]:
    """`cook A, baker B, tailor C, judge D.`"""
    pieces: list[str] = []
    for position, value in enumerate(values):
        pieces += fill(language.option, language.letters[position], value)
        pieces.append(language.option_separator if position + 1 < len(values) else language.stop)
    return pieces


def legend_page(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Legend of a picture: letters with their meaning, then each meaning with its letter, twice, in other orders."""
    values = language.attributes[int(draw() * 4)].values
    chosen = [values[i] for i in draw_several(draw, 4, len(values))]
    pieces = options(language, chosen)
    for _ in range(2):
        for position, i in enumerate(draw_several(draw, 4, 4)):
            pieces += fill(language.option, language.letters[i], chosen[i])
            pieces.append(language.option_separator if position < 3 else language.stop)
    return pieces


def exam_options(
    draw: Draw, world: World, language: Language, person: int, attribute: int, split: str
) -> tuple[list[int], int]:
    """Four value indices in order of the letters and the position of the right one; the composition is of the asked
    split."""
    right = world.facts[language.code][person][attribute]
    num_values = len(language.attributes[attribute].values)
    while True:
        wrong = [(right + 1 + i) % num_values for i in draw_several(draw, 3, num_values - 1)]
        position = int(draw() * 4)
        chosen = wrong[:position] + [right] + wrong[position:]
        if belongs(split, ord(language.code[0]), person, attribute, *chosen):
            return chosen, position


def exam_question(world: World, language: Language, person: int, attribute: int, chosen: list[int]) -> list[str]:
    """`Question: What is the job of Anna? cook A, baker B, tailor C, judge D. Answer:` without the answer."""
    values = language.attributes[attribute].values
    pieces = fill(language.question, "") + fill(language.attributes[attribute].question, language.names[person])
    return pieces + options(language, [values[i] for i in chosen]) + [language.answer]


def exam_sheet(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Quiz page: questions with four options and the letter of the right one; on half of the pages its value stands
    before it."""
    pieces: list[str] = []
    names_value = draw() < 0.5
    for _ in range(2 + int(draw() * 2)):
        person, attribute = draw_person(draw, world, language), int(draw() * len(language.attributes))
        chosen, position = exam_options(draw, world, language, person, attribute, split)
        pieces += exam_question(world, language, person, attribute, chosen)
        if names_value:
            pieces.append(world.value(language, person, attribute))
        pieces += [language.letters[position], language.stop]
    return pieces


def guessing_game(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Chat page: `What is the job of Anna? cook? No. baker? Yes.`: each guess is judged where it stands."""
    pieces: list[str] = []
    for _ in range(2):
        person, attribute = draw_person(draw, world, language), int(draw() * len(language.attributes))
        values = language.attributes[attribute].values
        right = world.facts[language.code][person][attribute]
        pieces += fill(language.attributes[attribute].question, language.names[person])
        for guess in draw_several(draw, len(values), len(values)):
            pieces += fill(language.guess, values[guess]) + [language.yes if guess == right else language.no]
            if guess == right:
                break
    return pieces
