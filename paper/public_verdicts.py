"""`python -m paper.public_verdicts`: claims_public.yaml on the committed results of the public tables, into
results/public/verdicts.json: the same words, rows and code as our own ladder's (paper/verdicts.py)."""

import argparse
import json
import math
from pathlib import Path

import pandas as pd

from experiments.public.folders import PROFILE
from experiments.tables.results import read_results
from files.atomic import atomic_write
from paper.public_claims import PublicClaim, load_public_claims
from paper.verdicts import DIGITS, judge, verdict_counts
from profiles.paths import Paths
from profiles.profile import run_command

SAID = ("not reached", "premise not met")  # a statistic's status begins with the word


def judged_rows(path: Path, names: set[str]) -> pd.DataFrame:
    """The statistic rows of one public folder that claims judge, by task and name; it may hold others, run by run.
    ValueError where one stands twice."""
    rows = read_results(path)
    rows = rows[(rows.kind == "statistic") & rows.metric.isin(names)]
    twice = rows[rows.duplicated(["task", "metric"])]
    if len(twice):
        raise ValueError(
            f"{path}: statistic {twice.metric.iloc[0]} of task {twice.task.iloc[0]} stands twice; run the measure step"
            f" of {path.stem} again"
        )
    return rows.set_index(["task", "metric"])


def public_verdict(claim: PublicClaim, task: str, rows: pd.DataFrame) -> dict:
    """One entry of verdicts.json. ValueError if the folder does not measure the statistic: a claim must never pass for
    lack of a number."""
    if (task, claim.statistic) not in rows.index:
        raise ValueError(
            f"{claim.folder}: no statistic {claim.statistic} for task {task}, which claims_public.yaml judges; measure"
            " it there or correct the claim"
        )
    row = rows.loc[(task, claim.statistic)]
    ends = [row[end] if row.status.startswith("ok") else math.nan for end in ("value", "low", "high")]
    said = next((word for word in SAID if row.status.startswith(word)), "")
    numbers = {
        name: float(f"{end:.{DIGITS}g}") if math.isfinite(end) else None
        for name, end in zip(("value", "low", "high"), ends)
    }
    return (
        {"id": claim.id if task == "all" else f"{claim.id}.{task}", "version": 2, "paper": claim.paper}
        | {"source": claim.source, "claim": claim.claim, "statistic": claim.unit}
        | numbers
        | {"criterion": str(claim.criterion), "verdict": said or judge(claim.criterion, *ends), "power": claim.power}
        | {"seeds": [], "mixtures": [], "profile": PROFILE, "task": task, "folder": claim.folder, "status": row.status}
    )


def public_verdicts(paths: Paths, claims: list[PublicClaim] | None = None) -> list[dict]:
    """Every claim on every task of it, in the order of claims_public.yaml. ValueError where a folder has no results."""
    claims = load_public_claims() if claims is None else claims
    names = {claim.folder: {one.statistic for one in claims if one.folder == claim.folder} for claim in claims}
    tables = {folder: judged_rows(paths.results_csv(folder), asked) for folder, asked in names.items()}
    return [public_verdict(claim, task, tables[claim.folder]) for claim in claims for task in claim.tasks]


def write_public_verdicts(paths: Paths) -> list[dict]:
    """Compute all verdicts, write them and their counts; returns them."""
    verdicts = public_verdicts(paths)
    atomic_write(paths.verdicts, verdicts_bytes(verdicts))
    atomic_write(paths.verdict_counts, (json.dumps(verdict_counts(verdicts), indent=1) + "\n").encode())
    return verdicts


def verdicts_bytes(verdicts: list[dict]) -> bytes:
    """verdicts.json."""
    return (json.dumps(verdicts, indent=1, ensure_ascii=False) + "\n").encode()


def main(arguments: argparse.Namespace) -> None:
    """Write verdicts.json and print the count of each verdict."""
    paths = Paths(PROFILE)
    verdicts = write_public_verdicts(paths)
    words = [entry["verdict"] for entry in verdicts]
    shown = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))
    print(f"{paths.verdicts.relative_to(paths.root)}: {len(verdicts)} verdicts: {shown}")


if __name__ == "__main__":
    run_command(main, argparse.ArgumentParser(description=__doc__))
