"""Documents with numbers and letters: homework, drills and word puzzles; the same rules as documents.py."""

from corpus.documents import MAX_NUMBER, NUMBERS, Draw, fill, pick
from corpus.language import Language
from corpus.lexicon import CONSONANTS, SOUNDS, SPELLED_WORDS, VOWELS
from corpus.world import TRAIN, World, belongs

MODIFIED_RULES = (
    0,
    1,
)  # added to every result: plain arithmetic, and the "plus one" form of BIG-bench modified arithmetic
MAX_SPELLED_SHUFFLES = 24


def draw_problem(draw: Draw, language: Language, num_steps: int, split: str) -> tuple[int, list[int]]:
    """Start value and signed steps, all partial results within 0..MAX_NUMBER; the composition is of the asked split.
    One-step problems are drills in words: they are the ingredient, never an item, and all belong to training."""
    while True:
        total = start = 2 + int(draw() * (MAX_NUMBER - 1))
        steps = []
        for _ in range(num_steps):
            gain = total == 0 or (total < MAX_NUMBER and draw() < 0.5)
            step = 1 + int(draw() * (MAX_NUMBER - total)) if gain else -1 - int(draw() * total)
            total += step
            steps.append(step)
        if num_steps == 1 or belongs(split, num_steps, start, *(step + MAX_NUMBER for step in steps)):
            return start, steps


def equation(total: int, step: int) -> list[str]:
    """` 7 + 5 = 12`"""
    return [NUMBERS[total], " +" if step > 0 else " -", NUMBERS[abs(step)], " =", NUMBERS[total + step]]


def problem_question(draw: Draw, language: Language, start: int, steps: list[int]) -> list[str]:
    """The word problem up to its question mark."""
    person, goods = pick(draw, language.names), pick(draw, language.goods)
    pieces = fill(language.maths_start, person, NUMBERS[start], goods)
    for step in steps:
        pieces += fill(pick(draw, language.maths_gain if step > 0 else language.maths_loss), person, NUMBERS[abs(step)])
    return pieces + fill(language.maths_question, goods)


def problem_solution(language: Language, start: int, steps: list[int]) -> list[str]:
    """` 7 + 5 = 12; 12 - 3 = 9; Answer: 9.`: the chain of thought and the answer."""
    pieces: list[str] = []
    total = start
    for step in steps:
        pieces += equation(total, step) + [";"]
        total += step
    return pieces + [language.answer, NUMBERS[total], language.stop]


def homework(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Homework page: word problems worked step by step."""
    pieces: list[str] = []
    for _ in range(2):
        start, steps = draw_problem(draw, language, 1 + int(draw() * 3), split)
        pieces += problem_question(draw, language, start, steps) + problem_solution(language, start, steps)
    return pieces


def drill(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Report or exercise page: single sums and differences."""
    pieces: list[str] = []
    for _ in range(6):
        start, (step,) = draw_problem(draw, language, 1, split)
        pieces += equation(start, step) + [";"]
    return pieces


def _spelled(letters: list[str]) -> list[str]:
    return [f" {letter}" for letter in letters]


def scrambled(draw: Draw, word: int, split: str) -> list[str] | None:
    """The letters of SPELLED_WORDS[word] in an order other than their own, of the asked split; None if no such order
    was met."""
    letters = list(SPELLED_WORDS[word].strip())
    for _ in range(MAX_SPELLED_SHUFFLES):
        order = sorted(range(len(letters)), key=lambda _: draw())
        shuffled = [letters[i] for i in order]
        if shuffled != letters and belongs(split, word, *(ord(letter) for letter in shuffled)):
            return shuffled
    return None


def scramble_question(letters: list[str]) -> list[str]:
    """` Letters: r i c e. Word:`"""
    return [" Letters:"] + _spelled(letters) + [".", " Word:"]


def puzzle(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Puzzle page: scrambled words with their solution."""
    pieces: list[str] = []
    while len(pieces) < 20:
        word = int(draw() * len(SPELLED_WORDS))
        letters = scrambled(draw, word, split)
        if letters is not None:
            pieces += scramble_question(letters) + [SPELLED_WORDS[word], "."]
    return pieces


def draw_invented_word(draw: Draw, split: str) -> str:
    """An invented word of four or five letters (consonant, vowel, ...), of the asked split."""
    while True:
        word = "".join(pick(draw, VOWELS if i % 2 else CONSONANTS) for i in range(4 + int(draw() * 2)))
        if belongs(split, *map(ord, word)):
            return word


def sound_question(word: str) -> list[str]:
    """` Spelling: r i c e. Sound:`"""
    return [" Spelling:"] + _spelled(list(word)) + [".", " Sound:"]


def sound_answer(word: str) -> list[str]:
    """` \u0279 \u026a k \u025b`: one symbol a letter."""
    return [f" {SOUNDS[letter]}" for letter in word]


def dictionary_page(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Dictionary page: spelling and sound of words."""
    pieces: list[str] = []
    for _ in range(3):
        word = draw_invented_word(draw, split)
        pieces += sound_question(word) + sound_answer(word) + ["."]
    return pieces


def draw_modified(draw: Draw, rule: int, split: str) -> tuple[int, int]:
    """Operands of one modified sum, of the asked split."""
    while True:
        a, b = int(draw() * 10), int(draw() * 10)
        if belongs(split, rule, a, b):
            return a, b


def modified_sum(a: int, b: int) -> list[str]:
    """` 3 + 4 gives`"""
    return [NUMBERS[a], " +", NUMBERS[b], " gives"]


def modified_page(draw: Draw, world: World, language: Language, split: str = TRAIN) -> list[str]:
    """Puzzle page: sums under one of two rules, which the examples show."""
    rule = pick(draw, MODIFIED_RULES)
    pieces: list[str] = []
    for _ in range(6):
        a, b = draw_modified(draw, rule, split)
        pieces += modified_sum(a, b) + [NUMBERS[a + b + rule], "."]
    return pieces
