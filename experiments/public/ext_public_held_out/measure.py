"""Leave the largest size out: errors of the law and of its rivals over all series of three tables."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.intervals import bootstrap_items
from analysis.task_law.held_out import METHODS, MIN_FITTED, log_error, predict_largest
from experiments.public.judged import judged_losses
from experiments.public.stage import measure_public
from experiments.public.statistics import plain_number, statistic
from public_tables.benchmarks import BENCHMARKS
from public_tables.table import PublicTable

STEM, SOURCES = "ext_public_held_out", ("pythia", "gadre", "obsscaling")
OPEN = {"lambada": "acc_lambada_openai", "squad": "acc_squad", "coqa": "acc_coqa", "jeopardy": "acc_jeopardy"}
OPEN |= {"wikidata": "acc_bigbench_qa_wikidata"}
ITEMS = {"gsm8k": 1319, "humaneval": 164}
TOKENS_PER_PARAM = 20  # Chinchilla's, as the table's authors count
JUDGED = ("unexplained_share", "loss_held_out_error_share")


def measure(tables: Mapping[str, PublicTable]) -> list:
    """Errors of each series, and their medians per set."""
    series = [*_pythia(tables["pythia"].rows), *_gadre(tables["gadre"].rows), *_families(tables["obsscaling"].rows)]
    rows = [row for one in series if (row := _predicted(*one))]
    table = pd.DataFrame([row for found in rows for row in found])
    parts: list = [table]
    for name, one in table.groupby("size"):
        errors = one.pivot(index=["task", "run"], columns="series", values="value")[list(METHODS)]
        parts.append([plain_number("all", "num_series", len(errors), errors, size=name)])
        for method in METHODS:
            median = bootstrap_items(np.median, errors[method].to_numpy())
            parts.append([statistic("all", f"median_error_{method.replace(' ', '_')}", median, errors, size=name)])
        for rival in METHODS[1:]:
            wins = bootstrap_items(np.mean, (errors["law"] < errors[rival]).to_numpy(float))
            parts.append([statistic("all", f"law_beats_{rival.replace(' ', '_')}", wins, errors, size=name)])
        high = bootstrap_items(np.mean, one[one.series == "law"].too_high.to_numpy(float))
        parts.append([statistic("all", "law_too_high", high, errors, size=name)])
    return [*parts, judged_losses(final_losses(tables["gadre"].rows), JUDGED)]


def final_losses(rows: pd.DataFrame) -> pd.DataFrame:
    """Final loss on C4 of Gadre's models at Chinchilla's tokens, six sizes a corpus (series), which claims are judged
    on."""
    kept = rows[(rows.tokens / rows.params / TOKENS_PER_PARAM).round(2) == 1]
    return kept.assign(loss_nats=kept.loss_c4_val, num_parameters=kept.params)


def _predicted(name: str, task: str, run: str, params: pd.Series, rate: pd.Series, num_items: int) -> list[dict]:
    """One row per method; nothing for series too short, or of nothing but zeros among the smaller sizes."""
    sized = pd.DataFrame({"params": params, "rate": rate}).dropna().groupby("params").rate.mean().sort_index()
    if len(sized) <= MIN_FITTED or (sized.iloc[:-1] > 0).sum() < MIN_FITTED:
        return []
    measured = float(sized.iloc[-1])
    guesses = predict_largest(sized.index.to_numpy(float), sized.to_numpy(), num_items)
    return [
        {
            "kind": "prediction",
            "task": task,
            "metric": "held_out_error",
            "run": run,
            "size": name,
            "series": method,
            "value": log_error(guess, measured, num_items),
            "too_high": float(guess > measured),
            "num_items": num_items,
        }
        for method, guess in guesses.items()
    ]


def _pythia(rows: pd.DataFrame):
    items = BENCHMARKS["lambada"].num_items
    for (suite, group, tokens), one in rows.groupby(["series", "group", "tokens"]):
        yield "Pythia", "lambada", f"{suite}, {group}, {tokens:.4g} tokens", one.params, one.lambada, items


def _gadre(rows: pd.DataFrame):
    multiple = (rows.tokens / rows.params / TOKENS_PER_PARAM).round(2)
    for task, column in OPEN.items():
        for (corpus, times), one in rows.groupby([rows.series, multiple]):
            yield (
                "Gadre",
                task,
                f"{corpus}, {times:g} times Chinchilla",
                one.params,
                one[column],
                BENCHMARKS[task].num_items,
            )


def _families(rows: pd.DataFrame):
    for task, items in ITEMS.items():
        for family, one in rows.groupby("family"):
            yield "ObsScaling", task, family, one.params, one[task], items


if __name__ == "__main__":
    measure_public(STEM, SOURCES, measure)
