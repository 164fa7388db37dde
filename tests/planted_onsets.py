"""A table of checkpoints with a planted threshold, a smooth curve or nothing, as an outsider would bring it."""

import numpy as np
import pandas as pd


def planted_table(
    kind: str = "threshold",
    num_runs: int = 6,
    num_checkpoints: int = 25,
    eta: float = 2.2,
    seed: int = 0,
    items: int = 2000,
) -> pd.DataFrame:
    """Columns model, step, params, corpus, loss, acc; chance 0.25. kind: "threshold", "smooth" or "flat"."""
    rng = np.random.default_rng(seed)
    parts = []
    for run in range(num_runs):
        loss = np.linspace(3.4, 1.2, num_checkpoints) + 0.01 * rng.normal(size=num_checkpoints)
        rise = {
            "threshold": 0.6 * np.maximum(eta + 0.01 * rng.normal() - loss, 0),
            "smooth": 0.2 * (3.6 - loss),
            "flat": 0 * loss,
        }[kind]
        parts.append(
            pd.DataFrame(
                {
                    "model": f"run {run}",
                    "step": np.arange(1, num_checkpoints + 1) * 1000,
                    "params": 10.0 ** (7 + run % 3),
                    "corpus": "web" if run % 2 else "books",
                    "loss": loss,
                    "acc": rng.binomial(items, 0.25 + rise) / items,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
