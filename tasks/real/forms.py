"""How the twelve real benchmarks of paper L are asked: prompt, choices, answer form and metric, as Task and Item."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tasks.base import Task
from tasks.real.number_answers import extract_number, same_number
from tasks.real.rows import CHINESE_WORKED, LETTERS, Row
from tasks.real.text_answers import same_text

Requests = tuple[tuple[str, str], ...]


def _answered_open(row: Row, question: str, answer: str) -> Requests:
    return ((f"{question}{row.question}\n{answer}", f" {row.solution or row.answer}"),)


def _english_open(row: Row) -> Requests:
    return _answered_open(row, "Question: ", "Answer:")


def _chinese_open(row: Row) -> Requests:
    return ((f"问题：{row.question}\n答案：", row.solution or str(row.answer)),)


def _endings(row: Row) -> Requests:
    return tuple((row.question, " " + choice) for choice in row.choices)


def _gap(row: Row) -> Requests:
    """Partial scoring: the gap is filled by each candidate and what follows it is scored."""
    before, after = row.question.split("<mask>" if "<mask>" in row.question else "_")
    filled = [(before + choice, after) for choice in row.choices]
    return tuple(filled) if after.strip() else tuple((before.rstrip() or "\n", choice) for choice in row.choices)


def _same_meaning(row: Row) -> Requests:
    return tuple((f"{row.passage}\n{row.question}答：", choice) for choice in row.choices)


def _sheet(row: Row, answer: str, space: str) -> Requests:
    listed = "".join(f"\n{letter}. {choice}" for letter, choice in zip(LETTERS, row.choices, strict=False))
    return tuple(
        (f"{row.question.strip()}{listed}\n{answer}", space + letter) for letter in LETTERS[: len(row.choices)]
    )


def _english_sheet(row: Row) -> Requests:
    passage = f"Article: {row.passage}\n\nQuestion: " if row.passage else ""
    return tuple((passage + context, continuation) for context, continuation in _sheet(row, "Answer:", " "))


def _chinese_sheet(row: Row) -> Requests:
    passage = f"{row.passage}\n\n问题：" if row.passage else ""
    return tuple((passage + context, continuation) for context, continuation in _sheet(row, "答案：", ""))


def _mmlu_header(row: Row) -> str:
    return f"The following are multiple choice questions (with answers) about {row.subject.replace('_', ' ')}.\n\n"


def _ceval_header(row: Row) -> str:
    return f"以下是中国关于{row.subject}考试的单项选择题，请选出其中的正确答案。\n\n"


def _cloze(row: Row, opening: str, answer: str, space: str) -> Requests:
    return tuple((f"{opening}{row.question.strip()}\n{answer}", space + choice) for choice in row.choices)


def _english_cloze(row: Row) -> Requests:
    return _cloze(row, f"Article: {row.passage}\n\nQuestion: " if row.passage else "", "Answer:", " ")


def _chinese_cloze(row: Row) -> Requests:
    return _cloze(row, f"{row.passage}\n\n问题：" if row.passage else "", "答案：", "")


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0].strip()


def _no_generator(*_) -> None:
    raise ValueError("items of a real benchmark are loaded (tasks.real.loader.load_hub or load_files), not made")


@dataclass(frozen=True)
class Form:
    """How a benchmark is asked: its task and the text of one row; `header` opens the prompt."""

    task: Task
    requests: Callable[[Row], Requests]
    header: Callable[[Row], str] = lambda row: ""


def _form(
    name: str,
    language: str,
    task_type: str,
    num_shots: int,
    chance: float,
    requests,
    header=None,
    max_new_tokens: int = 0,
    **fields,
) -> Form:
    prompting = "zero-shot" if not num_shots else "few-shot-cot" if name.startswith("GSM8K") else "few-shot"
    form, metric = ("open", "exact_match") if max_new_tokens else ("choice", "accuracy")
    task = Task(
        name=name,
        paper_task=name,
        language=language,
        task_type=task_type,
        prompting=prompting,
        num_shots=num_shots,
        answer_form=form,
        metric=metric,
        chance=chance,
        max_new_tokens=max_new_tokens,
        question=_no_generator,
        **fields,
    )
    return Form(task, requests, header or (lambda row: ""))


# A solution may hold empty lines: an attempt ends where the model asks itself the next question.
_NUMERIC = {"extract": extract_number, "matches": same_number}


FORMS = {
    form.task.name: form
    for form in (
        _form(
            "TriviaQA",
            "en",
            "closed-book QA",
            5,
            0.0,
            _english_open,
            max_new_tokens=24,
            stop="\n",
            extract=_first_line,
            matches=same_text,
        ),
        _form("HellaSwag", "en", "completion", 0, 0.25, _endings, length_normalized=True),
        _form(
            "RACE", "en", "reading comprehension", 2, 0.25, _english_sheet
        ),  # two articles: more do not fit 2,048 tokens
        _form("WinoGrande", "en", "coreference", 0, 0.5, _gap),
        _form("MMLU", "en", "examination", 5, 0.25, _english_sheet, _mmlu_header),
        _form(
            "GSM8K",
            "en",
            "mathematical reasoning",
            8,
            0.0,
            _english_open,
            max_new_tokens=400,
            **_NUMERIC,
            stop="Question:",
        ),
        _form(
            "NLPCC-KBQA",
            "zh",
            "closed-book QA",
            5,
            0.0,
            _chinese_open,
            max_new_tokens=48,
            stop="\n",
            extract=_first_line,
            matches=same_text,
        ),
        _form("ClozeT", "zh", "completion", 0, 0.5, _gap),
        _form("CLUEWSC", "zh", "coreference", 0, 0.5, _same_meaning),
        _form(
            "C3", "zh", "reading comprehension", 2, 0.2713, _chinese_sheet
        ),  # two, three or four choices: the mean of 1 / their number
        _form("C-Eval", "zh", "examination", 5, 0.25, _chinese_sheet, _ceval_header),
        _form(
            "GSM8K-Chinese",
            "zh",
            "mathematical reasoning",
            len(CHINESE_WORKED),
            0.0,
            _chinese_open,
            max_new_tokens=400,
            **_NUMERIC,
            stop="问题：",
        ),
    )
}

# The choices of the exams asked by their texts instead of their letters: no list of choices stands in the prompt, and
# the likeliest text per byte counts, as texts differ in length. The paper asks by letters.
CLOZE_FORMS = {
    name: replace(
        form,
        task=replace(form.task, name=f"{name}_cloze", length_normalized=True),
        requests=_chinese_cloze if form.task.language == "zh" else _english_cloze,
    )
    for name, form in FORMS.items()
    if form.requests in (_english_sheet, _chinese_sheet)
}


def choose_form(name: str, answers: str = "letter", num_shots: int | None = None) -> Form:
    """The form of a benchmark. answers: "letter" (the paper's form, whatever it is) or "cloze"; num_shots: in place of
    the usual number. ValueError in one line for a benchmark without that form and for a negative number."""
    if name not in FORMS:
        raise ValueError(f"benchmark is {name!r}; choose one of {', '.join(FORMS)}")
    if answers == "cloze" and name not in CLOZE_FORMS:
        raise ValueError(f"{name} has no cloze form beside its own; those that have are {', '.join(CLOZE_FORMS)}")
    form = CLOZE_FORMS[name] if answers == "cloze" else FORMS[name]
    if num_shots is None:
        return form
    if num_shots < 0:
        raise ValueError(f"num_shots is {num_shots}; give 0 or more")
    prompting = form.task.prompting if num_shots else "zero-shot"
    return replace(form, task=replace(form.task, num_shots=num_shots, prompting=prompting))
