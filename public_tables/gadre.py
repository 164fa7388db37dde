"""104 open_lm models (Gadre et al. 2024, 2403.08540): sizes 11M to 6.9B, three training corpora, one final checkpoint
each, losses on several corpora and 46 tasks.

A run here is a corpus and a size: models that differ in tokens alone are its rows, so that intervals over runs exist.
"""

from public_tables.table import PublicTable, check_range, check_unique, read_pinned

CORPORA = {"c4": "C4", "rpj": "RedPajama", "rw": "RefinedWeb"}
SCORES = {
    "hellaswag": "acc_hellaswag",
    "arc_easy": "acc_arc_easy",
    "piqa": "acc_piqa",
    "lambada": "acc_lambada_openai",
    "winograd": "acc_winograd",
    "winogrande": "acc_winogrande",
    "copa": "acc_copa",
    "squad": "acc_squad",
    "coqa": "acc_coqa",
    "jeopardy": "acc_jeopardy",
    "wikidata": "acc_bigbench_qa_wikidata",
    "mmlu": "acc_mmlu",
}
GADRE_LOSSES = {
    "loss_c4_val": "C4",
    "loss_paloma_redpajama": "RedPajama (Paloma)",
    "loss_paloma_falcon-refinedweb": "RefinedWeb (Paloma)",
}


def read_gadre(folder=None) -> PublicTable:
    """Wide table: run, series (corpus), size, params, tokens, group (corpus), losses, acc_<task> as shares."""
    keys = ("name", "train_data", "params", "params_noembed", "tokens", "chinchilla_mult", "has_eval")
    return clean_gadre(read_pinned("gadre", (*keys, *GADRE_LOSSES, *SCORES.values()), folder))


def clean_gadre(table: PublicTable) -> PublicTable:
    """Checks and drops."""
    check_unique(table, ["name"])
    check_range(table, list(SCORES.values()), 0, 1)
    check_range(table, list(GADRE_LOSSES), 0.5, 15)
    check_range(table, ["params"], 1e6, 1e11)
    table.drop(table.rows.has_eval != 1, "no evaluation of tasks")
    corpus = table.rows.train_data.map(CORPORA)
    size = (table.rows.params / 1e6).round().astype(int).astype(str) + "M"
    kept = table.rows[["tokens", "params", *GADRE_LOSSES, *SCORES.values()]]
    table.rows = kept.assign(run=corpus + " " + size, series=corpus, group=corpus, size=size)
    table.drop(table.rows.group.isna(), "trained on another corpus")
    return table
