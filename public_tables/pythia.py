"""Pythia (Biderman et al. 2023, 2304.01373): scores of checkpoints, with WikiText bits per byte or LAMBADA's ln
perplexity in place of a loss.

The repository holds no Pile loss. Suite v0 has WikiText bits per byte for ten models (160M to 12B, each on the Pile and
on its deduplicated form) at 15 checkpoints; suite v1 has the perplexity of LAMBADA's last words for all models. Both
are proxies, and named as such wherever they are drawn.
"""

import pandas as pd

from public_tables.table import PublicTable, check_range, check_unique, read_pinned

METRICS = {
    "lambada": ("lambada_openai", "acc"),
    "piqa": ("piqa", "acc"),
    "arc_easy": ("arc_easy", "acc"),
    "arc_challenge": ("arc_challenge", "acc"),
    "sciq": ("sciq", "acc"),
    "winogrande": ("winogrande", "acc"),
    "mmlu": ("mmlu", "acc_micro"),
    "logiqa": ("logiqa", "acc"),
}
PROXIES = {"v0": ("wikitext", "bits_per_byte"), "v1": ("lambada_openai", "ln_ppl")}
KEYS = ["suite", "model", "params_total", "params_nonembed", "deduped", "variant", "step", "tokens"]


def read_pythia(folder=None) -> PublicTable:
    """Wide table: run, series (suite), size, params, tokens, group (corpus), proxy, and one column per task of METRICS;
    zero-shot scores of the main variants where the suite has a proxy."""
    return clean_pythia(read_pinned("pythia", (*KEYS, "shots", "task", "metric", "value"), folder))


def clean_pythia(table: PublicTable) -> PublicTable:
    """Checks, drops and one row per checkpoint."""
    check_unique(table, [*KEYS, "shots", "task", "metric"])
    check_range(table, ["value"], 0, 1e10)
    table.drop(table.rows.variant != "main", "variants of the batch size")
    table.drop(table.rows.shots != 0, "five-shot scores, which lag the zero-shot ones")
    wanted = [*METRICS.values(), *PROXIES.values()]
    named = pd.Series(list(zip(table.rows.task, table.rows.metric)), index=table.rows.index)
    table.drop(~named.isin(wanted), "tasks and metrics that are not used here")
    wide = table.rows.assign(column=table.rows.task + "/" + table.rows.metric)
    wide = wide.pivot(index=KEYS, columns="column", values="value").reset_index()
    suite = wide.suite.str.removeprefix("pythia-")
    proxy = [row["/".join(PROXIES[name])] for name, (_, row) in zip(suite, wide.iterrows())]
    table.rows = pd.DataFrame(
        {
            "run": wide.model + " " + suite,
            "series": suite,
            "size": wide.model.str.removeprefix("pythia-").str.removesuffix("-deduped").str.upper(),
            "params": wide.params_nonembed,
            "tokens": wide.tokens,
            "group": wide.deduped.map({0: "the Pile", 1: "the Pile, deduplicated"}),
            "proxy": proxy,
        }
        | {task: wide["/".join(name)] for task, name in METRICS.items()}
    )
    table.drop(table.rows.proxy.isna(), "checkpoints without a proxy of the loss")
    return table
