"""`python -m analysis.onset table.csv ...`: the onset report of anybody's table of checkpoints.

    python -m analysis.onset table.csv --loss loss_c4 --run run --value accuracy --chance 0.25 --items 14042

One row of the table is one checkpoint of one run (csv, tsv, parquet or jsonl, also compressed). Prints the verdict
("threshold", "smooth", "not reached", "cannot tell") with its reason, the threshold with its interval, the onset of
each run and their spread, and whether size or group matters at equal loss.
"""

import argparse
import os
import sys
from pathlib import Path

from analysis.onset.report import onset_report
from analysis.onset.table import Columns, check_table, read_table


def command_line() -> argparse.ArgumentParser:
    """The arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.onset", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="csv, tsv, parquet or jsonl, one row per checkpoint")
    parser.add_argument(
        "--loss",
        required=True,
        metavar="COLUMN",
        help="pre-training loss in nats per token (or any scale that all rows share)",
    )
    parser.add_argument(
        "--value", required=True, metavar="COLUMN", help="score, share or percent; it rises as loss falls"
    )
    parser.add_argument("--run", required=True, metavar="COLUMN", help="name of the run a checkpoint belongs to")
    parser.add_argument(
        "--chance", required=True, type=float, help="score of a guesser, for example 0.25 for four options"
    )
    parser.add_argument(
        "--items",
        metavar="COLUMN or NUMBER",
        help="questions behind each score; without it the noise is estimated from the scatter",
    )
    parser.add_argument(
        "--tokens",
        metavar="COLUMN",
        help="tokens seen, which orders a run's checkpoints (default: the order of the file)",
    )
    parser.add_argument(
        "--size", metavar="COLUMN", help="number of parameters: compares neighbouring bands of size at equal loss"
    )
    parser.add_argument(
        "--group", metavar="COLUMN", help="corpus, family, ...: compares each with the largest group at equal loss"
    )
    parser.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE", help="keep these rows only; may be repeated"
    )
    parser.add_argument(
        "--highest-loss",
        type=float,
        metavar="NATS",
        help="leave out checkpoints above (default: those far above the others)",
    )
    parser.add_argument(
        "--margin", type=float, help="how far beyond chance counts as having left it (default: a tenth of the gain)"
    )
    parser.add_argument(
        "--bound",
        type=float,
        default=0.05,
        help="difference at equal loss that counts as none (default 0.05 = 5 points)",
    )
    parser.add_argument("--replicates", type=int, default=300, help="bootstrap replicates (default 300)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="draw it")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0, or 2 with one line on stderr where the table or an argument cannot be used."""
    asked = command_line().parse_args(arguments)
    try:
        frame = chosen_rows(read_table(asked.table), asked.where)
        columns = Columns(
            asked.loss, asked.value, asked.run, asked.tokens, asked.size, asked.group, items_of(asked.items, frame)
        )
        table = check_table(frame, columns, asked.chance, asked.highest_loss)
        report = onset_report(table, asked.margin, asked.bound, asked.replicates, asked.seed)
        print(report.text())
        if asked.json:
            asked.json.parent.mkdir(parents=True, exist_ok=True)
            asked.json.write_text(report.to_json(), encoding="utf-8")
        if asked.picture:
            from analysis.onset.picture import draw_report  # Matplotlib only where a picture is wanted

            draw_report(table, report, asked.picture, (f"{asked.loss}, falling", asked.value))
    except BrokenPipeError:
        # `... | head`: the reader has what it wanted; keep Python from complaining again while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, OSError) as error:
        print(f"python -m analysis.onset: {error}", file=sys.stderr)
        return 2
    return 0


def items_of(given: str | None, frame) -> str | float | None:
    """The column of item counts, or the number that all rows share; ValueError for neither."""
    if given is None or given in frame:
        return given
    try:
        return float(given)
    except ValueError:
        raise ValueError(f"--items {given}: neither a column of the table nor a number") from None


def chosen_rows(frame, conditions: list[str]):
    """The rows of a table that meet every COLUMN=VALUE; ValueError for a condition that is none or that no row
    meets."""
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals or column not in frame:
            raise ValueError(f"--where {condition}: needs COLUMN=VALUE with a column of the table")
        frame = frame[frame[column].astype(str) == value]
        if frame.empty:
            raise ValueError(f"--where {condition}: no row has it")
    return frame
