"""Paper L, Tables 4 and 5: the ladder of runs as the profile has it, beside the paper's. Reads no scores."""

import pandas as pd

from experiments.tables.published import load_published
from experiments.tables.stage import measure_main
from models.config import GPTConfig
from profiles.paths import Paths
from profiles.profile import load_profile
from profiles.schema import Size

STEM = "loss_tab45_hyperparameters"
SHAPE = ("num_layers", "d_model", "num_heads", "d_ff", "max_lr")


def measure(scores: pd.DataFrame, paths: Paths) -> list:
    """One row per size and token budget of both series: shape, budget, batch, learning rate; ours and the paper's
    (Tables 4 and 5)."""
    profile = load_profile(paths.profile)
    counts = {size: _num_parameters(shape, profile.training.sequence_length) for size, shape in profile.sizes.items()}
    sizes = [
        {"kind": "size", "size": size, "value": count, "metric": "num_nonembedding_parameters"}
        for size, count in counts.items()
    ]
    budgets = [("long", size, profile.long_runs.tokens) for size in profile.long_runs.sizes]
    budgets += [("small", size, tokens) for size, row in profile.small_runs.budgets.items() for tokens in row]
    ours = []
    for series, size, tokens in budgets:
        ours.append(
            {
                "kind": "run",
                "task": "all",
                "metric": "num_nonembedding_parameters",
                "series": series,
                "size": size,
                "value": counts[size],
                "tokens_seen": tokens,
                "batch_sequences": profile.training.batch_sequences,
                "sequence_length": profile.training.sequence_length,
                "schedule": (profile.long_runs if series == "long" else profile.small_runs).schedule,
            }
            | {name: getattr(profile.sizes[size], name) for name in SHAPE}
        )
    paper = load_published("table45_hyperparameters").rename(
        columns={"tokens": "tokens_seen", "num_parameters": "value"}
    )
    paper = paper.assign(
        kind="published",
        task="all",
        metric="num_parameters",
        status="paper L, " + paper.source,
        sequence_length=2048,
        schedule="cosine",
    )
    return [sizes, ours, paper.drop(columns="source")]


def _num_parameters(shape: Size, sequence_length: int) -> int:
    """Non-embedding parameters, which the vocabulary does not change."""
    return GPTConfig(
        1, shape.num_layers, shape.d_model, shape.num_heads, shape.num_kv_heads, shape.d_ff, sequence_length
    ).num_nonembedding_parameters


if __name__ == "__main__":
    measure_main(STEM, measure)
