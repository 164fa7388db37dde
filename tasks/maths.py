"""Word problems with chain of thought (GSM8K, GSM8K-Chinese)."""

from corpus.documents import MAX_NUMBER, Draw
from corpus.lexicon import LANGUAGES
from corpus.pages.exercises import draw_problem, problem_question, problem_solution
from corpus.world import World
from tasks.base import Question, Task, stop_mark


def _maths(draw: Draw, world: World, task: Task, split: str) -> Question:
    """Two or three steps; the composition of start and steps never occurs in training."""
    language = LANGUAGES[task.language]
    start, steps = draw_problem(draw, language, 2 + int(draw() * 2), split)
    return (
        problem_question(draw, language, start, steps),
        [problem_solution(language, start, steps)],
        str(start + sum(steps)),
    )


def _extract_answer(code: str):
    mark = LANGUAGES[code].answer.strip()

    def extract(text: str) -> str:
        """The text after the last answer mark; empty where there is none."""
        return text.rpartition(mark)[2].strip() if mark in text else ""

    return extract


MATHS_TASKS = tuple(
    Task(
        name=name,
        paper_task=paper_task,
        language=code,
        task_type="mathematical reasoning",
        prompting="few-shot-cot",
        num_shots=1,
        answer_form="open",
        metric="exact_match",
        chance=1 / (MAX_NUMBER + 1),
        max_new_tokens=32,
        question=_maths,
        stop=stop_mark(code),
        extract=_extract_answer(code),
    )
    for name, paper_task, code in (("maths", "GSM8K", "en"), ("maths_zh", "GSM8K-Chinese", "zh"))
)
