"""Pages with numbers and letters: homework, sums, changed sums, word puzzles, spellings; as fact_pages.py.

The law of difficulty of sums: the largest step is drawn log-uniformly from MIN_BOUND to MAX_BOUND, and results are
uniform, so that easy sums are those of few different steps, which stand on pages more often.
"""

from corpus.documents import Draw, fill, pick
from corpus.graded.language import MAX_COUNT, GradedLanguage
from corpus.graded.world import GradedWorld
from corpus.lexicon import CONSONANTS, SOUNDS, VOWELS
from corpus.world import TRAIN, belongs

MIN_BOUND, MAX_BOUND = 2, 50
MAX_STEPS_ASKED = 4
NEARBY = 30  # draws of a chain after which any end is taken
MAX_STEPS_TOLD = 2  # of an example in a prompt, and of half of the problems on pages
# Added to every result of a page of changed sums. Never 0, so that plain sums score nothing, and so many that a guesser
# who adds well and reads no rule stays low.
RULES = (1, 2, 3, 4, 5)
MIN_SPELLING, MAX_SPELLING = 3, 7


def bound_at(difficulty: float) -> int:
    """Largest step of sums of this difficulty (0 to 1)."""
    return round(MIN_BOUND * (MAX_BOUND / MIN_BOUND) ** difficulty)


def draw_chain(draw: Draw, num_steps: int, bound: int, split: str, end: int | None = None) -> tuple[int, list[int]]:
    """Start and signed steps of at most `bound`, partial results within 0 to MAX_COUNT, walked back from a uniform or
    given end; the composition is of the asked split. Where few chains end at the given end, another end is taken."""
    tries = 0
    while True:
        tries += 1
        total = int(draw() * (MAX_COUNT + 1)) if end is None or tries > NEARBY else end
        steps: list[int] = []
        for _ in range(num_steps):
            step = 0
            while not (step and 0 <= total - step <= MAX_COUNT):
                step = int(draw() * (2 * bound + 1)) - bound
            steps.append(step)
            total -= step
        steps.reverse()
        if belongs(split, num_steps, total, *(step + MAX_COUNT for step in steps)):
            return total, steps


def sum_line(language: GradedLanguage, total: int, step: int) -> list[str]:
    """` 47 + 5 = 52`"""
    numbers = language.numbers
    return [numbers[total], " +" if step > 0 else " -", numbers[abs(step)], " =", numbers[total + step]]


def chain_question(draw: Draw, language: GradedLanguage, start: int, steps: list[int]) -> list[str]:
    """The word problem up to its question mark."""
    person, goods, numbers = pick(draw, language.firsts), pick(draw, language.goods), language.numbers
    pieces = fill(language.maths_start, person, numbers[start], goods)
    for step in steps:
        pieces += fill(pick(draw, language.maths_gain if step > 0 else language.maths_loss), person, numbers[abs(step)])
    return pieces + fill(language.maths_question, goods)


def chain_solution(language: GradedLanguage, start: int, steps: list[int]) -> list[str]:
    """` 47 + 5 = 52; 52 - 3 = 49; Answer: 49.`: the chain of thought and the answer."""
    pieces: list[str] = []
    total = start
    for step in steps:
        pieces += [*sum_line(language, total, step), ";"]
        total += step
    return [*pieces, language.answer, language.numbers[total], language.stop]


def problem_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Homework page: word problems worked step by step."""
    most = MAX_STEPS_TOLD if draw() < 0.5 else MAX_STEPS_ASKED
    bound, pieces = bound_at(draw()), []
    for _ in range(2):
        start, steps = draw_chain(draw, 1 + int(draw() * most), bound, split)
        pieces += chain_question(draw, language, start, steps) + chain_solution(language, start, steps)
    return pieces


def sum_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Report or exercise page: single sums and differences. They are the ingredient of problems: never an item, and
    all of them belong to training."""
    bound, pieces = bound_at(draw()), []
    for _ in range(6):
        start, (step,) = draw_chain(draw, 1, bound, TRAIN)
        pieces += [*sum_line(language, start, step), ";"]
    return pieces


def changed_belongs(split: str, a: int, b: int) -> bool:
    """True where a and b are asked in the split, whatever the rule: no page gives a + b another result than an item."""
    return belongs(split, ord("m"), a, b)


def draw_changed(draw: Draw, rule: int, bound: int, split: str) -> tuple[int, int]:
    """Operands a, b (b from 1 to `bound`) of a sum that is `rule` more than theirs; the result is uniform."""
    while True:
        b = 1 + int(draw() * bound)
        a = int(draw() * (MAX_COUNT + 1)) - b - rule
        if a >= 0 and changed_belongs(split, a, b):
            return a, b


def changed_sum(language: GradedLanguage, a: int, b: int) -> list[str]:
    """` 33 + 4 gives`"""
    return [language.numbers[a], " +", language.numbers[b], " gives"]


def changed_sum_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Puzzle page: sums under one rule, which the examples show."""
    rule, bound, pieces = pick(draw, RULES), bound_at(draw()), []
    for _ in range(6):
        a, b = draw_changed(draw, rule, bound, split)
        pieces += [*changed_sum(language, a, b), language.numbers[a + b + rule], "."]
    return pieces


def draw_order(draw: Draw, word: str, split: str) -> list[str] | None:
    """The letters of a word (with its leading space) in another order of the asked split; None where 50 draws find
    none."""
    letters = list(word[1:])
    for _ in range(50):
        order = sorted(letters, key=lambda _: draw())
        if order != letters and belongs(split, *map(ord, word), *map(ord, order)):
            return order
    return None


def order_question(letters: list[str]) -> list[str]:
    """` Letters: r i c e. Word:`"""
    return [" Letters:", *(f" {letter}" for letter in letters), ".", " Word:"]


def word_puzzle_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Puzzle page: scrambled words with their solution."""
    pieces: list[str] = []
    while len(pieces) < 20:
        word = world.puzzle_words.draw(draw)
        letters = draw_order(draw, word, split)
        if letters is not None:
            pieces += [*order_question(letters), word, "."]
    return pieces


def draw_spelling(draw: Draw, length: int, split: str) -> str:
    """An invented word of so many letters (consonant, vowel, ...), of the asked split."""
    while True:
        word = "".join(pick(draw, VOWELS if i % 2 else CONSONANTS) for i in range(length))
        if belongs(split, *map(ord, word)):
            return word


def spelling_question(word: str) -> list[str]:
    """` Spelling: b a k e. Sound:`"""
    return [" Spelling:", *(f" {letter}" for letter in word), ".", " Sound:"]


def spelling_sounds(word: str) -> list[str]:
    """One symbol a letter."""
    return [f" {SOUNDS[letter]}" for letter in word]


def spelling_page(draw: Draw, world: GradedWorld, language: GradedLanguage, split: str = TRAIN) -> list[str]:
    """Dictionary page: spelling and sound of words."""
    pieces: list[str] = []
    for _ in range(3):
        word = draw_spelling(draw, MIN_SPELLING + int(draw() * (MAX_SPELLING - MIN_SPELLING + 1)), split)
        pieces += [*spelling_question(word), *spelling_sounds(word), "."]
    return pieces
