"""Rows of the real benchmarks of paper L (Table 6) in one form, from the Hugging Face hub or from files in their published formats.

Each source has its own field names; a reader here turns one of its rows into a `Row`. Nothing of the benchmarks is stored in
this repository. tasks/real.py says where each comes from and asks the questions.
"""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One question: `answer` is the index into `choices`, or of open questions the text; `accepted` are all right texts."""

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
    Row("小红有 3 盒铅笔，每盒 12 支。她送给同学 8 支。她还剩多少支铅笔？", answer="28",
        solution="小红一共有 3 * 12 = 36 支铅笔。\n送出以后还剩 36 - 8 = 28 支。\n#### 28"),
    Row("一本书有 120 页。小明第一天看了一半，第二天看了 25 页。还有多少页没看？", answer="35",
        solution="第一天看了 120 / 2 = 60 页。\n两天一共看了 60 + 25 = 85 页。\n没看的有 120 - 85 = 35 页。\n#### 35"),
    Row("一个苹果 4 元，一个梨 3 元。妈妈买了 5 个苹果和 6 个梨，付了 50 元。应找回多少元？", answer="12",
        solution="苹果共 5 * 4 = 20 元，梨共 6 * 3 = 18 元。\n一共 20 + 18 = 38 元。\n找回 50 - 38 = 12 元。\n#### 12"),
    Row("仓库里有 240 箱水果，每天运走 30 箱，运了 5 天。还剩多少箱？", answer="90", solution="5 天运走 30 * 5 = 150 箱。\n还剩 240 - 150 = 90 箱。\n#### 90"),
)


def _without_quotes(text: str) -> str:
    """A csv cell that was quoted twice over, as in some copies of TriviaQA, read once more."""
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def triviaqa(row: dict) -> Row:
    """Hub: answer.value and its aliases; files: golden_answers."""
    accepted = tuple(row["golden_answers"]) if "golden_answers" in row else (row["answer"]["value"], *row["answer"]["aliases"])
    return Row(_without_quotes(row["question"]), answer=accepted[0], accepted=tuple(dict.fromkeys(accepted)))


def hellaswag(row: dict) -> Row:
    """Hub: activity label and context apart, label a string; files (OLMES): joined as `query`, gold a number."""
    question = row["query"] if "query" in row else f"{row['activity_label']}: {row['ctx']}"
    endings = row["choices"] if "choices" in row else row["endings"]
    return Row(_plain_hellaswag(question), tuple(map(_plain_hellaswag, endings)), int(row["gold"] if "gold" in row else row["label"]))


def _plain_hellaswag(text: str) -> str:
    """WikiHow marks such as [title] removed, as is usual since the first evaluations of the set."""
    return re.sub(r" +", " ", re.sub(r"\[.*?\]", "", text.replace(" [title]", ". "))).strip()


def race(row: dict) -> Row:
    """Article, question, four options, letter."""
    return Row(row["question"], tuple(row["options"]), LETTERS.index(row["answer"]), passage=row["article"])


def winogrande(row: dict) -> Row:
    """A sentence with a gap `_` and two fillers; answer "1" or "2"."""
    if row["sentence"].count("_") != 1:
        raise ValueError("field sentence does not hold exactly one gap _")
    return Row(row["sentence"], (row["option1"], row["option2"]), int(row["answer"]) - 1)


def mmlu(row: dict) -> Row:
    """Hub: choices and the index of the right one; files: columns A-D and its letter."""
    return Row(row["question"], tuple(row["choices"]), int(row["answer"]), subject=row["subject"]) if "choices" in row else lettered(row)


def lettered(row: dict) -> Row:
    """Columns A-D and the letter of the right one (C-Eval, and MMLU as csv)."""
    return Row(row["question"], tuple(row[letter] for letter in LETTERS), LETTERS.index(row["answer"]), subject=row.get("subject", ""))


def gsm8k(row: dict) -> Row:
    """A worked answer that ends in `#### number`; the calculator's notes <<...>> are no prose and go."""
    solution = re.sub(r"<<.*?>>", "", row["answer"])
    answer = solution.rpartition("####")[2].strip().replace(",", "")
    if not answer:
        raise ValueError("field answer has no `#### number`")
    return Row(row["question"], answer=answer, solution=solution, accepted=(answer,))


def gsm8k_zh(row: dict) -> Row:
    """Question and final number only."""
    answer = str(row["answer_only"]).replace(",", "")
    return Row(row["question_zh"], answer=answer, solution=f"#### {answer}", accepted=(answer,))


def nlpcc_kbqa(row: dict) -> Row:
    """Question and answer of a knowledge-base question, asked closed-book."""
    return Row(row["question"], answer=row["answer"], accepted=tuple(part.strip() for part in (row["answer"], *row["answer"].split("|||"))))


def clozet(row: dict) -> Row:
    """A story with a gap <mask> and two plots; the label is a string."""
    if row["story"].count("<mask>") != 1:
        raise ValueError("field story does not hold exactly one <mask>")
    return Row(row["story"], (row["plot0"], row["plot1"]), int(row["label"]))


def cluewsc(row: dict) -> Row:
    """A text, a pronoun and a noun; whether they mean the same. Hub: the class names are ("true", "false"), so 0 is true; files: the names."""
    label = row["label"] if isinstance(row["label"], str) else ("true", "false")[row["label"]]
    if label not in ("true", "false"):
        raise ValueError(f"field label is {label!r}")
    question = f"其中“{row['target']['span2_text']}”指的是“{row['target']['span1_text']}”吗？"
    return Row(question, ("是", "否"), 0 if label == "true" else 1, passage=row["text"])


def c3(row: dict) -> Row:
    """A text or dialogue in lines, a question, two to four choices, the right one as text."""
    return Row(row["question"], tuple(row["choice"]), row["choice"].index(row["answer"]), passage="\n".join(row["context"]))


READERS: dict[str, Callable[[dict], Row]] = {
    "TriviaQA": triviaqa, "HellaSwag": hellaswag, "RACE": race, "WinoGrande": winogrande, "MMLU": mmlu, "GSM8K": gsm8k, "NLPCC-KBQA": nlpcc_kbqa,
    "ClozeT": clozet, "CLUEWSC": cluewsc, "C3": c3, "C-Eval": lettered, "GSM8K-Chinese": gsm8k_zh}


def read_row(benchmark: str, raw: dict, source: str) -> Row:
    """One row of `benchmark`; ValueError with one line naming `source`, the field and the mend."""
    try:
        row = READERS[benchmark](raw)
        if row.choices and not 0 <= row.answer < len(row.choices) or not row.question:
            raise ValueError(f"answer {row.answer!r} is none of {len(row.choices)} choices, or the question is empty")
        return row
    except KeyError as error:
        raise ValueError(f"{source}: field {error} is absent; get the published {benchmark} again") from error
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{source}: not a row of {benchmark} ({error}); get the published file again") from error


def _parsed(path: Path, text: str) -> Iterator[dict]:
    name = path.name.removesuffix(".gz")
    if name.endswith(".jsonl"):
        yield from (json.loads(line) for line in text.splitlines() if line.strip())
    elif name.endswith(".csv"):
        yield from csv.DictReader(io.StringIO(text, newline=""))
    elif name.endswith(".tsv"):  # MGSM: question TAB final number
        yield from (dict(zip(("question_zh", "answer_only"), line.split("\t"), strict=True)) for line in text.splitlines() if line.strip())
    elif name.endswith(".txt"):  # NLPCC: blocks of <question id=1>TAB..., <triple id=1>..., <answer id=1>...
        questions, answers = ({number: value.strip() for number, value in re.findall(rf"^<{tag} id=(\d+)>\t(.*)$", text, re.MULTILINE)}
                              for tag in ("question", "answer"))
        yield from ({"question": question, "answer": answers[number]} for number, question in questions.items())
    else:  # C3: [[lines, [question, ...], id], ...]
        yield from ({"context": context} | question for context, questions, *_ in json.loads(text) for question in questions)


def read_file(benchmark: str, path: Path) -> list[Row]:
    """All rows of a file (.jsonl, .json, .csv, .tsv, .txt, each also .gz); ValueError naming file, row and mend."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; it holds {benchmark}, which tasks/real.py says where to get")
    try:
        raw = path.read_bytes()
        raws = list(_parsed(path, (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")))
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise ValueError(f"{path}: not a file of {benchmark} ({error}); get the published file again") from error
    if not raws:
        raise ValueError(f"{path}: holds no rows of {benchmark}; get the published file again")
    return [read_row(benchmark, raw, f"{path}, row {number}") for number, raw in enumerate(raws, 1)]
