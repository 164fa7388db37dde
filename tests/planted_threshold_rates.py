"""A made-up threshold_pass_rates table with known truth: pass probability of the threshold tasks against loss along
three long runs.

Never written into the repository."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments.tables.passes import PASS_COLUMNS
from tasks import TASKS
from tests.planted_pass_rates import stopped
from tests.planted_scores import LONG_SIZES, SIZES, loss_of

THRESHOLD_TASKS = ("exam", "maths", "exam_zh", "maths_zh")
TOKENS = 10_000_000


@dataclass(frozen=True)
class ThresholdPlant:
    """F of the mean item: floor_f down to the onset, then falling by `rise` per nat; slope_f per nat of falling loss
    everywhere (0: a true threshold)."""

    seeds: tuple[int, ...] = (0,)
    num_items: int = 20
    num_checkpoints: int = 20
    onset: float = 1.9
    floor_rate: float | None = None  # None: the task's chance
    slope_f: float = 0.0
    rise: float = 2.5
    softness: float = 0.0  # nats over which the rise sets in
    run_noise: float = 0.01
    item_spread: float = 0.2
    target: int = 10
    cap: int = 20_000
    noise_seed: int = 0


def expected_f(plant: ThresholdPlant, task: str, loss: np.ndarray) -> np.ndarray:
    """Planted F at losses [n]."""
    floor = np.log(-np.log(plant.floor_rate or TASKS[task].chance))
    below = (
        np.maximum(plant.onset - loss, 0.0)
        if plant.softness == 0
        else plant.softness * np.logaddexp(0, (plant.onset - loss) / plant.softness)
    )
    return floor - plant.slope_f * (6.0 - loss) - plant.rise * below


def threshold_table(plant: ThresholdPlant = ThresholdPlant(), tasks: tuple[str, ...] = THRESHOLD_TASKS) -> pd.DataFrame:
    """The columns of threshold_pass_rates.parquet: exam tasks by method exact, maths by shared and exact."""
    rng = np.random.default_rng(plant.noise_seed)
    rows = []
    for size in LONG_SIZES:
        for seed in plant.seeds:
            run, params = f"long_{size}_10M_s{seed}", SIZES[size]
            seen = np.unique(np.geomspace(2e4, TOKENS, plant.num_checkpoints).astype(int))
            loss = np.minimum(loss_of(params, seen) + rng.normal(0, 0.004, len(seen)), 6.0)
            for task in tasks:
                items = plant.item_spread * np.random.default_rng(THRESHOLD_TASKS.index(task)).normal(
                    size=plant.num_items
                )
                shift = plant.run_noise * rng.normal(size=len(seen))
                for tokens, nats, f in zip(seen, loss, expected_f(plant, task, loss) + shift):
                    point = {
                        "run": run,
                        "series": "long",
                        "size": size,
                        "seed": seed,
                        "is_held_out": False,
                        "tokens_seen": int(tokens),
                        "num_parameters": int(params + 1e5),
                        "num_nonembedding_parameters": int(params),
                        "compute_flops": 6.0 * params * tokens,
                        "loss_nats": nats,
                        "weight_hash": f"{run}-{tokens}",
                        "recipe_hash": run,
                        "task": task,
                        "temperature": 1.0,
                        "top_p": 1.0,
                        "target": plant.target,
                        "cap": plant.cap,
                        "answer_tokens": 1,
                        "answer_log_likelihood": -1.0,
                        "num_evaluated": 1,
                        "seconds": 0.1,
                    }
                    rows += [
                        point | measured
                        for item, place in enumerate(items)
                        for measured in _measured(plant, task, item, np.exp(-np.exp(f + place)), rng)
                    ]
    return pd.DataFrame(rows)[list(PASS_COLUMNS)]


def _measured(plant: ThresholdPlant, task: str, item: int, rate: float, rng: np.random.Generator) -> list[dict]:
    exact = {
        "item_id": item,
        "method": "exact",
        "passes": 0,
        "attempts": 0,
        "is_reached": False,
        "pass_positions": [],
        "log_pass_low": np.log(rate) - 1e-9,
        "log_pass_high": min(np.log(rate) + 1e-9, 0.0),
    }
    if task.startswith("exam"):
        return [exact]
    passes, attempts, positions = stopped(rate, plant.target, plant.cap, rng)
    return [
        exact
        | {
            "method": "shared",
            "passes": passes,
            "attempts": attempts,
            "is_reached": passes == plant.target,
            "pass_positions": positions,
            "log_pass_low": np.nan,
            "log_pass_high": np.nan,
        }
    ]
