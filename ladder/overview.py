"""The plan of a profile as a table: each run by number and name, what it costs, and what is done of it."""

from collections.abc import Collection

from rich.console import Console
from rich.table import Table

from ladder.cost import train_seconds
from ladder.ladder import Ladder
from ladder.runs_table import committed_runs
from ladder.workers.progress import duration

COLUMNS = ("lineage", "run", "paper", "series", "size", "tokens", "core time", "state")


def plan_rows(ladder: Ladder, only: Collection[str] | None = None) -> list[tuple[str, ...]]:
    """One row per run in the order of the plan; `lineage` is the number that --index and --of deal out."""
    lineages = list(dict.fromkeys(run.lineage for run in ladder.runs.values()))
    known, rows = committed_runs(ladder), []
    for name, run in ladder.runs.items():
        if only is None or name in only:
            state = "trained here" if ladder.is_trained(name) else "trained elsewhere" if name in known else "to train"
            cost = duration(train_seconds(ladder.profile, run))
            number, tokens = str(lineages.index(run.lineage)), f"{run.trained_tokens / 1e6:.2f}M"
            rows.append((number, name, run.paper, run.series, run.size, tokens, cost, state))
    return rows


def print_plan(ladder: Ladder, only: Collection[str] | None = None) -> None:
    """Print the table and the sum of its costs."""
    rows, console = plan_rows(ladder, only), Console()
    table = Table(title=f"Runs of profile {ladder.profile.name}")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in ("lineage", "tokens", "core time") else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table, highlight=False)
    names = {row[1] for row in rows}
    hours = sum(train_seconds(ladder.profile, run) for name, run in ladder.runs.items() if name in names) / 3600
    console.print(f"{len(rows)} runs, {hours:.1f} core-hours of training by the profile's table", highlight=False)
