"""`python -m analysis.task_law table.csv ...`: the task law of anybody's table of pass rates over model sizes.

    python -m analysis.task_law table.csv --size params --passes passes --attempts attempts --hold-out 2
    python -m analysis.task_law table.csv --size params --rate accuracy --items 164

One row of the table is one run (or one item of a run: rows of one run are then added up with --run). Prints whether the
pass rate follows the law, accelerates or slackens, its exponent, and what the smaller sizes predict for the largest
ones.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.onset.table import chosen_rows, items_of, read_table
from analysis.task_law.report import counts_of_rates, task_law_report


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    out = argparse.ArgumentParser(
        prog="python -m analysis.task_law", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out.add_argument("table", type=Path, help="csv, tsv, parquet or jsonl")
    out.add_argument("--size", required=True, metavar="COLUMN", help="number of parameters")
    out.add_argument("--passes", metavar="COLUMN", help="passes, with --attempts")
    out.add_argument("--attempts", metavar="COLUMN", help="attempts, with --passes")
    out.add_argument("--rate", metavar="COLUMN", help="pass rate as a share, with --items, instead of counts")
    out.add_argument("--items", metavar="COLUMN or NUMBER", help="items behind each rate")
    out.add_argument("--run", metavar="COLUMN", help="add up the counts of all rows of a run (one row per item)")
    out.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE", help="keep these rows only; may be repeated"
    )
    out.add_argument(
        "--hold-out",
        type=int,
        default=1,
        metavar="N",
        help="predict the N largest sizes instead of fitting them (default 1)",
    )
    out.add_argument("--replicates", type=int, default=300, help="bootstrap replicates (default 300)")
    out.add_argument("--seed", type=int, default=0)
    out.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    return out


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 2 with one line on stderr where the table or an argument cannot be used."""
    chosen = parser().parse_args(arguments)
    try:
        frame = chosen_rows(read_table(chosen.table), chosen.where)
        report = task_law_report(*_counts(frame, chosen), chosen.hold_out, chosen.replicates, chosen.seed)
        print(report.text())
        if chosen.json:
            chosen.json.parent.mkdir(parents=True, exist_ok=True)
            chosen.json.write_text(report.to_json(), encoding="utf-8")
    except (ValueError, OSError) as error:
        print(f"python -m analysis.task_law: {error}", file=sys.stderr)
        return 2
    return 0


def _counts(frame: pd.DataFrame, chosen: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sizes, passes and attempts, one row per run where --run names the runs."""
    by_counts, by_rates = chosen.passes and chosen.attempts, chosen.rate and chosen.items
    if bool(by_counts) == bool(by_rates):
        raise ValueError("give either --passes and --attempts, or --rate and --items")
    items = items_of(chosen.items, frame) if by_rates else None
    wanted = [
        chosen.size,
        *((chosen.passes, chosen.attempts) if by_counts else (chosen.rate,)),
        *([chosen.run] if chosen.run else []),
    ]
    absent = [name for name in wanted if name not in frame]
    if absent:
        raise ValueError(
            f"columns {', '.join(absent)}: not in the table, which has {', '.join(map(str, list(frame.columns)[:12]))}"
        )
    if by_rates:
        passes, attempts = counts_of_rates(frame[chosen.rate], frame[items] if isinstance(items, str) else items)
    else:
        passes, attempts = frame[chosen.passes], frame[chosen.attempts]
    table = pd.DataFrame(
        {"size": np.asarray(frame[chosen.size]), "passes": np.asarray(passes), "attempts": np.asarray(attempts)}
    )
    if chosen.run:
        table = table.groupby([frame[chosen.run].astype(str).to_numpy(), "size"], as_index=False)[
            ["passes", "attempts"]
        ].sum()
    return table["size"].to_numpy(), table["passes"].to_numpy(), table["attempts"].to_numpy()


if __name__ == "__main__":
    sys.exit(main())
