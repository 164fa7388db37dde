"""Made-up pass_rates and series_losses tables with known truth, for the tests of the passuntil_* folders and their
verdicts. Never written into the repository.

Each item obeys the task law F = log(-log p) = log c_i + lambda log |y_i| - alpha_i log N, with a little noise per run;
counts are drawn by stopping at `target` passes or at the cap. The defaults plant what paper P claims; each field turns
one claim into its opposite.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from experiments.tables.names import ALL_TASKS, LAW_TASKS, UICL_TASKS
from experiments.tables.passes import PASS_COLUMNS

SIZES = {
    "0.02M": 24_576,
    "0.08M": 82_944,
    "0.2M": 196_608,
    "0.4M": 384_000,
    "0.7M": 663_552,
    "1.4M": 1_376_256,
    "2.5M": 2_457_600,
}
HELD_OUT = ("1.4M", "2.5M")
EXACT_TASKS = (*LAW_TASKS[1:], *UICL_TASKS)
BEAM_TASKS = LAW_TASKS[1:]
TOKENS = 6_000_000
NO_RATE = 1e-15  # below it a rate is 0


@dataclass(frozen=True)
class PassPlant:
    """The truth behind a table. log_hazard is F of the median item at the smallest size; 3.1 is a pass rate of
    2e-10."""

    series: tuple[str, ...] = ("prose",)
    seeds: tuple[int, ...] = (0,)
    num_items: int = 60
    target: int = 10
    cap: int = 100_000
    log_hazard: float = 3.1
    alpha: float = 0.5
    item_spread: float = 0.3  # standard deviation over items of F at the middle size
    alpha_spread: float = 0.06
    run_noise: float = 0.02  # standard deviation of F over runs, shared by the items of a task
    item_noise: float = 0.05  # the same, of each item of each run by itself
    length_exponent: float = 1.0
    bends: Mapping[str, float] = field(
        default_factory=dict
    )  # task -> coefficient of (log N)^2 in F; below 0 is accelerated
    held_out_shift: float = 0.0  # added to F at the held-out sizes
    sudden_at: float = 0.0  # below this many parameters nothing ever passes
    share_unpassable: float = 0.0
    beam_passes_from: float = 0.6  # pass rate from which beam search passes
    answer_floor: float = 0.0  # irreducible loss per answer token, in nats
    loss_break: float = 0.0  # added to the loss at the held-out sizes, in nats
    noise_seed: int = 0


def loss_of(num_parameters, tokens):
    """Planted loss law in nats per token; arguments broadcast."""
    return 0.8 + 30 * np.power(num_parameters, -0.4) + 200 * np.power(tokens, -0.42)


def runs_of(plant: PassPlant) -> pd.DataFrame:
    """One row per run, at its last checkpoint, with its loss."""
    rng = np.random.default_rng(plant.noise_seed)
    rows = []
    for place, series in enumerate(plant.series):
        for size, params in SIZES.items():
            for seed in plant.seeds:
                run = f"series_{series}_{size}_s{seed}"
                loss = (
                    loss_of(params, TOKENS) + 0.2 * place + rng.normal(0, 0.003) + plant.loss_break * (size in HELD_OUT)
                )
                rows.append(
                    {
                        "run": run,
                        "series": series,
                        "size": size,
                        "seed": seed,
                        "is_held_out": size in HELD_OUT,
                        "tokens_seen": TOKENS,
                        "num_parameters": params + 80_000,
                        "num_nonembedding_parameters": params,
                        "compute_flops": 6.0 * params * TOKENS,
                        "loss_nats": loss,
                        "weight_hash": f"{run}-{TOKENS}",
                        "recipe_hash": f"recipe-{run}",
                    }
                )
    return pd.DataFrame(rows)


def losses_table(plant: PassPlant = PassPlant()) -> pd.DataFrame:
    """The columns of series_losses.csv: eight checkpoints of every run."""
    rng = np.random.default_rng(plant.noise_seed + 1)
    rows = []
    for run in runs_of(plant).drop(columns="recipe_hash").to_dict("records"):
        for tokens in np.geomspace(2e5, TOKENS, 8).astype(int):
            earlier = loss_of(run["num_nonembedding_parameters"], tokens) - loss_of(
                run["num_nonembedding_parameters"], TOKENS
            )
            rows.append(
                run
                | {
                    "tokens_seen": int(tokens),
                    "compute_flops": run["compute_flops"] * tokens / TOKENS,
                    "weight_hash": f"{run['run']}-{tokens}",
                    "loss_nats": run["loss_nats"] + (earlier + rng.normal(0, 0.003) if tokens < TOKENS else 0.0),
                }
            )
    return pd.DataFrame(rows)


def rates_of(plant: PassPlant, task: str, runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(pass rates [runs, items], sum of the answer's loss in nats [runs, items], answer tokens [items]) of a task; the
    same items for every run."""
    rng = np.random.default_rng([plant.noise_seed, ALL_TASKS.index(task)])
    items, num_runs = plant.num_items, len(runs)
    lengths = rng.integers(2, 9, items)
    sizes = np.log(np.array(list(SIZES.values())))
    x = np.log(runs.num_nonembedding_parameters.to_numpy(float))[:, None]
    middle = (
        plant.log_hazard
        - plant.alpha * (sizes.mean() - sizes[0])
        + plant.length_exponent * (np.log(lengths) - np.log(5.0))
    )
    slope = plant.alpha + plant.alpha_spread * rng.normal(size=items)
    f = (
        middle
        + plant.item_spread * rng.normal(size=items)
        - slope * (x - sizes.mean())
        + plant.bends.get(task, 0.0) * (x - sizes.mean()) ** 2
    )
    f = f + plant.run_noise * rng.normal(size=(num_runs, 1)) + plant.item_noise * rng.normal(size=(num_runs, items))
    f = f + plant.held_out_shift * runs.is_held_out.to_numpy()[:, None]
    rates = np.exp(-np.exp(f))
    rates = rates * (x >= np.log(max(plant.sudden_at, 1.0)))
    rates[:, : round(plant.share_unpassable * items)] = 0.0
    return np.where(rates < NO_RATE, 0.0, rates), np.exp(f) + plant.answer_floor * lengths, lengths


def pass_table(plant: PassPlant = PassPlant(), tasks: tuple[str, ...] = ALL_TASKS) -> pd.DataFrame:
    """The columns of pass_rates.parquet; fewer tasks for a faster test."""
    runs, parts = runs_of(plant), []
    for task in tasks:
        rates, answer_loss, lengths = rates_of(plant, task, runs)
        rng = np.random.default_rng([plant.noise_seed, 1, ALL_TASKS.index(task)])
        for place, run in enumerate(runs.to_dict("records")):
            base = pd.DataFrame(
                {
                    "item_id": np.arange(plant.num_items),
                    "answer_tokens": lengths,
                    "answer_log_likelihood": -answer_loss[place],
                }
            )
            base = base.assign(
                **run,
                task=task,
                temperature=1.0,
                top_p=1.0,
                target=plant.target,
                cap=plant.cap,
                log_pass_low=np.nan,
                log_pass_high=np.nan,
                passes=0,
                attempts=0,
                is_reached=False,
                pass_positions=[[] for _ in range(plant.num_items)],
                num_evaluated=0,
                seconds=0.1,
            )
            parts.append(_counted(plant, base, rates[place], rng))
            if task in EXACT_TASKS:
                with np.errstate(divide="ignore"):
                    exact = np.log(rates[place])
                parts.append(
                    base.assign(method="exact", log_pass_low=exact - 1e-6, log_pass_high=np.minimum(exact + 1e-6, 0.0))
                )
            if task in BEAM_TASKS:
                passes = (rates[place] >= max(plant.beam_passes_from, NO_RATE)).astype(int)
                parts.append(base.assign(method="beam", passes=passes, attempts=1, is_reached=passes > 0))
    return pd.concat(parts, ignore_index=True)[list(PASS_COLUMNS)]


def _counted(plant: PassPlant, base: pd.DataFrame, rates: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of method shared: stopped at the target or at the cap, with the positions of the passes."""
    drawn = [stopped(rate, plant.target, plant.cap, rng) for rate in rates]
    passes, attempts = np.array([row[0] for row in drawn]), np.array([row[1] for row in drawn])
    return base.assign(
        method="shared",
        passes=passes,
        attempts=attempts,
        is_reached=passes == plant.target,
        pass_positions=[row[2] for row in drawn],
        num_evaluated=np.minimum(attempts, 300) * base.answer_tokens,
    )


def stopped(rate: float, target: int, cap: int, rng: np.random.Generator) -> tuple[int, int, list[int]]:
    """(passes, attempts, positions of the passes) of one stopped sampling: given the counts, the passes before the last
    lie anywhere."""
    attempts = target + int(rng.negative_binomial(target, rate)) if rate >= NO_RATE else cap + 1
    if attempts <= cap:
        before = rng.choice(attempts - 1, target - 1, replace=False) + 1
        return target, attempts, sorted(int(position) for position in [*before, attempts])
    below = stats.binom.cdf(target - 1, cap, rate)
    passes = int(np.clip(stats.binom.ppf(rng.uniform() * below, cap, rate), 0, target - 1)) if rate >= NO_RATE else 0
    return passes, cap, sorted(int(position) + 1 for position in rng.choice(cap, passes, replace=False))
