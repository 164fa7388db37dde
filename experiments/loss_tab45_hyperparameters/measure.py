"""Paper L, Tables 4 and 5: the ladder of runs, ours beside the paper's. Reads the profile, and parameter counts from the scores."""

import pandas as pd

from experiments.profiles import Paths, load_profile
from experiments.published import load_published
from experiments.score_table import size_rows
from experiments.stage import measure_main

STEM = "loss_tab45_hyperparameters"
SHAPE = ("num_layers", "d_model", "num_heads", "d_ff", "max_lr")


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """One row per size and token budget of both series: shape, budget, batch, learning rate; ours and the paper's (Tables 4 and 5)."""
    profile = load_profile(paths.profile)
    counts = scores.drop_duplicates("size").set_index("size").num_nonembedding_parameters
    budgets = [("long", size, profile.long_runs.tokens) for size in profile.long_runs.sizes]
    budgets += [("small", size, tokens) for size, row in profile.small_runs.budgets.items() for tokens in row]
    ours = []
    for series, size, tokens in budgets:
        if size not in counts.index:
            raise ValueError(f"{paths.scores}: no run of size {size}, which profiles/{paths.profile}.yaml has; train and evaluate it first")
        ours.append({"kind": "run", "task": "all", "metric": "num_nonembedding_parameters", "series": series, "size": size, "value": counts[size], "tokens_seen": tokens,
                     "batch_sequences": profile.training.batch_sequences, "sequence_length": profile.training.sequence_length,
                     "schedule": (profile.long_runs if series == "long" else profile.small_runs).schedule}
                    | {name: getattr(profile.sizes[size], name) for name in SHAPE})
    paper = load_published("table45_hyperparameters").rename(columns={"tokens": "tokens_seen", "num_parameters": "value"})
    paper = paper.assign(kind="published", task="all", metric="num_parameters", status="paper L, " + paper.source, sequence_length=2048, schedule="cosine")
    return [size_rows(scores), ours, paper.drop(columns="source")]


if __name__ == "__main__":
    measure_main(STEM, measure)
