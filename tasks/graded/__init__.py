"""The tasks of the second world: the names and forms of the first, each with a law of difficulty, and the exam in two
more forms: word and letter, and letters without content. `chance` is what the best guesser scores who does not do what
the task asks (a test computes it from the items)."""

from tasks.base import equal_texts
from tasks.graded import facts, numbers, texts
from tasks.graded.items import GradedTask

_MARKS = {"en": (".", "Answer:"), "zh": ("。", "答案：")}


def _extract_maths(code: str):
    def extract(text: str) -> str:
        """The text after the last answer mark; empty where there is none."""
        mark = _MARKS[code][1]
        return text.rpartition(mark)[2].strip() if mark in text else ""

    return extract


def _task(name: str, paper_task: str, code: str, family, write, **fields) -> GradedTask:
    defaults = {
        "name": name + ("_zh" if code == "zh" else ""),
        "paper_task": paper_task,
        "language": code,
        "prompting": "few-shot" if fields["num_shots"] else "zero-shot",
        "answer_form": "choice",
        "metric": "accuracy",
        "max_new_tokens": 0,
        "stop": _MARKS[code][0],
        "matches": equal_texts,
        "family": family,
        "write": write,
        "question": _no_question,
        "version": 3,
    }
    return GradedTask(**defaults | fields)


def _no_question(draw, world, task, split):
    raise TypeError(
        f"task {task.name} is of the second world: its items come from tasks.graded.items.make_graded_items"
    )


_OPEN = {"answer_form": "open", "metric": "exact_match"}


def _exam_tasks(code: str, paper_task: str) -> list[GradedTask]:
    forms = (
        ("exam", "", facts.as_letter),
        ("exam_cloze", " (cloze control)", facts.as_word),
        ("exam_word_letter", " (word and letter)", facts.as_word_and_letter),
        ("exam_binding", " (letters without content)", facts.as_binding),
    )
    shared = {"task_type": "examination", "num_shots": 3, "chance": 0.25}
    return [_task(name, paper_task + note, code, facts.EXAM, write, **shared) for name, note, write in forms]


def _tasks_of(code: str, papers: tuple[str, ...], ending_chance: float) -> list[GradedTask]:
    recall, endings, reading, coreference, exam, maths = papers
    return [
        _task(
            "recall", recall, code, facts.FACTS, facts.as_recall,
            task_type="closed-book QA", num_shots=4, chance=0.05, max_new_tokens=6, **_OPEN,
        ),
        _task(
            "endings", endings, code, texts.ENDINGS, texts.as_ending,
            task_type="completion", num_shots=0, chance=ending_chance, length_normalized=True,
        ),
        _task(
            "reading", reading, code, texts.READING, texts.as_reading,
            task_type="reading comprehension", num_shots=1, chance=0.25,
        ),
        _task(
            "coreference", coreference, code, texts.COREFERENCE, texts.as_coreference,
            task_type="coreference", num_shots=0, chance=0.5, continuation_pieces=1,
        ),
        *_exam_tasks(code, exam),
        _task(
            "maths", maths, code, numbers.MATHS, numbers.as_maths,
            task_type="mathematical reasoning", prompting="few-shot-cot", num_shots=1, chance=0.06, max_new_tokens=40,
            extract=_extract_maths(code), **_OPEN,
        ),
    ]  # fmt: skip


def _bigbench(name: str, paper_task: str, family, write, num_shots: int, chance: float) -> GradedTask:
    about = {"task_type": "BIG-bench", "num_shots": num_shots, "chance": chance, "prompting": "few-shot"}
    return _task(name, paper_task, "en", family, write, max_new_tokens=10, **about, **_OPEN)


_ALL = (
    *_tasks_of("en", ("TriviaQA", "HellaSwag", "RACE", "WinoGrande", "MMLU", "GSM8K"), 0.25),
    *_tasks_of("zh", ("NLPCC-KBQA", "ClozeT", "C3", "CLUEWSC", "C-Eval", "GSM8K-Chinese"), 0.5),
    _bigbench("unscramble", "word unscramble", numbers.SCRAMBLED, numbers.as_unscramble, 3, 0.01),
    _bigbench("modified_arithmetic", "modified arithmetic", numbers.MODIFIED, numbers.as_modified, 0, 0.2),
    _bigbench("ipa_transliterate", "IPA transliterate", numbers.INVENTED, numbers.as_transliterate, 3, 0.0),
)
GRADED_TASKS = {task.name: task for task in _ALL}
