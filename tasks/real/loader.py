"""The twelve real benchmarks of paper L, as Task and Item like the stand-ins, for anyone's real model.

    loaded = load_hub("MMLU")                          # through the package `datasets`, splits of the paper's Table 6
    loaded = load_files("MMLU", "path/to/benchmarks")  # or from files you have fetched; FILES names them

Nothing is downloaded by the tests or the pipeline and no row is stored here; `SOURCES` says where each set is
published. The paper gives neither its prompts nor its number of shots: ours are the usual ones. NLPCC-KBQA, ClozeT and
CLUEWSC are not split as in the paper (10,613, 938 and 508 items of its own making), the translation behind
GSM8K-Chinese is another one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tasks.base import AliasedItem, Item, Task
from tasks.real.files import read_file
from tasks.real.forms import FORMS, Form, choose_form
from tasks.real.rows import CHINESE_WORKED, Row, read_row
from tasks.real.text_answers import normalise

__all__ = [
    "FILES",
    "FORMS",
    "SOURCES",
    "Form",
    "Loaded",
    "Source",
    "load_files",
    "load_hub",
    "make_loaded",
    "normalise",
]


@dataclass(frozen=True)
class Source:
    """Where a benchmark is: hub name, configuration, split asked, split of the shots; page of the publisher; items in
    Table 6."""

    hub: str  # empty: not on the hub
    config: str
    split: str
    shot_split: str
    published: str
    num_items: int


SOURCES = {
    "TriviaQA": Source(
        "mandarjoshi/trivia_qa",
        "unfiltered.nocontext",
        "validation",
        "train",
        "https://nlp.cs.washington.edu/triviaqa",
        11313,
    ),
    "HellaSwag": Source("Rowan/hellaswag", "default", "validation", "", "https://rowanzellers.com/hellaswag", 10042),
    "RACE": Source("ehovy/race", "all", "test", "train", "https://www.cs.cmu.edu/~glai1/data/race", 4934),
    "WinoGrande": Source(
        "allenai/winogrande", "winogrande_xl", "validation", "", "https://winogrande.allenai.org", 1267
    ),
    "MMLU": Source("cais/mmlu", "all", "test", "dev", "https://github.com/hendrycks/test", 14042),
    "GSM8K": Source("openai/gsm8k", "main", "test", "train", "https://github.com/openai/grade-school-math", 1319),
    "NLPCC-KBQA": Source("", "", "test", "", "https://github.com/nanduan/NLPCC-KBQA (nlpcc2016.kbqa.test)", 10613),
    "ClozeT": Source(
        "", "", "validation", "", "https://github.com/thu-coai/LOT-LongLM (link THUCloud there: clozet)", 938
    ),
    "CLUEWSC": Source(
        "clue/clue", "cluewsc2020", "train+validation", "", "https://github.com/CLUEbenchmark/CLUEWSC2020", 508
    ),
    "C3": Source("clue/clue", "c3", "validation", "train", "https://github.com/nlpdata/c3", 3816),
    "C-Eval": Source(
        "ceval/ceval-exam", "", "val", "dev", "https://cevalbenchmark.com", 1346
    ),  # one configuration a subject
    "GSM8K-Chinese": Source(
        "meta-math/GSM8K_zh", "default", "train", "", "https://huggingface.co/datasets/meta-math/GSM8K_zh", 1212
    ),
}
# Names of the files in a folder of your own: (asked, shots); without a file of shots the first rows are the shots and
# not asked.
FILES: dict[str, tuple[tuple[str, ...], str]] = {
    "TriviaQA": (("triviaqa_dev_1000.jsonl",), ""),
    "HellaSwag": (("hellaswag_val_1000.jsonl",), ""),
    "RACE": (("race_1000.jsonl",), ""),
    "WinoGrande": (("winogrande_xl_val.jsonl",), ""),
    "MMLU": (("mmlu_test_full.csv.gz",), "mmlu_dev.csv"),
    "GSM8K": (("gsm8k_test.jsonl",), "gsm8k_train_head200.jsonl"),
    "NLPCC-KBQA": (("nlpcc2016_kbqa_test_full.txt.gz",), ""),
    "ClozeT": (("clozet_val.jsonl",), ""),
    "CLUEWSC": (("cluewsc_fewclue_train_few_all.jsonl", "cluewsc_fewclue_dev_few_all.jsonl"), ""),
    "C3": (("c3-m-dev.json", "c3-d-dev.json"), ""),
    "C-Eval": (("ceval_val.csv",), "ceval_dev.csv"),
    "GSM8K-Chinese": (("mgsm_zh.tsv",), ""),
}


@dataclass(frozen=True)
class Loaded:
    """A benchmark ready to be asked. `accepted[i]` are all texts that are right for the open item i."""

    task: Task
    items: tuple[Item, ...]
    accepted: tuple[tuple[str, ...], ...]

    def exact_match(self, predictions: Iterable[str]) -> list[float]:
        """1.0 where a prediction (text that Task.extract gave) is an accepted answer, as the benchmark compares; one
        per item."""
        return [float(self.task.is_right(item, said)) for item, said in zip(self.items, predictions, strict=True)]


def _shot(form: Form, row: Row) -> str:
    context, continuation = form.requests(row)[row.answer if form.task.answer_form == "choice" else 0]
    return context + continuation + "\n\n"


def make_loaded(
    name: str, rows: list[Row], shots: list[Row], num_items: int | None = None, form: Form | None = None
) -> Loaded:
    """Items of `rows`, each behind the first Task.num_shots shots of its subject (of all, where shots have no subject).

    form: how it is asked, the paper's form by default. ValueError where there are too few shots."""
    form, items = form or FORMS[name], []
    task = form.task
    for item_id, row in enumerate(rows[:num_items]):
        shown = [shot for shot in shots if shot.subject in ("", row.subject)][: task.num_shots]
        if len(shown) < task.num_shots:
            raise ValueError(
                f"{name}: {len(shown)} shots of subject {row.subject!r}, {task.num_shots} are due; get the published"
                " split of shots"
            )
        opening = form.header(row) + "".join(_shot(form, shot) for shot in shown)
        requests = tuple((opening + context, continuation) for context, continuation in form.requests(row))
        if task.answer_form == "open":
            items.append(AliasedItem(task.name, item_id, requests, row.answer, row.accepted))
        else:
            items.append(Item(task.name, item_id, requests, row.answer))
    return Loaded(task, tuple(items), tuple(row.accepted for row in rows[:num_items]))


def load_files(
    name: str, folder: str | Path, num_items: int | None = None, answers: str = "letter", num_shots: int | None = None
) -> Loaded:
    """A benchmark from the files that FILES names in `folder`; answers, num_shots: see choose_form. ValueError names a
    file that is absent or damaged and its publisher."""
    form = choose_form(name, answers, num_shots)
    asked, shot_file = FILES[name]
    try:
        rows = [row for file in asked for row in read_file(name, Path(folder) / file)]
        shots = read_file(name, Path(folder) / shot_file) if shot_file else []
    except ValueError as error:
        raise ValueError(f"{error} ({SOURCES[name].published})") from error
    if name == "GSM8K-Chinese":
        shots = list(CHINESE_WORKED)
    elif not shot_file:
        shots, rows = rows[: form.task.num_shots], rows[form.task.num_shots :]
    return make_loaded(name, rows, shots, num_items, form)


def load_hub(name: str, num_items: int | None = None, answers: str = "letter", num_shots: int | None = None) -> Loaded:
    """A benchmark through `datasets.load_dataset` (needs the package and a network). ValueError where it is not on the
    hub."""
    form = choose_form(name, answers, num_shots)
    source = SOURCES[name]
    if not source.hub:
        raise ValueError(f"{name} is not on the hub; fetch it from {source.published} and use load_files")
    try:
        import datasets
    except ImportError as error:
        raise ValueError("the package datasets is absent; install it with `pip install datasets`") from error

    def rows(split: str) -> list[Row]:
        found = []
        try:
            configs = [source.config] if source.config else datasets.get_dataset_config_names(source.hub)
            sets = ((config, datasets.load_dataset(source.hub, config, split=split)) for config in configs)
            raws = [(config, dict(raw)) for config, asked in sets for raw in asked]
        except (OSError, ValueError, RuntimeError) as error:  # no network, no such set: subclasses of these
            reason = " ".join(str(error).split())
            remedy = f"fetch it from {source.published} and use load_files"
            raise ValueError(f"{source.hub}, split {split}: not loaded ({reason}); {remedy}") from error
        for number, (config, raw) in enumerate(raws):
            # The one split of GSM8K-Chinese on the hub holds both, distinguished by a column.
            if name != "GSM8K-Chinese" or raw.get("split") == "test":
                found.append(read_row(name, {"subject": config} | raw, f"{source.hub} {config} {split}, row {number}"))
        return found

    shots = list(CHINESE_WORKED) if name == "GSM8K-Chinese" else rows(source.shot_split) if source.shot_split else []
    return make_loaded(name, rows(source.split), shots, num_items, form)
