"""A made-up scores table with known truth, for the tests of experiments/ and paper/: what is planted must come out as
its verdict.

Loss follows a Chinchilla law of size and tokens with a little noise per run; performance is a function of the loss (or,
where the opposite is planted, of something else), seen through binomial noise over the items. Nothing here is ever
written into the repository.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tasks import TASKS

SIZES = {"0.05M": 5e4, "0.1M": 1e5, "0.2M": 2e5, "0.4M": 4e5, "0.8M": 8e5, "1.6M": 1.6e6}
BUDGETS = {  # 28 cells as in Table 5: 4, 5, 5, 6, 4, 4
    "0.05M": (1e6, 2e6, 4e6, 8e6),
    "0.1M": (0.5e6, 1e6, 2e6, 4e6, 8e6),
    "0.2M": (0.5e6, 1e6, 2e6, 4e6, 8e6),
    "0.4M": (1e6, 1.5e6, 2e6, 4e6, 6e6, 8e6),
    "0.8M": (1e6, 2e6, 4e6, 8e6),
    "1.6M": (0.5e6, 1e6, 2e6, 4e6),
}
LONG_SIZES = ("0.2M", "0.8M", "1.6M")
THRESHOLD_TASKS = ("exam", "maths", "exam_zh", "maths_zh", "unscramble", "modified_arithmetic", "ipa_transliterate")
FIRST_LOSS = 6.0


@dataclass(frozen=True)
class Plant:
    """The truth behind a table. The defaults plant what paper L claims; each field turns one claim into its
    opposite."""

    seeds: tuple[int, ...] = (0, 1, 2)
    num_items: int = 500
    num_checkpoints: int = 20
    onset: float = 1.9
    onset_by_size: float = 0.0  # nats per doubling of the size, so that runs no longer share a threshold
    onset_by_task: float = 0.0  # nats between neighbouring threshold tasks
    size_effect: float = 0.0  # performance per doubling of the size at equal loss
    continuous_onset: float = 0.0  # nats by which the continuous metrics start earlier than accuracy
    small_shift: float = 0.0  # performance of the small series minus that of the long series at equal loss
    stepwise: bool = False  # smooth tasks jump
    gradual: bool = False  # threshold tasks rise from the start
    from_compute: bool = False  # performance is a function of compute, not of loss
    unreached: tuple[str, ...] = field(default=())  # tasks that never leave chance
    noise_seed: int = 0


def loss_of(num_parameters, tokens):
    """Validation loss in nats per token: the planted law, capped at what an untrained model has."""
    return np.minimum(0.75 + 25 * np.power(num_parameters, -0.4) + 260 * np.power(tokens, -0.41), FIRST_LOSS)


def runs_of(plant: Plant) -> list[tuple[str, str, str, int, float]]:
    """(run, series, size, seed, tokens) of every run."""
    cells = [("long", size, 1e7) for size in LONG_SIZES] + [
        ("small", size, tokens) for size, row in BUDGETS.items() for tokens in row
    ]
    return [
        (f"{series}_{size}_{tokens / 1e6:g}M_s{seed}", series, size, seed, tokens)
        for seed in plant.seeds
        for series, size, tokens in cells
    ]


def scores_table(
    plant: Plant = Plant(), tasks: tuple[str, ...] = tuple(TASKS), series_wanted: tuple[str, ...] = ("long", "small")
) -> pd.DataFrame:
    """The aggregate table of all runs with the columns of results/<profile>/loss/scores.parquet; fewer tasks or one
    series for a faster test."""
    rng = np.random.default_rng(plant.noise_seed)
    rows = []
    for run, series, size, seed, tokens in runs_of(plant):
        if series not in series_wanted:
            continue
        params = SIZES[size]
        seen = np.unique(np.geomspace(2e4, tokens, plant.num_checkpoints).astype(int))
        clean = loss_of(params, seen) + rng.normal(0, 0.006)
        loss = np.minimum(clean + rng.normal(0, 0.004, len(seen)), FIRST_LOSS)
        for tokens_seen, nats in zip(seen, loss):
            compute = 6.0 * params * tokens_seen
            point = {
                "run": run,
                "lineage": run,
                "size": size,
                "series": series,
                "seed": seed,
                "tokens_seen": int(tokens_seen),
                "num_parameters": int(params + 1e5),
                "num_nonembedding_parameters": int(params),
                "compute_flops": compute,
                "loss_nats": nats,
                "loss_nats_en": nats * 0.96 + rng.normal(0, 0.003),
                "loss_nats_zh": nats * 1.16 + rng.normal(0, 0.003),
                "bits_per_byte": nats / 2.2,
                "bits_per_byte_en": nats / 2.3,
                "bits_per_byte_zh": nats / 1.8,
                "weight_hash": f"{run}-{tokens_seen}",
            }
            driver = _pretended_loss(compute) if plant.from_compute else nats
            for name in tasks:
                rows += [point | measured for measured in _measure(plant, TASKS[name], driver, params, series, rng)]
    return pd.DataFrame(rows)


def _pretended_loss(compute: float) -> float:
    return float(np.clip(6.0 - 0.45 * (np.log10(compute) - 9.5) * 2.2, 1.0, 6.0))


def _slope(loss: float) -> float:
    """A smooth rise along the whole loss range."""
    return 1 / (1 + np.exp((loss - 2.4) / 0.55))


def _expected(plant: Plant, task, loss: float, params: float, series: str, earlier: float = 0.0) -> float:
    """Probability of a right answer."""
    doublings = np.log2(params / SIZES["0.4M"])
    top = 0.95
    if task.name in plant.unreached:
        return task.chance
    if task.name in THRESHOLD_TASKS:
        onset = (
            plant.onset
            + earlier
            + plant.onset_by_size * doublings
            + plant.onset_by_task * (THRESHOLD_TASKS.index(task.name) % 4)
        )
        rise = _slope(loss) if plant.gradual else (onset - loss) / 0.75
    elif plant.stepwise:
        rise = float(loss < 2.0)
    else:
        rise = _slope(loss)
    share = np.clip(rise + plant.size_effect * doublings * (rise > 0), 0, 1)
    expected = task.chance + (top - task.chance) * share
    return float(np.clip(expected + plant.small_shift * (series == "small"), 0, 1))


def _measure(plant: Plant, task, loss: float, params: float, series: str, rng: np.random.Generator) -> list[dict]:
    """One row per metric of the task."""
    items = plant.num_items
    passes = rng.binomial(items, _expected(plant, task, loss, params, series))
    rows = [_proportion(task.name, task.metric, passes / items, items)]
    rows.append(_mean(task.name, "answer_log_likelihood", -loss + rng.normal(0, 0.01), 0.02, items))
    if task.answer_form == "choice":
        right = _expected(plant, task, loss, params, series, plant.continuous_onset)
        choices = round(1 / task.chance)
        # The softmax puts the rest of the probability evenly on the wrong choices, so Brier follows from the right
        # one's.
        right = np.clip(right + rng.normal(0, 0.008), 0, 1)
        brier = (1 - right) ** 2 + (1 - right) ** 2 / (choices - 1)
        rows += [
            _mean(task.name, "correct_choice_prob", right, 0.008, items),
            _mean(task.name, "brier_score", brier, 0.012, items),
        ]
    return rows


def _proportion(task: str, metric: str, value: float, items: int) -> dict:
    half = 1.96 * np.sqrt(max(value * (1 - value), 1 / items) / items)
    return {
        "task": task,
        "metric": metric,
        "value": value,
        "low": max(value - half, 0),
        "high": min(value + half, 1),
        "num_items": items,
    }


def _mean(task: str, metric: str, value: float, error: float, items: int) -> dict:
    return {
        "task": task,
        "metric": metric,
        "value": value,
        "low": value - 1.96 * error,
        "high": value + 1.96 * error,
        "num_items": items,
    }


def runs_table(scores: pd.DataFrame) -> pd.DataFrame:
    """The columns of runs.csv that name each run's parent; here none has one."""
    return pd.DataFrame({"run": scores.run.unique(), "parent": ""})
