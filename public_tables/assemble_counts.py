"""Tables of passes per item, of losses of reference solutions and of question groups, from their upstream files."""

import io
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

PYTHIA_SIZES = {"70M": 70e6, "160M": 160e6, "410M": 410e6, "1B": 1e9, "2.8B": 2.8e9, "6.9B": 6.9e9, "12B": 12e9}
MODELS = "models_pythia.csv"
MODEL_COLUMNS = {
    "hf": "HuggingFace Path",
    "revision": "HuggingFace Revision",
    "params": "Parameters",
    "params_nonembed": "Parameters Excluding Embeddings",
    "tokens": "Tokens",
}
GROUP_FILE = re.compile(r"(acc_)?(.+)_instance_brier_-1000_([\d.]+)_10_(redist|undist)\.csv")
GROUP_COLUMNS = ("task", "file_kind", "choices", "threshold_1e21_flops", "model", "family", "params_b", "tokens_t")
GROUP_COLUMNS += ("flops_1e21", "first_item", "last_item", "column", "value")
ABOUT_MODEL = ["Model", "Model Family", "Model Size (B)", "Pretraining Data Size (T)", "FLOPs (1E21)"]


def math_attempts(files: Mapping[str, bytes]) -> bytes:
    """Passes in 10,000 attempts at each MATH item: the rows of one attempt of the pass@k table, Pythia alone."""
    (raw,) = files.values()
    table = pd.read_parquet(io.BytesIO(raw))
    table = table[
        (table["Scaling Parameter"] == 1) & table.Model.str.startswith("Pythia") & (table.Benchmark == "MATH")
    ]
    rows = pd.DataFrame(
        {
            "benchmark": "math",
            "model": table.Model,
            "params": table.Model.str.split().str[-1].map(PYTHIA_SIZES).astype(np.int64),
            "item": table["Problem Idx"],
            "attempts": table["Num. Samples Total"],
            "passes": table["Num. Samples Correct"].astype(int),
        }
    )
    return _csv(rows.sort_values(["params", "item"], kind="stable"))


def pass_counts(files: Mapping[str, bytes]) -> bytes:
    """Attempts and passes of each item of GSM8K and MATH at each checkpoint: the rows k = 1 of the pass@k tables."""
    models = _models(files)
    parts = []
    for benchmark in ("gsm8k", "math"):
        table = pd.read_parquet(io.BytesIO(_named(files, f"{benchmark}_pass_at_k.parquet")))
        table = table[table.k == 1].merge(models, on="Model Nickname", how="left")
        about = {"benchmark": benchmark, "model": table["Model Nickname"]}
        about |= {ours: table[theirs] for ours, theirs in MODEL_COLUMNS.items()}
        counts = {
            "item": table.prompt_idx,
            "level": table.get("Level", pd.Series(np.nan, table.index)),
            "attempts": table["Num. Samples"],
            "passes": table["Num. Samples Correct"].astype(int),
        }
        parts.append(pd.DataFrame(about | counts))
    return _csv(pd.concat(parts).sort_values(["benchmark", "params", "tokens", "item"], kind="stable"))


def reference_nll(files: Mapping[str, bytes]) -> bytes:
    """Loss of a reference solution of each GSM8K item at each checkpoint, nats to four decimals."""
    table = pd.read_parquet(io.BytesIO(_named(files, "gpt4_gsm8k_neg_log_likelihood.parquet")))
    table = table.merge(_models(files), left_on="Model", right_on="Model Nickname", how="left")
    about = {"model": table.Model} | {ours: table[theirs] for ours, theirs in MODEL_COLUMNS.items()}
    numbers = {
        "train_flops": table["Scaling Parameter"],
        "item": table["Problem Idx"],
        "nll_nats": table["Neg Log Score"].round(4),
    }
    return _csv(pd.DataFrame(about | numbers))


def difficulty(files: Mapping[str, bytes]) -> bytes:
    """One row per model, group of ten and score, to six decimals; the file's name holds task, kind and threshold."""
    parts = []
    for path in sorted(files):
        named = GROUP_FILE.fullmatch(PurePosixPath(path).name)
        table = pd.read_csv(io.BytesIO(files[path]))
        groups = [column for column in table if re.fullmatch(r"\d+_\d+_\w+", column)]
        head = (named[2], "accuracy" if named[1] else "brier", named[4], float(named[3]))
        rows = [
            (*head, *row[ABOUT_MODEL], *group.split("_"), round(row[group], 6))
            for _, row in table.iterrows()
            for group in groups
            if pd.notna(row[group])
        ]
        parts.append(pd.DataFrame(rows, columns=GROUP_COLUMNS))
    return _csv(pd.concat(parts))


def _named(files: Mapping[str, bytes], name: str) -> bytes:
    return next(raw for path, raw in files.items() if PurePosixPath(path).name == name)


def _models(files: Mapping[str, bytes]) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(_named(files, MODELS)))


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()
