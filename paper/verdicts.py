"""`python -m paper.verdicts [--profile P]`: hold the measured statistics against the claims and write verdicts.json.

A verdict is computed, never written: "replicated" when the whole 95 % interval meets the criterion, "not replicated"
when none of it does, "inconclusive" when the criterion's bound lies inside the interval or the statistic could not be
determined, "not reached" when the task never left chance, "premise not met" when what the claim presupposes was not
there to be judged (no hidden run, no size below an onset). The claims of version 1 are judged beside, into
verdicts_v1.json: both versions on the same data.
"""

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from experiments.tables.results import read_results
from files.atomic import atomic_write
from files.tables import read_json
from paper.claims import CLAIMS_V1_FILE, Claim, Criterion, load_claims
from profiles.paths import Paths
from profiles.profile import add_profile_option, load_profile, run_command

REPLICATED, NOT_REPLICATED, INCONCLUSIVE, NOT_REACHED, PREMISE_NOT_MET, NOT_MEASURED = VERDICTS = (
    "replicated",
    "not replicated",
    "inconclusive",
    "not reached",
    "premise not met",
    "not measured",
)
SAID_BY_STATUS = (NOT_REACHED, PREMISE_NOT_MET)  # a statistic's status begins with the word
DIGITS = 5  # significant digits kept in verdicts.json


def judge(
    criterion: Criterion,
    value: float,
    low: float,
    high: float,
    reference: tuple[float, float, float] | None = None,
    loss_range: float = math.nan,
) -> str:
    """The verdict on one statistic with its interval [low, high]; a statistic without interval (nan ends) counts as
    exact.

    reference and loss_range serve "inside": (value, low, high) of the reference statistic, and the loss range in nats.
    """
    if not math.isfinite(value):
        return INCONCLUSIVE
    low, high = (value if math.isnan(low) else low), (value if math.isnan(high) else high)
    if criterion.operator == "inside":
        return _judge_inside(criterion, value, low, high, reference, loss_range)
    bounds = {
        "at_most": (-math.inf, criterion.bound),
        "at_least": (criterion.bound, math.inf),
        "within": (-criterion.bound, criterion.bound),
    }[criterion.operator]
    if bounds[0] <= low and high <= bounds[1]:
        return REPLICATED
    return NOT_REPLICATED if high < bounds[0] or low > bounds[1] else INCONCLUSIVE


def _judge_inside(
    criterion: Criterion,
    value: float,
    low: float,
    high: float,
    reference: tuple[float, float, float] | None,
    loss_range: float,
) -> str:
    if reference is None or not all(map(math.isfinite, reference)) or not math.isfinite(loss_range):
        return INCONCLUSIVE
    if high < reference[1] or low > reference[2]:
        return NOT_REPLICATED
    vague = reference[2] - reference[1] > criterion.resolution * loss_range
    return REPLICATED if reference[1] <= value <= reference[2] and not vague else INCONCLUSIVE


class Statistics:
    """The statistic rows of one results.csv, looked up by task and name."""

    def __init__(self, path: Path):
        results = read_results(path)
        twice = results[(results.kind == "statistic") & results.duplicated(["kind", "task", "metric"])]
        if len(twice):
            raise ValueError(
                f"{path}: statistic {twice.metric.iloc[0]} of task {twice.task.iloc[0]} stands twice; "
                f"run the measure step of {path.parent.name} again"
            )
        self._path, self._rows = path, results[results.kind == "statistic"].set_index(["task", "metric"])

    def row(self, task: str, name: str) -> pd.Series:
        """The row of a statistic. ValueError if the folder does not measure it: a claim must never pass for lack of a
        number."""
        if (task, name) not in self._rows.index:
            raise ValueError(
                f"{self._path}: no statistic {name} for task {task}, which claims.yaml judges; "
                "measure it there or correct"
                " the claim"
            )
        return self._rows.loc[(task, name)]

    def number(self, task: str, name: str) -> tuple[float, float, float]:
        """(value, low, high), nan where it could not be determined."""
        row = self.row(task, name)
        return (row.value, row.low, row.high) if row.status.startswith("ok") else (math.nan,) * 3

    def left_chance(self, task: str) -> bool:
        """Whether the task left chance; claims over all tasks are judged whatever single tasks did."""
        return task == "all" or self.row(task, "left_chance").value > 0


def verdict_of(claim: Claim, task: str, statistics: Statistics, profile: str) -> dict:
    """One entry of verdicts.json."""
    row = statistics.row(task, claim.statistic)
    value, low, high = statistics.number(task, claim.statistic)
    reference, loss_range = None, math.nan
    if claim.criterion.operator == "inside":
        reference, loss_range = (
            statistics.number(task, claim.criterion.reference),
            statistics.number(task, "loss_range_nats")[0],
        )
    if said := said_by(row.status, claim):
        verdict = said
    elif statistics.left_chance(task):
        verdict = judge(claim.criterion, value, low, high, reference, loss_range)
    else:
        verdict = NOT_REACHED
    return _entry(claim, task, profile) | {
        "value": _rounded(value),
        "low": _rounded(low),
        "high": _rounded(high),
        "verdict": verdict,
        "seeds": [int(seed) for seed in row.seed.split()],
        "mixtures": row["mixture"].split() if isinstance(row.get("mixture"), str) else [],
        "status": row.status,
    }


def said_by(status: str, claim: Claim) -> str:
    """The verdict that a statistic's status states itself, "" where it states none; version 1 knew of none."""
    return next((word for word in SAID_BY_STATUS if claim.version > 1 and status.startswith(word)), "")


def word_of(claim: Claim, row: Mapping[str, object]) -> str:
    """The verdict on one statistic row, for a criterion that needs no other statistic."""
    numbers = (row["value"], row["low"], row["high"]) if row["status"].startswith("ok") else (math.nan,) * 3
    return said_by(row["status"], claim) or judge(claim.criterion, *map(float, numbers))


def _entry(claim: Claim, task: str, profile: str) -> dict:
    """What an entry says of its claim, and that nothing was measured."""
    return {
        "id": claim.id if task == "all" else f"{claim.id}.{task}",
        "version": claim.version,
        "paper": claim.paper,
        "source": claim.source,
        "claim": claim.claim,
        "statistic": claim.unit,
        "value": None,
        "low": None,
        "high": None,
        "criterion": str(claim.criterion),
        "verdict": NOT_MEASURED,
        "power": claim.power and asdict(claim.power),
        "seeds": [],
        "mixtures": [],
        "profile": profile,
        "task": task,
        "folder": claim.folder,
        "status": NOT_MEASURED,
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def all_verdicts(paths: Paths, claims: list[Claim] | None = None) -> list[dict]:
    """Every claim on every task of it, in the order of claims.yaml, from the results.csv of its folder."""
    claims = load_claims() if claims is None else claims
    folders = dict.fromkeys(claim.folder for claim in claims)
    tables = {folder: Statistics(paths.results_csv(folder)) for folder in folders if paths.results_csv(folder).exists()}
    if not tables:
        raise ValueError(
            f"{paths.results}: no figure of profile {paths.profile} is measured; run `make reproduce"
            f" PROFILE={paths.profile}` first"
        )
    return [
        (
            verdict_of(claim, task, tables[claim.folder], paths.profile)
            if claim.folder in tables
            else _entry(claim, task, paths.profile)
        )
        for claim in claims
        for task in claim.tasks
    ]


def known_verdicts(paths: Paths) -> list[dict]:
    """The rows of verdicts.json, and behind them those of version 1 whose claims have been replaced since. ValueError
    where the first is absent."""
    remedy = f"run `python -m paper.verdicts --profile {paths.profile}`"
    shown = str(paths.verdicts.relative_to(paths.root))
    if not paths.verdicts.exists():
        raise ValueError(f"{shown}: not found; {remedy} first")
    rows = read_json(paths.verdicts, shown, remedy, list)
    names = {row.get("id") for row in rows}
    first = paths.verdicts_v1
    older = read_json(first, str(first.relative_to(paths.root)), remedy, list) if first.exists() else []
    return [*rows, *(row for row in older if row.get("id") not in names)]


def write_verdicts(paths: Paths) -> list[dict]:
    """Compute all verdicts, write verdicts.json, those of version 1 beside, and their numbers for `dvc metrics`;
    returns those of today."""
    verdicts = all_verdicts(paths)
    first = all_verdicts(paths, load_claims(CLAIMS_V1_FILE))
    atomic_write(paths.verdicts_v1, (json.dumps(first, indent=1, ensure_ascii=False) + "\n").encode())
    atomic_write(paths.verdicts, (json.dumps(verdicts, indent=1, ensure_ascii=False) + "\n").encode())
    atomic_write(paths.verdict_counts, (json.dumps(verdict_counts(verdicts), indent=1) + "\n").encode())
    return verdicts


def verdict_counts(verdicts: list[dict]) -> dict[str, dict[str, int]]:
    """How many rows of each paper got which verdict."""
    counts: dict[str, dict[str, int]] = {}
    for row in verdicts:
        of_paper = counts.setdefault(row["paper"], dict.fromkeys(VERDICTS, 0))
        of_paper[row["verdict"]] = of_paper.get(row["verdict"], 0) + 1
    return counts


def main(arguments: argparse.Namespace) -> None:
    """Write verdicts.json and print the count of each verdict."""
    paths = Paths(load_profile(arguments.profile).name)
    verdicts = write_verdicts(paths)
    counts = ", ".join(f"{sum(entry['verdict'] == verdict for entry in verdicts)} {verdict}" for verdict in VERDICTS)
    print(f"{paths.verdicts.relative_to(paths.root)}: {len(verdicts)} verdicts: {counts}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_profile_option(parser)
    run_command(main, parser)
