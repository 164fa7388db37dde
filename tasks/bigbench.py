"""Stand-ins for the BIG-bench tasks of paper L, Fig. 8: word unscramble, modified arithmetic, IPA transliterate."""

from corpus.documents import NUMBERS, Draw, pick
from corpus.lexicon import SPELLED_WORDS
from corpus.pages.exercises import (
    MODIFIED_RULES,
    draw_invented_word,
    draw_modified,
    modified_sum,
    scramble_question,
    scrambled,
    sound_answer,
    sound_question,
)
from corpus.world import World
from tasks.base import Question, Task


def _unscramble(draw: Draw, world: World, task: Task, split: str) -> Question:
    letters = None
    while letters is None:
        word = int(draw() * len(SPELLED_WORDS))
        letters = scrambled(draw, word, split)
    return scramble_question(letters), [[SPELLED_WORDS[word], "."]], SPELLED_WORDS[word].strip()


def _transliterate(draw: Draw, world: World, task: Task, split: str) -> Question:
    word = draw_invented_word(draw, split)
    answer = sound_answer(word)
    return sound_question(word), [answer + ["."]], "".join(answer).strip()


def _modified(draw: Draw, world: World, task: Task, split: str) -> Question:
    """The rule shows only in the examples, so the question holds its own three; the last sum is of the asked split."""
    rule = pick(draw, MODIFIED_RULES)
    pieces: list[str] = []
    for _ in range(3):
        a, b = draw_modified(draw, rule, "train")
        pieces += modified_sum(a, b) + [NUMBERS[a + b + rule], "."]
    a, b = draw_modified(draw, rule, split)
    answer = NUMBERS[a + b + rule]
    return pieces + modified_sum(a, b), [[answer, "."]], answer.strip()


def _task(name: str, paper_task: str, question, num_shots: int, chance: float, max_new_tokens: int) -> Task:
    return Task(
        name=name,
        paper_task=paper_task,
        language="en",
        task_type="BIG-bench",
        prompting="few-shot",
        num_shots=num_shots,
        answer_form="open",
        metric="exact_match",
        chance=chance,
        max_new_tokens=max_new_tokens,
        question=question,
        stop=".",
    )


BIGBENCH_TASKS = (
    _task("unscramble", "word unscramble", _unscramble, 3, 1 / len(SPELLED_WORDS), 10),
    _task("modified_arithmetic", "modified arithmetic", _modified, 0, 1 / 20, 3),
    _task("ipa_transliterate", "IPA transliterate", _transliterate, 3, 0.0, 10),
)
