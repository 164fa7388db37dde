"""`python -m paper.public_power [--write]`: can each claim of claims_public.yaml be decided on its public table?

Truths are planted on the table's own runs, losses, sizes and items (paper/planted_public.py), and judged by the code
that judges the real scores. The shares of "replicated" where the claim is true and where it is false are the claim's
power entry; `--write` puts them into claims_public.yaml and, for claims that cannot be decided,
claims_public_dropped.yaml. Needs the public tables.
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from experiments.public import judged
from experiments.public.ext_public_corpora.measure import corpus_rows
from experiments.public.ext_public_formats.measure import form_rows
from experiments.public.ext_public_held_out.measure import final_losses
from experiments.public.ext_public_pass_rates.measure import gsm8k_table, math_table
from experiments.public.ext_public_shapes.measure import in_points, pair_rows
from experiments.public.loss_fig3_open_models.measure import budget_rows, open_rows
from experiments.public.loss_fig7_pythia.measure import pythia_rows
from experiments.public.stage import READERS
from experiments.public.statistics import group_claims
from files.atomic import atomic_write
from paper.planted_public import PlantedLaw, PlantedLosses, PlantedTruth, planted_losses, planted_passes, planted_scores
from paper.public_claims import CLAIMS_PUBLIC_FILE, DROPPED_PUBLIC_FILE, PublicClaim, load_public_claims
from paper.verdicts import REPLICATED, judge
from profiles.profile import run_command
from public_tables.benchmarks import BENCHMARKS

NUM_DATA_SETS = 40
GAIN = 0.4  # planted above chance
LETTER_TASKS = ("mmlu", "hellaswag", "arc_easy", "arc_challenge", "csqa", "openbookqa", "socialiqa")


@cache
def table_rows(name: str) -> pd.DataFrame:
    """The rows of a public table."""
    return READERS[name]().rows


@cache
def design(name: str) -> dict[str, pd.DataFrame]:
    """Rows of each task on which claims are judged, by table."""
    return {
        "olmo": lambda: open_rows(table_rows("olmo")),
        "olmo_budgets": lambda: budget_rows(open_rows(table_rows("olmo"))),
        "olmo_letters": lambda: form_rows(table_rows("olmo"), "letter"),
        "pythia": lambda: pythia_rows(table_rows("pythia")),
        "gadre": lambda: corpus_rows(table_rows("gadre")),
    }[name]()


@dataclass(frozen=True)
class Simulation:
    """row: (rng, truth) -> the statistic row of a simulated table; true, false: what is planted; at: where."""

    row: Callable[[np.random.Generator, object], dict]
    true: object
    false: object
    at: str


def _scores(rng, table: str, task: str, truth: PlantedTruth) -> pd.DataFrame:
    return planted_scores(rng, design(table)[task], BENCHMARKS[task].chance, GAIN, truth)


def _of_task(table: str, task: str, name: str, true: PlantedTruth, false: PlantedTruth, by_corpus=False) -> Simulation:
    def row(rng: np.random.Generator, truth: PlantedTruth) -> dict:
        by_task = {task: _scores(rng, table, task, truth)}
        return (judged.judged_by_corpus if by_corpus else judged.judged_tasks)(by_task, [name])[0]

    return Simulation(row, true, false, _said(table, (task,)))


def _of_tasks(table: str, tasks, of: Callable, true: PlantedTruth, false: PlantedTruth) -> Simulation:
    def row(rng: np.random.Generator, truth: PlantedTruth) -> dict:
        return of({task: _scores(rng, table, task, truth) for task in tasks})

    return Simulation(row, true, false, _said(table, tasks))


def _said(table: str, tasks) -> str:
    rows = design(table)[tasks[0]]
    items = {BENCHMARKS[task].num_items for task in tasks}
    return f"{rows.run.nunique()} runs, {len(rows)} checkpoints, {min(items)} items"


def _thresholds() -> Simulation:
    """Seven tasks whose flat parts end at one loss, or at two."""

    def row(rng: np.random.Generator, flats: tuple[float, ...]) -> dict:
        by_task = {
            task: _scores(rng, "olmo_letters", task, PlantedTruth(flat=flat)) for task, flat in zip(LETTER_TASKS, flats)
        }
        return judged.judged_together(by_task, ["task_onset_spread_share"])[0]

    one, two = (0.5, 0.52, 0.54, 0.5, 0.52, 0.54, 0.52), (0.3, 0.75, 0.3, 0.75, 0.3, 0.75, 0.3)
    return Simulation(row, one, two, _said("olmo_letters", LETTER_TASKS))


def _groups(metric: str) -> Simulation:
    """Two groups of Gemstones' shapes at equal loss, alike or ten points apart."""
    task = "csqa"

    def row(rng: np.random.Generator, truth: PlantedTruth) -> dict:
        pairs, reference = pair_rows(table_rows("gemstones"), metric, task)
        planted = planted_scores(rng, pairs, BENCHMARKS[task].chance, GAIN, truth)
        return in_points(group_claims(task, planted, reference, metric))[0]

    pairs, _ = pair_rows(table_rows("gemstones"), metric, task)
    at = f"{pairs.run.nunique()} shapes, {len(pairs)} checkpoints, {BENCHMARKS[task].num_items} items"
    return Simulation(row, PlantedTruth(), PlantedTruth(points=10), at)


def _law(name: str, true: PlantedLaw, false: PlantedLaw, table: str = "math") -> Simulation:
    made = math_table(table_rows("math_attempts"))
    if table == "gsm8k":
        made = gsm8k_table(table_rows("pass_counts"), table_rows("reference_nll"))

    def row(rng: np.random.Generator, law: PlantedLaw) -> dict:
        return judged.judged_passes(table, planted_passes(rng, made, law), [name])[0]

    kind = "sizes" if table == "math" else "checkpoints"
    return Simulation(row, true, false, f"{made.passes.shape[1]} {kind}, {len(made.passes)} items, one run each")


def _losses(name: str, true: PlantedLosses, false: PlantedLosses) -> Simulation:
    rows = final_losses(table_rows("gadre"))

    def row(rng: np.random.Generator, truth: PlantedLosses) -> dict:
        return judged.judged_losses(planted_losses(rng, rows, truth), [name])[0]

    return Simulation(row, true, false, "3 corpora, 6 sizes, one run each")


def simulations() -> dict[str, Callable[[], Simulation]]:
    """Claim -> its simulation, made when it is asked for."""
    plain, swung, shifted = PlantedTruth(), PlantedTruth(swing=0.35), PlantedTruth(by_size=0.12)
    sudden, points = PlantedTruth(jump=0.8), PlantedTruth(points=10)
    compute, budget = PlantedTruth(by_compute=True), PlantedTruth(by_budget=0.12)
    flat, less = PlantedTruth(flat=0.6), PlantedTruth(flat=0.4)
    some, many = ("csqa", "arc_easy", "piqa", "hellaswag"), ("sciq", "lambada", "arc_easy", "piqa")
    gadre = ("lambada", "arc_easy", "piqa", "hellaswag")

    def ratio(by_task):
        return judged.judged_together(by_task, ["spread_ratio"])[0]

    def ratio_by_corpus(by_task):
        return judged.judged_together_by_corpus(by_task, ["spread_ratio"])[0]

    return {
        "smooth_monotone_on_olmo": lambda: _of_task("olmo", "csqa", "monotone_share", plain, swung),
        "smooth_without_jump_on_olmo": lambda: _of_task("olmo", "csqa", "steepest_share", plain, sudden),
        "loss_suffices_for_all_sizes_on_olmo": lambda: _of_task("olmo", "csqa", "size_shift_share", plain, shifted),
        "budgets_share_the_curve_on_olmo": lambda: _of_tasks(
            "olmo_budgets",
            some,
            lambda by_task: judged.judged_together(by_task, ["budget_shift_share"])[0],
            plain,
            budget,
        ),
        "compute_scatters_more_on_olmo": lambda: _of_tasks("olmo", some, ratio, plain, compute),
        "cloze_without_flat_part_on_olmo": lambda: _of_task("olmo", "mmlu", "flat_share", PlantedTruth(flat=0.3), flat),
        "flat_until_threshold_on_letters": lambda: _of_task("olmo_letters", "mmlu", "flat_share", flat, less),
        "one_threshold_for_all_runs_on_letters": lambda: _of_task(
            "olmo_letters", "mmlu", "onset_spread_share", PlantedTruth(flat=0.5), PlantedTruth(flat=0.5, scatter=0.2)
        ),
        "one_threshold_for_all_tasks_on_letters": _thresholds,
        "smooth_monotone_on_pythia": lambda: _of_task("pythia", "sciq", "monotone_share", plain, swung),
        "smooth_without_jump_on_pythia": lambda: _of_task("pythia", "sciq", "steepest_share", plain, sudden),
        "size_effect_small_on_pythia": lambda: _of_task("pythia", "sciq", "size_effect_points", plain, points),
        "compute_scatters_more_on_pythia": lambda: _of_tasks("pythia", many, ratio, plain, compute),
        "size_effect_small_on_gemstones": lambda: _groups("size_effect_large"),
        "shape_effect_small_on_gemstones": lambda: _groups("shape_effect"),
        "smooth_monotone_on_gadre": lambda: _of_task("gadre", "arc_easy", "monotone_share", plain, swung, True),
        "size_effect_small_on_gadre": lambda: _of_task("gadre", "arc_easy", "size_effect_points", plain, points, True),
        "compute_scatters_more_on_gadre": lambda: _of_tasks("gadre", gadre, ratio_by_corpus, plain, compute),
        "series_loss_law_on_gadre": lambda: _losses("unexplained_share", PlantedLosses(), PlantedLosses(noise=0.15)),
        "series_loss_held_out_on_gadre": lambda: _losses(
            "loss_held_out_error_share", PlantedLosses(), PlantedLosses(last=0.25)
        ),
    } | _pass_simulations()


def _pass_simulations() -> dict[str, Callable[[], Simulation]]:
    law = PlantedLaw()
    return {
        "pass_resolution_on_math": lambda: _law("decades_resolved", PlantedLaw(decades=1.3), PlantedLaw(decades=0.7)),
        "pass_hidden_growth_on_math": lambda: _law(
            "hidden_rise_decades", PlantedLaw(decades=1.3, rise=0.8), PlantedLaw(decades=0.9, rise=0.2)
        ),
        "decoding_most_pass_on_math": lambda: _law("share_passed_10000", law, PlantedLaw(factor=0.005)),
        "task_law_held_out_on_math": lambda: _law("held_out_error_share", law, PlantedLaw(bend=0.6)),
        "task_law_straight_on_math": lambda: _law("bend_share", law, PlantedLaw(bend=1.0)),
        "prediction_dataset_on_math": lambda: _law("dataset_deviation_percent", law, PlantedLaw(bend=0.6)),
        "prediction_within_half_on_math": lambda: _law("dataset_deviation_of_these_runs", law, PlantedLaw(bend=0.6)),
        "prediction_instance_on_math": lambda: _law("instance_deviation_percent", law, PlantedLaw(bend=0.6)),
        "instance_beats_dataset_on_math": lambda: _law("instance_advantage", PlantedLaw(spread=1.0), law),
        "item_law_on_math": lambda: _law("item_law_r2", PlantedLaw(wander=0.05, spread=0.2), PlantedLaw(wander=0.6)),
        "item_exponents_on_math": lambda: _law("exponent_spread", law, PlantedLaw(spread=0.0, wander=0.03)),
        "item_loss_on_gsm8k": lambda: _law("loss_rank", PlantedLaw(follows=0.97), PlantedLaw(follows=0.3), "gsm8k"),
    }


def simulated_shares(claim: PublicClaim, made: Simulation, num_data_sets: int, seed: int = 0) -> tuple[float, float]:
    """Shares of simulated tables with the verdict "replicated": where the claim is true, where it is false."""
    shares = []
    for which, truth in enumerate((made.true, made.false)):
        words = []
        for number in range(num_data_sets):
            row = made.row(np.random.default_rng([seed, which, number]), truth)
            ends = [row[end] if row["status"].startswith("ok") else np.nan for end in ("value", "low", "high")]
            words.append(judge(claim.criterion, *map(float, ends)))
        shares.append(float(np.mean([word == REPLICATED for word in words])))
    return shares[0], shares[1]


def with_power(text: str, found: dict[str, tuple[float, float, str]]) -> str:
    """claims_public.yaml with these power entries. ValueError names a claim that has no place for one."""
    for name, (true, false, at) in found.items():
        pattern = rf"(  - id: {name}\n(?:    .*\n)*?    power: )\{{.*\}}"
        entry = f'{{if_true: {round(true, 2):g}, if_false: {round(false, 2):g}, at: "{at}"}}'
        text, number = re.subn(pattern, lambda match, entry=entry: match[1] + entry, text)
        if number != 1:
            raise ValueError(f"{CLAIMS_PUBLIC_FILE.name}: claim {name} has no line `power: {{...}}`; add one")
    return text


def main(arguments: argparse.Namespace) -> None:
    """Print each claim's two shares, and write them where asked."""
    found, made = {}, simulations()
    for claim in load_public_claims(check_power=False, with_dropped=True):
        if arguments.claim and claim.id not in arguments.claim:
            continue
        simulation = made[claim.id]()
        true, false = simulated_shares(claim, simulation, arguments.num_data_sets)
        found[claim.id] = true, false, simulation.at
        print(f"{claim.id}: {true:.0%} where true, {false:.0%} where false ({simulation.at})", flush=True)
    for file in (CLAIMS_PUBLIC_FILE, DROPPED_PUBLIC_FILE) if arguments.write else ():
        text = file.read_text(encoding="utf-8")
        inside = {name: entry for name, entry in found.items() if f"- id: {name}\n" in text}
        atomic_write(file, with_power(text, inside).encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--claim", action="append", metavar="ID", help="this claim only; may be repeated")
    parser.add_argument("--write", action="store_true", help="put the shares into claims_public.yaml")
    parser.add_argument("--num-data-sets", type=int, default=NUM_DATA_SETS, help="simulated per claim and truth")
    run_command(main, parser)
