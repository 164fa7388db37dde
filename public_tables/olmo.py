"""The OLMo ladder (Bhagia et al. 2024, 2412.04403) and OLMo-2 7B and 13B: one row per checkpoint, losses and scores.

30 runs of 190M to 3B at 0.5 to 10 times Chinchilla's tokens, scored in cloze form alone, and three long runs (7B at two
learning rates, 13B) scored in cloze and letter form on the same items. One corpus, one tokenizer.
"""

import numpy as np
import pandas as pd

from public_tables.rows import benchmark_rows
from public_tables.table import PublicTable, check_range, check_unique, read_pinned

LONG_RUNS = {
    "peteish7_eval_full": ("7B", "7B"),
    "peteish7_medlr_eval_full": ("7B other learning rate", "7B"),
    "peteish13_eval_full": ("13B", "13B"),
}
SPLITS = dict.fromkeys(("mmlu", "arc_easy", "arc_challenge", "openbookqa"), "test")  # the others: validation
LOSSES = {
    "c4": "C4",
    "pile": "The Pile",
    "wikitext_103": "WikiText-103",
    "dolma_common-crawl": "Dolma, Common Crawl part",
}
UNTRAINED = 10.0  # nats on C4: step 0 stands at 12
OLMO_TASKS = (
    *("mmlu", "hellaswag", "arc_easy", "arc_challenge", "csqa", "openbookqa", "socialiqa", "piqa", "boolq"),
    "winogrande",
)


def score_column(task: str, form: str) -> str:
    """The column of a task's accuracy, form "cloze" or "letter". Cloze accuracy is normalised by length, as OLMo
    reports it (BoolQ: two words of one length)."""
    split = SPLITS.get(task, "val")
    if form == "letter":
        return f"{task}_{split}_mc_5shot_{'len_norm' if task == 'mmlu' else 'acc'}"
    return f"{task}_{split}_rc_5shot_{'acc' if task == 'boolq' else 'len_norm'}"


def read_olmo(folder=None) -> PublicTable:
    """Wide table: run, size, params, tokens, is_warmup, loss_<set>, <task>_cloze and <task>_letter as shares."""
    scores = {f"{task}_{form}": score_column(task, form) for task in OLMO_TASKS for form in ("cloze", "letter")}
    losses = [f"loss_{name}" for name in LOSSES]
    keys = ["run", "size", "params", "step", "tokens", "lr", "chinchilla_mult"]
    return clean(read_pinned("olmo", (*keys, *losses, *scores.values()), folder), scores, losses)


def clean(table: PublicTable, scores: dict[str, str], losses: list[str]) -> PublicTable:
    """Checks and drops; every drop is noted."""
    check_unique(table, ["run", "step"])
    check_range(table, losses, 0.5, 20)
    check_range(table, list(scores.values()), 0, 1)
    check_range(table, ["params"], 1e7, 1e12)
    table.drop(table.rows.run == "peteish13_eval_final", "peteish13_eval_final repeats the end of peteish13_eval_full")
    table.drop(
        table.rows.run == "peteish7_eval_anneal", "peteish7_eval_anneal is one checkpoint after annealing on other data"
    )
    table.drop(table.rows.loss_c4 > UNTRAINED, f"untrained (loss on C4 above {UNTRAINED:g} nats)")
    missing = table.rows[[*losses, *(column for name, column in scores.items() if name.endswith("cloze"))]].isna()
    table.drop(missing.any(axis=1), "a loss or a cloze score is missing")
    kept = ["run", "size", "params", "tokens", *losses, *scores.values()]
    rows = table.rows[kept].rename(columns={column: name for name, column in scores.items()})
    rows["is_warmup"] = _is_warmup(table.rows)
    named = rows.run.map(lambda run: LONG_RUNS.get(run, (run, None)))
    rows["size"] = [size or given for (_, size), given in zip(named, rows["size"])]
    rows["run"] = [name for name, _ in named]
    rows["series"] = np.where(rows.run.isin([name for name, _ in LONG_RUNS.values()]), "long", "small")
    table.rows = rows
    return table


def _is_warmup(rows: pd.DataFrame) -> pd.Series:
    """Checkpoints at which the learning rate of their run still rises; none where the table gives no rate."""
    peak = rows.groupby("run").lr.transform("max")
    ends = rows.step.where(rows.lr == peak).groupby(rows.run).transform("min")
    return rows.step < ends.fillna(-np.inf)


def olmo_rows(rows: pd.DataFrame, task: str, form: str, loss: str = "loss_c4") -> pd.DataFrame:
    """Tidy rows of one task in one form; checkpoints that were not scored in that form are left out."""
    return benchmark_rows(rows, task, f"{task}_{form}", loss, f"{form}_accuracy")
