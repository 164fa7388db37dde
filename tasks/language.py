"""Language tasks: endings (HellaSwag, ClozeT), reading (RACE, C3) and coreference (WinoGrande, CLUEWSC)."""

from corpus.documents import (
    Draw,
    coreference_nouns,
    draw_several,
    fill,
    passage,
    reading_question,
    script_context,
    script_ending,
)
from corpus.lexicon import LANGUAGES
from corpus.world import World, belongs
from tasks.base import Question, Task, stop_mark


def _endings(draw: Draw, world: World, task: Task, split: str) -> Question:
    """One true ending and those of other trades: three in English (HellaSwag), one in Chinese (ClozeT has two
    candidates)."""
    language = LANGUAGES[task.language]
    while True:
        job, opening, time = (
            int(draw() * len(seq)) for seq in (language.scripts, language.script_openings, language.script_times)
        )
        if belongs(split, ord(language.code[0]), job, opening, time):
            break
    num_wrong = round(1 / task.chance) - 1
    jobs = [(job + 1 + i) % len(language.scripts) for i in draw_several(draw, num_wrong, len(language.scripts) - 1)]
    position = int(draw() * (num_wrong + 1))
    jobs.insert(position, job)
    return script_context(language, job, opening, time), [script_ending(language, other) for other in jobs], position


def _reading(draw: Draw, world: World, task: Task, split: str) -> Question:
    """The options are the four answers that the passage offers, so the passage must be used, not just its
    vocabulary."""
    language = LANGUAGES[task.language]
    pieces, things, places = passage(draw, language, split)
    position = int(draw() * 4)
    return pieces + reading_question(language, things[position]), [[language.places[i]] for i in places], position


def _coreference(draw: Draw, world: World, task: Task, split: str) -> Question:
    """Partial scoring: the pronoun is replaced by each noun; the trait that follows must be likelier after the right
    one."""
    language = LANGUAGES[task.language]
    kind = int(draw() * len(language.coreferences))
    pattern = language.coreferences[kind]
    first, second, place = coreference_nouns(draw, language, kind, split)
    position = int(draw() * 2)
    trait = (pattern.first, pattern.second)[position]
    return [], [fill(pattern.sentence, first, second, noun, place) + [trait] for noun in (first, second)], position


def _task(
    name: str, paper_task: str, code: str, question, task_type: str, num_shots: int, chance: float, **fields
) -> Task:
    return Task(
        name=name,
        paper_task=paper_task,
        language=code,
        task_type=task_type,
        prompting="few-shot" if num_shots else "zero-shot",
        num_shots=num_shots,
        answer_form="choice",
        metric="accuracy",
        chance=chance,
        max_new_tokens=0,
        question=question,
        stop=stop_mark(code),
        **fields,
    )


LANGUAGE_TASKS = (
    _task("endings", "HellaSwag", "en", _endings, "completion", 0, 0.25, length_normalized=True),
    _task("reading", "RACE", "en", _reading, "reading comprehension", 1, 0.25),
    _task("coreference", "WinoGrande", "en", _coreference, "coreference", 0, 0.5, continuation_pieces=1),
    _task("endings_zh", "ClozeT", "zh", _endings, "completion", 0, 0.5, length_normalized=True),
    _task("reading_zh", "C3", "zh", _reading, "reading comprehension", 1, 0.25),
    _task("coreference_zh", "CLUEWSC", "zh", _coreference, "coreference", 0, 0.5, continuation_pieces=1),
)
