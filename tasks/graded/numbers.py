"""Maths, changed sums, scrambled words and spellings; answers that are numbers are uniform."""

from corpus.documents import Draw, pick
from corpus.graded.language import MAX_COUNT, GradedLanguage
from corpus.graded.number_pages import (
    MAX_SPELLING,
    MAX_STEPS_ASKED,
    MAX_STEPS_TOLD,
    MIN_SPELLING,
    RULES,
    bound_at,
    chain_question,
    chain_solution,
    changed_belongs,
    changed_sum,
    draw_chain,
    draw_changed,
    draw_order,
    draw_spelling,
    order_question,
    spelling_question,
    spelling_sounds,
)
from corpus.graded.world import GradedWorld
from corpus.world import TRAIN
from tasks.base import Question
from tasks.graded.items import Family, Spot, at_rank

NUM_EXAMPLES = 3  # of the rule of changed sums, in the question itself
WIDER = 0.01  # of the law of difficulty, per try


def _bound(spot: Spot) -> int:
    return bound_at(min(1.0, spot.difficulty + spot.tries * WIDER))


def _draw_maths(draw: Draw, world: GradedWorld, language: GradedLanguage, spot: Spot, split: str) -> tuple:
    """(start, signed steps, pieces of the question). Difficulty bounds the steps, `kind` says how many. Few chains have
    small steps: after some tries the bound is wider."""
    num_steps, end = 1 + int(spot.kind * MAX_STEPS_ASKED), int(spot.answer * (MAX_COUNT + 1))
    start, steps = draw_chain(draw, num_steps, _bound(spot), split, end)
    return start, tuple(steps), tuple(chain_question(draw, language, start, steps))


def as_maths(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """A word problem with chain of thought."""
    start, steps, question = content
    answer = language.numbers[start + sum(steps)].strip()
    return list(question), [chain_solution(language, start, list(steps))], answer


def _draw_modified(draw: Draw, world: GradedWorld, language: GradedLanguage, spot: Spot, split: str) -> tuple:
    """(rule, example sums, operands). Difficulty bounds the second operand, `kind` says the rule. Few sums have a small
    second operand: after some tries the bound is wider and the result another."""
    rule = RULES[int(spot.kind * len(RULES))]
    bound = _bound(spot)
    examples = tuple(draw_changed(draw, rule, bound, TRAIN) for _ in range(NUM_EXAMPLES))
    first, num_results = int(spot.answer * (MAX_COUNT - rule)) + spot.tries, MAX_COUNT - rule
    while True:
        result = rule + 1 + first % num_results
        operands = [(result - b - rule, b) for b in range(1, min(bound, result - rule) + 1)]
        if asked := [pair for pair in operands if changed_belongs(split, *pair)]:
            return rule, examples, pick(draw, asked)
        first += 1


def as_modified(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """The rule shows only in the examples, so the question holds its own three."""
    rule, examples, (a, b) = content
    pieces: list[str] = []
    for c, d in examples:
        pieces += [*changed_sum(language, c, d), language.numbers[c + d + rule], "."]
    answer = language.numbers[a + b + rule]
    return pieces + changed_sum(language, a, b), [[answer, "."]], answer.strip()


def _draw_scrambled(draw: Draw, world: GradedWorld, language: GradedLanguage, spot: Spot, split: str) -> tuple:
    """(word, its letters in another order). A word without an order of the split gives way to any other."""
    word = at_rank(world.puzzle_words, spot)
    while (letters := draw_order(draw, word, split)) is None:
        word = world.puzzle_words.draw(draw)
    return word, tuple(letters)


def as_unscramble(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """Letters in another order; the word is asked for."""
    word, letters = content
    return order_question(list(letters)), [[word, "."]], word.strip()


def _draw_invented(draw: Draw, world: GradedWorld, language: GradedLanguage, spot: Spot, split: str) -> tuple:
    """An invented word; difficulty is its length, from one letter more than the shortest of the pages."""
    length = MIN_SPELLING + 1 + int(spot.difficulty * (MAX_SPELLING - MIN_SPELLING))
    return (draw_spelling(draw, length, split),)


def as_transliterate(world: GradedWorld, language: GradedLanguage, content: tuple) -> Question:
    """The spelling of an invented word; its sounds are asked for."""
    sounds = spelling_sounds(content[0])
    return spelling_question(content[0]), [[*sounds, "."]], "".join(sounds).strip()


MATHS = Family(
    "maths",
    _draw_maths,
    lambda content: {content[:2]},
    lambda world, language, content: " ".join(map(str, (content[0], *content[1]))),
    example_kind=MAX_STEPS_TOLD / MAX_STEPS_ASKED,
)
MODIFIED = Family(
    "modified",
    _draw_modified,
    lambda content: {(content[0], content[2])},
    lambda world, language, content: f"{content[2][0]} + {content[2][1]}",
)
SCRAMBLED = Family(
    "scrambled", _draw_scrambled, lambda content: {content}, lambda world, language, content: content[0].strip()
)
INVENTED = Family("invented", _draw_invented, lambda content: {content}, lambda world, language, content: content[0])
