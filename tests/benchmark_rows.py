"""Rows of the real benchmarks in their published formats, written by us, and files of them."""

import gzip
import json

SHEET = {"question": "Which one?", "A": "red", "B": "green", "C": "blue", "D": "grey", "answer": "C"}
TARGET = {"span1_text": "小猫", "span2_text": "它", "span1_index": 0, "span2_index": 5}
# Two sources of one question: (row of the hub, row of a file).
PAIRS = {
    "TriviaQA": (
        {"question": "Who?", "answer": {"value": "Mark Twain", "aliases": ["Twain"]}},
        {"question": '"Who?"', "golden_answers": ["Mark Twain", "Twain"]},
    ),
    "HellaSwag": (
        {"activity_label": "Tango", "ctx": "They", "endings": ["sit.", "dance."], "label": "1"},
        {"query": "Tango: They", "choices": ["sit.", "dance."], "gold": 1},
    ),
    "RACE": ({"article": "A text.", "question": "Which?", "options": ["a", "b", "c", "d"], "answer": "B"},) * 2,
    "WinoGrande": (
        ({"sentence": "The cup fell on Ann so _ cried.", "option1": "Ann", "option2": "it", "answer": "1"},) * 2
    ),
    "MMLU": (
        {"question": "Which one?", "choices": ["red", "green", "blue", "grey"], "answer": 2, "subject": "art"},
        SHEET | {"subject": "art"},
    ),
    "GSM8K": ({"question": "How many?", "answer": "It is 2*600=<<2*600=1200>>1200.\n#### 1,200"},) * 2,
    "NLPCC-KBQA": ({"question": "谁写的？", "answer": "鲁迅"},) * 2,
    "ClozeT": ({"story": "猫来了。<mask>鸟飞了。", "plot0": "猫睡了。", "plot1": "猫跳了。", "label": "1"},) * 2,
    "CLUEWSC": (
        {"text": "小猫饿了，它叫。", "target": TARGET, "label": 0},
        {"text": "小猫饿了，它叫。", "target": TARGET, "label": "true"},
    ),
    "C3": (
        (
            {
                "context": ["男：走吗？", "女：走。"],
                "question": "女的走吗？",
                "choice": ["走", "不走", "不知道"],
                "answer": "走",
            },
        )
        * 2
    ),
    "C-Eval": (SHEET | {"subject": "law"},) * 2,
    "GSM8K-Chinese": (
        {"question_zh": "多少？", "answer_only": "1,200", "split": "test"},
        {"question_zh": "多少？", "answer_only": "1,200"},
    ),
}


def write_rows(folder, name: str, file: str, rows: list[dict]) -> None:
    if ".jsonl" in file:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    elif ".csv" in file:
        text = ",".join(rows[0]) + "\n" + "".join(",".join(row.values()) + "\n" for row in rows)
    elif ".tsv" in file:
        text = "".join(f"{row['question_zh']}\t{row['answer_only']}\n" for row in rows)
    elif ".txt" in file:
        text = "".join(
            f"<question id={i}>\t{row['question']}\n<triple id={i}>\tx ||| y ||| z\n<answer"
            f" id={i}>\t{row['answer']}\n====\n"
            for i, row in enumerate(rows, 1)
        )
    else:
        text = json.dumps(
            [[row["context"], [{key: row[key] for key in ("question", "choice", "answer")}], "1-1"] for row in rows]
        )
    data = text.encode()
    (folder / file).write_bytes(gzip.compress(data) if file.endswith(".gz") else data)
