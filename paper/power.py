"""`python -m paper.power [--write]`: can each claim of paper L be decided? Data sets are simulated in which the claim
is true, and in which it is false, at the runs and items of the second ladder, and judged by the code that judges the
real ones. The shares of "replicated" are the claim's power entry in claims.yaml; `--write` puts them there.

A simulated score is a stated curve of the loss with binomial noise of the items, moved along the loss by a normal
scatter per run, as the first ladder's runs were (3 % of the loss range for most tasks).
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from experiments.tables import run_statistics as statistics
from experiments.tables.curve_spread import compute_ratio
from files.atomic import atomic_write
from paper.claims import CLAIMS_FILE, Claim, load_claims
from paper.verdicts import REPLICATED, word_of
from profiles.profile import run_command
from tasks.build import tasks_of

NUM_DATA_SETS = 100
MIXTURES, SEEDS, NUM_ITEMS = ("v2a", "v2b", "v2c"), (0, 1, 2), 500
LONG = {"0.4M": (4.5e5, 1.05), "1.6M": (1.6e6, 1.0), "3M": (3e6, 0.97)}  # size -> parameters, loss at the end
SMALL = {f"{size:g}": (size, end) for size, end in zip(np.geomspace(5e4, 3e6, 7), np.linspace(1.35, 1.0, 7))}
NUM_LONG, NUM_SMALL = 24, 12  # checkpoints
FIRST_LOSS, LAST_LOSS = 2.15, 0.97
RANGE = FIRST_LOSS - LAST_LOSS
AT = "3 mixtures, 3 seeds, 3 long sizes of 24 checkpoints, 7 short sizes of 12, 500 items"


@dataclass(frozen=True)
class Truth:
    """What is planted; shares are of the loss range.

    flat: spent at chance before a straight rise; jump: part of the gain made within a twentieth; scatter: SD over runs
    of where the curve lies; swing: SD of single checkpoints, as a share of the gain; by_size: shift from the smallest
    to the largest long size; by_series: shift of the short runs; by_compute: score follows compute instead of loss;
    earlier: shift of a continuous metric; slope: decades per nat above the onset."""

    flat: float = 0.0
    jump: float = 0.0
    scatter: float = 0.03
    swing: float = 0.0
    by_size: float = 0.0
    by_series: float = 0.0
    by_compute: bool = False
    earlier: float = 0.0
    slope: float = 0.0
    flat_by_task: tuple[float, ...] = field(default=())


def planted(rng: np.random.Generator, task: str, truth: Truth, short: bool) -> pd.DataFrame:
    """Scores of all long runs (and the short undecayed ones) of a task: the columns that statistics read."""
    parts, chance = [], tasks_of(MIXTURES[0])[task].chance
    for mixture in MIXTURES:
        for seed in SEEDS:
            for series, sizes, number in (("long", LONG, NUM_LONG), ("small", SMALL if short else {}, NUM_SMALL)):
                for size, (parameters, last) in sizes.items():
                    loss = np.linspace(FIRST_LOSS, last, number) + rng.normal(0, 0.004, number)
                    tokens = 1e5 * np.exp(np.linspace(0, 5, number))
                    moved = rng.normal(0, truth.scatter) + truth.by_series * (series == "small")
                    moved += truth.by_size * np.log(parameters / 4.5e5) / np.log(3e6 / 4.5e5)
                    depth = (FIRST_LOSS - loss) / RANGE
                    if truth.by_compute:
                        depth = (np.log(6 * parameters * tokens) - np.log(6 * 5e4 * 1e5)) / np.log(60 * 150)
                    share = _share(depth - moved, truth) + truth.swing * rng.normal(size=number)
                    run = f"{mixture}_{series}_{size}_s{seed}"
                    about = {"run": run, "lineage": run, "series": series, "size": size, "seed": seed}
                    about |= {
                        "mixture": mixture,
                        "num_nonembedding_parameters": parameters,
                        "num_items": NUM_ITEMS,
                        "metric": "accuracy",
                    }
                    measured = {
                        "tokens_seen": tokens.astype(int),
                        "loss_nats": loss,
                        "task": task,
                        "depth": depth - moved,
                    }
                    expected = np.clip(chance + (0.95 - chance) * np.clip(share, 0, 1), 0, 1)
                    parts.append(pd.DataFrame(measured | {"expected": expected}).assign(**about))
    table = pd.concat(parts, ignore_index=True)
    value = rng.binomial(NUM_ITEMS, table.expected) / NUM_ITEMS
    half = 1.96 * np.sqrt(np.maximum(value * (1 - value), 1 / NUM_ITEMS) / NUM_ITEMS)
    flops = 6.0 * table.num_nonembedding_parameters * table.tokens_seen
    return table.assign(value=value, low=value - half, high=value + half, compute_flops=flops)


def _share(depth: np.ndarray, truth: Truth) -> np.ndarray:
    """Share of the gain at a depth (0: first loss, 1: last)."""
    rise = np.clip((depth - truth.flat) / (0.95 - truth.flat), 0, 1)
    return (1 - truth.jump) * rise + truth.jump * np.clip((depth - 0.5) / 0.05, 0, 1)


def _one(make: Callable[..., dict], task: str, short: bool = False):
    """A statistic of one task."""

    def simulate(rng: np.random.Generator, truth: Truth) -> dict:
        rows = planted(rng, task, truth, short)
        if make is statistics.shift_row:  # joins the mixtures itself
            return make(rows, task)
        made = statistics.by_mixture(make, rows, task=task)
        return next(row for row in made if row["metric"] != "onset_location")

    return simulate


def _all_tasks(rng: np.random.Generator, truth: Truth) -> dict:
    """The spread of four tasks' onsets."""
    tasks = ("exam", "maths", "exam_zh", "maths_zh")
    by_task = truth.flat_by_task or (truth.flat,) * 4
    planned = zip(tasks, by_task, strict=True)
    tables = [planted(rng, task, Truth(flat=flat, scatter=truth.scatter), short=True) for task, flat in planned]

    def make(rows: pd.DataFrame) -> dict:
        return statistics.tasks_onset_row(
            rows, {task: statistics.onset_of(rows[rows.task == task], task) for task in tasks}
        )

    return statistics.by_mixture(make, pd.concat(tables, ignore_index=True))[0]


def _budgets(rng: np.random.Generator, truth: Truth) -> dict:
    """The shift of short runs, over four of the tasks: the twelve share their runs."""
    tasks = ("recall", "endings", "exam", "maths")
    table = pd.concat([planted(rng, task, truth, short=True) for task in tasks])

    def make(rows: pd.DataFrame) -> dict:
        return statistics.budget_shift_row({task: rows[rows.task == task] for task in tasks})

    return statistics.by_mixture(make, table.reset_index(drop=True))[0]


def _compute(rng: np.random.Generator, truth: Truth) -> dict:
    """The spread against compute over that against loss; six tasks stand for the twelve."""
    ratios = []
    for task in ("recall", "endings", "reading", "coreference", "exam", "maths"):
        rows = planted(rng, task, truth, short=True)
        ratios.append(compute_ratio(rows, task, num_replicates=20))
    return statistics.ratio_over_tasks(rows, ratios, "spread_ratio")


def _metric(metric: str):
    """The shift between accuracy and a continuous metric of the exam."""

    def simulate(rng: np.random.Generator, truth: Truth) -> dict:
        accuracy = planted(rng, "exam", truth, short=False)
        right = 0.25 + 0.7 * np.clip(_share(accuracy.depth + truth.earlier, truth), 0, 1)
        right = np.clip(right + rng.normal(0, 0.008, len(right)), 0, 1)
        value = right if metric == "correct_choice_prob" else (1 - right) ** 2 * 4 / 3
        other = accuracy.assign(value=value)
        return statistics.by_mixture(statistics.metric_shift_row, accuracy, other, task="exam", metric=metric)[0]

    return simulate


def _underneath(rng: np.random.Generator, truth: Truth) -> dict:
    """The slope of a probability above the onset of accuracy."""
    accuracy = planted(rng, "exam", truth, short=True)
    long = accuracy[accuracy.series == "long"]
    rise = 10 ** (truth.slope * (FIRST_LOSS - long.loss_nats - truth.flat * RANGE))
    probability = long.assign(value=np.clip(0.25 * rise + rng.normal(0, 0.008, len(long)), 1e-6, 1))
    return statistics.by_mixture(statistics.slope_underneath_row, accuracy, probability, task="exam")[0]


# Claim -> (statistic of a simulated data set, what is planted where it is true, and where it is false).
SIMULATIONS: dict[str, tuple[Callable[[np.random.Generator, Truth], dict], Truth, Truth]] = {
    "smooth_monotone": (_one(statistics.monotone_row, "recall"), Truth(), Truth(swing=0.35)),
    "smooth_without_jump": (_one(statistics.steepest_row, "recall"), Truth(jump=0.15), Truth(jump=0.7)),
    "flat_until_threshold": (_one(statistics.flat_row, "exam"), Truth(flat=0.6), Truth(flat=0.4)),
    "one_threshold_for_all_runs": (
        _one(statistics.onset_rows, "exam", short=True),
        Truth(flat=0.6, scatter=0.03),
        Truth(flat=0.6, scatter=0.2),
    ),
    "one_threshold_for_all_tasks": (
        _all_tasks,
        Truth(flat_by_task=(0.57, 0.63, 0.6, 0.6)),
        Truth(flat_by_task=(0.4, 0.8, 0.4, 0.8)),
    ),
    "loss_suffices_for_all_sizes": (_one(statistics.shift_row, "recall"), Truth(), Truth(by_size=0.12)),
    "budgets_share_the_curve": (_budgets, Truth(), Truth(by_series=0.12)),
    "compute_scatters_more": (_compute, Truth(), Truth(by_compute=True)),
    "probability_turns_with_accuracy": (_metric("correct_choice_prob"), Truth(flat=0.6), Truth(flat=0.6, earlier=0.12)),
    "brier_turns_with_accuracy": (_metric("brier_score"), Truth(flat=0.6), Truth(flat=0.6, earlier=0.12)),
    "bigbench_flat_until_threshold": (_one(statistics.flat_row, "unscramble"), Truth(flat=0.6), Truth(flat=0.4)),
    "cloze_without_flat_part": (_one(statistics.flat_row, "exam_cloze"), Truth(flat=0.3), Truth(flat=0.6)),
    "probability_rises_underneath": (_underneath, Truth(flat=0.6, slope=0.3), Truth(flat=0.6)),
}


def simulated_power(claim: Claim, num_data_sets: int = NUM_DATA_SETS, seed: int = 0) -> tuple[float, float]:
    """Shares of simulated data sets with the verdict "replicated": where the claim is true, where it is false."""
    statistic, true, false = SIMULATIONS[claim.id]
    return tuple(
        float(
            np.mean(
                [
                    word_of(claim, statistic(np.random.default_rng([seed, which, number]), truth)) == REPLICATED
                    for number in range(num_data_sets)
                ]
            )
        )
        for which, truth in enumerate((true, false))
    )


def with_ladder_power(text: str, found: dict[str, tuple[float, float]]) -> str:
    """claims.yaml with these power entries. ValueError names a claim that has no place for one."""
    for name, (true, false) in found.items():
        pattern = rf"(  - id: {name}\n(?:    .*\n)*?    power: )\{{.*\}}"
        text, number = re.subn(pattern, rf'\g<1>{{if_true: {true:g}, if_false: {false:g}, at: "{AT}"}}', text)
        if number != 1:
            raise ValueError(f"{CLAIMS_FILE.name}: claim {name} has no line `power: {{...}}`; add one")
    return text


def main(arguments: argparse.Namespace) -> None:
    """Print each claim's two shares, and write them where asked."""
    found = {}
    for claim in load_claims(check_power=False):
        if claim.id in SIMULATIONS:
            found[claim.id] = true, false = simulated_power(claim, arguments.num_data_sets)
            print(f"{claim.id}: replicated in {true:.0%} where true, {false:.0%} where false", flush=True)
    if arguments.write:
        atomic_write(CLAIMS_FILE, with_ladder_power(CLAIMS_FILE.read_text(encoding="utf-8"), found).encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the shares into claims.yaml")
    parser.add_argument("--num-data-sets", type=int, default=NUM_DATA_SETS, help="simulated per claim and truth")
    run_command(main, parser)
