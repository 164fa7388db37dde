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

from analysis.onset.__main__ import chosen_rows, items_of
from analysis.onset.table import read_table
from analysis.task_law.report import counts_of_rates, task_law_report


def command_line() -> argparse.ArgumentParser:
    """The arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.task_law", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="csv, tsv, parquet or jsonl")
    parser.add_argument("--size", required=True, metavar="COLUMN", help="number of parameters")
    parser.add_argument("--passes", metavar="COLUMN", help="passes, with --attempts")
    parser.add_argument("--attempts", metavar="COLUMN", help="attempts, with --passes")
    parser.add_argument("--rate", metavar="COLUMN", help="pass rate as a share, with --items, instead of counts")
    parser.add_argument("--items", metavar="COLUMN or NUMBER", help="items behind each rate")
    parser.add_argument("--run", metavar="COLUMN", help="add up the counts of all rows of a run (one row per item)")
    parser.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE", help="keep these rows only; may be repeated"
    )
    parser.add_argument(
        "--hold-out",
        type=int,
        default=1,
        metavar="N",
        help="predict the N largest sizes instead of fitting them (default 1)",
    )
    parser.add_argument("--replicates", type=int, default=300, help="bootstrap replicates (default 300)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 2 with one line on stderr where the table or an argument cannot be used."""
    asked = command_line().parse_args(arguments)
    try:
        frame = chosen_rows(read_table(asked.table), asked.where)
        report = task_law_report(*_counts(frame, asked), asked.hold_out, asked.replicates, asked.seed)
        print(report.text())
        if asked.json:
            asked.json.parent.mkdir(parents=True, exist_ok=True)
            asked.json.write_text(report.to_json(), encoding="utf-8")
    except (ValueError, OSError) as error:
        print(f"python -m analysis.task_law: {error}", file=sys.stderr)
        return 2
    return 0


def _counts(frame: pd.DataFrame, asked: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sizes, passes and attempts, one row per run where --run names the runs."""
    by_counts, by_rates = asked.passes and asked.attempts, asked.rate and asked.items
    if bool(by_counts) == bool(by_rates):
        raise ValueError("give either --passes and --attempts, or --rate and --items")
    items = items_of(asked.items, frame) if by_rates else None
    wanted = [
        asked.size,
        *((asked.passes, asked.attempts) if by_counts else (asked.rate,)),
        *([asked.run] if asked.run else []),
    ]
    absent = [name for name in wanted if name not in frame]
    if absent:
        raise ValueError(
            f"columns {', '.join(absent)}: not in the table, which has {', '.join(map(str, list(frame.columns)[:12]))}"
        )
    if by_rates:
        passes, attempts = counts_of_rates(frame[asked.rate], frame[items] if isinstance(items, str) else items)
    else:
        passes, attempts = frame[asked.passes], frame[asked.attempts]
    table = pd.DataFrame(
        {"size": np.asarray(frame[asked.size]), "passes": np.asarray(passes), "attempts": np.asarray(attempts)}
    )
    if asked.run:
        table = table.groupby([frame[asked.run].astype(str).to_numpy(), "size"], as_index=False)[
            ["passes", "attempts"]
        ].sum()
    return table["size"].to_numpy(), table["passes"].to_numpy(), table["attempts"].to_numpy()
