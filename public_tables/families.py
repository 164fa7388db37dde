"""Models of many families without losses: DataComp-LM's database (Li et al. 2024, 2406.11794) and the base models of
Observational Scaling Laws (Ruan et al. 2024, 2405.10938). Letter MMLU and cloze HellaSwag of each."""

from public_tables.table import PublicTable, check_range, check_unique, read_pinned


def read_dclm(folder=None) -> PublicTable:
    """run (data set), params, tokens, mmlu (letter, five shots), hellaswag (cloze, ten shots) as shares."""
    return clean_dclm(read_pinned("dclm", ("Dataset", "params", "tokens", "mmlu_fewshot", "hellaswag"), folder))


def clean_dclm(table: PublicTable) -> PublicTable:
    """Checks and drops."""
    check_range(table, ["mmlu_fewshot", "hellaswag"], 0, 1)
    table.drop(table.rows[["mmlu_fewshot", "hellaswag"]].isna().any(axis=1), "no MMLU or no HellaSwag")
    table.drop(table.rows.duplicated(), "repeats another row in every column")
    table.rows = table.rows.rename(columns={"Dataset": "run", "mmlu_fewshot": "mmlu"})[
        ["run", "params", "tokens", "mmlu", "hellaswag"]
    ]
    return table


def read_obsscaling(folder=None) -> PublicTable:
    """run (model), family, params, mmlu, hellaswag, gsm8k, humaneval as shares."""
    columns = ("Model", "Model Family", "Model Size (B)", "MMLU", "HellaSwag", "GSM8K", "HumanEval")
    return clean_obsscaling(read_pinned("obsscaling", columns, folder))


def clean_obsscaling(table: PublicTable) -> PublicTable:
    """Checks; names of columns."""
    check_unique(table, ["Model"])
    check_range(table, ["MMLU", "HellaSwag", "GSM8K", "HumanEval"], 0, 1)
    rows = table.rows
    table.rows = rows.rename(
        columns={"Model": "run", "Model Family": "family", "MMLU": "mmlu", "HellaSwag": "hellaswag"}
    ).assign(params=rows["Model Size (B)"] * 1e9, gsm8k=rows.GSM8K, humaneval=rows.HumanEval)
    return table
