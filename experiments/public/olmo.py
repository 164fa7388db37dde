"""The OLMo ladder (Bhagia et al. 2024, 2412.04403) and OLMo-2 7B and 13B: one row per checkpoint, losses and scores.

30 runs of 190M to 3B at 0.5 to 10 times Chinchilla's tokens, scored in cloze form alone, and three long runs (7B at two
learning rates, 13B) scored in cloze and letter form on the same items. One corpus, one tokenizer.
"""

import numpy as np
import pandas as pd

from analysis.intervals import wilson
from experiments.public.benchmarks import BENCHMARKS
from experiments.public.tables import PublicTable, check_range, check_unique, read_pinned

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
FLOPS_PER_TOKEN = 6  # and parameter (Kaplan et al. 2020), where the table has no count of its own


def score_column(task: str, form: str) -> str:
    """The column of a task's accuracy, form "cloze" or "letter". Cloze accuracy is normalised by length, as OLMo
    reports it (BoolQ: two words of one length)."""
    split = SPLITS.get(task, "val")
    if form == "letter":
        return f"{task}_{split}_mc_5shot_{'len_norm' if task == 'mmlu' else 'acc'}"
    return f"{task}_{split}_rc_5shot_{'acc' if task == 'boolq' else 'len_norm'}"


def read_olmo(folder=None) -> PublicTable:
    """Wide table: run, size, params, tokens, compute_flops, loss_<set>, <task>_cloze and <task>_letter as shares."""
    scores = {f"{task}_{form}": score_column(task, form) for task in BENCHMARKS for form in ("cloze", "letter")}
    losses = [f"loss_{name}" for name in LOSSES]
    keys = ["run", "size", "params", "step", "tokens", "chinchilla_mult"]
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
    named = rows.run.map(lambda run: LONG_RUNS.get(run, (run, None)))
    rows["size"] = [size or given for (_, size), given in zip(named, rows["size"])]
    rows["run"] = [name for name, _ in named]
    rows["series"] = np.where(rows.run.isin([name for name, _ in LONG_RUNS.values()]), "long", "small")
    rows["compute_flops"] = FLOPS_PER_TOKEN * rows.params.astype(float) * rows.tokens
    table.rows = rows
    return table


def benchmark_rows(rows: pd.DataFrame, task: str, form: str, loss: str = "loss_c4") -> pd.DataFrame:
    """Tidy rows of one task in one form: run, series, size, tokens_seen, compute_flops, loss_nats, value, low, high,
    num_items; checkpoints that were not scored in that form are left out."""
    about, column = BENCHMARKS[task], f"{task}_{form}"
    kept = rows[rows[column].notna()]
    low, high = wilson(kept[column].to_numpy() * about.num_items, np.full(len(kept), about.num_items))
    return pd.DataFrame(
        {
            "kind": "checkpoint",
            "task": task,
            "metric": f"{form}_accuracy",
            "run": kept.run.to_numpy(),
            "series": kept.series.to_numpy(),
            "size": kept["size"].to_numpy(),
            "tokens_seen": kept.tokens.to_numpy(),
            "compute_flops": kept.compute_flops.to_numpy(),
            "loss_nats": kept[loss].to_numpy(),
            "value": kept[column].to_numpy(),
            "low": low,
            "high": high,
            "num_items": about.num_items,
        }
    )


def public_size_rows(rows: pd.DataFrame) -> list[dict]:
    """One row of kind "size" per model size, which gives it its colour."""
    sizes = rows.groupby("size").params.first().sort_values()
    return [{"kind": "size", "size": size, "value": params} for size, params in sizes.items()]


def thinned(rows: pd.DataFrame, per_run: int, key: str = "run") -> pd.DataFrame:
    """At most per_run checkpoints of each run, those nearest to even steps in log loss between its ends; nothing is
    averaged. What is drawn is thinned so, and what is fitted where thousands of rows would take minutes."""
    kept = []
    for _, one in rows.groupby(key, sort=True):
        log_loss = np.log(one.loss_nats.to_numpy())
        steps = np.linspace(log_loss.max(), log_loss.min(), per_run)
        nearest = {int(np.argmin(np.abs(log_loss - step))) for step in steps}
        kept.append(one.iloc[sorted(nearest)])
    return pd.concat(kept, ignore_index=True)
