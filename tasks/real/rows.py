"""Rows of the real benchmarks of paper L (Table 6) in one form, from the Hugging Face hub or from files in their
published formats.

Each source has its own field names; a reader here turns one of its rows into a `Row`. Nothing of the benchmarks is
stored in this repository. tasks/real/loader.py says where each comes from and asks the questions.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from tasks.real.number_answers import extract_number, is_number

REMEDY = "get the published file again"


@dataclass(frozen=True)
class Row:
    """One question: `answer` is the index into `choices`, or of open questions the text; `accepted` are all right
    texts."""

    question: str
    choices: tuple[str, ...] = ()
    answer: int | str = 0
    passage: str = ""
    subject: str = ""
    solution: str = ""  # worked steps to the answer (GSM8K)
    accepted: tuple[str, ...] = ()


LETTERS = "ABCD"
# Worked by us: the Chinese sets publish final answers, while paper L asks them few-shot with chain of thought.
CHINESE_WORKED = (
    Row(
        "小红有 3 盒铅笔，每盒 12 支。她送给同学 8 支。她还剩多少支铅笔？",
        answer="28",
        solution="小红一共有 3 * 12 = 36 支铅笔。\n送出以后还剩 36 - 8 = 28 支。\n#### 28",
    ),
    Row(
        "一本书有 120 页。小明第一天看了一半，第二天看了 25 页。还有多少页没看？",
        answer="35",
        solution="第一天看了 120 / 2 = 60 页。\n两天一共看了 60 + 25 = 85 页。\n没看的有 120 - 85 = 35 页。\n#### 35",
    ),
    Row(
        "一个苹果 4 元，一个梨 3 元。妈妈买了 5 个苹果和 6 个梨，付了 50 元。应找回多少元？",
        answer="12",
        solution="苹果共 5 * 4 = 20 元，梨共 6 * 3 = 18 元。\n一共 20 + 18 = 38 元。\n找回 50 - 38 = 12 元。\n#### 12",
    ),
    Row(
        "仓库里有 240 箱水果，每天运走 30 箱，运了 5 天。还剩多少箱？",
        answer="90",
        solution="5 天运走 30 * 5 = 150 箱。\n还剩 240 - 150 = 90 箱。\n#### 90",
    ),
)


def label(row: dict, field: str, lowest: int, num_choices: int) -> int:
    """The index, from 0, that a label column holds: a whole number from `lowest` on, or the text of one.

    ValueError naming the field where it is empty, no whole number (1.9, true, nan), or none of the choices (unlabelled
    test splits hold "" or -1)."""
    value = row[field]
    whole = int(value) if type(value) is float and value.is_integer() else value
    text = (
        str(whole)
        if type(whole) is int
        else unicodedata.normalize("NFKC", whole).strip()
        if isinstance(whole, str)
        else ""
    )
    if not re.fullmatch("[0-9]{1,3}", text) or not 0 <= int(text) - lowest < num_choices:
        raise ValueError(f"field {field} is {value!r}, not a whole number from {lowest} to {lowest + num_choices - 1}")
    return int(text) - lowest


def letter(row: dict, num_choices: int) -> int:
    """The index of the choice whose letter the field answer holds: one letter, in either case and width.

    ValueError where it is empty, several letters, or none of the choices."""
    value = row["answer"]
    text = unicodedata.normalize("NFKC", value).strip().upper() if isinstance(value, str) else ""
    if len(text) != 1 or text not in LETTERS[:num_choices]:
        raise ValueError(f"field answer is {value!r}, not one letter of A to {LETTERS[:num_choices][-1:]}")
    return LETTERS.index(text)


def texts(row: dict, field: str) -> tuple[str, ...]:
    """The texts of a list. ValueError naming the field for anything else: of a text, tuple would make its letters."""
    if not isinstance(row[field], (list, tuple)):
        raise ValueError(f"field {field} is no list")
    return tuple(row[field])


def _without_quotes(text: str) -> str:
    """A csv cell that was quoted twice over, as in some copies of TriviaQA, read once more."""
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def triviaqa(row: dict) -> Row:
    """Hub: answer.value and its aliases; files: golden_answers."""
    field, accepted = (
        ("golden_answers", row["golden_answers"])
        if "golden_answers" in row
        else ("answer", [row["answer"]["value"], *row["answer"]["aliases"]])
    )
    if not (
        isinstance(accepted, list)
        and accepted
        and all(isinstance(text, str) for text in accepted)
        and accepted[0].strip() not in ("", "<unk>")
    ):
        raise ValueError(f"field {field} holds no answer")  # the hub's test split has the answer <unk>
    return Row(_without_quotes(row["question"]), answer=accepted[0], accepted=tuple(dict.fromkeys(accepted)))


def hellaswag(row: dict) -> Row:
    """Hub: activity label and context apart, label a string; files (OLMES): joined as `query`, gold a number."""
    question = row["query"] if "query" in row else f"{row['activity_label']}: {row['ctx']}"
    endings = texts(row, "choices" if "choices" in row else "endings")
    return Row(
        _plain_hellaswag(question),
        tuple(map(_plain_hellaswag, endings)),
        label(row, "gold" if "gold" in row else "label", 0, len(endings)),
    )


def _plain_hellaswag(text: str) -> str:
    """WikiHow marks such as [title] removed, as is usual since the first evaluations of the set."""
    return re.sub(r" +", " ", re.sub(r"\[.*?\]", "", text.replace(" [title]", ". "))).strip()


def race(row: dict) -> Row:
    """Article, question, four options, letter."""
    return Row(row["question"], texts(row, "options"), letter(row, len(row["options"])), passage=row["article"])


def winogrande(row: dict) -> Row:
    """A sentence with a gap `_` and two fillers; answer "1" or "2"."""
    if row["sentence"].count("_") != 1:
        raise ValueError("field sentence does not hold exactly one gap _")
    return Row(row["sentence"], (row["option1"], row["option2"]), label(row, "answer", 1, 2))


def mmlu(row: dict) -> Row:
    """Hub: choices and the index of the right one; files: columns A-D and its letter."""
    if "choices" not in row:
        return lettered(row)
    return Row(
        row["question"], texts(row, "choices"), label(row, "answer", 0, len(row["choices"])), subject=row["subject"]
    )


def lettered(row: dict) -> Row:
    """Columns A-D and the letter of the right one (C-Eval, and MMLU as csv)."""
    return Row(
        row["question"],
        tuple(row[column] for column in LETTERS),
        letter(row, len(LETTERS)),
        subject=row.get("subject", ""),
    )


def gsm8k(row: dict) -> Row:
    """A worked answer that ends in `#### number`; the calculator's notes <<...>> are no prose and go."""
    solution = re.sub(r"<<.*?>>", "", row["answer"])
    last = solution.rpartition("####")
    if not last[1] or not is_number(last[2]):
        raise ValueError("field answer has no `#### number`")
    answer = extract_number(last[2])
    return Row(row["question"], answer=answer, solution=solution, accepted=(answer,))


def gsm8k_zh(row: dict) -> Row:
    """Question and final number only."""
    published = str(row["answer_only"])
    if not is_number(published):
        raise ValueError(f"field answer_only is {row['answer_only']!r}, not one number")
    answer = extract_number(published)
    return Row(row["question_zh"], answer=answer, solution=f"#### {answer}", accepted=(answer,))


def nlpcc_kbqa(row: dict) -> Row:
    """Question and answer of a knowledge-base question, asked closed-book."""
    if not row["answer"].strip():
        raise ValueError("field answer is empty")
    accepted = (part.strip() for part in (row["answer"], *row["answer"].split("|||")))
    return Row(row["question"], answer=row["answer"], accepted=tuple(dict.fromkeys(filter(None, accepted))))


def clozet(row: dict) -> Row:
    """A story with a gap <mask> and two plots; the label is a string."""
    if row["story"].count("<mask>") != 1:
        raise ValueError("field story does not hold exactly one <mask>")
    return Row(row["story"], (row["plot0"], row["plot1"]), label(row, "label", 0, 2))


def cluewsc(row: dict) -> Row:
    """A text, a pronoun and a noun; whether they mean the same. Hub: the class names are ("true", "false"), so 0 is
    true; files: the names."""
    named = (
        str(row["label"]).lower()
        if isinstance(row["label"], (str, bool))
        else ("true", "false")[label(row, "label", 0, 2)]
    )
    if named not in ("true", "false"):
        raise ValueError(f"field label is {row['label']!r}, not true or false")
    question = f"其中“{row['target']['span2_text']}”指的是“{row['target']['span1_text']}”吗？"
    return Row(question, ("是", "否"), 0 if named == "true" else 1, passage=row["text"])


def c3(row: dict) -> Row:
    """A text or dialogue in lines, a question, two to four choices, the right one as text."""
    choices = texts(row, "choice")
    if choices.count(row["answer"]) != 1:
        raise ValueError(f"field answer is {row['answer']!r}, which {choices.count(row['answer'])} of the choices are")
    return Row(row["question"], choices, choices.index(row["answer"]), passage="\n".join(texts(row, "context")))


READERS: dict[str, Callable[[dict], Row]] = {
    "TriviaQA": triviaqa,
    "HellaSwag": hellaswag,
    "RACE": race,
    "WinoGrande": winogrande,
    "MMLU": mmlu,
    "GSM8K": gsm8k,
    "NLPCC-KBQA": nlpcc_kbqa,
    "ClozeT": clozet,
    "CLUEWSC": cluewsc,
    "C3": c3,
    "C-Eval": lettered,
    "GSM8K-Chinese": gsm8k_zh,
}


def read_row(benchmark: str, raw: dict, source: str) -> Row:
    """One row of `benchmark`; ValueError with one line naming `source`, the field and the remedy."""
    try:
        if not isinstance(raw, dict):
            raise ValueError("no fields")
        row = READERS[benchmark](raw)
        _check(row)
        return row
    except KeyError as error:
        raise ValueError(f"{source}: field {error} is absent; get the published {benchmark} again") from error
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"{source}: not a row of {benchmark} ({error}); take a split with labels, or {REMEDY}"
        ) from error


def _check(row: Row) -> None:
    """ValueError where a text is none or blank, or where there is one choice only."""
    if not (isinstance(row.question, str) and row.question.strip()):
        raise ValueError("field question is empty or no text")
    if not (isinstance(row.passage, str) and isinstance(row.subject, str)):
        raise ValueError("field passage or subject is no text")
    if row.choices and (
        not 2 <= len(row.choices) <= len(LETTERS)
        or not all(isinstance(choice, str) and choice.strip() for choice in row.choices)
    ):
        raise ValueError(f"a choice is empty or no text, or there are not 2 to {len(LETTERS)} of them")
