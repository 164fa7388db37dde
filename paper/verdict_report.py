"""`python -m paper.verdict_report`: the last word of `make reproduce`, where the figures are, and
the verdict of each claim."""

import argparse

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments import experiment_stems
from files.tables import read_json
from profiles.paths import Paths
from profiles.profile import add_profile_option, load_profile, run_command

STYLES = {"replicated": "green", "not replicated": "red", "inconclusive": "yellow", "not reached": "yellow"}
VERDICT_FIELDS = (
    "id",
    "paper",
    "claim",
    "statistic",
    "value",
    "low",
    "high",
    "criterion",
    "verdict",
    "seeds",
    "profile",
)


def read_verdicts(paths: Paths) -> list[dict]:
    """The computed verdicts of a profile; ValueError where they are absent or not what the contract says."""
    shown = str(paths.verdicts.relative_to(paths.root))
    if not paths.verdicts.exists():
        raise ValueError(f"{shown}: no verdicts yet; run `make reproduce PROFILE={paths.profile}`")
    rows = read_json(paths.verdicts, shown, f"run `make figures PROFILE={paths.profile}`", list)
    for row in rows:
        if absent := [field for field in VERDICT_FIELDS if field not in row]:
            raise ValueError(
                f"{shown}: field {absent[0]} is missing in {row.get('id')}; run `make figures PROFILE={paths.profile}`"
            )
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _numbers(row: dict) -> str:
    return f"{_number(row['value'])} [{_number(row['low'])}, {_number(row['high'])}]"


def claim_lines(rows: list[dict]) -> list[tuple[str, str, str]]:
    """One line per claim, in order: claim, criterion, and per verdict the tasks that got it (with numbers where the
    claim has one row only)."""
    claims: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        claims.setdefault((row["claim"], f"{row['statistic']} {row['criterion']}"), []).append(row)
    lines = []
    for (claim, criterion), members in claims.items():
        verdicts: dict[str, list[str]] = {}
        for row in members:
            verdicts.setdefault(row["verdict"], []).append(
                row.get("task", row["id"]) if len(members) > 1 else _numbers(row)
            )
        shown = (
            f"[{STYLES.get(verdict, 'default')}]{verdict}[/]: {escape(', '.join(names))}"
            for verdict, names in verdicts.items()
        )
        lines.append((claim, criterion, "\n".join(shown)))
    return lines


def print_report(profile: str) -> int:
    """Print the figures and the verdict of each claim of a profile; exit code 0 whatever the verdicts are."""
    load_profile(profile)
    paths, console = Paths(profile), Console()
    console.print(
        f"Figures and tables of profile {profile}, each made from the table of the same name in results/{profile}/:",
        highlight=False,
    )
    for stem in experiment_stems():
        if (figure := paths.figure(stem)).exists():
            console.print(f"  {figure.relative_to(paths.root)}", highlight=False)
    table = Table(
        title=f"Verdicts, profile {profile}; numbers and intervals in {paths.verdicts.relative_to(paths.root)}",
        show_lines=True,
    )
    for column, ratio in (("claim", 5), ("criterion", 3), ("verdict", 5)):
        table.add_column(column, overflow="fold", ratio=ratio)
    for line in claim_lines(read_verdicts(paths)):
        table.add_row(*line)
    console.print(table, highlight=False)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m paper.verdict_report", description=__doc__)
    add_profile_option(parser)
    run_command(lambda arguments: print_report(arguments.profile), parser)
