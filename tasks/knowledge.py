"""Closed-book tasks: recall (TriviaQA, NLPCC-KBQA), exam (MMLU, C-Eval) and the exam in cloze form as its control."""

from corpus.documents import Draw
from corpus.lexicon import LANGUAGES
from corpus.pages.quizzes import exam_options, exam_question, recall_question
from corpus.world import World
from tasks.base import Question, Task, stop_mark


def _fact(draw: Draw, task: Task) -> tuple[int, int]:
    """Any fact, frequent or rare, with equal weight."""
    language = LANGUAGES[task.language]
    return int(draw() * len(language.names)), int(draw() * len(language.attributes))


def _recall(draw: Draw, world: World, task: Task, split: str) -> Question:
    """The fact itself must be read in training to be known; what is new is the prompt."""
    language = LANGUAGES[task.language]
    person, attribute = _fact(draw, task)
    value = world.value(language, person, attribute)
    return recall_question(world, language, person, attribute), [[value, language.stop]], value.strip()


def _exam(draw: Draw, world: World, task: Task, split: str) -> Question:
    language = LANGUAGES[task.language]
    person, attribute = _fact(draw, task)
    chosen, position = exam_options(draw, world, language, person, attribute, split)
    return (
        exam_question(world, language, person, attribute, chosen),
        [[letter] for letter in language.letters],
        position,
    )


def _exam_cloze(draw: Draw, world: World, task: Task, split: str) -> Question:
    language = LANGUAGES[task.language]
    person, attribute = _fact(draw, task)
    chosen, position = exam_options(draw, world, language, person, attribute, split)
    values = language.attributes[attribute].values
    return recall_question(world, language, person, attribute), [[values[i]] for i in chosen], position


def _recall_chance(code: str) -> float:
    return 1 / len(LANGUAGES[code].attributes[0].values)


def _task(name: str, paper_task: str, code: str, question, **fields) -> Task:
    return Task(
        name=name,
        paper_task=paper_task,
        language=code,
        prompting="few-shot",
        question=question,
        stop=stop_mark(code),
        **fields,
    )


KNOWLEDGE_TASKS = tuple(
    task
    for code, suffix, recall_paper, exam_paper in (
        ("en", "", "TriviaQA", "MMLU"),
        ("zh", "_zh", "NLPCC-KBQA", "C-Eval"),
    )
    for task in (
        _task(
            "recall" + suffix,
            recall_paper,
            code,
            _recall,
            task_type="closed-book QA",
            num_shots=4,
            answer_form="open",
            metric="exact_match",
            chance=_recall_chance(code),
            max_new_tokens=6,
        ),
        _task(
            "exam" + suffix,
            exam_paper,
            code,
            _exam,
            task_type="examination",
            num_shots=3,
            answer_form="choice",
            metric="accuracy",
            chance=0.25,
            max_new_tokens=0,
        ),
        _task(
            "exam_cloze" + suffix,
            exam_paper + " (cloze control)",
            code,
            _exam_cloze,
            task_type="examination",
            num_shots=3,
            answer_form="choice",
            metric="accuracy",
            chance=0.25,
            max_new_tokens=0,
        ),
    )
)
