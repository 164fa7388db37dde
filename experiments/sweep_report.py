"""The last word of `make reproduce`: where the figures are, and the verdict of each claim."""

import json

from rich.console import Console
from rich.table import Table

from experiments.pipeline_stages import experiment_stems
from experiments.profiles import Paths, load_profile

STYLES = {"replicated": "green", "not replicated": "red", "inconclusive": "yellow", "not reached": "yellow"}
VERDICT_FIELDS = ("id", "paper", "claim", "statistic", "value", "low", "high", "criterion", "verdict", "seeds", "profile")


def read_verdicts(paths: Paths) -> list[dict]:
    """The computed verdicts of a profile; ValueError where they are absent or not what the contract says."""
    try:
        rows = json.loads(paths.verdicts.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{paths.verdicts.relative_to(paths.root)}: no verdicts yet; run `make reproduce PROFILE={paths.profile}`") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{paths.verdicts.relative_to(paths.root)}: damaged ({error}); run `make figures PROFILE={paths.profile}`") from None
    for row in rows:
        if absent := [field for field in VERDICT_FIELDS if field not in row]:
            raise ValueError(
                f"{paths.verdicts.relative_to(paths.root)}: field {absent[0]} is missing in {row.get('id')}; run `make figures PROFILE={paths.profile}`"
            )
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def print_report(profile: str) -> int:
    """Print figures and verdicts of a profile; exit code 0 whatever the verdicts are."""
    load_profile(profile)
    paths, console = Paths(profile), Console()
    table = Table(title=f"Verdicts, profile {profile}")
    for column in ("claim", "statistic", "value [95 % interval]", "criterion", "verdict"):
        table.add_column(column, overflow="fold")
    for row in read_verdicts(paths):
        style = STYLES.get(row["verdict"], "")
        table.add_row(
            row["claim"],
            row["statistic"],
            f"{_number(row['value'])} [{_number(row['low'])}, {_number(row['high'])}]",
            str(row["criterion"]),
            f"[{style}]{row['verdict']}[/]" if style else row["verdict"],
        )
    console.print(table)
    for stem in experiment_stems():
        figure = paths.figure(stem)
        if figure.exists():
            console.print(f"{figure.relative_to(paths.root)}   {paths.results_csv(stem).relative_to(paths.root)}", highlight=False)
    return 0
